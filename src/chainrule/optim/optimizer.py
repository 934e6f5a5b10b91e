"""Optimizer: what all optimizers share, and how they are used in loops written by hand."""

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule import ops, tree
from chainrule.errors import ShapeError
from chainrule.ops.table import dtype_of, shape_of
from chainrule.optim.ranges import FRACTION, NOT_NEGATIVE, POSITIVE, check_ranges, setting

State = dict[str, Any]
"""The optimizer's memory of one parameter: arrays of its shape, by name."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """How a parameter moves, given its gradient. Abstract.

    `update` is pure and written with operators, so it works on arrays, tensors and traced values
    alike. Where `elementwise` is true it treats each element on its own, so several parameters may
    be joined into one vector.
    """

    lr: float = setting(1e-3, POSITIVE)
    _: KW_ONLY
    weight_decay: float = setting(0.0, NOT_NEGATIVE)

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

    def decayed(self, parameter: Any, gradient: Any) -> Any:
        """The gradient of the loss plus weight_decay / 2 times the parameter's squared norm."""
        return gradient + parameter * self.weight_decay if self.weight_decay else gradient

    def start(self, parameters: Any) -> dict[str, Any]:
        """The state of a whole tree of parameters, for `step`.

        >>> sgd, tree = SGD(lr=0.5), {"w": np.ones(2)}
        >>> sgd.step(tree, {"w": np.ones(2)}, sgd.start(tree))[0]
        {'w': array([0.5, 0.5])}
        """
        leaves, _ = tree.flatten(parameters)
        return {"step": 0, "memory": [self.init(leaf) for leaf in leaves]}

    def step(self, parameters: Any, gradients: Any, state: dict[str, Any]) -> tuple[Any, dict]:
        """One update of a tree of parameters: the new tree and the new state.

        Raises:
            ShapeError: parameters and gradients differ in structure or shape.
        """
        count = state["step"] + 1
        memory = iter(state["memory"])
        kept: list[State] = []

        def move(parameter: Any, gradient: Any) -> Any:
            if shape_of(parameter) != shape_of(gradient):
                raise ShapeError(
                    f"{type(self).__name__}: a parameter has shape {shape_of(parameter)} and its "
                    f"gradient {shape_of(gradient)}; they must be equal."
                )
            value, after = self.update(parameter, gradient, next(memory), count, self.lr)
            kept.append(after)
            return value

        moved = tree.map_leaves(move, parameters, gradients)
        return moved, {"step": count, "memory": kept}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: p <- p - lr g (Robbins and Monro, 1951).

    >>> SGD(lr=0.1).update(np.array([1.0]), np.array([2.0]), {}, 1, 0.1)[0]
    array([0.8])
    """

    lr: float = setting(0.1, POSITIVE)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        return parameter - self.decayed(parameter, gradient) * _factor(lr, parameter), state


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: v <- mu v + g; p <- p - lr v.

    This is PyTorch's convention; Sutskever et al. (2013) put lr into v, which is the same as long
    as lr does not change. With nesterov, p <- p - lr (g + mu v) (Nesterov, 1983).

    >>> Momentum(lr=0.1).memory
    ('velocity',)
    """

    lr: float = setting(0.01, POSITIVE)
    _: KW_ONLY
    momentum: float = setting(0.9, FRACTION)
    nesterov: bool = False

    memory: ClassVar[tuple[str, ...]] = ("velocity",)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        g = self.decayed(parameter, gradient)
        velocity = state["velocity"] * self.momentum + g
        move = g + velocity * self.momentum if self.nesterov else velocity
        return parameter - move * _factor(lr, parameter), {"velocity": velocity}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2,
    p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps).

    >>> Adam(lr=1e-3).memory
    ('m', 'v')
    """

    _: KW_ONLY
    beta1: float = setting(0.9, FRACTION)
    beta2: float = setting(0.999, FRACTION)
    eps: float = setting(1e-8, POSITIVE)

    memory: ClassVar[tuple[str, ...]] = ("m", "v")

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        g = self.decayed(parameter, gradient)
        m = state["m"] + (g - state["m"]) * (1 - self.beta1)
        v = state["v"] + (g * g - state["v"]) * (1 - self.beta2)
        # 1 - 0.999 has three digits in float32; a Python number has the others anyway.
        count = step if type(step) is int else ops.cast(step, dtype=np.float64)
        # Both corrections are numbers: folded into the rate and eps they cost no pass over arrays.
        root = (1 - self.beta2**count) ** 0.5
        rate = _factor(lr * root / (1 - self.beta1**count), parameter)
        least = _factor(self.eps * root, parameter)
        return parameter - m / (ops.sqrt(v) + least) * rate, {"m": m, "v": v}


def _factor(number: Any, parameter: Any) -> Any:
    """A number to multiply a parameter with that leaves it in its dtype, as Python's own do."""
    if type(number) in (int, float):
        return number
    return ops.cast(number, dtype=dtype_of(parameter))
