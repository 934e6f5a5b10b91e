"""LAMB, which fits the step to each layer, and Lion, which steps by signs."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from chainrule import ops
from chainrule.optim.adam import Moments
from chainrule.optim.optimizer import Optimizer, State, counted, factor
from chainrule.settings import FRACTION, POSITIVE, setting


@dataclass(frozen=True)
class LAMB(Moments):
    """LAMB (You et al., "Large batch optimization for deep learning", 2020).

    r = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p,
    p <- p - lr (|p| / |r|) r, with m and v as in Adam. The norms are those of one parameter; where
    one of them is 0, their ratio counts as 1. Without `decoupled`, weight_decay p is added to the
    gradient instead.

    >>> LAMB().elementwise
    False
    """

    _: KW_ONLY
    eps: float = setting(1e-6, POSITIVE)
    decoupled: bool = True

    elementwise: ClassVar[bool] = False

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        g = gradient
        if not self.decoupled:
            _, g = self.decayed(parameter, gradient, lr)
        after, count = self.moments(state, g), counted(step)
        m = after["m"] / factor(1 - self.beta1**count, parameter)
        v = after["v"] / factor(1 - self.beta2**count, parameter)
        move = m / (ops.sqrt(v) + self.eps)
        if self.decoupled and self.weight_decay:
            move = move + parameter * self.weight_decay
        return parameter - move * (_ratio(parameter, move) * factor(lr, parameter)), after


def _ratio(parameter: Any, move: Any) -> Any:
    """The ratio |p| / |r|, and 1 where either is 0."""
    sizes = ops.sqrt(ops.sum(ops.square(parameter))), ops.sqrt(ops.sum(ops.square(move)))
    both = ops.logical_and(sizes[0] > 0, sizes[1] > 0)
    return ops.where(both, sizes[0] / ops.where(both, sizes[1], 1.0), 1.0)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023).

    p <- p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p), m <- beta2 m + (1 - beta2) g.
    Every element moves by lr: take a third to a tenth of Adam's, and more weight decay.

    >>> Lion().lr
    0.0001
    """

    lr: float = setting(1e-4, POSITIVE)
    _: KW_ONLY
    decoupled: bool = True
    beta1: float = setting(0.9, FRACTION)
    beta2: float = setting(0.99, FRACTION)

    memory: ClassVar[tuple[str, ...]] = ("m",)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        move = ops.sign(state["m"] * self.beta1 + g * (1 - self.beta1))
        m = state["m"] * self.beta2 + g * (1 - self.beta2)
        return p - move * factor(lr, p), {"m": m}
