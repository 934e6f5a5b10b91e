"""Slices of the loss surface: along a line between two nets, and over a plane around one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import rng
from chainrule.data import Dataset
from chainrule.errors import RunError, import_extra, unknown
from chainrule.settings import count as checked_count
from chainrule.tensor import Tensor
from chainrule.train import Run
from chainrule.train.inference import evaluating
from chainrule.vis import canvas
from chainrule.vis.embedding import spread
from chainrule.vis.filters import initial_weights
from chainrule.vis.subject import Subject, check_run
from chainrule.writing import StrPath

Weights = Mapping[str, np.ndarray]

_BATCH = 500
_LEAST = 1e-6
"""Losses below this are drawn as this, for the scale of the plane is logarithmic."""


class _Loss:
    """The mean loss of a run's model on some samples, as a function of its weights."""

    def __init__(self, run: Any, data: Any, samples: int):
        self.run = check_run(run)
        whole = Subject.of(run).samples(data)
        self.data: Dataset = whole[spread(len(whole), samples)]
        self.inputs = [
            self.data.batch(np.arange(first, min(first + _BATCH, len(self.data))))
            for first in range(0, len(self.data), _BATCH)
        ]
        held = {path: leaf.data for path, leaf in run.model.named_parameters()}
        # Averaged weights, where the run has them, for these are what it predicts with.
        self.weights = {path: run.averages.get(path, array) for path, array in held.items()}

    def at(self, weights: Weights) -> float:
        total = 0.0
        with evaluating(self.run.model, weights):
            for x, y in self.inputs:
                total += float(self.run.loss(Tensor(np.asarray(self.run.model(x))), y)) * len(x)
        return total / len(self.data)


def loss_line(
    run: Run,
    start: Any = None,
    *,
    data: Any = None,
    points: int = 25,
    reach: tuple[float, float] = (-0.25, 1.25),
    samples: int = 500,
) -> tuple[np.ndarray, np.ndarray]:
    """The loss along the straight line from other weights (0) to the run's own (1), and beyond.

    Running statistics of norms stay those of the run.

    Args:
        run: what `fit`, `load_run` or `resume` gave.
        start: weights by path, or another run or model of the same shape; by default those with
            which the run began, see `initial_weights`.
        data: a Dataset or a pair; by default what the run was validated on, or its test part.
        points: how many.
        reach: where the line begins and ends.
        samples: how many to measure the loss on, at most, spread over the data.

    Shape: places (points,), losses (points,).

    Raises:
        DtypeError: it is no run.
        OptionError: weights of another model, or fewer than 2 points.
        RunError: the weights with which the run began are not known.

    Reference: Goodfellow, Vinyals and Saxe, "Qualitatively characterizing neural network
    optimization problems", ICLR 2015.
    """
    checked_count("loss_line", "points", points, 2)
    loss = _Loss(run, data, samples)
    first = _weights_of(run, start)
    missing = next((path for path in loss.weights if path not in first), None)
    if missing is not None:
        raise unknown("parameter", missing, first)
    places = np.linspace(*reach, points)
    losses = [
        loss.at({k: _between(first[k], w, share) for k, w in loss.weights.items()})
        for share in places
    ]
    return places, np.array(losses)


def _weights_of(run: Run, start: Any) -> Weights:
    if start is None:
        return initial_weights(run)
    if isinstance(start, Mapping):
        return start
    return Subject.of(start).model.state_dict()


def _between(first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
    return ((1 - share) * np.asarray(first, np.float64) + share * last).astype(last.dtype)


def random_direction(weights: Weights, seed: int = 0) -> dict[str, np.ndarray]:
    """A random direction in which each filter is as long as that of the weights.

    d = normal numbers, each filter (what leads to one unit) scaled to |d| = |w|; biases and the
    scales of norms do not move. So steps mean the same for nets whose weights differ in scale.

    Reference: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural
    nets", NeurIPS 2018, section 4.

    >>> w = {"weight": np.array([[3.0, 4.0], [0.0, 2.0]]), "bias": np.ones(2)}
    >>> d = random_direction(w)
    >>> np.linalg.norm(d["weight"], axis=1).round(6).tolist(), d["bias"].tolist()
    ([5.0, 2.0], [0.0, 0.0])
    """
    key = rng.key(seed)
    made = {}
    for number, (path, array) in enumerate(weights.items()):
        made[path] = np.zeros(np.shape(array))
        if np.ndim(array) > 1:
            drawn = rng.normal(rng.fold_in(key, number), np.shape(array), np.float64)
            made[path] = drawn * (_lengths(np.asarray(array)) / _lengths(drawn))
    return made


def _lengths(array: np.ndarray) -> np.ndarray:
    """The length of each filter, (units, 1, ...)."""
    axes = tuple(range(1, array.ndim))
    return np.sqrt(np.square(array, dtype=np.float64).sum(axis=axes, keepdims=True))


def loss_plane(
    run: Run,
    *,
    data: Any = None,
    points: int = 15,
    reach: float = 1.0,
    samples: int = 500,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The loss around the run's weights: losses[i, j] at w + places[j] d + places[i] e.

    The directions d and e are random, see `random_direction`. Running statistics of norms stay.

    Args:
        run: what `fit`, `load_run` or `resume` gave.
        data: a Dataset or a pair; by default what the run was validated on, or its test part.
        points: along each direction.
        reach: how far to both sides; at 1 a step is as long as the weights themselves.
        samples: how many to measure the loss on, at most, spread over the data.
        seed: of the directions.

    Shape: places (points,), losses (points, points).

    Raises:
        DtypeError: it is no run.
        OptionError: fewer than 2 points.
    """
    checked_count("loss_plane", "points", points, 2)
    loss = _Loss(run, data, samples)
    one, other = (random_direction(loss.weights, 2 * seed + i) for i in range(2))
    places = np.linspace(-reach, reach, points)
    losses = np.empty((points, points))
    for row, up in enumerate(places):
        for column, across in enumerate(places):
            moved = {
                path: (array + across * one[path] + up * other[path]).astype(array.dtype)
                for path, array in loss.weights.items()
            }
            losses[row, column] = loss.at(moved)
    return places, losses


def surface(
    run: Run,
    start: Any = None,
    *,
    data: Any = None,
    points: int = 15,
    samples: int = 500,
    seed: int = 0,
    path: StrPath | None = None,
) -> Any:
    """Draw the loss from the first weights to the last, and on a plane around the last.

    Where the first weights are not known, the plane alone; see `loss_line` and `loss_plane`.

    Args:
        run: what `fit`, `load_run` or `resume` gave.
        start: weights by path, or another run, for the other end of the line.
        data: a Dataset or a pair; by default what the run was validated on, or its test part.
        points: along each direction of the plane.
        samples: how many to measure the loss on, at most.
        seed: of the directions.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        DtypeError: it is no run.
        OptionError: a start of another model, or fewer than 2 points.
        MissingExtraError: Matplotlib is not installed.
    """
    whole = Subject.of(check_run(run)).samples(data)
    try:
        line = loss_line(run, start, data=whole, samples=samples)
    except RunError:
        if start is not None:
            raise
        line = None
    places, losses = loss_plane(run, data=whole, points=points, samples=samples, seed=seed)
    sides = 1 if line is None else 2
    figure, (row,) = canvas.panels(1, sides, (5.4 * sides, 4.4))
    if line is not None:
        _draw_line(row[0], *line, "the first weights" if start is None else "the other ones")
    _draw_plane(figure, row[-1], places, losses)
    count = min(samples, len(whole))
    canvas.entitle(figure, f"the loss ({run.loss_name}) on {count:,} samples")
    return canvas.finished(figure, path)


def _draw_line(axes: Any, places: np.ndarray, losses: np.ndarray, name: str) -> None:
    axes.plot(places, losses, marker=".")
    for place in (0.0, 1.0):
        axes.axvline(place, color="0.6", linewidth=1, linestyle="--")
    axes.set_yscale("log")
    axes.set(xlabel=f"place on the line (0: {name}, 1: the run's)", ylabel="loss")
    axes.set_title(f"from {name} to the run's", fontsize=10)
    axes.grid(alpha=0.3)


def _draw_plane(figure: Any, axes: Any, places: np.ndarray, losses: np.ndarray) -> None:
    norms = import_extra("matplotlib.colors", extra="plot", purpose="drawing")
    finite = losses[np.isfinite(losses)]
    low = max(float(finite.min(initial=np.inf)), _LEAST) if finite.size else _LEAST
    # Levels have to rise, also where the loss is the same everywhere.
    levels = np.geomspace(low, max(float(finite.max(initial=0.0)), 1.01 * low), 25)
    values = np.ma.masked_invalid(np.maximum(losses, low))
    options = {"levels": levels, "cmap": canvas.AMOUNT, "norm": norms.LogNorm()}
    shown = axes.contourf(places, places, values, **options)
    shades = np.geomspace(levels[0], levels[-1], 6)
    bar = figure.colorbar(shown, ax=axes, label="loss", ticks=shades)
    bar.ax.set_yticklabels([f"{shade:.2g}" for shade in shades])
    bar.ax.minorticks_off()
    axes.plot(0, 0, "w+", markersize=12, markeredgewidth=2)
    axes.set(xlabel="along one random direction", ylabel="along another")
    axes.set_title("around the trained weights (+)", fontsize=10)
    ticks = [float(places[0]), 0.0, float(places[-1])]
    axes.set(aspect="equal", xticks=ticks, yticks=ticks)
