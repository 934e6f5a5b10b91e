"""Adam and its kin, which follow the mean of the gradients and the mean of their squares."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.optim.optimizer import Optimizer, State, counted, factor
from chainrule.settings import FRACTION, NOT_NEGATIVE, POSITIVE, setting


@dataclass(frozen=True)
class Moments(Optimizer):
    """What Adam and its kin share. Abstract.

    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2.
    """

    _: KW_ONLY
    beta1: float = setting(0.9, FRACTION)
    beta2: float = setting(0.999, FRACTION)
    eps: float = setting(1e-8, POSITIVE)

    memory: ClassVar[tuple[str, ...]] = ("m", "v")

    def moments(self, state: State, gradient: Any) -> State:
        """The two means after one more gradient."""
        m = state["m"] + (gradient - state["m"]) * (1 - self.beta1)
        v = state["v"] + (gradient * gradient - state["v"]) * (1 - self.beta2)
        return {"m": m, "v": v}

    def adam(self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any) -> tuple:
        """The step of Adam, weight decay included; see `Adam`."""
        p, g = self.decayed(parameter, gradient, lr)
        after, count = self.moments(state, g), counted(step)
        # Both corrections are numbers: folded into the rate and eps they cost no pass over arrays.
        root = (1 - self.beta2**count) ** 0.5
        rate = factor(lr * root / (1 - self.beta1**count), p)
        least = factor(self.eps * root, p)
        return p - after["m"] / (ops.sqrt(after["v"]) + least) * rate, after


@dataclass(frozen=True)
class Adam(Moments):
    """Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2,
    p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps).

    >>> Adam(lr=1e-3).memory
    ('m', 'v')
    """

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        return self.adam(parameter, gradient, state, step, lr)


@dataclass(frozen=True)
class AdamW(Moments):
    """Adam with decoupled weight decay: p <- p - lr weight_decay p, then Adam's step.

    (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, with the schedule's
    factor in lr, as PyTorch has it.)

    >>> AdamW().weight_decay
    0.01
    """

    _: KW_ONLY
    weight_decay: float = setting(0.01, NOT_NEGATIVE)
    decoupled: bool = True

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        return self.adam(parameter, gradient, state, step, lr)


@dataclass(frozen=True)
class NAdam(Moments):
    """Adam with Nesterov's momentum (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),
    p <- p - lr (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t))
    / (sqrt(v / (1 - beta2^t)) + eps), with m and v as in Adam.

    >>> NAdam().memory
    ('m', 'v', 'product')
    """

    lr: float = setting(2e-3, POSITIVE)
    _: KW_ONLY
    momentum_decay: float = setting(4e-3, NOT_NEGATIVE)

    memory: ClassVar[tuple[str, ...]] = ("m", "v", "product")

    def init(self, parameter: Any) -> State:
        return super().init(parameter) | {"product": ops.ones_like(parameter)}

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        after, count = self.moments(state, g), counted(step)
        now, ahead = self._momentum(count), self._momentum(count + 1)
        # The product of all mu so far has no closed form; it is kept with each element.
        product = state["product"] * factor(now, p)
        root = (1 - self.beta2**count) ** 0.5
        scale = factor(lr * root, p) / (ops.sqrt(after["v"]) + factor(self.eps * root, p))
        of_m = factor(ahead, p) / (1 - product * factor(ahead, p))
        of_g = factor(1 - now, p) / (1 - product)
        return p - (after["m"] * of_m + g * of_g) * scale, {**after, "product": product}

    def _momentum(self, count: Any) -> Any:
        return self.beta1 * (1 - 0.5 * 0.96 ** (count * self.momentum_decay))


@dataclass(frozen=True)
class RAdam(Moments):
    """Rectified Adam (Liu et al., "On the variance of the adaptive learning rate", 2020).

    rho_inf = 2 / (1 - beta2) - 1, rho = rho_inf - 2 t beta2^t / (1 - beta2^t). Where rho > 5, the
    step is Adam's times the root of (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2)
    rho); before that, while the mean of squares knows too little, p <- p - lr m / (1 - beta1^t).
    (As in PyTorch, eps is added to sqrt(v) before v is corrected; the paper has rho > 4.)

    >>> RAdam().lr
    0.001
    """

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        p, g = self.decayed(parameter, gradient, lr)
        after, count = self.moments(state, g), ops.cast(step, dtype=np.float64)
        rate, most = lr / (1 - self.beta1**count), 2 / (1 - self.beta2) - 1
        plain = after["m"] * factor(rate, p)
        if most <= 5:
            return p - plain, after
        power = self.beta2**count
        rho = most - 2 * count * power / (1 - power)
        # Held above 5, so that the root is real where it is not chosen.
        held = ops.maximum(rho, 5.0)
        share = (held - 4) * (held - 2) * most / ((most - 4) * (most - 2) * held)
        scale = factor(rate * ops.sqrt(share * (1 - power)), p)
        rectified = after["m"] / (ops.sqrt(after["v"]) + self.eps) * scale
        return p - ops.where(rho > 5, rectified, plain), after
