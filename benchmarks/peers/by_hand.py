"""The step written by hand in NumPy, as a careful programmer would."""

from collections.abc import Callable

import numpy as np
from workloads import Workload

MODES = ("",)


def build(work: Workload, mode: str) -> Callable[[np.ndarray, np.ndarray], float]:
    parameters = [w.copy() for w in work.weights()]
    update = _adam(parameters, work.lr) if work.optimizer == "adam" else _sgd(parameters, work.lr)
    rows = np.arange(work.batch)
    relu = work.activation == "relu"

    def step(x: np.ndarray, y: np.ndarray) -> float:
        weights, biases = parameters[::2], parameters[1::2]
        hidden = [x]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            z = hidden[-1] @ weight.T
            z += bias
            hidden.append(np.maximum(z, 0, out=z) if relu else 1 / (1 + np.exp(-z)))
        logits = hidden[-1] @ weights[-1].T
        logits += biases[-1]
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        totals = powers.sum(axis=1, keepdims=True)
        loss = float((np.log(totals[:, 0]) - logits[rows, y]).mean())
        g = powers / totals
        g[rows, y] -= 1
        g /= work.batch
        gradients = [None] * len(parameters)
        for layer in reversed(range(len(weights))):
            gradients[2 * layer] = g.T @ hidden[layer]
            gradients[2 * layer + 1] = g.sum(axis=0)
            if layer:
                h = hidden[layer]
                g = g @ weights[layer]
                g *= (h > 0) if relu else h * (1 - h)
        update(gradients)
        return loss

    return step


def _sgd(parameters: list[np.ndarray], lr: float) -> Callable:
    def update(gradients: list[np.ndarray]) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient

    return update


def _adam(parameters: list[np.ndarray], lr: float) -> Callable:
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    count = 0

    def update(gradients: list[np.ndarray]) -> None:
        nonlocal count
        count += 1
        rate, root = lr / (1 - 0.9**count), np.sqrt(1 - 0.999**count)
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * m / (np.sqrt(v) / root + 1e-8)

    return update
