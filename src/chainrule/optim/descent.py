"""Gradient descent, plain and with momentum."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from chainrule.errors import unknown
from chainrule.optim.optimizer import Optimizer, State, factor
from chainrule.settings import FRACTION, POSITIVE, setting

CONVENTIONS = ("pytorch", "sutskever", "average")
"""How momentum is written; see `Momentum`."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: p <- p - lr g (Robbins and Monro, 1951).

    >>> import numpy as np
    >>> SGD(lr=0.1).update(np.array([1.0]), np.array([2.0]), {}, 1, 0.1)[0]
    array([0.8])
    """

    lr: float = setting(0.1, POSITIVE)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        return p - g * factor(lr, p), state


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum (Polyak, 1964), in any of the ways in which it is written.

    convention="pytorch" (also Keras' and most papers' since): v <- mu v + g; p <- p - lr v.
    convention="sutskever" (Sutskever et al., "On the importance of initialization and momentum in
    deep learning", 2013): v <- mu v - lr g; p <- p + v. The same as long as lr does not change;
    when it falls, the old speed is kept.
    convention="average" (Adam's m without its correction): v <- mu v + (1 - mu) g; p <- p - lr v.
    The same as "pytorch" with lr (1 - mu) in the place of lr.

    With nesterov, the gradient counts once more, as if it were taken where the velocity leads
    (Nesterov, 1983): p <- p - lr (g + mu v), p <- p + mu v - lr g, p <- p - lr ((1 - mu) g + mu v).

    Raises:
        OptionError: unknown convention, or a value outside its range.

    >>> Momentum(lr=0.1).memory
    ('velocity',)
    """

    lr: float = setting(0.01, POSITIVE)
    _: KW_ONLY
    momentum: float = setting(0.9, FRACTION)
    nesterov: bool = False
    convention: str = "pytorch"

    memory: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.convention not in CONVENTIONS:
            raise unknown("convention of momentum", self.convention, CONVENTIONS)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        rate = factor(lr, p)
        if self.convention == "sutskever":
            g = -(g * rate)
        elif self.convention == "average":
            g = g * (1 - self.momentum)
        velocity = state["velocity"] * self.momentum + g
        move = g + velocity * self.momentum if self.nesterov else velocity
        moved = p + move if self.convention == "sutskever" else p - move * rate
        return moved, {"velocity": velocity}
