"""sweep: search for the best parameters of a training, or of any function."""

import contextlib
import dataclasses
import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chainrule.errors import OptionError, RunError, unknown
from chainrule.tune.outcome import Sweep, outcome_of, short
from chainrule.tune.space import Domain, read_domain
from chainrule.tune.study import (
    Plan,
    Progress,
    check_same,
    next_trial,
    open_study,
    queue,
    quiet_optuna,
    run_trial,
)
from chainrule.tune.training import Training

Objective = Callable[..., float]


@dataclasses.dataclass(frozen=True)
class _Work:
    """All that a worker needs."""

    objective: Objective
    space: dict[str, Domain]
    fixed: dict[str, Any]
    plan: Plan
    larger_is_better: bool

    def facts(self) -> dict[str, Any]:
        """What must be the same for results to stand side by side."""
        of_training = isinstance(self.objective, Training)
        return {
            "space": {name: str(domain) for name, domain in self.space.items()},
            "fixed values": {name: str(value) for name, value in self.fixed.items()},
            "subject": str(self.objective) if of_training else "a function",
        }

    def __call__(self, parameters: Mapping[str, Any], progress: Progress) -> float:
        whole = {**self.fixed, **parameters}
        if _takes_progress(self.objective):
            return self.objective(whole, progress)
        return self.objective(whole)


def sweep(
    what: str | Training | Objective,
    space: Mapping[str, Any],
    *,
    goal: str | None = None,
    **plan: Any,
) -> Sweep:
    """Search for the best parameters, and give the outcome.

    Random search beats a grid where few of the parameters matter: nine points of a 3 x 3 grid try
    three values of each, nine random points nine (Bergstra and Bengio, "Random search for
    hyper-parameter optimization", 2012).

    A search that has a storage goes on where it was when it is called again, also after it was
    killed, and up to more trials. The workers of several machines may share a database.

    Args:
        what: a data set's name or path, or a `chainrule.tune.Training`, to train models with the
            parameters that `chainrule train` takes; or a function of a dict of parameters that
            gives the figure. It may take a second argument, whose `report(figure, step)` says
            whether there is no hope, and whose `prune()` then ends the trial.
        space: for each parameter a range or choices, as text ("log:1e-4..1e-1", "relu|tanh"), as a
            list of choices, or a `chainrule.tune` domain; anything else is fixed at that value. For
            text see `chainrule.tune.space`.
        goal: "min" or "max" of a function's figure; by default "min". A training knows.
        plan: method="random", trials, workers=1, storage, pruner="none", seed=0, ...: see
            `chainrule.tune.Plan`.

    Raises:
        OptionError: an unknown name, or a value outside its range.
        RunError: the storage cannot be opened, holds another search, or a worker died.
        MissingExtraError: Optuna is not installed.

    >>> found = sweep(lambda p: (p["x"] - 1) ** 2, {"x": "-2..2/5"}, method="grid", show=False)
    >>> found.best.parameters, found.best.figure
    ({'x': 1}, 0.0)
    """
    known = [field.name for field in dataclasses.fields(Plan)]
    for name in plan:
        if name not in known:
            raise unknown("option of a sweep", name, known)
    checked = Plan(**plan)
    domains = {name: read_domain(value) for name, value in space.items()}
    searched = {name: domain for name, domain in domains.items() if domain is not None}
    fixed = {name: space[name] for name, domain in domains.items() if domain is None}
    if not searched:
        raise OptionError(
            "there is nothing to search: give a range such as lr='log:1e-4..1e-1', or choices such "
            "as activation='relu|tanh'."
        )
    objective = Training(what) if isinstance(what, str) else what
    if isinstance(objective, Training):
        objective.check(space)
    larger = _larger_is_better(objective, goal)
    metric = objective.metric if isinstance(objective, Training) else "figure"
    with quiet_optuna(), _shared(checked) as shared:
        work = _Work(objective, searched, fixed, shared, larger)
        study = open_study(shared, larger)
        check_same(study, shared, work.facts())
        queue(study, searched, shared)
        interrupted = _search(work, study)
        return outcome_of(study, searched, metric, larger_is_better=larger, interrupted=interrupted)


def _larger_is_better(objective: Any, goal: str | None) -> bool:
    if isinstance(objective, Training):
        if goal is not None:
            raise OptionError(f"goal is {goal!r}, but a training knows its own. Leave it out.")
        return objective.larger_is_better
    if not callable(objective):
        raise OptionError(
            f"sweep: got {objective!r}; expected a data set's name, a Training, or a function of "
            "a dict of parameters."
        )
    if goal not in (None, "min", "max"):
        raise unknown("goal", goal, ("min", "max"))
    return goal == "max"


def _takes_progress(objective: Objective) -> bool:
    parameters = inspect.signature(objective).parameters.values()
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters) > 1


@contextlib.contextmanager
def _shared(plan: Plan) -> Iterator[Plan]:
    """The plan, with a storage that all workers reach: where none is named, a file for a while."""
    if plan.workers == 1 or plan.storage is not None:
        yield plan
        return
    with tempfile.TemporaryDirectory() as folder:
        yield dataclasses.replace(plan, storage=Path(folder) / "sweep.journal")


def _search(work: _Work, study: Any) -> bool:
    """Do the trials that wait in the study; whether Ctrl-C ended it."""
    if work.plan.workers == 1:
        return _take_trials(work, study, 0)
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise OptionError(
            f"the function cannot be sent to other processes ({error}). Define it at the top of a "
            "module, or take workers=1."
        ) from None
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_worker, args=(work, number), daemon=True)
        for number in range(work.plan.workers)
    ]
    for worker in workers:
        worker.start()
    interrupted = _wait(workers)
    dead = [worker for worker in workers if worker.exitcode not in (0, _INTERRUPTED)]
    if dead and not interrupted:
        raise RunError(
            f"{len(dead)} of {len(workers)} workers died (exit status {dead[0].exitcode}); what is "
            "done is kept. Search again, and the rest is done."
        )
    return interrupted or any(worker.exitcode == _INTERRUPTED for worker in workers)


_INTERRUPTED = 130


def _wait(workers: list[Any]) -> bool:
    """Wait for the workers; hand Ctrl-C on to them, for it may have come to this process alone."""
    interrupted = False
    while any(worker.is_alive() for worker in workers):
        try:
            for worker in workers:
                worker.join()
        except KeyboardInterrupt:
            alive = [worker for worker in workers if worker.is_alive()]
            for worker in alive:
                os.kill(worker.pid, signal.SIGTERM if interrupted else signal.SIGINT)
            interrupted = True
    return interrupted


def _worker(work: _Work, number: int) -> None:
    """A process of its own that takes trials from the shared storage."""
    try:
        with quiet_optuna():
            study = open_study(work.plan, work.larger_is_better)
            interrupted = _take_trials(work, study, number)
    except KeyboardInterrupt:
        interrupted = True
    sys.exit(_INTERRUPTED if interrupted else 0)


def _take_trials(work: _Work, study: Any, number: int) -> bool:
    try:
        while (trial := next_trial(study, work.plan, number)) is not None:
            said = run_trial(study, trial, work.space, work)
            if work.plan.show:
                chosen = ", ".join(f"{n} {short(v)}" for n, v in trial.params.items())
                sys.stderr.write(f"trial {trial.number}: {said}  ({chosen})\n")
    except KeyboardInterrupt:
        return True
    return False
