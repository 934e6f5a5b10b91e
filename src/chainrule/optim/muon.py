"""Muon: steps whose matrices are orthogonal."""

import math
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from chainrule import ops
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.table import shape_of
from chainrule.optim.adam import AdamW
from chainrule.optim.optimizer import Optimizer, Shapes, State, factor
from chainrule.settings import FRACTION, POSITIVE, count, setting

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Of x <- a x + b x^3 + c x^5, which draws singular values in (0, 1] to about 1."""


@dataclass(frozen=True)
class Muon(Optimizer):
    """Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).

    v <- mu v + (1 - mu) g, u = (1 - mu) g + mu v with nesterov, else v,
    p <- p - lr sqrt(max(1, rows / columns)) O(u), where O brings all singular values of u near 1
    by `iterations` of the Newton-Schulz scheme x <- a x + b (x x') x + c (x x')^2 x. (As PyTorch
    has it, but in the dtype of the parameter, not in bfloat16.) Filters with more than two axes
    are taken as matrices with a row for each output.

    It is made for hidden matrices. In a model, `others` updates all parameters with fewer than two
    axes, and the first and the last matrix, which read the inputs and make the outputs; a schedule
    scales its rate alike. To choose otherwise, name the parameters with `chainrule.optim.Groups`.

    Raises:
        ShapeError: an update of a parameter with fewer than two axes.

    >>> shapes = {"0.weight": (8, 4), "2.weight": (8, 8), "4.weight": (3, 8), "4.bias": (3,)}
    >>> [path for path, part in Muon().assign(shapes).items() if isinstance(part, Muon)]
    ['2.weight']
    """

    lr: float = setting(0.02, POSITIVE)
    _: KW_ONLY
    decoupled: bool = True
    momentum: float = setting(0.95, FRACTION)
    nesterov: bool = True
    iterations: int = 5
    eps: float = setting(1e-7, POSITIVE)
    others: Optimizer = field(default_factory=AdamW)

    elementwise: ClassVar[bool] = False
    memory: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        count("Muon", "iterations", self.iterations)
        if not isinstance(self.others, Optimizer):
            raise OptionError(
                f"Muon: others is {self.others!r}; expected an optimizer such as AdamW(lr=1e-3)."
            )

    def assign(self, shapes: Shapes, spare: bool = True) -> dict[str, Optimizer]:
        others = self.others.assign(shapes, spare)
        matrices = [path for path, shape in shapes.items() if len(shape) > 1]
        return {path: self if path in matrices[1:-1] else others[path] for path in shapes}

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        shape = shape_of(parameter)
        if len(shape) < 2:
            raise ShapeError(
                f"Muon: a parameter of shape {shape} is no matrix. Update a whole model or a tree "
                "of parameters, where `others` takes it, or name it in optim.Groups."
            )
        p, g = self.decayed(parameter, gradient, lr)
        mu = self.momentum
        velocity = state["velocity"] * mu + g * (1 - mu)
        move = velocity * mu + g * (1 - mu) if self.nesterov else velocity
        straight = ops.reshape(self._straightened(ops.reshape(move, (shape[0], -1))), shape)
        scale = max(1.0, shape[0] / math.prod(shape[1:])) ** 0.5
        return p - straight * factor(lr * scale, p), {"velocity": velocity}

    def _straightened(self, matrix: Any) -> Any:
        """A matrix with the same singular vectors and singular values near 1."""
        tall = shape_of(matrix)[0] > shape_of(matrix)[1]
        x = ops.transpose(matrix) if tall else matrix
        x = x / ops.maximum(ops.sqrt(ops.sum(ops.square(x))), self.eps)
        for _ in range(self.iterations):
            gram = ops.matmul(x, ops.transpose(x))
            x = x * _A + ops.matmul(gram * _B + ops.matmul(gram, gram) * _C, x)
        return ops.transpose(x) if tall else x
