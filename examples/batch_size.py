"""Batches of 10, 100 and 1000: what a pass over MNIST teaches, and what it costs.

    python examples/batch_size.py [FOLDER] [--quick]

The same net by gradient descent, the same passes over the images. A batch of 10 gives a hundred
times as many steps as one of 1000, along gradients that are ten times as noisy.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, random

SIZES = (10, 100, 1000)
LR = 0.1


class Course(NamedTuple):
    """A run: test accuracy and seconds by epoch, and how far gradients of batches are apart."""

    accuracies: list[float]
    seconds: list[float]
    spread: float


def measure(quick: bool = False) -> dict[int, Course]:
    """The courses by batch size."""
    images, test = data.mnist()
    if quick:
        images, test = images[:6000], test[:2000]
    return {size: learn(images, test, size, epochs=2 if quick else 8) for size in SIZES}


def learn(images: data.Dataset, test: data.Dataset, size: int, epochs: int) -> Course:
    net = models.mlp(784, 10, hidden=(50,)).initialize(0)
    spread = gradient_spread(net, images, size)
    run = cr.fit(
        net,
        images,
        validation=test,
        optimizer=optim.SGD(lr=LR),
        batch_size=size,
        epochs=epochs,
        show=False,
    )
    seconds = np.cumsum([row["seconds"] for row in run.history]).tolist()
    return Course([row["val_accuracy"] for row in run.history], seconds, spread)


def gradient_spread(net: nn.Module, images: data.Dataset, size: int) -> float:
    """How far the gradients of five batches are from their mean, by its length: their noise."""
    gradients = []
    for rows in random.permutation(random.key(1), len(images))[: 5 * size].reshape(5, size):
        x, y = images.batch(rows)
        net.zero_grad()
        nn.cross_entropy(net(x), y).backward()
        gradients.append(np.concatenate([p.grad.numpy().ravel() for p in net.parameters()]))
    mean = np.mean(gradients, axis=0)
    return float(np.sqrt(np.var(gradients, axis=0).sum()) / np.linalg.norm(mean))


def finding(courses: dict[int, Course]) -> experiment.Finding:
    first = ", ".join(f"{c.accuracies[0]:.1%} with {size}" for size, c in courses.items())
    seconds = ", ".join(f"{c.seconds[-1] / len(c.seconds):.2g}" for c in courses.values())
    noise = ", ".join(f"{course.spread:.2g}" for course in courses.values())
    return (
        f"After one pass at a learning rate of {LR:g} the test accuracy is {first} in a batch: "
        "more steps, though noisier ones, learn more from the same images.",
        f"A batch's gradient is off by {noise} times the mean gradient's length, and a pass took "
        f"{seconds} seconds here.",
    )


def draw(courses: dict[int, Course]) -> Any:
    figure, ((by_epoch, by_time),) = experiment.panels(1, 2, sharey=True)
    for size, course in courses.items():
        epochs = range(1, len(course.accuracies) + 1)
        by_epoch.plot(epochs, course.accuracies, "o-", label=f"batches of {size}")
        by_time.plot(course.seconds, course.accuracies, "o-", label=f"batches of {size}")
    by_epoch.set(xlabel="passes over the images", ylabel="test accuracy", title="by pass")
    by_time.set(xlabel="seconds of training", title="by time")
    by_epoch.legend()
    by_time.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[int, Course]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
