"""Searches: by every method, in several processes, kept, taken up, pruned; what goes wrong."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import MissingExtraError, OptionError, RunError
from chainrule.tune import METHODS, Training
from tests.tune import objectives

pytest.importorskip("optuna")
SPACE = {"x": "0.0..1.0", "y": "0.0..1.0"}


def sweep(*arguments: Any, **options: Any) -> cr.tune.Sweep:
    return cr.sweep(*arguments, **{"show": False, **options})


def numbers(found: cr.tune.Sweep) -> list[tuple]:
    return [tuple(trial.parameters.values()) for trial in found.trials]


def test_random_search_beats_grid_where_one_parameter_matters() -> None:
    """Nine trials each: the grid tries three values of the one that matters, random nine."""
    space = {"x": "0.0..1.0/3", "y": "0.0..1.0/3"}
    grid = sweep(objectives.one_matters, space, method="grid", goal="max")
    assert len(grid.trials) == 9
    assert len({trial.parameters["x"] for trial in grid.trials}) == 3
    best = []
    for seed in range(12):
        found = sweep(objectives.one_matters, space, trials=9, goal="max", seed=seed)
        assert len({trial.parameters["x"] for trial in found.trials}) == 9
        best.append(found.best.figure)
    assert np.mean(best) > 2 * grid.best.figure
    assert np.mean(np.array(best) > grid.best.figure) > 0.7


NEEDS = {"cma_es": "cmaes", "gp": "torch"}


@pytest.mark.parametrize(
    "method", ["random", "tpe", "cma_es", pytest.param("gp", marks=pytest.mark.slow)]
)
def test_every_method_finds_the_valley_again_and_again(method: str) -> None:
    assert method in METHODS
    if importlib.util.find_spec(NEEDS.get(method, "optuna")) is None:
        with pytest.raises(MissingExtraError, match=f"'{method}' needs {NEEDS[method]}"):
            sweep(objectives.parabola, SPACE, method=method, trials=2)
        return
    trials = 13 if method == "gp" else 30
    found, again = (
        sweep(objectives.parabola, SPACE, method=method, trials=trials, seed=2) for _ in range(2)
    )
    assert found.best.figure < 0.1
    assert numbers(found) == numbers(again)
    assert [trial.state for trial in found.trials] == ["done"] * trials
    figures = [trial.figure for trial in found.done]
    assert figures == sorted(figures)


@pytest.mark.parametrize("file", ["s.journal", "s.sqlite"])
def test_results_are_kept_and_a_search_goes_on(file: str, tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    whole = sweep(objectives.parabola, SPACE, trials=8)
    storage = tmp_path / "new folder" / file
    sweep(objectives.parabola, SPACE, trials=3, storage=storage)
    found = sweep(objectives.parabola, SPACE, trials=8, storage=storage)
    assert numbers(found) == numbers(whole)
    assert sweep(objectives.parabola, SPACE, trials=8, storage=storage).trials == found.trials
    if file.endswith("sqlite"):
        study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{storage}")
        assert study.best_value == found.best.figure


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    one = sweep(objectives.parabola, SPACE, trials=7)
    two = sweep(objectives.parabola, SPACE, trials=7, workers=2)
    assert numbers(one) == numbers(two)
    assert [t.figure for t in one.trials] == [t.figure for t in two.trials]


def test_a_trial_that_ctrl_c_cut_short_is_done_again(tmp_path: Path) -> None:
    space = {"x": "0.0..1.0", "flag": str(tmp_path / "calls")}
    storage = tmp_path / "s.journal"
    cut = sweep(objectives.interrupted_once, space, trials=6, storage=storage)
    assert cut.interrupted
    assert [t.state for t in cut.trials].count("done") == 2
    found = sweep(objectives.interrupted_once, space, trials=6, storage=storage)
    assert not found.interrupted
    expected = sweep(objectives.interrupted_once, space, trials=6)
    assert sorted(numbers(found)) == sorted(numbers(expected))


def test_a_trial_whose_process_was_killed_is_done_again(tmp_path: Path) -> None:
    space = {"x": "0.0..1.0", "flag": str(tmp_path / "killed")}
    storage = tmp_path / "s.journal"
    code = "import sys; from tests.tune import test_sweep; test_sweep.kill_me(*sys.argv[1:])"
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", code, str(storage), space["flag"]], cwd=root, check=False
    )
    assert killed.returncode < 0
    found = sweep(objectives.killed_once, space, trials=6, storage=storage)
    expected = sweep(objectives.killed_once, space, trials=6)
    assert sorted(numbers(found)) == sorted(numbers(expected))


def kill_me(storage: str, flag: str) -> None:
    sweep(objectives.killed_once, {"x": "0.0..1.0", "flag": flag}, trials=6, storage=storage)


def test_hopeless_trials_are_pruned() -> None:
    found = sweep(
        objectives.slow_down, {"level": [1, 2, 3, 4, 5, 90, 91, 92]}, method="grid", pruner="median"
    )
    states = {trial.parameters["level"]: trial.state for trial in found.trials}
    assert states[92] == "pruned"
    assert states[1] == "done"
    assert found.best.parameters == {"level": 1}


def test_a_trial_that_fails_does_not_end_the_others() -> None:
    def root(parameters: Any) -> float:
        if parameters["x"] < 0:
            raise ValueError("negative")
        return parameters["x"] if parameters["x"] else float("nan")

    found = sweep(root, {"x": [-1, 0, 1, 2]}, method="grid", goal="max")
    assert [trial.state for trial in found.trials] == ["failed", "failed", "done", "done"]
    assert found.trials[0].error == "ValueError: negative"
    assert "the figure is nan" in str(found.trials[1].error)
    assert found.best.figure == 2
    nothing = sweep(root, {"x": [-1]}, method="grid")
    with pytest.raises(RunError, match=r"none of 1 trials is done. The first to fail says: ValueE"):
        _ = nothing.best


def test_a_training_is_searched(tmp_path: Path) -> None:
    space = {
        "lr": "log:1e-3..1e-1",
        "hidden": "8|16,8",
        "optimizer": "adam|momentum(nesterov=True)",
        "activation": ["relu", "leaky_relu(0.2)"],
        "epochs": 2,
        "batch_size": "20",
        "schedule": "cosine",
    }
    found = sweep("moons", space, trials=4, pruner="median")
    assert found.metric == "val_accuracy"
    assert found.larger_is_better
    best = found.best
    data, _ = cr.train.Source("moons").open()
    train, validation = data.split(0.2, seed=0)
    hidden = tuple(map(int, best.parameters["hidden"].split(",")))
    model = cr.models.by_name(
        "mlp", in_features=2, classes=2, hidden=hidden, activation=best.parameters["activation"]
    )
    optimizer = cr.optim.by_name(best.parameters["optimizer"], lr=best.parameters["lr"])
    run = cr.fit(
        *(model, train),
        optimizer=optimizer,
        validation=validation,
        epochs=2,
        batch_size=20,
        schedule="cosine",
        show=False,
    )
    assert run.history[-1]["val_accuracy"] == best.figure


def test_the_table_and_the_document(tmp_path: Path) -> None:
    found = sweep(objectives.parabola, SPACE, trials=12)
    lines = found.table(most=3).splitlines()
    assert lines[0].split() == ["trial", "figure", "x", "y"]
    assert [int(line.split()[0]) for line in lines[1:4]] == [t.number for t in found.done[:3]]
    assert lines[-1] == "12 trials: 12 done"
    document = json.loads(json.dumps(found.to_dict()))
    assert document["best"] == found.best.number
    assert len(document["trials"]) == 12


def test_the_plot_shows_all_trials_and_marks_the_best(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    space = {"x": "0.0..1.0", "y": "log:1e-2..1.0", "kind": "a|b"}
    found = sweep(objectives.parabola, space, trials=12)
    figure = found.plot(tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    course, x, y, kind = figure.axes
    assert (
        list(course.get_lines()[1].get_ydata())
        == np.minimum.accumulate([t.figure for t in found.trials]).tolist()
    )
    assert list(x.get_lines()[0].get_xdata()) == [t.parameters["x"] for t in found.trials]
    assert x.get_lines()[1].get_xdata()[0] == found.best.parameters["x"]
    assert (x.get_xscale(), y.get_xscale()) == ("linear", "log")
    assert [tick.get_text() for tick in kind.get_xticklabels()] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((objectives.parabola, SPACE), {}, "a sweep needs a number of trials, such as trials=20"),
        ((objectives.parabola, SPACE), {"method": "grid"}, "a grid takes points of the range 0.0"),
        ((objectives.parabola, {"x": 1.0}), {"trials": 1}, "there is nothing to search"),
        ((objectives.parabola, SPACE), {"trials": 0}, "sweep: trials is 0; expected an integer"),
        ((objectives.parabola, SPACE), {"workers": 0}, "sweep: workers is 0; expected an integer"),
        ((objectives.parabola, SPACE), {"method": "ran"}, "unknown search method 'ran'. Did you m"),
        ((objectives.parabola, SPACE), {"pruner": "med"}, "unknown pruner 'med'. Did you mean 'me"),
        ((objectives.parabola, SPACE), {"trial": 1}, "unknown option of a sweep 'trial'. Did you"),
        ((objectives.parabola, SPACE), {"trials": 1, "goal": "high"}, "unknown goal 'high'"),
        ((3, SPACE), {"trials": 1}, "sweep: got 3; expected a data set's name"),
        (("moon", SPACE), {"trials": 1}, "unknown data set 'moon'. Did you mean 'moons'"),
        (("moons", SPACE), {"trials": 1}, "unknown parameter of a training 'x'"),
        (("moons", {"lr": "0.1..1.0"}), {"trials": 1, "goal": "min"}, "a training knows its own"),
        ((lambda p: 1.0, SPACE), {"trials": 2, "workers": 2}, "cannot be sent to other processes"),
    ],
)
def test_bad_values_meet_words(arguments: tuple, options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        sweep(*arguments, **options)


def test_a_study_is_not_mixed_with_another(tmp_path: Path) -> None:
    storage = tmp_path / "s.journal"
    sweep(objectives.parabola, SPACE, trials=2, storage=storage)
    with pytest.raises(RunError, match=r"has the space .*, and this search has"):
        sweep(objectives.parabola, {**SPACE, "x": "0.0..2.0"}, trials=2, storage=storage)
    with pytest.raises(RunError, match="has the method random, and this search has tpe"):
        sweep(objectives.parabola, SPACE, trials=2, storage=storage, method="tpe")
    with pytest.raises(RunError, match="is to minimize its figure, and this search would maxim"):
        sweep(objectives.parabola, SPACE, trials=2, storage=storage, goal="max")
    with pytest.raises(RunError, match=r"has the fixed values \{\}, and .* has \{'z': '1'\}"):
        sweep(objectives.parabola, {**SPACE, "z": 1}, trials=2, storage=storage)
    lr = {"lr": "0.1..1.0", "epochs": 1}
    sweep("moons", lr, trials=1, storage=storage, name="nets")
    with pytest.raises(RunError, match=r"has the subject val_accuracy on 0.2 of moons, and this"):
        sweep("circles", lr, trials=1, storage=storage, name="nets")
    other = sweep(
        objectives.parabola, {"x": "0.0..2.0", "y": 1}, trials=2, storage=storage, name="b"
    )
    assert len(other.trials) == 2


@pytest.mark.parametrize("file", ["s.journal", "s.db"])
def test_a_file_that_is_no_storage_stays_as_it_is(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text("my notes\n" * 100)
    with pytest.raises(RunError, match=r"cannot be opened .*Name a new file, or one that a sweep"):
        sweep(objectives.parabola, SPACE, trials=2, storage=path)
    assert path.read_text() == "my notes\n" * 100


def test_a_figure_that_the_history_has_not_is_told() -> None:
    found = sweep(Training("moons", metric="val_acc"), {"lr": [0.1], "epochs": 1}, method="grid")
    with pytest.raises(RunError, match=r"no column 'val_acc'; it has .*val_accuracy"):
        _ = found.best


def test_a_loss_that_runs_away_is_a_trial_that_failed() -> None:
    training = Training("moons")
    found = sweep(training, {"lr": [1e30, 0.1], "optimizer": "sgd", "epochs": 1}, method="grid")
    assert [trial.state for trial in found.trials] == ["failed", "done"]
    assert "became NaN or infinite" in str(found.trials[0].error)
