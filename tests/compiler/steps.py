"""Training steps of perceptron nets, as functions of all that they read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import models, nn, optim, tree
from chainrule.compiler.program import Program

SAMPLES = 600


@dataclass(frozen=True)
class Step:
    """A step of training and its arguments, of which the first `count` leaves are trained."""

    function: Callable
    args: tuple
    count: int

    @property
    def leaves(self) -> list[np.ndarray]:
        return [np.ascontiguousarray(leaf) for leaf in tree.flatten(self.args)[0]]

    def program(self, **options: Any) -> Program:
        """The step as machine code that writes what is trained over itself."""
        graph = cr.trace(self.function)(*self.args)
        return Program(graph, donated={i: i for i in range(self.count)}, **options)

    def fresh(self) -> list[np.ndarray]:
        """Arguments of their own, for a program that writes over them."""
        return [leaf.copy() for leaf in self.leaves]


def perceptron(
    sizes: tuple[int, ...], optimizer: optim.Optimizer, activation: str = "relu", batch: int = 100
) -> Step:
    """Rows of pixels chosen by number, forward, cross-entropy, backward, update."""
    model = models.by_name(
        "mlp",
        in_features=sizes[0],
        hidden=sizes[1:-1],
        classes=sizes[-1],
        activation=activation,
    ).initialize(0)
    parameters = {path: leaf.data for path, leaf in model.named_parameters()}
    memory = {path: optimizer.init(value) for path, value in parameters.items()}

    def step(parameters: dict, memory: dict, pixels: Any, labels: Any, rows: Any, lr: Any) -> tuple:
        x = cr.cast(pixels[rows], dtype="float32") * np.float32(1 / 255)

        def loss_of(values: dict) -> Any:
            return nn.cross_entropy(nn.functional_call(model, values, x), labels[rows])

        loss, slopes = cr.value_and_grad(loss_of)(parameters)
        moved = {
            path: optimizer.update(value, slopes[path], memory[path], 3, lr)
            for path, value in parameters.items()
        }
        after, kept = ({path: pair[i] for path, pair in moved.items()} for i in (0, 1))
        return after, kept, loss

    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (SAMPLES, sizes[0])).astype(np.uint8)
    labels = random.integers(0, sizes[-1], SAMPLES)
    rows = random.permutation(SAMPLES)[:batch]
    args = (parameters, memory, pixels, labels, rows, np.float32(1e-3))
    return Step(step, args, len(tree.flatten(args[:2])[0]))


def w1() -> Step:
    return perceptron((784, 25, 25, 10), optim.Adam(lr=1e-3))


def w2() -> Step:
    return perceptron((784, 100, 10), optim.SGD(lr=0.1), "sigmoid")


def deep() -> Step:
    return perceptron((97, 64, 33, 48, 31, 20, 7), optim.AdamW(lr=1e-3), "tanh", batch=61)


STEPS = {"W1": w1, "W2": w2, "deep": deep}
