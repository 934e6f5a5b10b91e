"""The training loop: epochs of steps, with progress, callbacks, checkpoints and interruption."""

import functools
import itertools
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import rng
from chainrule.data import Loader
from chainrule.errors import NonFiniteError, OptionError, RunError
from chainrule.optim.schedules import Schedule
from chainrule.train import folder as files
from chainrule.train.augmenting import next_batch
from chainrule.train.callbacks import Callback
from chainrule.train.compiled import CompiledSteps
from chainrule.train.compiling import compiled_steps
from chainrule.train.diagnose import explain_not_finite
from chainrule.train.inference import decide, true_ids
from chainrule.train.mixup import mixed_batches
from chainrule.train.plot import plot_if_possible
from chainrule.train.progress import Progress, Silence
from chainrule.train.step import Batch, StepError
from chainrule.train.threads import suited_to

if TYPE_CHECKING:
    from chainrule.train.run import Run

NO_TOTALS = MappingProxyType({"loss": 0.0, "correct": 0, "samples": 0, "seconds": 0.0})
_SHUFFLE = 1
"""What the run's key is folded with to give the key of the batches' order; 2 is in `step`."""
_MIXING = 3
"""Likewise, to give the key of mixup."""


class _Interrupt:
    """Hears Ctrl-C and lets the step in progress finish; a second Ctrl-C stops at once.

    Where the process was told to ignore Ctrl-C, as a background job is, it stays so.
    """

    def __init__(self) -> None:
        self.asked = False
        self.before: Any = None

    def __enter__(self) -> "_Interrupt":
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if threading.current_thread() is threading.main_thread() and not ignored:
            self.before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def train(run: "Run") -> None:
    """Train until the epochs are done, a callback stops the run, or Ctrl-C is pressed.

    Raises:
        OptionError: the schedule ends before the run, at 0.
        NonFiniteError: the loss, a gradient or an update became NaN or infinite. The model keeps
            the weights from before that step, and the last checkpoint stays.
        RunError: the first checkpoint cannot be written.
    """
    data, settings = run.data, run.settings
    if data is None:
        raise RunError("this run has no training data.")
    key = rng.fold_in(rng.key(settings.seed), _SHUFFLE)
    loader = Loader(data, settings.batch_size, key=key)
    _check_schedule(run, len(data))
    make = Progress if settings.show else Silence
    progress = make(settings.epochs, len(loader), len(data))
    saver = _Saver(run)
    run.interrupted = False
    run.model.train()
    _call(run, "on_start")
    threads = suited_to(run.model, settings.batch_size)
    with threads, _Interrupt() as interrupt, np.errstate(all="ignore"):
        saver.begin()
        progress.wait_for("compiling the training step ...")
        compiled = compiled_steps(run, data, loader)
        progress.wait_for("")
        while run.epoch < settings.epochs and run.stopped is None and not interrupt.asked:
            _epoch(run, _Steps(run, loader, compiled), progress, saver, interrupt)
        saver.save()
    run.interrupted = interrupt.asked and run.epoch < settings.epochs and run.stopped is None
    if run.stopped:
        progress.say(f"stopped after epoch {run.epoch}: {run.stopped}")
    if run.interrupted:
        go_on = files.resume_command(run.folder) if run.folder else "run.resume()"
        place = f"epoch {run.epoch + 1}, after batch {run.batch} of {len(loader)}"
        progress.say(f"interrupted in {place}; go on with {go_on}")
    _call(run, "on_end")
    saver.plot()


def _check_schedule(run: "Run", samples: int) -> None:
    """Refuse steps that would change nothing, as when a run gets more epochs than it began with."""
    schedule, steps = run.settings.schedule, run.settings.steps_in_epoch(samples)
    last = run.settings.epochs * steps - 1
    if isinstance(schedule, Schedule) and last >= run.step and schedule(last) == 0:
        raise OptionError(
            f"the schedule has brought the learning rate to 0 at the last of {last + 1} steps, "
            "where nothing is learnt any more. It is laid over the epochs that a run begins with: "
            "begin a new run, or give the schedule an end above 0."
        )


def _call(run: "Run", hook: str) -> None:
    for callback in run.callbacks:
        getattr(callback, hook)(run)


class _Saver:
    """Writes checkpoints; a disk that fills up does not end the training."""

    def __init__(self, run: "Run"):
        self.run = run
        self.began = time.monotonic()
        self.drawn = len(run.history)

    def due(self) -> bool:
        seconds = self.run.settings.checkpoint_seconds
        return self.run.folder is not None and time.monotonic() - self.began >= seconds

    def begin(self) -> None:
        """Write a checkpoint before the first step, so that a bad folder is met at the door.

        Raises:
            RunError: it cannot be written.
        """
        if self.run.folder is not None and self.run.saved_at != self.run.position:
            self._write(self.run.folder)

    def save(self) -> None:
        """Write the checkpoint and the history, unless they stand there already."""
        run = self.run
        if run.folder is not None and run.saved_at != run.position:
            self.began = time.monotonic()
            run.unsaved = run.attempt(functools.partial(self._write, run.folder))

    def _write(self, folder: Path) -> None:
        self.run.save_last()
        files.write_history(folder, self.run.history)
        self.run.saved_at = self.run.position

    def plot(self) -> None:
        """Draw the history if it grew; the numbers are there all the same."""
        run = self.run
        if run.folder is None or len(run.history) == self.drawn or run.unsaved is not None:
            return
        try:
            plot_if_possible(run.history, run.folder)
        # A picture is not worth a trained model, whatever a plotting library may stumble over.
        except Exception as error:
            warnings.warn(f"the history is not drawn: {error}", RuntimeWarning, stacklevel=1)


def _steppers(run: "Run") -> list[Callback]:
    """The callbacks that want to hear of every step."""
    return [c for c in run.callbacks if type(c).on_step is not Callback.on_step]


class _Steps:
    """The steps of an epoch: many at a time where they are compiled, one by one where not."""

    def __init__(self, run: "Run", loader: Loader, compiled: CompiledSteps | None):
        self.run = run
        self.batches = len(loader)
        self.loader = loader
        self.compiled = compiled
        self.full = len(loader.dataset) // loader.batch_size if compiled else 0
        self.order = loader.order(run.epoch)
        self.hooks = _steppers(run)
        self._eager: Iterator[list[Batch]] | None = None

    def advance(self) -> None:
        """Do one step or several, and add what they gave to the run's totals."""
        for callback in self.hooks:
            callback.on_step(self.run)
        compiled = self.compiled if self.run.batch < self.full else None
        if compiled is None or not self._advance_compiled(compiled):
            self._advance_eagerly()

    def _advance_compiled(self, compiled: CompiledSteps) -> bool:
        """Whether compiled steps were done; where one went wrong, eager ones will say what."""
        run, size = self.run, self.loader.batch_size
        steps = 1 if self.hooks else min(compiled.chunk(), self.full - run.batch)
        rows = self.order[run.batch * size : (run.batch + steps) * size]
        results = compiled(rows, run.rates(steps))
        if results is None:
            self.full = 0
            return False
        self._eager = None
        run.totals["samples"] += steps * size
        run.totals["correct"] += int(results.correct.sum())
        for loss in results.losses.tolist():
            # One by one: the last bits must not depend on how many steps were done in one call.
            run.totals["loss"] += loss * size
        run.batch += steps
        return True

    def _advance_eagerly(self) -> None:
        run = self.run
        if self._eager is None:
            self._eager = self._groups()
        group = next(self._eager)
        loss, outputs = _step(run, group)
        for (x, y), output in zip(group, outputs, strict=True):
            run.totals["samples"] += len(x)
            if run.info.classes:
                run.totals["correct"] += int(np.count_nonzero(decide(output) == true_ids(y)))
        run.totals["loss"] += loss * sum(len(x) for x, _ in group)
        run.batch += len(group)

    def _groups(self) -> Iterator[list[Batch]]:
        """The batches of each update, from where the run is in the epoch."""
        run = self.run
        size, together = self.loader.batch_size, run.settings.accumulate
        firsts = range(run.batch * size, len(self.order), size)
        batches: Iterator[Batch] = (
            next_batch(run, self.loader.dataset, self.order[first : first + size], place % together)
            for place, first in enumerate(firsts)
        )
        alpha = run.settings.mixup
        if alpha:
            key = rng.fold_in(rng.fold_in(rng.key(run.settings.seed), _MIXING), run.epoch)
            batches = mixed_batches(batches, key, run.batch, alpha, len(run.info.classes))
        while group := list(itertools.islice(batches, together)):
            yield group


def _epoch(
    run: "Run", steps: _Steps, progress: Progress, saver: _Saver, interrupt: _Interrupt
) -> None:
    """Train one epoch, or the rest of one."""
    began = time.monotonic() - run.totals["seconds"]
    progress.start_epoch(run.batch)
    while run.batch < steps.batches:
        steps.advance()
        run.totals["seconds"] = time.monotonic() - began
        if interrupt.asked:
            break
        if progress.due():
            progress.update(run.epoch + 1, run.batch, _means(run))
        if saver.due():
            saver.save()
    if run.batch < steps.batches:
        return
    _finish_epoch(run, progress)
    saver.save()


def _means(run: "Run") -> dict[str, float | None]:
    totals = run.totals
    accuracy = totals["correct"] / totals["samples"] if run.info.classes else None
    return {"loss": totals["loss"] / totals["samples"], "accuracy": accuracy}


def _finish_epoch(run: "Run", progress: Progress) -> None:
    """Evaluate, write the epoch's row, and let the callbacks see it."""
    began = time.monotonic()
    row: dict[str, Any] = {"epoch": run.epoch + 1, **_means(run)}
    if run.validation is not None:
        result = run.evaluate(run.validation)
        row |= {"val_loss": result.loss, "val_accuracy": result.accuracy}
    row |= _objective(run)
    seconds = run.totals["seconds"] + time.monotonic() - began
    figures = {name: value for name, value in row.items() if name != "epoch"}
    row |= {"lr": run.lr, "step": run.step, "seconds": round(seconds, 3)}
    run.history.append(row)
    run.observe(row)
    run.epoch += 1
    run.batch = 0
    run.totals = dict(NO_TOTALS)
    progress.end_epoch(run.epoch, seconds, figures)
    _call(run, "on_epoch")


def _objective(run: "Run") -> dict[str, float]:
    """What the weights cost, and where it is asked for the cost on the training data."""
    row = {"penalty": run.penalty()} if run.stepper.penalties else {}
    if run.settings.measure_cost and run.data is not None:
        cost = run.cost(run.data)
        row |= {"cost": cost, "objective": cost + row.get("penalty", 0.0)}
    return row


def _step(run: "Run", group: list[Batch]) -> tuple[float, list[np.ndarray]]:
    try:
        return run.stepper(group, run.lr)
    except StepError as trouble:
        if trouble.what == "update":
            name = type(run.optimizer).__name__
            where = f"The gradient is finite, and the learning rate of {name} is {run.lr:g}."
        else:
            with run.stepper.trial():
                where = explain_not_finite(run.model, run.loss, trouble.batches)
        kept = f" The last checkpoint in {run.folder} is good." if run.folder else ""
        raise NonFiniteError(
            f"the {trouble.what} became NaN or infinite at step {run.step + 1} "
            f"(epoch {run.epoch + 1}, batch {run.batch + 1}). {where} The model keeps its weights "
            f"from before this step.{kept}"
        ) from None
