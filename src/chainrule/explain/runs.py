"""Explaining a step of a run: its model, its data, its optimizer's state at any step."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Affine, Dataset, as_dataset
from chainrule.errors import OptionError, RunError
from chainrule.explain.api import explain
from chainrule.explain.builder import Origin
from chainrule.explain.document import Report
from chainrule.train import Run
from chainrule.train.callbacks import Callback
from chainrule.train.inference import prepared
from chainrule.train.loop import train
from chainrule.train.objective import CUSTOM

_STATE = "optimizer/"
"""How a checkpoint names the optimizer's state."""


def explain_run(
    run: Run,
    sample: int | Sequence[int] = 0,
    *,
    data: Any = None,
    step: int | None = None,
    **options: Any,
) -> Report:
    """Explain the run's next step, or another one, as if its batch were the given samples.

    Args:
        run: what `fit`, `load_run` or `resume` gave.
        sample: the place of a sample in the data, or several for a batch.
        data: a Dataset or a pair (x, y); by default the data that the run was validated on, else
            its training data, else the test part of its source.
        step: the number of the step, from 1; by default the next one. For another, the run is
            trained again from its beginning up to that step, in the same order of samples.
        options: lang, detail, weight: see `explain`.

    Raises:
        OptionError: no such sample or step.
        RunError: the data is not known.

    >>> from chainrule import data, fit, nn
    >>> model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> run = fit(model, data.gate("xor"), epochs=3, batch_size=4, show=False)
    >>> explain_run(run, 1, step=2).right
    True
    """
    chosen = _data(run, data)
    places = [sample] if isinstance(sample, (int, np.integer)) else list(sample)
    for place in places:
        if not 0 <= place < len(chosen):
            raise OptionError(
                f"sample is {place}, and {chosen.name!r} has {len(chosen):,} samples; expected 0 "
                f"to {len(chosen) - 1}."
            )
    at = run if step is None or step == run.step + 1 else replayed(run, step)
    indices = np.asarray(places)
    x, y = chosen.batch(indices)
    scaled = chosen.transform != Affine.identity()
    origin = Origin(
        raw=chosen.x.take(indices, axis=0) if scaled else None,
        scale=chosen.transform.scale,
        shift=chosen.transform.shift,
        image_shape=_image(chosen),
        classes=chosen.classes,
    )
    return explain(
        at.model,
        x,
        y,
        loss=at.loss if at.loss_name == CUSTOM else at.loss_name,
        optimizer=at.optimizer,
        step=at.step + 1,
        memory=memory_of(at),
        lr=at.lr,
        settings=at.settings,
        keyed=at.stepper.keyed,
        origin=origin,
        **options,
    )


def _data(run: Run, data: Any) -> Dataset:
    if data is not None:
        return prepared(data, run.info)
    known = run.validation if run.validation is not None else run.data
    return known if known is not None else run.reopen()[1]


def _image(data: Dataset) -> tuple[int, int] | None:
    """Rows and columns of grey pictures."""
    shape = data.image_shape
    if shape is None or math.prod(shape[:-2]) != 1:
        return None
    return shape[-2], shape[-1]


def memory_of(run: Run) -> dict[str, dict[str, np.ndarray]]:
    """The optimizer's state of a run, by path and name."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, array in run.stepper.arrays().items():
        if name.startswith(_STATE):
            path, _, key = name.removeprefix(_STATE).rpartition("/")
            found.setdefault(path, {})[key] = array
    return found


class _ReachedError(Exception):
    """The step that was asked for comes next."""


class _Until(Callback):
    """Ends training before a step."""

    def __init__(self, step: int):
        self.step = step

    def on_step(self, run: Run) -> None:
        if run.step + 1 >= self.step:
            raise _ReachedError


def replayed(run: Run, step: int) -> Run:
    """The run as it was before a step: trained again from its seed in the same order.

    Schedules and callbacks of your own take no part in it.

    Raises:
        OptionError: the step is below 1, or beyond the end of the run.
        RunError: the training data is not known.
    """
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        raise OptionError(f"step is {step!r}; expected an integer of 1 or more.")
    data = run.data if run.data is not None else as_dataset(run.reopen()[0])
    batches = math.ceil(len(data) / run.settings.batch_size / run.settings.accumulate)
    if step > batches * max(run.settings.epochs, 1):
        raise OptionError(
            f"step is {step}, and the run has {batches * run.settings.epochs:,} steps in all."
        )
    described = nn.to_config(run.model)
    if described is None:
        raise RunError(
            "the run's model is of a class of your own, so it cannot be made anew for an earlier "
            "step. Train it up to that step, and explain the run then."
        )
    again = Run(
        nn.from_config(described),
        run.loss if run.loss_name == CUSTOM else run.loss_name,
        run.optimizer,
        dataclasses.replace(run.settings, show=False),
        run.info,
    )
    again.data = data
    again.callbacks = [_Until(step)]
    try:
        train(again)
    except _ReachedError:
        return again
    raise RunError(f"the run ended at step {again.step}, before step {step}.")
