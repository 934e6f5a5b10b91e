"""Training as what a search tries: a model trained from parameters by name."""

import ast
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from chainrule import models, optim
from chainrule.data import Dataset
from chainrule.errors import OptionError, unknown
from chainrule.settings import Range, number
from chainrule.train import Callback, Run, Settings, Source, fit
from chainrule.train.callbacks import column

_OPTIMIZER = "optimizer."
_WORDS = (
    "model",
    "activation",
    "init",
    "norm",
    "optimizer",
    "wrap",
    "loss",
    "schedule",
    "penalize",
)
"""Parameters whose texts are names; the texts of others are numbers or lists of them."""

_NOT_SEARCHED = ("show", "source", "checkpoint_seconds")
_SHARE = Range(0.0, 1.0, low_included=False)


class _Reporter(Callback):
    """Tells the search of each epoch, and ends the run when it sees no hope."""

    def __init__(self, metric: str, progress: Any):
        self.metric = metric
        self.progress = progress

    def on_epoch(self, run: Run) -> None:
        if self.progress.report(column(run.history[-1], self.metric), run.epoch):
            run.stop(_PRUNED)


_PRUNED = "the search sees no hope for it"


class Training:
    """Train a model on a data set with the parameters of a trial; the figure is of validation.

    The validation part is held out of the training part: the test part takes no part in a search.

    Args:
        data: a data set's name or a path; see `chainrule.train.Source`.
        metric: a column of the history; by default val_accuracy for classes, else val_loss.
        hold_out: the share of the training part to validate on.
        cache: the folder in which data sets are kept; the user's cache by default.

    Raises:
        OptionError: no such data, or a share outside its range.

    >>> training = Training("moons")
    >>> training.metric
    'val_accuracy'
    >>> training.check(["lr", "hidden", "optimizer.beta1"])
    """

    def __init__(
        self,
        data: str,
        metric: str | None = None,
        hold_out: float = 0.2,
        cache: str | Path | None = None,
    ):
        self.data = data
        self.cache = cache
        self.hold_out = number("Training", "hold_out", hold_out, _SHARE)
        self.parts = self._open(flatten=True)
        self.metric = metric or ("val_accuracy" if self.parts[0].classes else "val_loss")

    def _open(self, flatten: bool) -> tuple[Dataset, Dataset]:
        train, _ = Source(self.data).open(flatten=flatten, cache=self.cache)
        return train.split(self.hold_out, seed=0)

    @property
    def larger_is_better(self) -> bool:
        return "accuracy" in self.metric

    def __str__(self) -> str:
        return f"{self.metric} on {self.hold_out:g} of {self.data}"

    def __reduce__(self) -> tuple:
        # Workers read the data themselves: a data set may be larger than what a pipe likes.
        return Training, (self.data, self.metric, self.hold_out, self.cache)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The parameters that it takes, beside `optimizer.` and a setting of the optimizer."""
        settings = [f.name for f in fields(Settings) if f.name not in _NOT_SEARCHED]
        return ("model", *_model_options("mlp"), *_OF_STEPS, *settings)

    def check(self, names: Iterable[str]) -> None:
        """Refuse parameters that it does not take.

        Raises:
            OptionError: an unknown name.
        """
        for name in names:
            if name not in self.names() and not name.startswith(_OPTIMIZER):
                raise unknown("parameter of a training", name, (*self.names(), f"{_OPTIMIZER}..."))

    def __call__(self, parameters: Mapping[str, Any], progress: Any) -> float:
        """Train once; the figure of the last epoch.

        Raises:
            OptionError: an unknown name, or a value outside its range.
            NonFiniteError: the loss, a gradient or an update became NaN or infinite.
        """
        self.check(parameters)
        given = {name: _read(name, value) for name, value in parameters.items()}
        name = given.pop("model", "mlp")
        pictures = models.takes_pictures(name)
        train, validation = self._open(flatten=False) if pictures else self.parts
        model = models.fitting(
            name,
            train,
            **{name: given.pop(name) for name in _model_options("mlp") if name in given},
        )
        run = fit(
            model,
            train,
            loss=given.pop("loss", None),
            optimizer=_optimizer(given),
            validation=validation,
            callbacks=[_Reporter(self.metric, progress)],
            show=False,
            **given,
        )
        if run.interrupted:
            raise KeyboardInterrupt
        if run.stopped == _PRUNED:
            progress.prune()
        if not run.history:
            raise OptionError("epochs is 0; a search needs 1 or more to have a figure.")
        return run.history[-1][self.metric]


_OF_STEPS = ("optimizer", "lr", "weight_decay", "wrap", "loss")


def _model_options(model: str) -> list[str]:
    known = inspect.signature(getattr(models, model)).parameters
    return [name for name in known if name not in ("in_features", "classes")]


def _read(name: str, value: Any) -> Any:
    """A parameter's value, where it came as text."""
    if not isinstance(value, str) or name in _WORDS:
        return value
    try:
        read = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        if name.startswith(_OPTIMIZER):
            return value
        raise OptionError(f"{name} is {value!r}; expected a number.") from None
    return (read,) if name == "hidden" and isinstance(read, int) else read


def _optimizer(given: dict[str, Any]) -> Any:
    """The optimizer, made of the parameters that concern it, which are taken out."""
    inside = [name for name in given if name.startswith(_OPTIMIZER)]
    options = {name.removeprefix(_OPTIMIZER): given.pop(name) for name in inside}
    options |= {name: given.pop(name) for name in ("lr", "weight_decay") if name in given}
    optimizer = optim.by_name(given.pop("optimizer", "adam"), **options)
    wrapper = given.pop("wrap", None)
    return optimizer if wrapper is None else optim.wrap(optimizer, wrapper)
