"""`chainrule sweep`, from options and from a file."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr

pytest.importorskip("optuna")
OPTIONS = ["--lr", "log:1e-3..1e-1", "--hidden", "8|16,8", "--epochs", 2, "--batch-size", 20]


def test_a_search_shows_a_table_and_the_command_to_train_with_the_best(call: Callable) -> None:
    result = call("sweep", "moons", *OPTIONS, "--trials", 3)
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["trial", "val_accuracy", "hidden", "lr"]
    assert result.last_line == "3 trials: 3 done"
    assert result.error.count("trial ") == 3
    document = call("sweep", "moons", *OPTIONS, "--trials", 3, "--quiet", "--json").document
    best = document["trials"][document["best"]]
    assert best["parameters"]["hidden"] == lines[1].split()[2]
    command = shlex.split(document["command"])
    assert command[:3] == ["chainrule", "train", "moons"]
    assert float(command[command.index("--lr") + 1]) == best["parameters"]["lr"]
    assert command[command.index("--batch-size") + 1] == "20"
    assert call(*command[1:], "--quiet").status == 0


def test_options_in_a_file_and_beside_it(call: Callable, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file, storage = tmp_path / "sweep.toml", tmp_path / "sweep.journal"
    file.write_text(
        'data = "moons"\nmethod = "grid"\nhold_out = 0.3\n\n[space]\nlr = [0.01, 0.1]\nepochs = 1\n'
        'hidden = ["8", "4,4"]\n"optimizer.beta1" = 0.8\n'
    )
    more = ["--batch-size", "20", "--storage", storage, "--plot", tmp_path / "s.svg"]
    result = call("sweep", "--file", file, *more, "--json", "--quiet")
    assert result.status == 0, result.error
    tried = [tuple(t["parameters"].values()) for t in result.document["trials"]]
    assert tried == [(0.01, "8"), (0.01, "4,4"), (0.1, "8"), (0.1, "4,4")]
    assert "'adam(beta1=0.8)'" in result.document["command"]
    assert (tmp_path / "s.svg").exists()
    again = call("sweep", "--file", file, "--batch-size", "20", "--storage", storage, "--json")
    assert again.document["trials"] == result.document["trials"]
    assert "trial " not in again.error


def test_settings_that_have_no_option_of_their_own(call: Callable) -> None:
    options = ["--set", "seed=1|2", "--set", "accumulate=2", "--epochs", 1, "--method", "grid"]
    result = call("sweep", "moons", *options, "--quiet", "--json")
    assert [t["parameters"]["seed"] for t in result.document["trials"]] == ["1", "2"]
    assert result.document["command"] is None


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["moons"], 2, "there is nothing to search"),
        ([], 2, "a sweep needs a data set"),
        (["moon", *OPTIONS], 2, "Did you mean 'moons'"),
        (["moons", "--lr", "1..x"], 2, "range '1..x' cannot be read"),
        (["moons", *OPTIONS, "--method", "tpa"], 2, "unknown search method 'tpa'. Did you mean 't"),
        (["moons", "--set", "sed=1|2"], 2, "unknown parameter of a training 'sed'. Did you mean"),
        (["moons", "--set", "seed"], 2, "expected such as seed=1|2|3"),
        (["moons", "--lrr", "1..2"], 2, "unknown option --lrr. Did you mean '--lr'"),
        (["moons", "--file", "none.toml"], 1, "none.toml cannot be read as TOML"),
        (["moons", "--lr=-1|-2"], 1, "none of 2 trials is done. The first to fail says: Opt"),
    ],
)
def test_a_slip_meets_words(options: Any, status: int, message: str, call: Callable) -> None:
    result = call("sweep", *options, "--trials", 2, "--quiet")
    assert message in result.error
    assert result.status == status


def test_a_file_with_slips(call: Callable, tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text('data = "moons"\ntrails = 3\n')
    assert "Did you mean 'trials'" in call("sweep", "--file", file).error
    file.write_text('data = "moons"\nspace = 3\n')
    assert "space is 3; expected a table [space]" in call("sweep", "--file", file).error
    file.write_text("data = moons\n")
    assert "cannot be read as TOML" in call("sweep", "--file", file).error


def test_what_is_searched_is_what_train_takes() -> None:
    names = cr.tune.Training.names()
    assert {"lr", "hidden", "l2", "clip_value", "schedule", "wrap", "init", "norm"} <= set(names)
