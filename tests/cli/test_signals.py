"""Ctrl-C and SIGTERM leave a run that `resume` takes up."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

OPTIONS = (
    *("--hidden", "16", "--epochs", "2", "--lr", "0.003", "--batch-size", "8"),
    # Compiled, it would be over before the signal comes; tests/train interrupts compiled runs.
    *("--compile", "no"),
)


@pytest.fixture(scope="module")
def whole() -> cr.Run:
    """The run that nobody interrupts."""
    train, test = cr.data.mnist()
    model = cr.models.by_name("mlp", in_features=784, classes=10, hidden=(16,))
    optimizer = cr.optim.Adam(lr=0.003)
    return cr.fit(
        model,
        train,
        validation=test,
        optimizer=optimizer,
        epochs=2,
        batch_size=8,
        compile=False,
        show=False,
    )


def wait_until_it_trains(process: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not (folder / "config.json").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # Into the first epoch of 7,500 steps.
    time.sleep(0.2)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"]
)
def test_interrupted_mid_epoch_and_resumed(number, status, start, call, whole, tmp_path) -> None:
    folder = tmp_path / "a run"
    process = start("train", "mnist", *OPTIONS, "--out", folder)
    wait_until_it_trains(process, folder)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert out == ""
    assert f"go on with chainrule resume '{folder}'" in error.splitlines()[-1]
    kept = cr.load_run(folder)
    assert (kept.epoch, kept.batch > 0) == (0, True)

    result = call("resume", folder, "--quiet")
    assert result.status == 0
    assert result.out == f"test accuracy {whole.history[-1]['val_accuracy']:.4f}\n"
    weights = whole.model.state_dict()
    for path, array in cr.load_run(folder).model.state_dict().items():
        np.testing.assert_array_equal(array, weights[path])


def test_interrupted_quietly_still_says_how_to_go_on(start: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start("train", "mnist", *OPTIONS, "--quiet", "--out", folder)
    wait_until_it_trains(process, folder)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert error == f"chainrule: warning: interrupted; go on with: chainrule resume {folder}\n"


def test_interrupted_without_a_folder_says_that_nothing_is_kept(start: Callable) -> None:
    process = start("train", "mnist", *OPTIONS, "--epochs", "50")
    while "to train on" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "nothing is kept; a run with --out DIR can be resumed" in error


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_outside_of_training(number, status, start, tmp_path) -> None:
    """While it waits for a pipe that stands for a slow file."""
    os = pytest.importorskip("os")
    pipe = tmp_path / "table.csv"
    os.mkfifo(pipe)
    process = start("train", pipe)
    writer = os.open(pipe, os.O_WRONLY)
    time.sleep(0.2)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    os.close(writer)
    assert process.returncode == status
    assert error == "chainrule: error: interrupted\n"


def test_a_second_ctrl_c_says_what_is_kept(call, tmp_path, monkeypatch) -> None:
    fit = cr.fit

    def cut_short(*arguments, **options):
        fit(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(cr, "fit", cut_short, raising=False)
    folder = tmp_path / "run"
    result = call("train", "moons", "--epochs", 1, "--out", folder, "--quiet")
    assert (result.status, result.out) == (130, "")
    message = f"interrupted after step 8; go on with: chainrule resume {folder}"
    assert result.error == f"chainrule: error: {message}\n"
    assert call("train", "moons", "--epochs", 1).error.endswith("chainrule: error: interrupted\n")
