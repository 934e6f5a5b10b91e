"""Four linear layers without activations are one linear layer; with tanh between them they are not.

    python examples/linear_collapse.py [FOLDER] [--quick]

(x A^T + a) B^T + b = x (B A)^T + (B a + b), however many there are.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, nn, optim

CIRCLES = data.circles(400, noise=0.08)
WIDTHS = (2, 16, 16, 16, 2)


class Numbers(NamedTuple):
    """The two nets, the one layer, and how far its outputs are from the deep net's at most."""

    deep: nn.Sequential
    one: nn.Linear
    curved: nn.Sequential
    difference: float

    def accuracies(self) -> list[float]:
        models = (self.deep, self.one, self.curved)
        return [float(np.mean(classes(net, CIRCLES.x) == CIRCLES.y)) for net in models]


def measure(quick: bool = False) -> Numbers:
    epochs = 30 if quick else 100
    deep, curved = (train(nn.Sequential(*layers(kind)), epochs) for kind in (nn.Identity, nn.Tanh))
    one = nn.collapse(deep)
    gap = np.abs(deep(CIRCLES.x).numpy() - one(CIRCLES.x).numpy()).max()
    return Numbers(deep, one, curved, float(gap))


def layers(activation: type[nn.Module]) -> list[nn.Module]:
    found: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        found += [nn.Linear(inputs, outputs), activation()]
    return found[:-1]


def train(net: nn.Sequential, epochs: int) -> nn.Sequential:
    cr.fit(net, CIRCLES, optimizer=optim.Adam(lr=0.01), epochs=epochs, batch_size=50, show=False)
    return net


def classes(net: nn.Module, points: np.ndarray) -> np.ndarray:
    return cr.tensor(net(points)).numpy().argmax(axis=1)


def finding(numbers: Numbers) -> experiment.Finding:
    deep, one, curved = numbers.accuracies()
    count = len(WIDTHS) - 1
    return (
        f"{count} linear layers, {sum(p.size for p in numbers.deep.parameters())} parameters, are "
        f"one of {sum(p.size for p in numbers.one.parameters())}: its outputs differ by at most "
        f"{numbers.difference:.0e}, and no line parts the circles (accuracy {deep:.3f} and "
        f"{one:.3f}).",
        f"With tanh between the layers the same net gets {curved:.3f}: only what is not linear "
        "makes depth count.",
    )


def draw(numbers: Numbers) -> Any:
    figure, (axes,) = experiment.panels(1, 3, size=(12, 5))
    side = np.linspace(-1.5, 1.5, 161, dtype=np.float32)
    across, up = np.meshgrid(side, side)
    points = np.stack([across.ravel(), up.ravel()], axis=1)
    titles = ("four linear layers", "the one layer that they are", "four layers with tanh")
    models = (numbers.deep, numbers.one, numbers.curved)
    for panel, title, net in zip(axes, titles, models, strict=True):
        decided = classes(net, points).reshape(across.shape)
        panel.contourf(across, up, decided, levels=(-0.5, 0.5, 1.5), colors=("#dbe9f6", "#fde0c5"))
        for target in (0, 1):
            chosen = CIRCLES.x[CIRCLES.y == target]
            panel.plot(*chosen.T, ".", markersize=4, label=f"class {target}")
        panel.set(xlabel="first input", ylabel="second input", title=title, aspect="equal")
    axes[0].legend(loc="upper right")
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
