"""The learning-rate range finder: train for a moment at ever larger rates, and look at the loss."""

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn, optim, rng
from chainrule.data import Loader, as_dataset
from chainrule.errors import DataError, OptionError, import_extra
from chainrule.optim import Optimizer
from chainrule.settings import FRACTION, POSITIVE, count, number
from chainrule.train.augmenting import check_pictures, next_batch
from chainrule.train.info import DataInfo
from chainrule.train.plot import kept
from chainrule.train.run import Run
from chainrule.train.settings import Settings
from chainrule.train.step import Batch, StepError

_RUN_AWAY = 1.5
"""A loss so many times the first has run away; how far does not matter."""

_TOO_HIGH = 4.0
"""The search ends where the smoothed loss is so many times its lowest."""


@dataclass(frozen=True)
class RateRange:
    """What the range finder saw.

    Attributes:
        rates: the learning rates that were tried, from low to high.
        losses: the loss of the batch before each step.
        smoothed: their moving average, to both sides.
        suggestion: the rate at which the smoothed loss falls fastest.
        lowest: the rate at which the smoothed loss is lowest, which is already too large.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def lowest(self) -> float:
        return float(self.rates[np.argmin(self.smoothed)])

    @property
    def suggestion(self) -> float:
        falling = np.gradient(self.smoothed)[: int(np.argmin(self.smoothed)) + 1]
        return float(self.rates[np.argmin(falling)])

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw loss against rate; gives the Matplotlib figure, and writes it to `path`.

        Raises:
            MissingExtraError: Matplotlib is not installed.
        """
        figures = import_extra("matplotlib.figure", extra="plot", purpose="plotting")
        figure = figures.Figure(figsize=(6, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="0.75", linewidth=1, label="each batch")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        for rate, name in ((self.suggestion, "steepest"), (self.lowest, "lowest")):
            axes.axvline(rate, linestyle=":", color="0.3")
            axes.annotate(
                f"{name} {rate:.2g}",
                (rate, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
            )
        axes.set_xscale("log")
        # What has run away may leave the picture.
        axes.set_ylim(0, 1.2 * _RUN_AWAY * float(self.losses[0]))
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left")
        return kept(figure, path)


def find_lr(
    model: nn.Module,
    data: Any,
    *,
    loss: str | Callable | None = None,
    optimizer: str | Optimizer = "adam",
    rates: tuple[float, float] = (1e-6, 10.0),
    steps: int = 100,
    smoothing: float = 0.8,
    **settings: Any,
) -> RateRange:
    """Try learning rates from low to high, a step each, on a copy of the model.

    They grow by the same factor from step to step. The search ends early where the loss has
    run away. The model itself stays as it is. (Smith, "Cyclical learning rates for training neural
    networks", 2017.)

    Args:
        model: see `chainrule.fit`.
        data: see `chainrule.fit`.
        loss: see `chainrule.fit`.
        optimizer: see `chainrule.fit`; its own rate does not matter, but for the ratios of groups.
        rates: the first and the last.
        steps: how many rates.
        smoothing: the share of the neighbours in the moving average of the losses.
        settings: batch_size=100, seed=0, ...: see `chainrule.train.Settings`.

    Raises:
        OptionError: a value outside its range.
        DataError: even the first steps give no finite loss.

    >>> from chainrule import data, nn
    >>> model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    >>> found = find_lr(model, data.moons(), batch_size=20)
    >>> 1e-3 < found.suggestion < found.lowest
    True
    """
    low, high = rates
    for value in rates:
        number("find_lr", "a rate", value, POSITIVE)
    number("find_lr", "smoothing", smoothing, FRACTION)
    if count("find_lr", "steps", steps, least=2) and low >= high:
        raise OptionError(f"find_lr: rates is {rates!r}; the first must be smaller than the last.")
    train_data = as_dataset(data)
    chosen = optim.by_name(optimizer) if isinstance(optimizer, str) else optimizer
    # The copy holds the weights and buffers that the model had; nothing is to be put back.
    run = Run(copy.deepcopy(model), loss, chosen, Settings.of(settings), DataInfo.of(train_data))
    check_pictures(run, train_data)
    run.model.train()
    key = rng.key(run.settings.seed)
    batches = _endless(run, Loader(train_data, run.settings.batch_size, key=key))
    tried = np.geomspace(low, high, steps)
    losses = _losses(run, batches, tried, smoothing)
    if len(losses) < 3:
        raise DataError(
            f"find_lr: after {len(losses)} steps from the rate {low:g} the loss is no longer "
            "finite. Begin with a smaller one, or look at the data."
        )
    # Forward and back again: an average of the past alone would show the fall where it is over.
    # What has run away is held in bounds, or its size would reach far back.
    held = np.minimum(losses, _RUN_AWAY * losses[0]).tolist()
    smoothed = _averages(_averages(held, smoothing)[::-1], smoothing)[::-1]
    return RateRange(tried[: len(losses)], np.array(losses), np.array(smoothed))


def _endless(run: Run, loader: Loader) -> Iterator[Batch]:
    """The batches of one epoch after the other."""
    size = loader.batch_size
    for epoch in itertools.count():
        order = loader.order(epoch)
        for first in range(0, len(order), size):
            yield next_batch(run, loader.dataset, order[first : first + size])


def _losses(run: Run, batches: Iterator[Batch], rates: np.ndarray, smoothing: float) -> list[float]:
    """The loss before the step with each rate, until its average runs away."""
    losses: list[float] = []
    with np.errstate(all="ignore"):
        for rate in rates.tolist():
            try:
                loss, _ = run.stepper([next(batches)], rate)
            except StepError:
                break
            losses.append(loss)
            averages = _averages(losses, smoothing)
            if averages[-1] > _TOO_HIGH * min(averages):
                break
    return losses


def _averages(values: Sequence[float], smoothing: float) -> list[float]:
    """The exponential moving average after each value, of what has come so far alone."""
    averages, mean, weight = [], 0.0, 0.0
    for value in values:
        mean = smoothing * mean + (1 - smoothing) * value
        weight = smoothing * weight + (1 - smoothing)
        averages.append(mean / weight)
    return averages
