"""The step written by hand in NumPy, as a careful programmer would."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from job import W1, Mnist, first_weights, orders
from nets import Activation
from task import Runner, Task, Training, Weights, one_by_one, scaled, step_by_step, trained
from workloads import Workload


def train(task: Task) -> Runner:
    return trained(task, _training)


def predict(task: Task) -> Runner:
    *inner, (last, last_bias) = task.layers(task.weights)

    def logits(x: np.ndarray) -> np.ndarray:
        for weight, bias in inner:
            x = x @ weight.T
            x += bias
            np.maximum(x, 0, out=x)
        return x @ last.T + last_bias

    return one_by_one(task, logits)


def product(task: Task) -> Runner:
    out = np.empty_like(task.x)
    return Runner(lambda: np.matmul(task.x, task.x, out=out), 1)


def whole(folder: Path) -> float:
    mnist = Mnist.load(folder)
    rng = np.random.default_rng(0)
    parameters = first_weights(rng)
    step = _stepper(parameters, W1)
    for rows in orders(rng, len(mnist.train_y)).reshape(-1, W1.batch):
        step(scaled(mnist.train_x[rows]), mnist.train_y[rows])
    return mnist.accuracy(_forward(parameters, scaled(mnist.test_x), True)[-1])


def _training(task: Task) -> Training:
    parameters = task.copy_weights()
    return step_by_step(task, _stepper(parameters, task.work), lambda: parameters)


def _forward(parameters: Weights, x: np.ndarray, relu: bool) -> list[np.ndarray]:
    """What goes into each layer, and the logits."""
    weights, biases = parameters[::2], parameters[1::2]
    values = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        z = values[-1] @ weight.T
        z += bias
        values.append(np.maximum(z, 0, out=z) if relu else 1 / (1 + np.exp(-z)))
    logits = values[-1] @ weights[-1].T
    logits += biases[-1]
    return [*values, logits]


def _stepper(parameters: Weights, work: Workload) -> Callable[[np.ndarray, np.ndarray], float]:
    update = {"adam": _adam, "sgd": _sgd}[work.optimizer](parameters, work.lr)
    rows = np.arange(work.batch)
    relu = Activation("relu") in work.net.layers

    def step(x: np.ndarray, y: np.ndarray) -> float:
        *hidden, logits = _forward(parameters, x, relu)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        totals = powers.sum(axis=1, keepdims=True)
        loss = float((np.log(totals[:, 0]) - logits[rows, y]).mean())
        g = powers / totals
        g[rows, y] -= 1
        g /= work.batch
        gradients: list = [None] * len(parameters)
        for layer in reversed(range(len(hidden))):
            h = hidden[layer]
            gradients[2 * layer] = g.T @ h
            gradients[2 * layer + 1] = g.sum(axis=0)
            if layer:
                g = g @ parameters[2 * layer]
                g *= (h > 0) if relu else h * (1 - h)
        update(gradients)
        return loss

    return step


def _sgd(parameters: Weights, lr: float) -> Callable:
    def update(gradients: Weights) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            gradient *= lr
            parameter -= gradient

    return update


def _adam(parameters: Weights, lr: float) -> Callable:
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    count = 0

    def update(gradients: Weights) -> None:
        nonlocal count
        count += 1
        rate, root = lr / (1 - 0.9**count), np.sqrt(1 - 0.999**count)
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * m / (np.sqrt(v) / root + 1e-8)

    return update
