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


def run(*arguments: str, text: str = "", status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def ask(build: str, package: str, work: str, folder: Path) -> dict[str, Any]:
    """What a worker says of a contender: its loss, its version, and one measurement."""
    arguments = (build, package, work, "1", str(folder))
    lines = run(str(BENCHMARKS / "worker.py"), *arguments, text="0.01\n").splitlines()
    return {key: value for line in lines for key, value in json.loads(line).items()}


TASKS = ("W1", "W2", pytest.param("W4", marks=pytest.mark.slow), "W8", "W8/lenet")


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("task")
    run("-c", WRITE_TASK, request.param, str(folder))
    return request.param, folder


PEERS = {
    "W1": ("eager", "by_hand.train", "numpy"),
    "W2": ("eager", "by_hand.train", "numpy"),
    "W4": ("eager", "pytorch.channels_last", "torch"),
    "W8": ("predict_eager", "by_hand.predict", "numpy"),
    "W8/lenet": ("predict_eager", "pytorch.inference", "torch"),
}


def test_chainrule_and_a_peer_compute_the_same(task: tuple[str, Path]) -> None:
    work, folder = task
    ours, peer, package = PEERS[work]
    pytest.importorskip(package)
    found = ask(f"ours.{ours}", "chainrule", work, folder)
    expected = ask(peer, package, work, folder)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    # Ten classes, guessed at: a net that has learnt is better, and W8's have not.
    assert (found["loss"] < 0.9 * math.log(10)) == ("W8" not in work)
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


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("training_step", "training_step"),
        ("convolutional_step", "training_step"),
        ("cold", "cold"),
        ("neighbour", "neighbour"),
    ],
)
def test_every_section_has_its_place_in_the_page(name: str, program: str) -> None:
    page = README.read_text()
    assert page.count(f"<!-- {name}: begin -->") == page.count(f"<!-- {name}: end -->") == 1
    assert f'write_section("{name}"' in (BENCHMARKS / f"{program}.py").read_text()


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
def test_a_convolutional_net_is_trained_kept_and_not_trained_again(tmp_path: Path) -> None:
    chosen = ("--model", "lenet", "--epochs", "1", "--minutes", "0.001", "--threads", "1")
    kept = ("--out", str(tmp_path / "runs"), "--json", str(tmp_path / "figures.json"))
    found = []
    for _ in range(2):
        # One epoch does not reach the mark, which the exit status says.
        run(str(BENCHMARKS / "convnets.py"), *chosen, *kept, status=1)
        found.append(json.loads((tmp_path / "figures.json").read_text()))
    (trained,) = found[0]["runs"]
    assert trained["epochs"] == 1
    assert 0.9 < trained["accuracy"] < 0.99
    assert found[1]["runs"] == found[0]["runs"]


@pytest.mark.slow
def test_what_is_held_out_of_the_training_set_stands_for_the_test_set(tmp_path: Path) -> None:
    chosen = ("--model", "lenet", "--epochs", "1", "--threads", "1", "--hold-out", "59000")
    shown = run(str(BENCHMARKS / "convnets.py"), *chosen, "--out", str(tmp_path), status=1)
    assert "held-out accuracy" in shown
    # 1,000 pictures once, in batches of 64, are too few to learn from.
    reached = float(shown.partition("held-out accuracy ")[2].split()[0])
    assert reached < 0.9
    assert [folder.name for folder in tmp_path.iterdir()] == ["held-out-59000"]


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
