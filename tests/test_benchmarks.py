"""The benchmarks run, and their contenders do the same mathematics. Speed is not tested here."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
README = BENCHMARKS / "README.md"
WRITE_TASK = """
import sys
from pathlib import Path
from prepare import write_task
from workloads import WORKLOADS
write_task(WORKLOADS[sys.argv[1]], Path(sys.argv[2]))
"""


def run(*arguments: str, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(build: str, package: str, work: str, folder: Path) -> dict[str, Any]:
    """What a worker says of a contender: its loss, its version, and one measurement."""
    arguments = (build, package, work, "1", str(folder))
    lines = run(str(BENCHMARKS / "worker.py"), *arguments, text="0.01\n").splitlines()
    return {key: value for line in lines for key, value in json.loads(line).items()}


@pytest.fixture(scope="module", params=["W1", "W2", "W8"])
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("task")
    run("-c", WRITE_TASK, request.param, str(folder))
    return request.param, folder


def test_chainrule_and_numpy_by_hand_compute_the_same(task: tuple[str, Path]) -> None:
    work, folder = task
    ours, hand = ("predict_eager", "predict") if work == "W8" else ("eager", "train")
    found = ask(f"ours.{ours}", "chainrule", work, folder)
    expected = ask(f"by_hand.{hand}", "numpy", work, folder)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    # Ten classes, guessed at: a net that has learnt is better, and W8's has not.
    assert (found["loss"] < 0.9 * math.log(10)) == (work != "W8")
    assert found["microseconds"] > 0


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_table_is_written_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("one\n<!-- a: begin -->\nold\n<!-- a: end -->\ntwo\n")
    report = load("report")
    report.write_section("a", report.table(("x", "y"), [("1", "2")]), path)
    table = "| x | y |\n| --- | ---: |\n| 1 | 2 |"
    assert path.read_text() == f"one\n<!-- a: begin -->\n\n{table}\n\n<!-- a: end -->\ntwo\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_without_the_markers_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("<!-- a: begin -->\n")
    with pytest.raises(ValueError, match="has no lines <!-- a: begin --> and <!-- a: end -->"):
        load("report").write_section("a", ["new"], path)
    assert path.read_text() == "<!-- a: begin -->\n"


@pytest.mark.parametrize("name", ["training_step", "cold", "neighbour"])
def test_every_section_has_its_place_in_the_page(name: str) -> None:
    page = README.read_text()
    assert page.count(f"<!-- {name}: begin -->") == page.count(f"<!-- {name}: end -->") == 1
    assert f'write_section("{name}"' in (BENCHMARKS / f"{name}.py").read_text()


@pytest.mark.slow
def test_the_steps_are_timed_and_kept_as_json(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", README.read_text()
    quick = ("--rounds", "1", "--seconds", "0.01", "--only", "eager,by hand,TensorFlow")
    chosen = ("--workloads", "W2", "--threads", "1", "--json", str(figures))
    shown = run(str(BENCHMARKS / "training_step.py"), *chosen, *quick)
    results = json.loads(figures.read_text())["results"]
    timed = {r["contender"]: r for r in results if r["kind"] == "train" and not r["missing"]}
    assert {"chainrule eager", "NumPy by hand"} <= timed.keys()
    assert all(r["microseconds"] > 0 and r["loss"] is not None for r in timed.values())
    assert all(r["contender"] in shown for r in results if r["kind"] == "train")
    assert README.read_text() == page


@pytest.mark.slow
def test_whole_processes_are_timed_and_say_their_accuracy(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    chosen = ("--rounds", "1", "--only", "by hand", "--json", str(figures))
    run(str(BENCHMARKS / "cold.py"), *chosen)
    (only,) = json.loads(figures.read_text())["runs"]
    assert only["contender"] == "NumPy by hand"
    assert float(only["printed"].removeprefix("test accuracy ")) > 0.94
    assert len(only["seconds"]) == len(only["megabytes"]) == 1
    # MNIST alone, in bytes, takes 55 MB.
    assert only["megabytes"][0] > 55
