"""Pieces of behaviour that a training run calls at certain moments.

A callback is any object of a subclass of `Callback`; each hook gets the run, from which it reads
(`run.epoch`, `run.step`, `run.history`, `run.model`) and on which it may act (`run.stop(reason)`,
`run.lr_factor = 0.5`).
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.errors import OptionError, RunError
from chainrule.train.folder import write_text

if TYPE_CHECKING:
    from chainrule.train.run import Run


class Callback:
    """Hooks that do nothing; override those that you need."""

    def on_start(self, run: "Run") -> None:
        """Training begins or goes on."""

    def on_step(self, run: "Run") -> None:
        """Before each update; slow work here slows every step."""

    def on_epoch(self, run: "Run") -> None:
        """An epoch is over and its row stands in `run.history`."""

    def on_end(self, run: "Run") -> None:
        """Training is over, stopped or interrupted."""

    def options(self) -> dict[str, Any]:
        """What a callback of this package is made with, so that `resume` makes it again."""
        return {}

    def state(self) -> dict[str, Any]:
        """What must be kept over an interruption, as JSON can hold it."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""


def column(row: Mapping[str, Any], name: str) -> float:
    """The figure of an epoch in a column of the history.

    Raises:
        OptionError: the history has no such column.
    """
    value = row.get(name)
    if value is None:
        known = ", ".join(other for other, entry in row.items() if entry is not None)
        raise OptionError(
            f"the history has no column {name!r}; it has {known}. "
            "Columns that begin with val_ need fit(..., validation=...)."
        )
    return value


class Monitor:
    """Follows one column of the history and knows whether it got better."""

    def __init__(self, column: str, min_delta: float = 0.0):
        self.column = column
        self.min_delta = min_delta
        self.larger_is_better = "accuracy" in column
        self.best: float | None = None

    def better(self, row: dict[str, Any]) -> bool:
        """Whether this row is the best so far; remembers it if so.

        Raises:
            OptionError: the history has no such column.
        """
        value = column(row, self.column)
        gain = value - self.best if self.best is not None else None
        if gain is not None:
            gain = gain if self.larger_is_better else -gain
        if gain is None or gain > self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping(Callback):
    """Stop when a figure has not improved for `patience` epochs.

    Reference: Prechelt, "Early stopping, but when?" (1998).

    Raises:
        OptionError: patience below 1, or no such figure in the history.

    >>> EarlyStopping(patience=2).monitor.column
    'val_loss'
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 3, min_delta: float = 0.0):
        if patience < 1:
            raise OptionError(f"EarlyStopping: patience is {patience}; expected 1 or more epochs.")
        self.monitor = Monitor(monitor, min_delta)
        self.patience = patience
        self.waited = 0

    def on_epoch(self, run: "Run") -> None:
        if self.monitor.better(run.history[-1]):
            self.waited = 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(f"{self.monitor.column} has not improved for {self.waited} epochs")

    def options(self) -> dict[str, Any]:
        return {
            "monitor": self.monitor.column,
            "patience": self.patience,
            "min_delta": self.monitor.min_delta,
        }

    def state(self) -> dict[str, Any]:
        return {"waited": self.waited, "best": self.monitor.best}

    def load_state(self, state: dict[str, Any]) -> None:
        self.waited, self.monitor.best = state["waited"], state["best"]


class BestCheckpoint(Callback):
    """Keep the checkpoint of the best epoch as best.npz in the run folder.

    A run with a folder and validation data has one of these by itself.

    >>> BestCheckpoint("val_accuracy").monitor.larger_is_better
    True
    """

    def __init__(self, monitor: str = "val_loss"):
        self.monitor = Monitor(monitor)

    def on_epoch(self, run: "Run") -> None:
        if self.monitor.better(run.history[-1]):
            run.attempt(run.save_best)

    def options(self) -> dict[str, Any]:
        return {"monitor": self.monitor.column}

    def state(self) -> dict[str, Any]:
        return {"best": self.monitor.best}

    def load_state(self, state: dict[str, Any]) -> None:
        self.monitor.best = state["best"]


class Schedule(Callback):
    """Set the learning rate: at step t it is the optimizer's own times `factor(t)`.

    Steps count from 1.

    >>> half_each_thousand = Schedule(lambda step: 0.5 ** (step // 1000))
    """

    def __init__(self, factor: Callable[[int], float]):
        self.factor = factor

    def on_step(self, run: "Run") -> None:
        run.lr_factor = float(self.factor(run.step + 1))


class HistoryLines(Callback):
    """Write the history to a file of JSON lines after each epoch; the file is always whole.

    >>> HistoryLines("history.jsonl").path.name
    'history.jsonl'
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_epoch(self, run: "Run") -> None:
        text = "".join(json.dumps(row) + "\n" for row in run.history)
        run.attempt(functools.partial(write_text, self.path, text))

    def options(self) -> dict[str, Any]:
        return {"path": str(self.path)}


_KNOWN: Mapping[str, type[Callback]] = MappingProxyType(
    {kind.__name__: kind for kind in (BestCheckpoint, EarlyStopping, HistoryLines)}
)
"""The callbacks that `resume` makes again by itself."""


def take_up(kept: list, given: Sequence[Callback] | None) -> list[Callback]:
    """The callbacks of an interrupted run, as they were.

    Args:
        kept: what the checkpoint has of each: its class, its options, its state.
        given: the same callbacks, or None to make them again.

    Raises:
        RunError: one cannot be made again, or others are given.
    """
    names = [name for name, _, _ in kept]
    again = {
        i: _KNOWN[name](**options) for i, (name, options, _) in enumerate(kept) if name in _KNOWN
    }
    if given is None and len(again) < len(kept):
        raise RunError(
            f"the run was made with the callbacks {', '.join(names)}, not all of which can be made "
            "again from its folder. Give the same ones: callbacks=[...]."
        )
    chosen = list(again.values()) if given is None else list(given)
    own = [type(callback).__name__ for callback in chosen]
    if own != names and "BestCheckpoint" in names and "BestCheckpoint" not in own:
        # `fit` adds it by itself.
        chosen.insert(names.index("BestCheckpoint"), again[names.index("BestCheckpoint")])
        own = [type(callback).__name__ for callback in chosen]
    if own != names:
        raise RunError(
            f"the run was made with the callbacks {', '.join(names) or '(none)'}, now given are "
            f"{', '.join(own) or '(none)'}. Give the same ones in the same order, so that they go "
            "on where they were."
        )
    for callback, (_, _, state) in zip(chosen, kept, strict=True):
        callback.load_state(state)
    return chosen
