"""`chainrule explain`: the terminal, files, and the exit status."""

from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import nn
from tests.cli.conftest import call  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    folder = tmp_path_factory.mktemp("runs") / "moons"
    source = cr.train.Source("moons")
    data, _ = source.open()
    cr.fit(model, data, epochs=1, out=folder, show=False, source=source)
    return folder


def test_the_step_is_written_to_the_terminal(call: Callable, folder: Path) -> None:  # noqa: F811
    result = call("explain", folder, "--sample", 1, "--lang", "zh", "--detail", "brief")
    assert result.status == 0
    assert "链式法则" in result.out
    assert "z1 = W1 x + b1" in result.out
    assert "\x1b[" not in result.out


def test_files_are_written_and_the_terminal_stays_free(
    call: Callable,  # noqa: F811
    folder: Path,
    tmp_path: Path,
) -> None:
    names = {"html": "a.html", "latex": "a.tex", "markdown": "a.md"}
    options = [part for form, name in names.items() for part in (f"--{form}", tmp_path / name)]
    result = call("explain", folder, *options, "--step", 1, "--weight", "0.weight[1,0]")
    assert result.status == 0
    assert result.out == ""
    assert {path.name for path in tmp_path.iterdir()} == set(names.values())
    assert "W1[1,0]" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert r"\text{1,0}" in (tmp_path / "a.tex").read_text(encoding="utf-8")


def test_json_holds_the_whole_report(call: Callable, folder: Path) -> None:  # noqa: F811
    document = call("explain", folder, "--json").document
    assert document["checks"]["right"] is True
    assert document["sections"][0]["key"] == "data"


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--sample", "9999"], 2, "sample is 9999"),
        (["--lang", "fr"], 2, "unknown language 'fr'"),
        (["--weight", "0.weight"], 2, "expected a parameter's path and an index"),
        (["--detail", "much"], 2, "invalid choice"),
        (["--step", "0"], 2, "expected an integer of 1 or more"),
    ],
)
def test_what_is_mistyped_is_told(
    call: Callable,  # noqa: F811
    folder: Path,
    options: list[str],
    status: int,
    message: str,
) -> None:
    result = call("explain", folder, *options)
    assert result.status == status
    assert message in result.error
