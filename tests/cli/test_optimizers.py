"""Optimizers with settings, schedules, groups and averages on the command line; find-lr."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim import schedules


def test_they_arrive_and_are_resumed(call: Callable, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--optimizer", "adamw(beta2=0.9, weight_decay=0.5)", "--lr", 0.02, "--epochs", 2]
    options += ["--group", "*.bias: weight_decay=0.25", "--group", "0.*:lr=0.01"]
    options += ["--wrap", "lookahead(k=3)", "--wrap", "ema(decay=0.9)", "--clip-value", 0.5]
    options += ["--schedule", "cosine(warmup=3)", "--batch-size", 20]
    assert call("train", "moons", *options, "--quiet", "--out", out).status == 0
    run = cr.load_run(out)
    inside = optim.AdamW(lr=0.02, beta2=0.9, weight_decay=0.5)
    groups = optim.Groups(inside, {"*.bias": {"weight_decay": 0.25}, "0.*": {"lr": 0.01}})
    assert run.optimizer == optim.EMA(optim.Lookahead(groups, k=3), decay=0.9)
    steps = run.step
    assert run.settings.schedule == schedules.Warmup(3, schedules.Cosine(steps - 3))
    assert run.settings.clip_value == 0.5
    assert call("summary", out).status == 0
    refused = call("resume", out, "--epochs", 3)
    assert refused.status == 2
    assert "the schedule has brought the learning rate to 0" in refused.error


def test_models_lists_them(call: Callable) -> None:
    listed = call("models", "--json").document
    assert set(listed["schedules"]) == set(schedules.names())
    assert listed["wrappers"] == ["lookahead", "ema", "swa"]
    assert "muon" in listed["optimizers"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--optimizer", "adam(beta=1)"], "unknown option of adam 'beta'"),
        (["--optimizer", "lbfgs"], "optim.minimize"),
        (["--schedule", "cosin"], "unknown schedule 'cosin'. Did you mean 'cosine'"),
        (["--schedule", "cosine("], "cannot be read"),
        (["--group", "*.bias"], "expected a pattern and settings, such as '*.bias: lr=0.01'"),
        (["--group", "*.bias: 0.1"], "each setting needs its name, such as lr=0.01"),
        (["--group", "*.bias: lr="], "cannot be read"),
        (["--group", "*.biass: lr=1"], "unknown parameter pattern '*.biass'"),
        (["--wrap", "emma"], "unknown wrapper 'emma'. Did you mean 'ema'"),
        (["--clip-value", "0"], "expected a number above 0"),
    ],
)
def test_a_slip_meets_words(options: list[str], message: str, call: Callable) -> None:
    result = call("train", "moons", *options)
    assert result.status == 2
    assert message in result.error


def test_find_lr_suggests_a_rate_and_draws(call: Callable, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ["--batch-size", 20, "--optimizer", "sgd", "--plot", tmp_path / "lr.png"]
    result = call("find-lr", "moons", *options, "--json")
    document = json.loads(result.out)
    assert document["rates"][0] <= document["suggestion"] < document["lowest"]
    assert len(document["rates"]) == len(document["losses"]) == len(document["smoothed"])
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    shown = call("find-lr", "moons", "--batch-size", 20, "--optimizer", "sgd", "--steps", 50)
    assert "try --lr " in shown.last_line
