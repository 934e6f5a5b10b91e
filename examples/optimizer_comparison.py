"""Ten optimizers on MNIST, each with three learning rates.

    python examples/optimizer_comparison.py [FOLDER] [--quick]

The same net from the same weights, the same order of the images. The best rate of an optimizer is
the one with the lowest training loss at the end, so that the test set decides nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import NonFiniteError

OPTIMIZERS = {
    "SGD": optim.SGD(lr=0.3),
    "momentum": optim.Momentum(lr=0.05),
    "Nesterov": optim.Momentum(lr=0.05, nesterov=True),
    "AdaGrad": optim.AdaGrad(lr=0.02),
    "AdaDelta": optim.AdaDelta(lr=1.0),
    "RMSProp": optim.RMSProp(lr=1e-3),
    "Adam": optim.Adam(lr=2e-3),
    "NAdam": optim.NAdam(lr=2e-3),
    "AdamW": optim.AdamW(lr=2e-3, weight_decay=0.01),
    "Lion": optim.Lion(lr=3e-4),
}
FACTORS = (0.2, 1.0, 5.0)
"""Each optimizer runs at so many times the rate above."""


class Course(NamedTuple):
    """A run: its learning rate, training loss by epoch, and test accuracy at the end."""

    rate: float
    losses: list[float]
    accuracy: float


class Numbers(NamedTuple):
    """The runs of each optimizer, by rate."""

    courses: dict[str, list[Course]]

    def best(self, name: str) -> Course:
        return min(self.courses[name], key=lambda course: course.losses[-1])

    @property
    def between(self) -> float:
        """How far the optimizers' test accuracies are apart, each at its best rate."""
        return float(np.ptp([self.best(name).accuracy for name in self.courses]))

    @property
    def within(self) -> float:
        """How far those of one optimizer's rates are apart, in the middle of the optimizers."""
        spreads = [np.ptp([c.accuracy for c in courses]) for courses in self.courses.values()]
        return float(np.median(spreads))


def measure(quick: bool = False) -> Numbers:
    images, test = data.mnist()
    names = ("SGD", "momentum", "AdaGrad", "Adam") if quick else tuple(OPTIMIZERS)
    if quick:
        images, test = images[:5000], test[:2000]
    return Numbers({name: compare(OPTIMIZERS[name], images, test) for name in names})


def compare(optimizer: optim.Optimizer, images: data.Dataset, test: data.Dataset) -> list[Course]:
    return [learn(replace(optimizer, lr=optimizer.lr * f), images, test) for f in FACTORS]


def learn(optimizer: optim.Optimizer, images: data.Dataset, test: data.Dataset) -> Course:
    net = models.mlp(784, 10, hidden=(50,))
    try:
        run = cr.fit(net, images, optimizer=optimizer, epochs=3, show=False)
    except NonFiniteError:
        # A rate that is too large ends in overflow: as good as guessing.
        return Course(optimizer.lr, [np.inf], 0.1)
    losses = [row["loss"] for row in run.history]
    return Course(optimizer.lr, losses, float(np.mean(run.predict(test.x) == test.y)))


def finding(numbers: Numbers) -> experiment.Finding:
    ranked = sorted(numbers.courses, key=lambda name: -numbers.best(name).accuracy)
    first, last, plain = (numbers.best(name) for name in (ranked[0], ranked[-1], "SGD"))
    begins = min(numbers.courses, key=lambda name: numbers.best(name).losses[0])
    return (
        f"Each at its best rate, {len(ranked)} optimizers end within {100 * numbers.between:.1f} "
        f"points of test accuracy, from {first.accuracy:.1%} with {ranked[0]} to "
        f"{last.accuracy:.1%} with {ranked[-1]}; one optimizer's rates, each five times the one "
        f"before, end {100 * numbers.within:.1f} points apart (the median).",
        f"In the first pass {begins} is ahead, with a mean loss of "
        f"{numbers.best(begins).losses[0]:.3f} against {plain.losses[0]:.3f} with SGD.",
    )


def draw(numbers: Numbers) -> Any:
    figure, ((course, rates),) = experiment.panels(1, 2, size=(12, 5))
    for place, name in enumerate(numbers.courses):
        best = numbers.best(name)
        style = {"color": f"C{place}", "label": f"{name}, {best.rate:g}"}
        course.plot(range(1, len(best.losses) + 1), best.losses, "o-", **style)
        accuracies = [c.accuracy for c in numbers.courses[name]]
        rates.plot(FACTORS, accuracies, "o-", color=f"C{place}", label=name)
    course.set(xlabel="epoch", ylabel="training loss", yscale="log", title="each at its best rate")
    course.set_xticks(range(1, 4))
    course.legend(fontsize=8)
    rates.set(xlabel="times the middle rate", ylabel="test accuracy", xscale="log", title="by rate")
    rates.set_xticks(FACTORS, [f"{factor:g}" for factor in FACTORS])
    rates.set_xticks([], minor=True)
    # What does not learn at all would flatten the rest; its line leaves the picture.
    bests = [numbers.best(name).accuracy for name in numbers.courses]
    rates.set_ylim(min(bests) - 2 * numbers.within, max(bests) + 0.01)
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
