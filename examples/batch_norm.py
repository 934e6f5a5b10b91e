"""Batch normalisation against the scale of the first weights.

    python examples/batch_norm.py [FOLDER] [--quick]

A net of five hidden layers learns 1,000 digits of MNIST from weights of several deviations, with
batch normalisation (Ioffe and Szegedy, 2015) and without.
"""

from collections.abc import Sequence
from typing import Any

import experiment

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import NonFiniteError

HIDDEN = (100,) * 5
Numbers = dict[tuple[str, float], list[float]]
"""The accuracy on the training images by epoch, for each ("with" or "without", deviation)."""


def measure(quick: bool = False) -> Numbers:
    scales = (0.3, 0.01) if quick else (1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4)
    train, _ = data.mnist()
    return {
        (name, scale): learn(train[:1000], norm, scale, epochs=5 if quick else 10)
        for name, norm in (("with", "batch"), ("without", None))
        for scale in scales
    }


def learn(train: data.Dataset, norm: str | None, scale: float, epochs: int) -> list[float]:
    net = models.mlp(784, 10, hidden=HIDDEN, init=f"normal({scale})", norm=norm)
    try:
        sgd = optim.SGD(lr=0.02)
        run = cr.fit(net, train, optimizer=sgd, batch_size=50, epochs=epochs, show=False)
    except NonFiniteError:
        # From weights that are too large the loss overflows: no better than guessing.
        return [0.1] * epochs
    return [row["accuracy"] for row in run.history]


def ends(numbers: Numbers, name: str) -> dict[float, float]:
    """The accuracy after the last epoch, by deviation."""
    return {scale: course[-1] for (which, scale), course in numbers.items() if which == name}


def finding(numbers: Numbers) -> experiment.Finding:
    normed, plain = ends(numbers, "with"), ends(numbers, "without")
    best = max(plain, key=lambda scale: plain[scale])
    learnt = [scale for scale, accuracy in normed.items() if accuracy > plain[best]]
    epochs = max(len(course) for course in numbers.values())
    return (
        f"In {epochs} epochs the net with batch normalisation learns more from every deviation "
        f"between {min(learnt):g} and {max(learnt):g} than the one without from its best, "
        f"{best:g}: {min(normed[scale] for scale in learnt):.0%} of the training images or more, "
        f"against {plain[best]:.0%}.",
        f"From 0.01, where the plain net stays at {plain[0.01]:.0%}, it reaches {normed[0.01]:.0%}:"
        " each layer is brought to a deviation of 1, whatever the weights.",
    )


def draw(numbers: Numbers) -> Any:
    scales = list(ends(numbers, "with"))
    shown = (0.3, 0.01)
    figure, (axes,) = experiment.panels(1, 3, size=(14, 4))
    for panel, scale in zip(axes, shown, strict=False):
        for name in ("with", "without"):
            course = numbers[name, scale]
            panel.plot(range(1, len(course) + 1), course, ".-", label=f"{name} batch norm")
        panel.set(xlabel="epoch", ylabel="training accuracy", title=f"deviation {scale:g}")
    for name in ("with", "without"):
        axes[2].semilogx(
            scales, list(ends(numbers, name).values()), "o-", label=f"{name} batch norm"
        )
    axes[2].set(
        xlabel="deviation of the first weights", ylabel="training accuracy", title="at the end"
    )
    for panel in axes:
        panel.set_ylim(0, 1.05)
    axes[1].legend(loc="center right")
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
