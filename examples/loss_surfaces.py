"""Squared error against cross-entropy on a classifier: their surfaces, and descent on them.

    python examples/loss_surfaces.py [FOLDER] [--quick]

One logistic unit with a weight and a bias parts two classes of numbers. The slope of (s - y)^2 has
a factor s (1 - s), which is nearly 0 where the unit is sure, also where it is surely wrong; that of
the cross-entropy has not, and its surface is convex everywhere.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import nn, optim, random

START = np.array([-6.0, 3.0])
"""A weight and a bias that call nearly all samples what they are not, and are sure of it."""
LOSSES = ("squared error", "cross-entropy")
REACH = 9.0


def samples() -> tuple[np.ndarray, np.ndarray]:
    """Twenty numbers of each class, which overlap a little."""
    x = random.normal(random.key(0), (2, 20), np.float64) + np.array([[-1.5], [1.5]])
    return x.ravel(), np.repeat([0.0, 1.0], 20)


def losses() -> dict[str, Callable]:
    """Functions of (weight, bias)."""
    x, y = samples()
    return {
        LOSSES[0]: lambda p: nn.mse(cr.sigmoid(p[0] * x + p[1]), y),
        LOSSES[1]: lambda p: nn.binary_cross_entropy(p[0] * x + p[1], y),
    }


class Surface(NamedTuple):
    """A loss on a grid, the least curvature at each point, and where descent went."""

    values: np.ndarray
    curvature: np.ndarray
    way: np.ndarray
    way_values: np.ndarray
    slope_at_start: float

    @property
    def dented(self) -> float:
        """The share of the grid where the surface curves downwards in some direction."""
        return float(np.mean(self.curvature < -1e-9))


def grid(points: int) -> tuple[np.ndarray, np.ndarray]:
    side = np.linspace(-REACH, REACH, points)
    across, up = np.meshgrid(side, side)
    return across, up


def measure(quick: bool = False) -> dict[str, Surface]:
    points, steps = (21, 200) if quick else (61, 200)
    return {name: survey(loss, points, steps) for name, loss in losses().items()}


def survey(loss: Callable, points: int, steps: int) -> Surface:
    across, up = grid(points)
    places = np.stack([across.ravel(), up.ravel()], axis=1)
    values = cr.vmap(loss)(places)
    hessians = cr.vmap(cr.hessian(loss))(places)
    curvature = np.linalg.eigvalsh(hessians)[:, 0]
    way = descend(loss, steps)
    return Surface(
        values.reshape(across.shape),
        curvature.reshape(across.shape),
        way,
        cr.vmap(loss)(way),
        float(np.linalg.norm(cr.grad(loss)(START))),
    )


def descend(loss: Callable, steps: int) -> np.ndarray:
    sgd = optim.SGD(lr=1.0)
    point, state = START, sgd.start(START)
    way = [point]
    for _ in range(steps):
        point, state = sgd.step(point, cr.grad(loss)(point), state)
        way.append(point)
    return np.array(way)


def accuracy(point: np.ndarray) -> float:
    x, y = samples()
    return float(np.mean((point[0] * x + point[1] > 0) == y))


def finding(surfaces: dict[str, Surface]) -> experiment.Finding:
    squared, entropy = (surfaces[name] for name in LOSSES)
    reached = [accuracy(surface.way[-1]) for surface in (squared, entropy)]
    return (
        f"From a start that is surely wrong the slope of the squared error is "
        f"{squared.slope_at_start:.2g} and that of the cross-entropy {entropy.slope_at_start:.2g}; "
        f"after {len(squared.way) - 1} steps the one has an accuracy of {reached[0]:.2f}, the "
        f"other of {reached[1]:.2f}.",
        f"The squared error curves downwards on {squared.dented:.0%} of the plane shown and is "
        f"flat at its rim, the cross-entropy on {entropy.dented:.0%}.",
    )


def draw(surfaces: dict[str, Surface]) -> Any:
    figure, (axes,) = experiment.panels(1, 3, size=(14, 4.2))
    for panel, (name, surface) in zip(axes, surfaces.items(), strict=False):
        across, up = grid(len(surface.values))
        shades = panel.contourf(across, up, surface.values, levels=14, cmap="Blues")
        figure.colorbar(shades, ax=panel)
        if surface.dented:
            panel.contour(across, up, surface.curvature, [-1e-9], colors="C1", linestyles="solid")
            panel.plot([], color="C1", label="convex within")
        panel.plot(*surface.way.T, "k.-", markersize=3, linewidth=1, label="descent")
        panel.plot(*START, "ks", label="start")
        title = f"{name}: convex on {1 - surface.dented:.0%} of the plane"
        panel.set(xlabel="weight", ylabel="bias", title=title)
        panel.legend(loc="lower right")
    for name, surface in surfaces.items():
        axes[2].plot(surface.way_values / surface.way_values[0], label=name)
    axes[2].set(xlabel="step", ylabel="loss / loss at the start", title="descent, lr 1")
    axes[2].legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, Surface]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
