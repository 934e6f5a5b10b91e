"""Optimizers that scale each element by what its gradients were: AdaGrad, AdaDelta, RMSProp."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from chainrule import ops
from chainrule.optim.optimizer import Optimizer, State, counted, factor
from chainrule.settings import FRACTION, NOT_NEGATIVE, POSITIVE, setting


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011).

    s <- s + g^2, p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).

    >>> import numpy as np
    >>> grad = AdaGrad(lr=0.5)
    >>> grad.update(np.array([1.0]), np.array([4.0]), grad.init(np.array([1.0])), 1, 0.5)[0]
    array([0.5])
    """

    lr: float = setting(0.01, POSITIVE)
    _: KW_ONLY
    lr_decay: float = setting(0.0, NOT_NEGATIVE)
    eps: float = setting(1e-10, POSITIVE)

    memory: ClassVar[tuple[str, ...]] = ("sum",)

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        total = state["sum"] + g * g
        rate = factor(lr / (1 + (counted(step) - 1) * self.lr_decay), p)
        return p - g / (ops.sqrt(total) + self.eps) * rate, {"sum": total}


@dataclass(frozen=True)
class AdaDelta(Optimizer):
    """AdaDelta (Zeiler, "ADADELTA: an adaptive learning rate method", 2012).

    s <- rho s + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(s + eps) g,
    u <- rho u + (1 - rho) d^2, p <- p - lr d. The paper has lr = 1.

    >>> AdaDelta().memory
    ('square', 'moved')
    """

    lr: float = setting(1.0, POSITIVE)
    _: KW_ONLY
    rho: float = setting(0.9, FRACTION)
    eps: float = setting(1e-6, POSITIVE)

    memory: ClassVar[tuple[str, ...]] = ("square", "moved")

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        square = state["square"] * self.rho + g * g * (1 - self.rho)
        move = ops.sqrt(state["moved"] + self.eps) / ops.sqrt(square + self.eps) * g
        moved = state["moved"] * self.rho + move * move * (1 - self.rho)
        return p - move * factor(lr, p), {"square": square, "moved": moved}


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp (Tieleman and Hinton, Coursera lecture 6.5, 2012).

    s <- alpha s + (1 - alpha) g^2, d = g / (sqrt(s) + eps), p <- p - lr d. With momentum,
    v <- momentum v + d takes the place of d. Where it is centered, sqrt(s - a^2) takes the place
    of sqrt(s), with a <- alpha a + (1 - alpha) g (Graves, "Generating sequences with recurrent
    neural networks", 2013).

    >>> import numpy as np
    >>> sorted(RMSProp(momentum=0.9).init(np.zeros(2)))
    ['square', 'velocity']
    """

    lr: float = setting(0.01, POSITIVE)
    _: KW_ONLY
    alpha: float = setting(0.99, FRACTION)
    eps: float = setting(1e-8, POSITIVE)
    momentum: float = setting(0.0, FRACTION)
    centered: bool = False

    memory: ClassVar[tuple[str, ...]] = ("square",)

    def init(self, parameter: Any) -> State:
        state = super().init(parameter)
        if self.centered:
            state["mean"] = ops.zeros_like(parameter)
        if self.momentum:
            state["velocity"] = ops.zeros_like(parameter)
        return state

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        square = state["square"] * self.alpha + g * g * (1 - self.alpha)
        after, variance = {"square": square}, square
        if self.centered:
            after["mean"] = state["mean"] + (g - state["mean"]) * (1 - self.alpha)
            # A variance is never negative, but the difference may be by a rounding.
            variance = ops.maximum(square - after["mean"] * after["mean"], 0.0)
        move = g / (ops.sqrt(variance) + self.eps)
        if self.momentum:
            after["velocity"] = move = state["velocity"] * self.momentum + move
        return p - move * factor(lr, p), after
