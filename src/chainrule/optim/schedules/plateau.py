"""Plateau: lower the learning rate when a figure no longer gets better."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.errors import unknown
from chainrule.settings import FRACTION, NOT_NEGATIVE, check_ranges, count, setting

_KINDS = ("relative", "absolute")


class Waiting(NamedTuple):
    """What `Plateau` knows after some epochs: numbers that JSON can hold."""

    factor: float = 1.0
    best: float | None = None
    bad: int = 0
    resting: int = 0


@dataclass(frozen=True)
class Plateau:
    """Multiply the rate by `factor` after more than `patience` epochs without improvement.

    An epoch is better when its figure `monitor` beats the best by more than `threshold`, as a
    share of the best or (threshold_kind="absolute") as a number. After a change, `cooldown` epochs
    are not counted. The whole factor never falls below `least`. PyTorch's ReduceLROnPlateau.

    Like a schedule it is a pure function, but of the figures: `after` gives the next state.

    Raises:
        OptionError: a value outside its range.

    >>> plateau, state = Plateau(factor=0.5, patience=1), Waiting()
    >>> for loss in (1.0, 1.0, 1.0, 0.9):
    ...     state = plateau.after(state, loss)
    ...     print(state.factor)
    1.0
    1.0
    0.5
    0.5
    """

    monitor: str = "val_loss"
    factor: float = setting(0.1, FRACTION)
    patience: int = 10
    threshold: float = setting(1e-4, NOT_NEGATIVE)
    threshold_kind: str = "relative"
    cooldown: int = 0
    least: float = setting(0.0, NOT_NEGATIVE)

    def __post_init__(self) -> None:
        check_ranges(self)
        count("Plateau", "patience", self.patience, least=0)
        count("Plateau", "cooldown", self.cooldown, least=0)
        if self.threshold_kind not in _KINDS:
            raise unknown("kind of threshold", self.threshold_kind, _KINDS)

    def after(self, state: Waiting, figure: float) -> Waiting:
        """The state after one more epoch."""
        best, bad, resting, factor = state.best, state.bad + 1, state.resting, state.factor
        if self._better(figure, best):
            best, bad = figure, 0
        if resting > 0:
            resting, bad = resting - 1, 0
        if bad > self.patience:
            factor, bad, resting = max(factor * self.factor, self.least), 0, self.cooldown
        return Waiting(factor, best, bad, resting)

    def _better(self, figure: float, best: float | None) -> bool:
        if best is None:
            return not math.isnan(figure)
        margin = self.threshold * (best if self.threshold_kind == "relative" else 1.0)
        return figure > best + margin if "accuracy" in self.monitor else figure < best - margin
