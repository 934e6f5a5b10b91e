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
    assert list(kernels.iterdir())
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
    sizes = [path.stat().st_size for path in (tmp_path / "kernels").iterdir()]
    assert found["kernels"] == {
        "folder": str(tmp_path / "kernels"),
        "files": len(sizes),
        "bytes": sum(sizes),
    }
    assert sizes
    assert "mnist" not in found["datasets"]
    assert f"removed {len(sizes)} file" in call("cache", "--clear").out
    assert list((tmp_path / "kernels").iterdir()) == []
    assert call("cache", "--json").document["kernels"]["files"] == 0
    assert call("cache", "--kernels", tmp_path / "other", "--json").document["kernels"] == {
        "folder": str(tmp_path / "other"),
        "files": 0,
        "bytes": 0,
    }


@pytest.mark.slow
def test_data_sets_are_named_too(call: Callable, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    call("train", "mnist", "--epochs", 0, "--quiet")
    assert "data sets: mnist" in call("cache").out


def test_a_damaged_or_read_only_cache_stops_nobody(call: Callable, tmp_path: Path) -> None:
    kernels = tmp_path / "kernels"
    speed = ("--compile", "yes", "--kernels", kernels, "--json")
    first = call(*MOONS, *speed).document["history"]
    wholes = {path: path.read_bytes() for path in kernels.iterdir()}
    assert wholes
    for path, whole in wholes.items():
        path.write_bytes(whole[: len(whole) // 2])
    again = call(*MOONS, *speed).document["history"]
    assert [row["loss"] for row in again] == [row["loss"] for row in first]
    assert {path: path.read_bytes() for path in kernels.iterdir()} == wholes
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    result = call(*MOONS, "--compile", "yes", "--kernels", blocked, "--json")
    assert result.status == 0, result.error


@pytest.mark.parametrize("kind", ["a run", pytest.param("a data set", marks=pytest.mark.slow)])
def test_bench_shows_what_bounds_a_step(kind: str, call: Callable, tmp_path: Path) -> None:
    what = ["moons", "--hidden", "6", "--batch-size", 40]
    if kind == "a run":
        call(*MOONS, "--out", tmp_path / "run")
        what = [tmp_path / "run"]
    before = {path.name: path.read_bytes() for path in tmp_path.glob("run/*")}
    result = call("bench", *what, "--profile", "--steps", 5, "--kernels", tmp_path / "k", "--json")
    assert result.status == 0, result.error
    found = result.document
    assert found["batch_size"] == 40
    assert found["peak_gflops_per_second"] > 0
    assert found["seconds_per_step"] > 0
    products = [group for group in found["groups"] if group["kind"] == "product"]
    # A product forward for each layer, two backward, but not for the gradient of the inputs.
    assert len(products) >= 3
    first = max(products, key=lambda group: group["flops"])
    assert first["flops"] >= 2 * 40 * 2 * 6
    for group in found["groups"]:
        assert group["seconds"] > 0
        assert group["gflops_per_second"] == pytest.approx(group["flops"] / group["seconds"] / 1e9)
        assert group["bound"] in ("compute", "memory")
    total = sum(group["seconds"] for group in found["groups"])
    assert found["seconds_of_groups"] == pytest.approx(total)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("run/*")} == before


def test_bench_in_words(call: Callable, tmp_path: Path) -> None:
    arguments = ("bench", "moons", "--hidden", "6", "--steps", 5, "--kernels", tmp_path)
    short = call(*arguments)
    assert "samples/s on one core" in short.last_line
    table = call(*arguments, "--profile").out
    assert "this core at best" in table
    assert "GFLOP/s" in table
    refused = call(*arguments, "--mixup", "0.2")
    assert refused.status == 2
    assert "mixup=0.2 is not compiled" in refused.error
