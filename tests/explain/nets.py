"""Small nets, each with samples and an optimizer, that reports are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim, rng

GATE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


@dataclass(frozen=True)
class Case:
    """What is explained, by the dtype of the parameters."""

    model: Callable[[Any], nn.Module]
    x: Any
    y: Any
    loss: Any = None
    optimizer: Any = "sgd"
    options: dict = field(default_factory=dict)

    def explain(self, dtype: Any = np.float64, **options: Any) -> cr.explain.Report:
        model = self.model(dtype).initialize(1)
        chosen = {"loss": self.loss, "optimizer": self.optimizer, **self.options, **options}
        return cr.explain(model, self.x, self.y, **chosen)


class Shared(nn.Module):
    """One layer used twice: its weights have two paths to the loss."""

    def __init__(self, dtype: Any):
        self.inner = nn.Linear(3, 3, dtype=dtype)
        self.out = nn.Linear(3, 2, dtype=dtype)

    def forward(self, x: Any) -> Any:
        return self.out(cr.tanh(self.inner(cr.tanh(self.inner(x)))))


class Residual(nn.Module):
    """A value used on two ways, written with operators."""

    def __init__(self, dtype: Any):
        self.first = nn.Linear(3, 3, dtype=dtype)
        self.last = nn.Linear(3, 2, dtype=dtype)

    def forward(self, x: Any) -> Any:
        h = self.first(x)
        return self.last(h + cr.relu(h) * 0.5)


class Recurrent(nn.Module):
    """One cell over time, as a loop of Python or, with `scan`, as one op."""

    def __init__(self, dtype: Any, scan: bool):
        self.cell = nn.Linear(5, 3, dtype=dtype)
        self.out = nn.Linear(3, 2, dtype=dtype)
        self.start = np.zeros((1, 3), dtype)
        self.scan = scan

    def forward(self, x: Any) -> Any:
        start = self.start + cr.zeros_like(x[:, 0, :1])
        if self.scan:
            h, _ = cr.scan(lambda h, now: (self.step(h, now),) * 2, start, x.transpose((1, 0, 2)))
            return self.out(h)
        h = start
        for time in range(x.shape[1]):
            h = self.step(h, x[:, time])
        return self.out(h)

    def step(self, h: Any, x: Any) -> Any:
        return cr.tanh(self.cell(cr.concatenate([h, x], axis=1)))


class Convolution(nn.Module):
    """A convolution written out with shifts: a kernel that is used at four places."""

    def __init__(self, dtype: Any):
        self.kernel = nn.Parameter.from_array(numbers(2, 2).astype(dtype))
        self.out = nn.Linear(4, 2, dtype=dtype)

    def forward(self, x: Any) -> Any:
        places = [(i, j) for i in range(2) for j in range(2)]
        moved = [x[:, i : i + 2, j : j + 2] * self.kernel[i, j] for i, j in places]
        return self.out(cr.relu(sum(moved)).reshape((x.shape[0], 4)))


def numbers(*shape: int) -> np.ndarray:
    return rng.normal(rng.key(5), shape).astype(np.float64)


def normed(layer: Any) -> Callable[[Any], nn.Module]:
    """A maker of a net with a norm after its first layer."""

    def make(dtype: Any) -> nn.Module:
        first, last = nn.Linear(3, 4, dtype=dtype), nn.Linear(4, 3, dtype=dtype)
        return nn.Sequential(first, layer(4, dtype=dtype), nn.ReLU(), last)

    return make


def mlp(*parts: Any) -> Callable[[Any], nn.Module]:
    """A maker of a net from widths and activations."""

    def make(dtype: Any) -> nn.Module:
        steps = []
        for part in parts:
            linear = isinstance(part, tuple)
            steps.append(nn.Linear(*part, dtype=dtype) if linear else part())
        return nn.Sequential(*steps)

    return make


CASES = {
    "one sample": Case(mlp((3, 4), nn.ReLU, (4, 3)), numbers(3), 2),
    "a batch": Case(mlp((3, 4), nn.ReLU, (4, 3)), numbers(5, 3), np.array([0, 1, 2, 1, 0])),
    "three layers": Case(
        mlp((6, 5), nn.ReLU, (5, 4), nn.Sigmoid, (4, 3)), numbers(6), 0, optimizer="adam"
    ),
    "xor with one output": Case(
        mlp((2, 2), nn.Tanh, (2, 1)), GATE, XOR, "binary_cross_entropy", optim.Momentum(lr=0.1)
    ),
    "xor with two": Case(mlp((2, 3), nn.Sigmoid, (3, 2)), GATE, XOR, optimizer="adam"),
    "squares": Case(mlp((3, 4), nn.Tanh, (4, 2)), numbers(3), numbers(2)),
    "squares of softmax": Case(
        mlp((3, 4), nn.ReLU, (4, 3), nn.Softmax), numbers(4, 3), np.abs(numbers(4, 3)), "mse"
    ),
    "one-hot targets": Case(
        mlp((3, 4), nn.ReLU, (4, 3)), numbers(3, 3), np.eye(3), "cross_entropy"
    ),
    "shared weights": Case(Shared, numbers(3), 1),
    "two ways": Case(Residual, numbers(2, 3), np.array([1, 0])),
    "no bias": Case(lambda dtype: nn.Linear(3, 2, bias=False, dtype=dtype), numbers(3), 1),
    "a loop of Python": Case(
        lambda dtype: Recurrent(dtype, scan=False), numbers(2, 3, 2), np.array([0, 1])
    ),
    "a loop as one op": Case(
        lambda dtype: Recurrent(dtype, scan=True), numbers(2, 3, 2), np.array([0, 1])
    ),
    "a convolution": Case(Convolution, numbers(2, 3, 3), np.array([0, 1])),
    "batch norm": Case(
        normed(nn.BatchNorm), numbers(5, 3), np.array([0, 1, 2, 1, 0]), optimizer="adam"
    ),
    "layer norm": Case(normed(nn.LayerNorm), numbers(2, 3), np.array([0, 1])),
    "dropout": Case(mlp((3, 8), nn.Dropout, (8, 2)), numbers(2, 3), np.array([1, 0])),
}
