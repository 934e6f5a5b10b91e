"""The study: trials in Optuna's storage, which several processes fill."""

import contextlib
import importlib.util
import math
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from chainrule import rng
from chainrule.errors import (
    MissingExtraError,
    NonFiniteError,
    OptionError,
    RunError,
    import_extra,
    unknown,
)
from chainrule.settings import count
from chainrule.tune.space import Space, grid_points

OWN_METHODS = ("random", "grid")
_SAMPLERS = MappingProxyType({"tpe": "TPESampler", "cma_es": "CmaEsSampler", "gp": "GPSampler"})
_NEEDED = MappingProxyType({"cma_es": ("cmaes",), "gp": ("torch", "scipy")})
METHODS = (*OWN_METHODS, *_SAMPLERS)
_PRUNERS = MappingProxyType(
    {
        "none": "NopPruner",
        "median": "MedianPruner",
        "hyperband": "HyperbandPruner",
        "halving": "SuccessiveHalvingPruner",
    }
)
PRUNERS = tuple(_PRUNERS)
_DATABASES = (".db", ".sqlite", ".sqlite3")
_QUEUED, _OWNER, ERROR = "chainrule_queued", "chainrule_owner", "chainrule_error"


@dataclass(frozen=True)
class Plan:
    """How a search is done. Checked when made.

    Args:
        method: "random", "grid", or one of Optuna's samplers: "tpe", "cma_es", "gp".
        trials: how many, those that a study has already included; all points of a grid.
        workers: how many processes search at once.
        storage: where the results are kept: a file, as a journal (.journal, .log) or a database
            (.db, .sqlite), or the URL of a database; None to forget them.
        name: the study in that storage.
        pruner: "none", or what ends hopeless trials early: "median", "hyperband", "halving".
        seed: of the random numbers. Trial number i of a random search depends on it and on i alone.
        show: whether to say on standard error how each trial ended.

    Raises:
        OptionError: an unknown name or a value outside its range.
    """

    method: str = "random"
    trials: int | None = None
    workers: int = 1
    storage: str | Path | None = None
    name: str = "sweep"
    pruner: str = "none"
    seed: int = 0
    show: bool = True

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("search method", self.method, METHODS)
        if self.pruner not in _PRUNERS:
            raise unknown("pruner", self.pruner, _PRUNERS)
        if self.trials is not None:
            count("sweep", "trials", self.trials)
        count("sweep", "workers", self.workers)
        rng.key(self.seed)


def optuna_package() -> Any:
    """Optuna.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra("optuna", extra="tune", purpose="a sweep")


@contextlib.contextmanager
def quiet_optuna() -> Iterator[Any]:
    """Optuna, which says only what goes wrong while this is open: nothing of each trial."""
    optuna = optuna_package()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def open_storage(where: str | Path | None) -> Any:
    """The storage that a path or a URL names.

    Raises:
        RunError: it cannot be opened.
    """
    optuna = optuna_package()
    if where is None:
        return optuna.storages.InMemoryStorage()
    try:
        if "://" in str(where):
            return optuna.storages.RDBStorage(str(where))
        path = Path(where).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in _DATABASES:
            return optuna.storages.RDBStorage(f"sqlite:///{path}")
        journal = import_extra("optuna.storages.journal", extra="tune", purpose="a sweep")
        storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
        storage.get_all_studies()
    # What a database or a file that is none makes Optuna raise is of many kinds.
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise RunError(
            f"the storage {where} cannot be opened ({type(error).__name__}: {first}). Name a new "
            "file, or one that a sweep has written."
        ) from error
    return storage


def open_study(plan: Plan, larger_is_better: bool) -> Any:
    """The study of a plan, made where there is none yet.

    Raises:
        MissingExtraError: the method needs a package that is not installed.
        RunError: there is one in which smaller is better, or the other way round.
    """
    optuna = optuna_package()
    missing = [p for p in _NEEDED.get(plan.method, ()) if importlib.util.find_spec(p) is None]
    if missing:
        raise MissingExtraError(
            f"the method {plan.method!r} needs {missing[0]}, which is not installed. Install it "
            f"with: pip install {missing[0]}"
        )
    direction = "maximize" if larger_is_better else "minimize"
    study = optuna.create_study(
        storage=open_storage(plan.storage),
        study_name=plan.name,
        direction=direction,
        load_if_exists=True,
        pruner=getattr(optuna.pruners, _PRUNERS[plan.pruner])(),
    )
    if study.direction.name.lower() != direction:
        raise RunError(
            f"the study {plan.name!r} in {plan.storage} is to {study.direction.name.lower()} its "
            f"figure, and this search would {direction} it. Give it another name=..."
        )
    return study


def check_same(study: Any, plan: Plan, facts: Mapping[str, Any]) -> None:
    """Note what a study looks through, or refuse to mix it with something else.

    Raises:
        RunError: the study has other facts, or goes by another method.
    """
    for key, value in {**facts, "method": plan.method}.items():
        theirs = study.user_attrs.get(key)
        if theirs is None:
            study.set_user_attr(key, value)
        elif theirs != value:
            raise RunError(
                f"the study {plan.name!r} in {plan.storage} has the {key} {theirs}, and this "
                f"search has {value}. Give the same, or another name=..."
            )


def queue(study: Any, space: Space, plan: Plan) -> None:
    """Put trials that are still missing into the study, for workers to take.

    Raises:
        OptionError: no number of trials is given, and it is no grid.
    """
    _take_back(study)
    states = optuna_package().trial.TrialState
    known = [t for t in study.get_trials(deepcopy=False) if t.user_attrs.get(_QUEUED)]
    there = sum(trial.state != states.FAIL or ERROR in trial.user_attrs for trial in known)
    if plan.method == "grid":
        points = list(grid_points(space))[: plan.trials]
        missing = points[there:]
    elif plan.trials is None:
        raise OptionError("a sweep needs a number of trials, such as trials=20.")
    else:
        missing = [_proposed(space, plan, number) for number in range(there, plan.trials)]
    for parameters in missing:
        study.enqueue_trial(parameters, user_attrs={_QUEUED: True})


def _proposed(space: Space, plan: Plan, number: int) -> dict[str, Any]:
    """What is fixed of a trial before it begins: all in a random search, else nothing."""
    if plan.method != "random":
        return {}
    shares = rng.uniform(rng.fold_in(rng.key(plan.seed), number), (len(space),), float)
    return {
        name: domain.at(share)
        for (name, domain), share in zip(space.items(), shares.tolist(), strict=True)
    }


def _take_back(study: Any) -> None:
    """Queue again what a process of this machine was at when it died."""
    states = optuna_package().trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        host, _, process = trial.user_attrs.get(_OWNER, "").rpartition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            give_back(study, trial.number)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def give_back(study: Any, number: int) -> None:
    """End a trial that was cut short, and queue it again."""
    states = optuna_package().trial.TrialState
    trial = next(t for t in study.get_trials(deepcopy=False) if t.number == number)
    fixed = trial.system_attrs.get("fixed_params", {})
    study.tell(number, state=states.FAIL)
    study.enqueue_trial(fixed, user_attrs={_QUEUED: True})


def next_trial(study: Any, plan: Plan, worker: int) -> Any:
    """Take the next trial from the queue; None where there is none."""
    states = optuna_package().trial.TrialState
    if not study.get_trials(deepcopy=False, states=(states.WAITING,)):
        return None
    if plan.method in _SAMPLERS:
        study.sampler = _sampler(study, plan, worker)
    trial = study.ask()
    if not trial.user_attrs.get(_QUEUED):
        # Another worker took the last one between the two lines above.
        study.tell(trial, state=states.FAIL)
        return None
    trial.set_user_attr(_OWNER, f"{socket.gethostname()}:{os.getpid()}")
    return trial


def _sampler(study: Any, plan: Plan, worker: int) -> Any:
    """A sampler whose numbers depend on how far the study is, so that one worker can go on."""
    optuna = optuna_package()
    done = len(study.get_trials(deepcopy=False))
    waiting = len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)))
    key = rng.fold_in(rng.fold_in(rng.key(plan.seed), done - waiting), worker)
    return getattr(optuna.samplers, _SAMPLERS[plan.method])(seed=int(rng.bits(key, 1)[0] >> 32))


class Progress:
    """What an objective may tell the search about a trial that is under way."""

    def __init__(self, trial: Any):
        self.trial = trial

    def report(self, figure: float, step: int) -> bool:
        """Note the figure after so many steps or epochs; whether there is no hope for the trial."""
        self.trial.report(float(figure), step)
        return self.trial.should_prune()

    def prune(self) -> NoReturn:
        """End the trial as hopeless."""
        raise optuna_package().TrialPruned


def run_trial(
    study: Any, trial: Any, space: Space, work: Callable[[Mapping[str, Any], Progress], float]
) -> str:
    """Do one trial and tell the study how it ended; gives the same in words.

    Raises:
        KeyboardInterrupt: Ctrl-C; the trial is queued again.
    """
    optuna = optuna_package()
    states = optuna.trial.TrialState
    try:
        stored = {name: domain.suggest(trial, name) for name, domain in space.items()}
        values = {name: domain.value(stored[name]) for name, domain in space.items()}
        figure = float(work(values, Progress(trial)))
        if not math.isfinite(figure):
            raise NonFiniteError(f"the figure is {figure}")
    except KeyboardInterrupt:
        give_back(study, trial.number)
        raise
    except optuna.TrialPruned:
        study.tell(trial, state=states.PRUNED)
        return "pruned"
    # One trial that fails must not end the others; what it met is kept with it.
    except Exception as error:
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
        study.tell(trial, state=states.FAIL)
        return f"failed: {error}"
    study.tell(trial, figure)
    return f"{figure:.6g}"
