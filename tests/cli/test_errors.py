"""Bad input on the command line: a clear word, an exit status, and nothing lost."""

import errno
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failed(result, *parts: str, status: int = 1) -> None:
    """It ended with that status and one message, with these parts in it."""
    assert result.status == status
    assert result.out == ""
    assert "Traceback" not in result.error
    message = result.error[result.error.index("chainrule: error: ") :]
    for part in parts:
        assert part in message, message


def test_an_out_that_holds_another_run(call: Callable, toy: Path) -> None:
    before = content(toy)
    result = call("train", "moons", "--out", toy)
    failed(result, f"{toy} holds another run", f"chainrule resume {toy}")
    assert content(toy) == before


def test_an_out_that_holds_other_things_or_is_a_file(call: Callable, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    failed(call("train", "moons", "--out", tmp_path), "is not empty and holds no run")
    failed(call("train", "moons", "--out", tmp_path / "notes.txt"), "is a file; expected a folder")
    failed(call("train", "moons", "--out", tmp_path / "notes.txt" / "run"), "could not write")
    assert list(tmp_path.iterdir()) == [tmp_path / "notes.txt"]


def test_the_command_to_type_is_quoted_for_the_shell(call: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "my first run"
    assert call("train", "moons", "--epochs", 1, "--out", folder).status == 0
    failed(call("train", "moons", "--out", folder), f"chainrule resume '{folder}'")


def test_a_full_disk_at_the_start_and_in_the_middle(call, tmp_path, monkeypatch) -> None:
    written = []

    def fsync(number: int) -> None:
        written.append(number)
        if len(written) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    room = 0
    failed(call("train", "moons", "--out", tmp_path / "none"), "could not write", "No space left")

    room, written[:] = 6, []
    result = call("train", "moons", "--epochs", 4, "--out", tmp_path / "run", "--quiet")
    assert result.status == 1
    assert re.fullmatch(r"test accuracy \d\.\d{4}\n", result.out)
    assert "chainrule: warning: training goes on, but could not write" in result.error
    monkeypatch.undo()
    assert call("resume", tmp_path / "run", "--quiet").out == result.out


def test_a_folder_that_may_not_be_written_to(call, tmp_path, monkeypatch) -> None:
    def refuse(path, *arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    failed(
        call("train", "moons", "--out", tmp_path / "run"), "could not write", "Permission denied"
    )


@pytest.mark.parametrize("command", ["resume", "evaluate", "summary"])
def test_a_folder_without_a_run(command: str, call: Callable, tmp_path: Path) -> None:
    failed(call(command, tmp_path), "is not a run folder: it has no config.json")
    failed(call(command, tmp_path / "missing"), "is not a run folder")


@pytest.mark.parametrize("command", ["resume", "evaluate", "summary"])
@pytest.mark.parametrize("file", ["last.npz", "config.json"])
def test_a_damaged_run(command: str, file: str, call: Callable, toy: Path) -> None:
    path = toy / file
    path.write_bytes(path.read_bytes()[:-40])
    before = content(toy)
    failed(call(command, toy), file)
    assert content(toy) == before


def test_a_damaged_last_checkpoint_names_the_best_one(call: Callable, toy: Path) -> None:
    (toy / "last.npz").write_bytes(b"\0" * 100)
    failed(call("evaluate", toy), "last.npz is damaged", "Load the best one instead")
    assert call("evaluate", toy, "--which", "best").status == 0


def test_evaluating_on_data_of_another_shape_or_other_classes(call, toy, trained, tmp_path) -> None:
    failed(call("evaluate", toy, "--data", "mnist"), "(784,)", "trained on samples of shape (2,)")
    failed(call("evaluate", toy, "--data", "mnits"), "Did you mean 'mnist'", status=2)
    failed(call("evaluate", toy, "--data", tmp_path / "x.csv"), "x.csv", status=2)
    failed(call("evaluate", toy, "--data", "blobs"), "has the classes (0, 1, 2)")
    (tmp_path / "table.csv").write_text("1,2,rose\n3,4,tulip\n")
    failed(call("evaluate", toy, "--data", tmp_path / "table.csv"), "rose")


def test_changed_data_is_not_trained_on(call: Callable, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = [f"{i % 9},{i % 7},{'ab'[i % 2]}" for i in range(60)]
    table.write_text("\n".join(rows))
    run = tmp_path / "run"
    assert call("train", table, "--epochs", 1, "--out", run, "--quiet").status == 0
    before = content(run)
    table.write_text("\n".join(rows[::-1]))
    failed(call("resume", run, "--epochs", 2), "not the training data that the run began with")
    assert content(run) == before


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("empty.csv", "", ["empty.csv is empty"]),
        ("holes.csv", "1,2,a\n3,,b\n", ["line 2", "is missing", "Fill it in"]),
        ("nan.csv", "1,2,a\n3,nan,b\n", ["line 2", "nan"]),
        ("words.csv", "x,y,kind\n1,two,a\n", ["line 2, column 'y' holds 'two'"]),
        ("odd.doc", "hello", ["cannot tell what", "odd.doc"]),
        ("broken.npz", "hello", ["broken.npz"]),
        ("digits.idx", "hello", ["digits.idx"]),
    ],
)
def test_bad_data_files(name: str, text: str, parts: list, call, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    failed(call("train", tmp_path / name, "--out", tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_names_the_op_the_layer_and_the_step(call, tmp_path) -> None:
    result = call("train", "moons", "--optimizer", "sgd", "--lr", "1e20", "--out", tmp_path / "run")
    failed(
        result, "NaN or infinite at step 2 (epoch 1, batch 2)", "in the op 'linear' of layer '2'"
    )
    failed(result, f"The last checkpoint in {tmp_path / 'run'} is good")
    weights = cr.load_run(tmp_path / "run").model.state_dict()
    assert all(np.isfinite(array).all() for array in weights.values())


def test_more_than_the_memory_holds(call: Callable) -> None:
    failed(call("train", "moons", "--hidden", "9,90000000000000"), "not enough memory")


def test_json_stays_alone_on_standard_output(call: Callable, toy: Path) -> None:
    failed(call("evaluate", toy, "--data", "mnist", "--json"), "trained on samples of shape")
    result = call("train", "moons", "--epochs", 1, "--json")
    assert json.loads(result.out)["epochs"] == 1
    assert "epoch 1/1" in result.error


def test_a_closed_pipe_ends_quietly(start: Callable, toy: Path) -> None:
    process = start("summary", toy)
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""


def test_a_full_output_is_an_error(program: Callable, toy: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        result = program("summary", toy, stdout=full)
    assert result.status == 1
    assert "No space left on device" in result.error
    assert "Traceback" not in result.error


def test_colours_are_for_terminals(start: Callable, toy: Path) -> None:
    pty = pytest.importorskip("pty")

    def shown(**variables: str) -> str:
        main, terminal = pty.openpty()
        environment = {name: v for name, v in os.environ.items() if name != "NO_COLOR"}
        environment |= {"TERM": "xterm", **variables}
        process = start("train", "mnits", stderr=terminal, env=environment)
        process.wait(60)
        os.close(terminal)
        text = os.read(main, 4096).decode()
        os.close(main)
        return text

    assert "\x1b[1;31merror:\x1b[0m" in shown()
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in shown(**variables)
    process = start("train", "mnits", stderr=subprocess.PIPE)
    assert "\x1b" not in process.communicate()[1]
