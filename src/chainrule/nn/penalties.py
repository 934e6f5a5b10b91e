"""Terms of the objective that keep weights small, and a limit to their norm.

    objective = cost + penalty,    cost = the mean loss over a set of samples

A penalty is a function of the parameters, and so differentiates, traces and compiles with the loss.
Parameters with fewer than two axes (biases, the scales of norms) are spared unless asked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chainrule import ops
from chainrule.ops.table import shape_of
from chainrule.settings import NOT_NEGATIVE, POSITIVE, check_ranges, setting


@dataclass(frozen=True)
class Penalty(ABC):
    """What large weights cost. Abstract; frozen, and compares by value.

    Raises:
        OptionError: a negative rate.
    """

    rate: float = setting(1e-4, NOT_NEGATIVE)
    spare: bool = True

    def __post_init__(self) -> None:
        check_ranges(self)

    @abstractmethod
    def of(self, weight: Any) -> Any:
        """The penalty on one array of weights, before it is multiplied by the rate."""

    def __call__(self, parameters: Iterable[Any]) -> Any:
        """The penalty on some parameters, such as `model.parameters()`: one number."""
        total: Any = 0.0
        for parameter in parameters:
            if not self.spare or len(shape_of(parameter)) > 1:
                total = total + self.of(parameter)
        return total * self.rate


@dataclass(frozen=True)
class L1(Penalty):
    """rate * sum(|w|): draws small weights to 0 exactly.

    Reference: Tibshirani, "Regression shrinkage and selection via the lasso", JRSS B 58, 1996.

    >>> L1(0.1)([np.array([[1.0, -3.0]]), np.array([5.0])]).round(4)
    np.float64(0.4)
    """

    def of(self, weight: Any) -> Any:
        return ops.sum(ops.abs(weight))


@dataclass(frozen=True)
class L2(Penalty):
    """rate / 2 * sum(w^2): its gradient is rate * w, so that with SGD it is weight decay.

    With other optimizers it is not: Adam scales this gradient as any other, and leaves decoupled
    decay (`optim.AdamW`) as it is.

    Reference: Krogh and Hertz, "A simple weight decay can improve generalization", NeurIPS 1991.

    >>> L2(0.1)([np.array([[1.0, -3.0]]), np.array([5.0])])
    np.float64(0.5)
    """

    def of(self, weight: Any) -> Any:
        return 0.5 * ops.sum(ops.square(weight))


@dataclass(frozen=True)
class MaxNorm:
    """Shorten each unit's incoming weights to a Euclidean length of `limit`, where it is larger.

    It is no term of the objective, but is done to the weights after each update.

    Reference: Srebro and Shraibman, "Rank, trace-norm and max-norm", COLT 2005; with dropout,
    Srivastava et al., JMLR 15, 2014.

    Shape: (out, in, ...) gives the same; arrays with fewer than two axes stay as they are.

    Raises:
        OptionError: a limit that is not above 0.

    >>> MaxNorm(1.0)(np.array([[3.0, 4.0], [0.3, 0.4]]))
    array([[0.6, 0.8],
           [0.3, 0.4]])
    """

    limit: float = setting(3.0, POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def __call__(self, weight: Any) -> Any:
        shape = shape_of(weight)
        if len(shape) < 2:
            return weight
        length = ops.norm(weight, axis=tuple(range(1, len(shape))), keepdims=True)
        return weight * (self.limit / ops.maximum(length, self.limit))
