"""Whether a run's steps are compiled, and by what."""

from typing import TYPE_CHECKING

import numpy as np

from chainrule import compiler
from chainrule.data import Dataset, Loader
from chainrule.errors import NonFiniteError, OptionError
from chainrule.train.compiled import CompiledSteps
from chainrule.train.threads import free_processors, step_operations

if TYPE_CHECKING:
    from chainrule.train.run import Run

_WORTH_SECONDS = 1.0
"""With compile="auto", a run that would take less than this is not worth compiling."""
_STEP_SECONDS, _FLOPS_A_SECOND = 150e-6, 2e10
"""What an eager step costs about: so much, and so long for its arithmetic."""
_CALLS = 5
"""How often steps are timed; the quickest call was disturbed the least."""
_A_THREAD = 4e6
"""Operations of a step for which one more thread is worth its waiting: some 20 microseconds."""


def compiled_steps(run: "Run", data: Dataset, loader: Loader) -> CompiledSteps | None:
    """The run's steps as machine code, where that is wanted and possible.

    Raises:
        MissingExtraError: compile=True without llvmlite.
        OptionError: compile=True with a setting that only eager steps know.
        TraceError: compile=True, and the model or the loss cannot be traced.
    """
    wanted = run.settings.compile
    if wanted is False or (wanted == "auto" and not _is_worth_it(run, loader)):
        return None
    reason = _obstacle(run, data)
    if reason:
        if wanted is True:
            raise OptionError(f"compile=True does not go with {reason}. Use compile='auto'.")
        return None
    try:
        return CompiledSteps(run, data, threads_for(run))
    # The user's own code is traced, and may stumble in its own way over values without numbers.
    except Exception:
        if wanted is True:
            _try_eagerly(run, data)
            raise
        return None


def _try_eagerly(run: "Run", data: Dataset) -> None:
    """Run the model on a full batch, for where it is wrong itself it says so in better words."""
    x, y = data.batch(np.arange(run.settings.batch_size))
    with run.stepper.trial():
        run.loss(run.model(x), y)


def _is_worth_it(run: "Run", loader: Loader) -> bool:
    if not compiler.available():
        return False
    operations = step_operations(run.model, run.settings.batch_size)
    steps = run.settings.epochs * len(loader)
    return steps * (_STEP_SECONDS + operations / _FLOPS_A_SECOND) > _WORTH_SECONDS


def _obstacle(run: "Run", data: Dataset) -> str:
    """What about a run only eager steps can do; empty where there is nothing."""
    settings = run.settings
    if settings.accumulate > 1:
        return f"accumulate={settings.accumulate}"
    if settings.mixup:
        return f"mixup={settings.mixup}"
    if len(data) < settings.batch_size:
        return f"{len(data)} samples, fewer than one batch of {settings.batch_size}"
    return ""


def threads_for(run: "Run") -> int:
    """How many threads share a step: as asked for, or as many as are ours and worth it."""
    asked = run.settings.threads
    if asked is not None:
        return asked
    operations = step_operations(run.model, run.settings.batch_size)
    return min(free_processors(), max(1, int(operations / _A_THREAD)))


def report_of(run: "Run", data: Dataset, threads: int) -> "compiler.Report":
    """What the compiler makes of a run's step.

    Raises:
        OptionError: a setting that only eager steps know.
    """
    _refuse_eager(run, data)
    return compiler.Report(CompiledSteps(run, data, threads).program)


def profile_of(run: "Run", data: Dataset, steps: int) -> "compiler.Profile":
    """How long the groups of a run's step take, after so many steps that are undone.

    Raises:
        OptionError: a setting that only eager steps know.
        NonFiniteError: the steps do not go well.
    """
    _refuse_eager(run, data)
    arrays, state = run.checkpoint()
    run.model.train()
    try:
        compiled = CompiledSteps(run, data, threads=1)
        size, full = run.settings.batch_size, len(data) // run.settings.batch_size
        rows = np.arange(steps * size) % (full * size)
        seconds = []
        for _ in range(_CALLS):
            if compiled(rows, run.rates(steps)) is None:
                raise NonFiniteError("the steps that were to be timed gave NaN or infinity.")
            seconds.append(compiled.seconds_a_step)
        return compiler.Profile(compiled.program, min(seconds))
    finally:
        run.restore(arrays, state)


def _refuse_eager(run: "Run", data: Dataset) -> None:
    reason = _obstacle(run, data)
    if reason:
        raise OptionError(f"a run with {reason} is not compiled, so there is nothing to show.")
