"""Every optimizer with all of its settings in use, and who is to judge it.

The judge is PyTorch where it has the optimizer, and else the paper's formulas, written here in
plain NumPy for one parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import optim


@dataclass(frozen=True)
class Case:
    """An optimizer, and PyTorch's of the same settings, or its formulas.

    `formula(p)` is a generator: it is sent gradients, and gives the parameter after each.
    """

    optimizer: optim.Optimizer
    torch: Callable[[Any, Any], Any] | None = None
    formula: Callable[[np.ndarray], Any] | None = None


def sutskever(mu: float, lr: float, nesterov: bool) -> Callable:
    def run(p: np.ndarray) -> Any:
        velocity = np.zeros_like(p)
        while True:
            g = yield p
            velocity = mu * velocity - lr * g
            p = p + (mu * velocity - lr * g if nesterov else velocity)

    return run


def averaged_momentum(mu: float, lr: float) -> Callable:
    def run(p: np.ndarray) -> Any:
        velocity = np.zeros_like(p)
        while True:
            g = yield p
            velocity = mu * velocity + (1 - mu) * g
            p = p - lr * velocity

    return run


def lamb(lr: float, decay: float, decoupled: bool = True) -> Callable:
    """Algorithm 2 of the paper, with phi the identity."""

    def run(p: np.ndarray) -> Any:
        m, v, t = np.zeros_like(p), np.zeros_like(p), 0
        while True:
            g = yield p
            g = g if decoupled else g + decay * p
            t += 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            r = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6)
            r = r + decay * p if decoupled else r
            sizes = np.linalg.norm(p.ravel()), np.linalg.norm(r.ravel())
            p = p - lr * (sizes[0] / sizes[1] if all(sizes) else 1.0) * r

    return run


def lion(lr: float, decay: float) -> Callable:
    """The paper's program 1."""

    def run(p: np.ndarray) -> Any:
        m = np.zeros_like(p)
        while True:
            g = yield p
            c = 0.9 * m + (1 - 0.9) * g
            m = 0.99 * m + (1 - 0.99) * g
            p = p - lr * (np.sign(c) + decay * p)

    return run


def muon(lr: float, decay: float, nesterov: bool = True) -> Callable:
    """Jordan's description, by singular values: the scheme acts on each of them alone."""

    def run(p: np.ndarray) -> Any:
        velocity = np.zeros_like(p)
        while True:
            g = yield p
            velocity = 0.95 * velocity + 0.05 * g
            move = 0.95 * velocity + 0.05 * g if nesterov else velocity
            left, values, right = np.linalg.svd(move.reshape(len(p), -1), full_matrices=False)
            values = values / np.sqrt((values**2).sum())
            for _ in range(5):
                values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
            step = ((left * values) @ right).reshape(p.shape)
            rows, columns = len(p), p.size // len(p)
            p = p - lr * decay * p
            p = p - lr * np.sqrt(max(1, rows / columns)) * step

    return run


def nadam(lr: float) -> Callable:
    """PyTorch's documentation, whose own product of the mu is rounded to float32."""

    def run(p: np.ndarray) -> Any:
        m, v, product, t = np.zeros_like(p), np.zeros_like(p), 1.0, 0
        while True:
            g = yield p
            t += 1
            mu, ahead = (0.9 * (1 - 0.5 * 0.96 ** (i * 0.004)) for i in (t, t + 1))
            product *= mu
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            mean = ahead * m / (1 - product * ahead) + (1 - mu) * g / (1 - product)
            p = p - lr * mean / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return run


def lookahead(lr: float, k: int, alpha: float) -> Callable:
    """Algorithm 1 of the paper around plain descent."""

    def run(p: np.ndarray) -> Any:
        slow, t = p, 0
        while True:
            g = yield p
            p, t = p - lr * g, t + 1
            if t % k == 0:
                p = slow = slow + alpha * (p - slow)

    return run


CASES = {
    "SGD": Case(optim.SGD(lr=0.05), lambda t, p: t.optim.SGD(p, lr=0.05)),
    "SGD with decay": Case(
        optim.SGD(lr=0.05, weight_decay=0.1), lambda t, p: t.optim.SGD(p, lr=0.05, weight_decay=0.1)
    ),
    "Momentum": Case(
        optim.Momentum(lr=0.01, momentum=0.8), lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.8)
    ),
    "Momentum with Nesterov and decay": Case(
        optim.Momentum(lr=0.01, nesterov=True, weight_decay=0.1),
        lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    "Momentum, Sutskever": Case(
        optim.Momentum(lr=0.01, convention="sutskever"), formula=sutskever(0.9, 0.01, False)
    ),
    "Momentum, Sutskever with Nesterov": Case(
        optim.Momentum(lr=0.01, convention="sutskever", nesterov=True),
        formula=sutskever(0.9, 0.01, True),
    ),
    "Momentum, average": Case(
        optim.Momentum(lr=0.1, convention="average"), formula=averaged_momentum(0.9, 0.1)
    ),
    "AdaGrad": Case(optim.AdaGrad(lr=0.05), lambda t, p: t.optim.Adagrad(p, lr=0.05)),
    "AdaGrad with all settings": Case(
        optim.AdaGrad(lr=0.05, lr_decay=0.01, eps=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.Adagrad(p, lr=0.05, lr_decay=0.01, eps=1e-3, weight_decay=0.1),
    ),
    "AdaDelta": Case(optim.AdaDelta(), lambda t, p: t.optim.Adadelta(p)),
    "AdaDelta with all settings": Case(
        optim.AdaDelta(lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1),
        lambda t, p: t.optim.Adadelta(p, lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1),
    ),
    "RMSProp": Case(optim.RMSProp(), lambda t, p: t.optim.RMSprop(p)),
    "RMSProp with all settings": Case(
        optim.RMSProp(lr=0.005, alpha=0.9, eps=1e-3, momentum=0.8, centered=True, weight_decay=0.1),
        lambda t, p: t.optim.RMSprop(
            p, lr=0.005, alpha=0.9, eps=1e-3, momentum=0.8, centered=True, weight_decay=0.1
        ),
    ),
    "Adam": Case(optim.Adam(lr=0.02), lambda t, p: t.optim.Adam(p, lr=0.02)),
    "Adam with all settings": Case(
        optim.Adam(lr=0.02, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.Adam(p, lr=0.02, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    "AdamW": Case(
        optim.AdamW(lr=0.02, weight_decay=0.1),
        lambda t, p: t.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    ),
    "NAdam": Case(optim.NAdam(lr=0.02), lambda t, p: t.optim.NAdam(p, lr=0.02)),
    "NAdam with all settings": Case(
        optim.NAdam(
            lr=0.02,
            beta1=0.7,
            beta2=0.95,
            eps=1e-3,
            momentum_decay=0.1,
            weight_decay=0.1,
            decoupled=True,
        ),
        lambda t, p: t.optim.NAdam(
            p,
            lr=0.02,
            betas=(0.7, 0.95),
            eps=1e-3,
            momentum_decay=0.1,
            weight_decay=0.1,
            decoupled_weight_decay=True,
        ),
    ),
    "NAdam by its formulas": Case(optim.NAdam(lr=0.02), formula=nadam(0.02)),
    "RAdam": Case(optim.RAdam(lr=0.02), lambda t, p: t.optim.RAdam(p, lr=0.02)),
    "RAdam with all settings": Case(
        optim.RAdam(lr=0.02, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.RAdam(p, lr=0.02, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    "RAdam that never rectifies": Case(
        optim.RAdam(lr=0.02, beta2=0.5), lambda t, p: t.optim.RAdam(p, lr=0.02, betas=(0.9, 0.5))
    ),
    "LAMB": Case(optim.LAMB(lr=0.01, weight_decay=0.1), formula=lamb(0.01, 0.1)),
    "LAMB with decay in the gradient": Case(
        optim.LAMB(lr=0.01, weight_decay=0.1, decoupled=False), formula=lamb(0.01, 0.1, False)
    ),
    "Lion": Case(optim.Lion(lr=0.003, weight_decay=0.1), formula=lion(0.003, 0.1)),
    "Muon": Case(optim.Muon(lr=0.01, weight_decay=0.1), formula=muon(0.01, 0.1)),
    "Muon without Nesterov": Case(
        optim.Muon(lr=0.01, nesterov=False), formula=muon(0.01, 0.0, False)
    ),
    "Lookahead": Case(
        optim.Lookahead(optim.SGD(lr=0.05), k=4, alpha=0.3), formula=lookahead(0.05, 4, 0.3)
    ),
    "EMA": Case(optim.EMA(optim.SGD(lr=0.05)), lambda t, p: t.optim.SGD(p, lr=0.05)),
    "SWA": Case(optim.SWA(optim.Adam(lr=0.02), first=3), lambda t, p: t.optim.Adam(p, lr=0.02)),
}
