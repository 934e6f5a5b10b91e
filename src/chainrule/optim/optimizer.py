"""Optimizer: what all optimizers share, and how they are used in loops written by hand."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from chainrule import ops, tree
from chainrule.errors import ShapeError
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import NOT_NEGATIVE, POSITIVE, check_ranges, setting

State = dict[str, Any]
"""The optimizer's memory of one parameter: arrays of its shape, by name."""

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each parameter, by its path."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """How a parameter moves, given its gradient. Abstract.

    `update` is pure and written with operators, so it works on arrays, tensors and traced values
    alike. Where `elementwise` is true it treats each element on its own, so several parameters may
    be joined into one vector.

    `weight_decay` draws parameters to 0: by default as a term weight_decay / 2 |p|^2 of what is
    minimised, whose gradient weight_decay p is added to the loss's own; where `decoupled`, by
    p <- p - lr weight_decay p apart from the gradient (Loshchilov and Hutter, "Decoupled weight
    decay regularization", 2019).
    """

    lr: float = setting(1e-3, POSITIVE)
    _: KW_ONLY
    weight_decay: float = setting(0.0, NOT_NEGATIVE)
    decoupled: bool = False

    elementwise: ClassVar[bool] = True
    memory: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_ranges(self)

    def init(self, parameter: Any) -> State:
        """The memory before the first step: zeros like the parameter."""
        return {name: ops.zeros_like(parameter) for name in self.memory}

    @abstractmethod
    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        """The parameter and the memory after step number `step`, which counts from 1.

        `step` and `lr` are numbers, or arrays or traced values of shape ().
        """

    def decayed(self, parameter: Any, gradient: Any, lr: Any) -> tuple[Any, Any]:
        """The parameter and the gradient from which to step, weight decay included."""
        if not self.weight_decay:
            return parameter, gradient
        if self.decoupled:
            return parameter - parameter * factor(lr * self.weight_decay, parameter), gradient
        return parameter, gradient + parameter * self.weight_decay

    def assign(self, shapes: Shapes, spare: bool = True) -> dict[str, "Optimizer"]:
        """The optimizer of each parameter of a model, by its path.

        With `spare`, weight decay passes over parameters with fewer than two axes: biases, and the
        scales and shifts of norms. `chainrule.optim.Groups` gives them one all the same.

        >>> from chainrule.optim import Adam
        >>> parts = Adam(weight_decay=0.1).assign({"weight": (3, 2), "bias": (3,)})
        >>> parts["weight"].weight_decay, parts["bias"].weight_decay
        (0.1, 0.0)
        """
        spared = replace(self, weight_decay=0.0) if spare and self.weight_decay else self
        return {path: self if len(shape) > 1 else spared for path, shape in shapes.items()}

    def start(self, parameters: Any) -> dict[str, Any]:
        """The state of a whole tree of parameters, for `step`.

        >>> from chainrule.optim import SGD
        >>> sgd, tree = SGD(lr=0.5), {"w": np.ones(2)}
        >>> sgd.step(tree, {"w": np.ones(2)}, sgd.start(tree))[0]
        {'w': array([0.5, 0.5])}
        """
        leaves, _ = tree.flatten(parameters)
        parts = self._parts(parameters)
        return {"step": 0, "memory": [p.init(v) for p, v in zip(parts, leaves, strict=True)]}

    def step(self, parameters: Any, gradients: Any, state: dict[str, Any]) -> tuple[Any, dict]:
        """One update of a tree of parameters: the new tree and the new state.

        Weight decay reaches every leaf, as the papers have it.

        Raises:
            ShapeError: parameters and gradients differ in structure or shape.
        """
        count = state["step"] + 1
        memory, parts = iter(state["memory"]), iter(self._parts(parameters))
        kept: list[State] = []

        def move(parameter: Any, gradient: Any) -> Any:
            if shape_of(parameter) != shape_of(gradient):
                raise ShapeError(
                    f"{type(self).__name__}: a parameter has shape {shape_of(parameter)} and its "
                    f"gradient {shape_of(gradient)}; they must be equal."
                )
            part = next(parts)
            value, after = part.update(parameter, gradient, next(memory), count, part.lr)
            kept.append(after)
            return value

        moved = tree.map_leaves(move, parameters, gradients)
        return moved, {"step": count, "memory": kept}

    def _parts(self, parameters: Any) -> list["Optimizer"]:
        """The optimizer of each leaf of a tree, in their order."""
        leaves, _ = tree.flatten(parameters)
        shapes = dict(zip(leaf_paths(parameters), map(shape_of, leaves), strict=True))
        return list(self.assign(shapes, spare=False).values())


def leaf_paths(parameters: Any) -> list[str]:
    """The paths of the leaves of a tree, such as `0.weight`, in their order.

    >>> leaf_paths({"0": [1.0, 2.0], "bias": 3.0})
    ['0.0', '0.1', 'bias']
    """
    if parameters is None:
        return []
    if isinstance(parameters, Mapping):
        items: Any = parameters.items()
    elif isinstance(parameters, (list, tuple)):
        items = enumerate(parameters)
    else:
        return [""]
    return [
        f"{key}.{path}" if path else str(key) for key, part in items for path in leaf_paths(part)
    ]


def factor(number: Any, parameter: Any) -> Any:
    """A number to multiply a parameter with that leaves it in its dtype, as Python's own do."""
    if type(number) in (int, float):
        return number
    return ops.cast(number, dtype=dtype_of(parameter))


def counted(step: Any) -> Any:
    """A step's number, to compute with in full precision: 1 - 0.999 has three digits in float32.

    A Python number stays one, for it has the digits anyway and costs nothing.
    """
    return step if type(step) is int else ops.cast(step, dtype=np.float64)
