"""The ways of SGD, momentum, AdaGrad and Adam through two valleys.

    python examples/trajectories.py [FOLDER] [--quick]

A bowl twenty times longer than wide, x^2/20 + y^2, and Rosenbrock's valley that bends,
(1 - x)^2 + 100 (y - x^2)^2 ("An automatic method for finding the greatest or least value of a
function", 1960). Each optimizer takes the best of several learning rates.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import optim

OPTIMIZERS = {
    "SGD": optim.SGD(),
    "momentum": optim.Momentum(),
    "AdaGrad": optim.AdaGrad(),
    "Adam": optim.Adam(),
}
RATES = (3.0, 1.5, 0.95, 0.7, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4)


def bowl(point: Any) -> Any:
    return point[0] ** 2 / 20 + point[1] ** 2


def rosenbrock(point: Any) -> Any:
    return (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2


class Way(NamedTuple):
    """Where an optimizer went at its best rate, (steps + 1, 2), and the values there."""

    rate: float
    points: np.ndarray
    values: np.ndarray


class Valley(NamedTuple):
    """A function, where to start, how many steps to take, and the part of the plane to show."""

    function: Callable
    start: tuple[float, float]
    steps: int
    across: tuple[float, float]
    up: tuple[float, float]


VALLEYS = {
    "bowl": Valley(bowl, (-7.0, 2.0), 40, (-8, 4), (-3, 4)),
    "Rosenbrock": Valley(rosenbrock, (-1.2, 1.0), 500, (-2, 2), (-1, 4)),
}


def measure(quick: bool = False) -> dict[str, dict[str, Way]]:
    """The way of each optimizer in each valley."""
    rates = RATES[::2] if quick else RATES
    return {
        name: {what: best_way(valley, optimizer, rates) for what, optimizer in OPTIMIZERS.items()}
        for name, valley in VALLEYS.items()
    }


def best_way(valley: Valley, optimizer: optim.Optimizer, rates: Sequence[float]) -> Way:
    ways = [walk(valley, replace(optimizer, lr=rate)) for rate in rates]
    finite = [way for way in ways if np.isfinite(way.values).all()]
    return min(finite, key=lambda way: way.values[-1])


def walk(valley: Valley, optimizer: optim.Optimizer) -> Way:
    point = np.array(valley.start)
    state = optimizer.start(point)
    slope = cr.grad(valley.function)
    points = [point]
    # A rate that is too large leads to infinity, which `best_way` leaves out.
    with np.errstate(all="ignore"):
        for _ in range(valley.steps):
            point, state = optimizer.step(point, slope(point), state)
            points.append(point)
        values = valley.function(np.array(points).T)
    return Way(optimizer.lr, np.array(points), values)


def finding(ways: dict[str, dict[str, Way]]) -> experiment.Finding:
    bowl, bent = (
        ", ".join(f"{way.values[-1]:.1g} for {what}" for what, way in ways[name].items())
        for name in VALLEYS
    )
    return (
        f"In the straight valley x^2/20 + y^2 AdaGrad, which divides each coordinate by its own "
        f"slopes, goes down best: after {VALLEYS['bowl'].steps} steps the values are {bowl}.",
        f"In Rosenbrock's, which bends, the memory of past slopes carries momentum and Adam along "
        f"the floor: after {VALLEYS['Rosenbrock'].steps} steps the values are {bent}, each at its "
        "best learning rate.",
    )


def draw(ways: dict[str, dict[str, Way]]) -> Any:
    figure, axes = experiment.panels(1, 3, size=(14, 4.2))
    for panel, (name, valley) in zip(axes[0], VALLEYS.items(), strict=False):
        x, y = np.meshgrid(np.linspace(*valley.across, 150), np.linspace(*valley.up, 150))
        heights = valley.function(np.stack([x, y]))
        panel.contour(x, y, heights, np.geomspace(0.05, heights.max(), 10), colors="0.8")
        for what, way in ways[name].items():
            label = f"{what}, lr {way.rate:g}"
            panel.plot(*way.points.T, ".-", markersize=3, linewidth=1, label=label)
        panel.set(xlabel="x", ylabel="y", title=name, xlim=valley.across, ylim=valley.up)
        panel.legend(fontsize=8, ncols=2, loc="upper center")
    for what, way in ways["Rosenbrock"].items():
        axes[0, 2].semilogy(way.values, label=what)
    axes[0, 2].set(xlabel="step", ylabel="value", title="Rosenbrock: value by step")
    axes[0, 2].legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Way]]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
