"""Random programs: functions of a few square matrices, made of ops drawn from a seed.

Each has at least ten ops and gives one number. Values stay of moderate size, so that numeric
differentiation can referee; some steps use a value on several paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

SIZE = 3

UNARY: dict[str, Callable] = {
    "tanh": cr.tanh,
    "sin": cr.sin,
    "cos": cr.cos,
    "sigmoid": cr.sigmoid,
    "softplus": cr.softplus,
    "erf": cr.erf,
    "arctan": cr.arctan,
    "exp of tanh": lambda x: cr.exp(cr.tanh(x)),
    "log of square": lambda x: cr.log(1.5 + cr.square(x)),
    "sqrt": lambda x: cr.sqrt(1.0 + x * x),
    "rsqrt": lambda x: cr.rsqrt(2.0 + cr.square(x)),
    "reciprocal": lambda x: cr.reciprocal(2.0 + cr.sin(x)),
    "negative": cr.negative,
    "absolute": cr.absolute,
    "relu": cr.relu,
    "clip": lambda x: cr.clip(x, -1.5, 1.5),
    "power": lambda x: x**3 * 0.1,
    "scale": lambda x: x * 0.7 - 0.2,
    "transpose": cr.transpose,
    "reshape": lambda x: cr.reshape(cr.reshape(x, (-1,)), x.shape),
    "softmax": cr.softmax,
    "log_softmax": cr.log_softmax,
    "logsumexp": lambda x: x - cr.logsumexp(x, axis=0, keepdims=True),
    "row sum": lambda x: x + cr.sum(x, axis=1, keepdims=True) * 0.3,
    "mean": lambda x: x - cr.mean(x, axis=0),
    "variance": lambda x: x / cr.sqrt(cr.var(x, axis=1, keepdims=True) + 0.5),
    "max": lambda x: x - cr.max(x, axis=1, keepdims=True),
    "prod": lambda x: x * cr.prod(cr.tanh(x), axis=0),
    "cumsum": lambda x: cr.cumsum(x, axis=1) * 0.4,
    "slice": lambda x: cr.concatenate([x[1:], x[:1] * 0.5], axis=0),
    "take": lambda x: cr.take(x, np.arange(len(x))[::-1] // 2 * 2, axis=0),
    "flip": lambda x: cr.flip(x, 1),
    "pad": lambda x: cr.pad(x, ((1, 0), (0, 0)), 0.5)[: len(x)],
    "index_add": lambda x: cr.index_add(x, np.arange(len(x) - 1) // 2, x[1:] * 0.5),
    "triangle": cr.tril,
    "draw in": lambda x: 2.0 * cr.tanh(x * 0.5),
    "where": lambda x: cr.where(np.eye(len(x), dtype=bool), x, cr.tanh(x)),
}
BINARY: dict[str, Callable] = {
    "add": cr.add,
    "subtract": cr.subtract,
    "multiply": lambda x, y: cr.multiply(x, y) * 0.5,
    "divide": lambda x, y: cr.divide(x, 2.0 + cr.square(y)),
    "matmul": lambda x, y: cr.matmul(x, y) * 0.4,
    "einsum": lambda x, y: cr.einsum("ij,kj->ik", x, y) * 0.4,
    "linear": lambda x, y: cr.linear(x, y, cr.mean(y, axis=0)) * 0.4,
    "maximum": cr.maximum,
    "minimum": cr.minimum,
    "logaddexp": cr.logaddexp,
    "hypot": lambda x, y: cr.hypot(x, 1.0 + cr.square(y)),
    "arctan2": lambda x, y: cr.arctan2(x, 1.0 + cr.square(y)),
    "power": lambda x, y: cr.power(1.1 + cr.tanh(x), cr.tanh(y)),
    "broadcast": lambda x, y: x * y[0] + y[:, :1],
    "concatenate": lambda x, y: cr.concatenate([x[:, :2], y[:, 2:]], axis=1),
    "stack": lambda x, y: cr.sum(cr.stack([x, y, x]), axis=0) * 0.5,
}
GROWING = frozenset({"multiply", "matmul", "einsum", "linear", "power", "row sum", "prod"})
"""After these the values are drawn in again, or a few such steps would make them huge."""


@dataclass(frozen=True)
class Program:
    """A straight line of steps; each names a function and the earlier values that it takes."""

    inputs: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(self, *arrays: Any) -> Any:
        values = list(arrays)
        for name, places in self.steps:
            function = UNARY[name] if len(places) == 1 else BINARY[name]
            values.append(function(*(values[place] for place in places)))
        total = sum((cr.sum(cr.tanh(value)) for value in values[-3:-1]), cr.sum(values[-1]))
        return total * 0.25

    def __str__(self) -> str:
        lines = [
            f"v{self.inputs + i} = {name}({', '.join(f'v{p}' for p in places)})"
            for i, (name, places) in enumerate(self.steps)
        ]
        return f"{self.inputs} inputs; " + "; ".join(lines)


def random_program(seed: int, size: int = SIZE) -> tuple[Program, list[np.ndarray]]:
    """A program of at least 10 steps, and random inputs for it: float64, `size` by `size`."""
    rng = np.random.default_rng(seed)
    inputs = int(rng.integers(1, 4))
    steps = []
    for _ in range(int(rng.integers(10, 17))):
        count = inputs + len(steps)
        # The latest value is always used, so that no step hangs in the air.
        if rng.random() < 0.6:
            name = str(rng.choice(list(UNARY)))
            places = (count - 1,)
        else:
            name = str(rng.choice(list(BINARY)))
            other = int(rng.integers(0, count))
            places = (count - 1, other) if rng.random() < 0.5 else (other, count - 1)
        steps.append((name, places))
        if name in GROWING:
            steps.append(("draw in", (count,)))
    arrays = [rng.uniform(-1.5, 1.5, size=(size, size)) for _ in range(inputs)]
    return Program(inputs, tuple(steps)), arrays
