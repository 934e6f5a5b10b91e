"""What a search found: its trials, the best of them, a table and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chainrule.errors import RunError, import_extra
from chainrule.train.plot import kept
from chainrule.tune.space import Choice, Space
from chainrule.tune.study import ERROR, optuna_package

_STATES = MappingProxyType(
    {
        "COMPLETE": "done",
        "PRUNED": "pruned",
        "FAIL": "failed",
        "RUNNING": "running",
        "WAITING": "waiting",
    }
)
_PANELS = 7


@dataclass(frozen=True)
class Trial:
    """One trial: its number, parameters, state, figure (None unless done), seconds, and error."""

    number: int
    parameters: dict[str, Any]
    state: str
    figure: float | None
    seconds: float | None
    error: str | None


@dataclass(frozen=True)
class Sweep:
    """The outcome of a search.

    Attributes:
        trials: all of them, in the order of their numbers.
        larger_is_better: which figures are better.
        space: what was looked through.
        interrupted: whether Ctrl-C ended it.
        metric: what the figure is.
    """

    trials: tuple[Trial, ...]
    larger_is_better: bool
    space: Space
    interrupted: bool
    metric: str

    @property
    def done(self) -> list[Trial]:
        """The trials that have a figure, the best first."""
        done = [trial for trial in self.trials if trial.figure is not None]
        sign = -1 if self.larger_is_better else 1
        return sorted(done, key=lambda trial: (sign * (trial.figure or 0.0), trial.number))

    @property
    def best(self) -> Trial:
        """The trial with the best figure.

        Raises:
            RunError: no trial is done.
        """
        if self.done:
            return self.done[0]
        errors = [trial.error for trial in self.trials if trial.error]
        why = f" The first to fail says: {errors[0]}" if errors else ""
        raise RunError(f"none of {len(self.trials)} trials is done.{why}")

    def table(self, most: int = 10) -> str:
        """The best trials, a line each, and how many there are of each state."""
        names = list(self.space)
        rows = [["trial", self.metric, *names]]
        rows += [
            [str(t.number), f"{t.figure:.6g}", *(short(t.parameters[name]) for name in names)]
            for t in self.done[:most]
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        counts = [(state, sum(t.state == state for t in self.trials)) for state in _STATES.values()]
        listed = ", ".join(f"{number} {state}" for state, number in counts if number)
        return "\n".join([*lines, "", f"{len(self.trials)} trials: {listed or 'none'}"])

    def to_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        trials = [
            {**vars(trial), "parameters": {n: _plain(v) for n, v in trial.parameters.items()}}
            for trial in self.trials
        ]
        best = self.done[0].number if self.done else None
        return {"metric": self.metric, "best": best, "trials": trials}

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the figures in their order, and against each parameter; a Matplotlib figure.

        Raises:
            MissingExtraError: Matplotlib is not installed.
            RunError: no trial is done.
        """
        best = self.best
        figures = import_extra("matplotlib.figure", extra="plot", purpose="plotting")
        names = list(self.space)[: _PANELS - 1]
        figure = figures.Figure(figsize=(3.4 * (1 + len(names)), 3.4), layout="constrained")
        panels = figure.subplots(1, 1 + len(names), sharey=True, squeeze=False)[0]
        done = sorted(self.done, key=lambda trial: trial.number)
        self._plot_course(panels[0], done)
        for axes, name in zip(panels[1:], names, strict=True):
            _plot_parameter(axes, name, self.space[name], done, best)
        panels[0].set_ylabel(self.metric)
        return kept(figure, path)

    def _plot_course(self, axes: Any, done: list[Trial]) -> None:
        """The figures by trial, and the best so far."""
        figures = [trial.figure or 0.0 for trial in done]
        choose = max if self.larger_is_better else min
        best = [choose(figures[: i + 1]) for i in range(len(figures))]
        numbers = [trial.number for trial in done]
        axes.plot(numbers, figures, "o", color="0.6", markersize=4)
        axes.step(numbers, best, where="post", label="best so far")
        axes.set_xlabel("trial")
        axes.grid(alpha=0.3)
        axes.legend()


def _plot_parameter(axes: Any, name: str, domain: Any, done: list[Trial], best: Trial) -> None:
    """The figures against one parameter, the best marked."""
    values = [trial.parameters[name] for trial in done]
    chosen = best.parameters[name]
    if isinstance(domain, Choice):
        places = [domain.options.index(value) for value in values]
        chosen = domain.options.index(chosen)
        axes.set_xticks(range(len(domain.options)), domain.labels, rotation=30)
    else:
        places = values
        if domain.log:
            axes.set_xscale("log")
    axes.plot(places, [trial.figure for trial in done], "o", color="0.6", markersize=4)
    axes.plot(
        [chosen], [best.figure], "o", color="C3", label=f"best: {short(best.parameters[name])}"
    )
    axes.set_xlabel(name)
    axes.grid(alpha=0.3)
    axes.legend()


def outcome_of(
    study: Any, space: Space, metric: str, *, larger_is_better: bool, interrupted: bool
) -> Sweep:
    """Read the trials out of a study."""
    failed = optuna_package().trial.TrialState.FAIL
    trials = [
        _trial(frozen, space)
        for frozen in study.get_trials(deepcopy=False)
        # Those that were cut short are queued again under another number.
        if frozen.state != failed or ERROR in frozen.user_attrs
    ]
    return Sweep(tuple(trials), larger_is_better, space, interrupted, metric)


def _trial(frozen: Any, space: Space) -> Trial:
    stored: Mapping[str, Any] = frozen.params or frozen.system_attrs.get("fixed_params", {})
    done = frozen.state.name == "COMPLETE"
    return Trial(
        frozen.number,
        {name: space[name].value(value) for name, value in stored.items() if name in space},
        _STATES[frozen.state.name],
        frozen.value if done else None,
        None if frozen.duration is None else frozen.duration.total_seconds(),
        frozen.user_attrs.get(ERROR),
    )


def short(value: Any) -> str:
    """A value in a few characters.

    >>> short(0.123456), short((25, 25))
    ('0.1235', '(25, 25)')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
