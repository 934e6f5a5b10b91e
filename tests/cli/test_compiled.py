"""Compiled training on the command line, and the folder that keeps machine code."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

MOONS = ("train", "moons", "--hidden", "6", "--epochs", 2, "--batch-size", 40, "--quiet")


def test_steps_are_compiled_where_that_is_asked_for(call: Callable, tmp_path: Path) -> None:
    losses = {}
    for choice in ("yes", "no", "auto"):
        kernels = tmp_path / choice
        result = call(*MOONS, "--compile", choice, "--kernels", kernels, "--json")
        assert result.status == 0, result.error
        losses[choice] = [row["loss"] for row in result.document["history"]]
    assert losses["yes"] == pytest.approx(losses["no"], rel=1e-5)
    assert losses["auto"] == losses["no"]
    # So short a run is not worth compiling.
    assert [(tmp_path / choice).exists() for choice in losses] == [True, False, False]


def test_a_run_goes_on_compiled_or_not(call: Callable, tmp_path: Path) -> None:
    run, kernels = tmp_path / "run", tmp_path / "kernels"
    speed = ("--kernels", kernels, "--threads", 2)
    call(*MOONS, "--compile", "no", "--out", run)
    again = call("resume", run, "--epochs", 3, "--quiet", "--compile", "yes", *speed, "--json")
    assert [row["epoch"] for row in again.document["history"]] == [1, 2, 3]
    assert len(list(kernels.iterdir())) == 1
    kernels.rename(tmp_path / "elsewhere")
    # As the run was made: what a resumption chooses is for its own time.
    assert call("resume", run, "--epochs", 4, "--quiet", *speed).status == 0
    assert not kernels.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--compile", "maybe"], "argument --compile: invalid choice: 'maybe'"),
        (["--threads", "0"], "argument --threads: '0': expected an integer of 1 or more"),
        (["--compile", "yes", "--mixup", "0.2"], "compile=True does not go with mixup=0.2"),
        (["--kernel", "x"], "unknown option --kernel. Did you mean '--kernels'?"),
    ],
)
def test_what_is_mistyped(options: list[str], words: str, call: Callable) -> None:
    result = call(*MOONS, *options)
    assert result.status == 2
    assert words in result.error


def test_the_cache_is_shown_and_cleared(call: Callable, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    assert "kept 0 files, 0.0 MB" in call("cache").out
    call(*MOONS, "--compile", "yes")
    found = call("cache", "--json").document
    assert found["kernels"]["folder"] == str(tmp_path / "kernels")
    assert found["kernels"]["files"] == 1
    assert found["kernels"]["bytes"] == sum(
        path.stat().st_size for path in (tmp_path / "kernels").iterdir()
    )
    assert "mnist" not in found["datasets"]
    assert "removed 1 file," in call("cache", "--clear").out
    assert list((tmp_path / "kernels").iterdir()) == []
    assert call("cache", "--json").document["kernels"]["files"] == 0
    assert call("cache", "--kernels", tmp_path / "other", "--json").document["kernels"] == {
        "folder": str(tmp_path / "other"),
        "files": 0,
        "bytes": 0,
    }


def test_data_sets_are_named_too(call: Callable, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    call("train", "mnist", "--epochs", 0, "--quiet")
    assert "data sets: mnist" in call("cache").out


def test_a_damaged_or_read_only_cache_stops_nobody(call: Callable, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    speed = ("--compile", "yes", "--kernels", kernels, "--json")
    first = call(*MOONS, *speed).document["history"]
    (kept,) = kernels.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    again = call(*MOONS, *speed).document["history"]
    assert [row["loss"] for row in again] == [row["loss"] for row in first]
    assert kept.read_bytes() == whole
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    result = call(*MOONS, "--compile", "yes", "--kernels", blocked, "--json")
    assert result.status == 0, result.error
