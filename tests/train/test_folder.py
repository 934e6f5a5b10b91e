"""The run folder: what is in it, and what befalls it."""

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import OptionError, RunError


@pytest.fixture(scope="module")
def small() -> cr.data.Dataset:
    return cr.data.gate("xor")


@pytest.fixture
def train(small: cr.data.Dataset) -> Callable[..., cr.Run]:
    def run(**options) -> cr.Run:
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
        settings = {"epochs": 2, "show": False, "validation": small} | options
        return cr.fit(model, small, **settings)

    return run


def test_a_person_can_read_the_folder(train: Callable, tmp_path: Path) -> None:
    run = train(out=tmp_path / "new" / "run")
    names = {path.name for path in (tmp_path / "new" / "run").iterdir()}
    assert names == {"config.json", "last.npz", "best.npz", "history.jsonl", "history.png"}
    lines = (tmp_path / "new" / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    assert (tmp_path / "new" / "run" / "history.png").read_bytes()[:4] == b"\x89PNG"


def test_a_checkpoint_is_plain_arrays_by_path(train: Callable, tmp_path: Path) -> None:
    run = train(out=tmp_path / "run", optimizer=optim.Momentum())
    with np.load(tmp_path / "run" / "last.npz", allow_pickle=False) as file:
        assert sorted(file.files) == [
            *("model/0.bias", "model/0.weight", "model/2.bias", "model/2.weight"),
            *("optimizer/0.bias/velocity", "optimizer/0.weight/velocity"),
            *("optimizer/2.bias/velocity", "optimizer/2.weight/velocity"),
            "state",
        ]
        np.testing.assert_array_equal(file["model/0.weight"], run.model.state_dict()["0.weight"])
        assert file["optimizer/0.weight/velocity"].shape == (3, 2)


def test_a_saved_run_is_the_run(train: Callable, small, tmp_path: Path) -> None:
    run = train()
    assert run.save(tmp_path / "copy") == tmp_path / "copy"
    loaded = cr.load_run(tmp_path / "copy")
    np.testing.assert_array_equal(loaded.outputs(small), run.outputs(small))
    assert loaded.history == run.history
    assert loaded.info == run.info
    with pytest.raises(RunError, match="holds another run"):
        run.save(tmp_path / "copy")


def test_a_folder_may_be_moved(train: Callable, small, tmp_path: Path) -> None:
    run = train(out=tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "a b ü")
    assert cr.load_run(tmp_path / "a b ü").evaluate(small).loss == run.evaluate(small).loss


def test_an_empty_folder_will_do(train: Callable, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    train(out=tmp_path / "run")
    assert cr.load_run(tmp_path / "run").epoch == 2


def test_what_is_no_run_is_refused(train: Callable, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run folder: it has no config\.json"):
        cr.load_run(tmp_path / "missing")
    with pytest.raises(RunError, match="is not a run folder"):
        cr.load_run(tmp_path)
    (tmp_path / "file").write_text("hello")
    with pytest.raises(RunError, match="is a file; expected a run folder"):
        cr.load_run(tmp_path / "file")
    train(out=tmp_path / "run", validation=None)
    with pytest.raises(OptionError, match="expected 'last' or 'best'"):
        cr.load_run(tmp_path / "run", which="first")
    with pytest.raises(RunError, match=r"no best\.npz: the run had no validation"):
        cr.load_run(tmp_path / "run", which="best")


def test_a_byte_changed_anywhere_in_a_checkpoint_is_noticed(train, tmp_path: Path) -> None:
    """Every seventh byte in turn: an error says so, or the run that is read is the same."""
    train(out=tmp_path / "run", epochs=1)
    path = tmp_path / "run" / "last.npz"
    whole = path.read_bytes()
    expected = cr.load_run(tmp_path / "run")
    weights = expected.model.state_dict()
    noticed = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            read = cr.load_run(tmp_path / "run")
        except RunError:
            noticed += 1
            continue
        assert (read.step, read.history) == (expected.step, expected.history)
        for name, array in read.model.state_dict().items():
            np.testing.assert_array_equal(array, weights[name])
    # Zip headers hold times and paddings that nothing depends on.
    assert noticed > 0.7 * len(whole) / 7


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_checkpoint_names_the_best_one(keep: int, train, tmp_path: Path) -> None:
    train(out=tmp_path / "run")
    path = tmp_path / "run" / "last.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match=r"last\.npz is damaged .*Load the best one instead"):
        cr.load_run(tmp_path / "run")
    with pytest.raises(RunError, match=r"last\.npz is damaged"):
        cr.resume(tmp_path / "run")
    assert cr.load_run(tmp_path / "run", which="best").epoch > 0


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: np.savez(path, weights=np.zeros(3)), "not a checkpoint of chainrule"),
        (lambda path: np.savez(path, state=np.frombuffer(b"[]", np.uint8)), "checkpoint format"),
        (lambda path: path.write_bytes(_npy()), "damaged or not a checkpoint"),
        (lambda path: path.unlink(), "there is no checkpoint"),
    ],
)
def test_a_foreign_checkpoint_is_refused(write, message: str, train, tmp_path: Path) -> None:
    train(out=tmp_path / "run")
    write(tmp_path / "run" / "last.npz")
    with pytest.raises(RunError, match=message):
        cr.load_run(tmp_path / "run")


def test_a_checkpoint_of_another_model_is_refused(train, small, tmp_path: Path) -> None:
    train(out=tmp_path / "run")
    cr.fit(nn.Linear(2, 2), small, epochs=1, show=False, out=tmp_path / "other")
    shutil.copy(tmp_path / "other" / "last.npz", tmp_path / "run" / "last.npz")
    with pytest.raises(RunError, match=r"do not belong together(.|\n)*missing: 0\.weight"):
        cr.load_run(tmp_path / "run")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": 99}', "\ufffd"],
)
def test_a_damaged_configuration_is_refused(text: str, train, tmp_path: Path) -> None:
    train(out=tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json"):
        cr.load_run(tmp_path / "run")


def test_what_a_kill_left_at_the_beginning_is_written_over(train, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.npz").write_bytes(b"half a checkp")
    (tmp_path / "run" / ".last.npz.1234-abcd.tmp").write_bytes(b"half a")
    with pytest.raises(RunError, match="is not a run folder"):
        cr.load_run(tmp_path / "run")
    train(out=tmp_path / "run")
    assert cr.load_run(tmp_path / "run").epoch == 2


def test_half_written_files_go_when_the_run_goes_on(train, small, tmp_path: Path) -> None:
    train(out=tmp_path / "run")
    (tmp_path / "run" / ".last.npz.1234-abcd.tmp").write_bytes(b"half a")
    cr.resume(tmp_path / "run", epochs=3, show=False)
    assert not list((tmp_path / "run").glob(".*"))


class FullDisk:
    """Makes the disk full from a certain number of files on, and empty again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.room = 0
        self.full = False
        self.replace = os.replace
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, number: int) -> None:
        if self.full:
            self.room -= 1
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def test_a_disk_that_is_full_from_the_start_is_said_at_once(disk, train, tmp_path) -> None:
    disk.full = True
    with pytest.raises(RunError, match=r"could not write .*No space left on device"):
        train(out=tmp_path / "run")
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


class FillAt(cr.train.Callback):
    """Fills the disk after one epoch, and frees it after another."""

    def __init__(self, disk: FullDisk, full: int, free: int):
        self.disk, self.full, self.free = disk, full, free

    def on_epoch(self, run: cr.Run) -> None:
        if run.epoch == self.full:
            self.disk.full = True
        if run.epoch == self.free:
            self.disk.full = False


def test_a_disk_that_fills_up_does_not_end_the_training(disk, train, tmp_path) -> None:
    with pytest.warns(RuntimeWarning, match="training goes on, but could not write"):
        run = train(out=tmp_path / "run", epochs=5, callbacks=[FillAt(disk, 3, -1)])
    assert run.epoch == 5
    assert "No space left" in str(run.unsaved)
    # What stood there before stands there still, and nothing half-written beside it.
    assert cr.load_run(tmp_path / "run").epoch == 2
    assert not list((tmp_path / "run").glob(".*"))
    disk.full = False
    run.save(tmp_path / "elsewhere")
    assert cr.load_run(tmp_path / "elsewhere").epoch == 5


def test_room_that_is_made_meanwhile_is_used(disk, train, tmp_path) -> None:
    with pytest.warns(RuntimeWarning, match="No space left"):
        run = train(out=tmp_path / "run", epochs=5, callbacks=[FillAt(disk, 2, 4)])
    assert run.unsaved is None
    assert cr.load_run(tmp_path / "run").epoch == 5


def test_each_moment_at_which_the_disk_may_fill_up_leaves_a_run(disk, train, tmp_path) -> None:
    """The first failing write is the 1st, 2nd, ... of a run that writes 10 files and more."""
    for room in range(3, 12):
        disk.full, disk.room = True, room
        with pytest.warns(RuntimeWarning, match="No space left"):
            train(out=tmp_path / f"run{room}", epochs=4)
        disk.full = False
        assert cr.resume(tmp_path / f"run{room}", epochs=4, show=False).epoch == 4


def test_a_plot_is_drawn_in_the_format_of_its_name(train, tmp_path) -> None:
    run = train()
    figure = run.plot(tmp_path / "history.svg")
    assert "<svg" in (tmp_path / "history.svg").read_text()
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert titles == ["loss", "accuracy"]
    lines = [line.get_ydata() for line in figure.axes[0].get_lines()]
    np.testing.assert_allclose(lines[0], [row["loss"] for row in run.history])
    np.testing.assert_allclose(lines[1], [row["val_loss"] for row in run.history])
    with pytest.raises(cr.errors.DataError, match="no epoch is finished"):
        train(epochs=0).plot()


def test_a_plot_that_fails_costs_nothing_else(train, tmp_path, monkeypatch) -> None:
    figure = pytest.importorskip("matplotlib.figure")

    def fail(*arguments, **options):
        raise RuntimeError("no fonts here")

    monkeypatch.setattr(figure.Figure, "savefig", fail)
    with pytest.warns(RuntimeWarning, match="the history is not drawn: no fonts here"):
        run = train(out=tmp_path / "run")
    assert (run.epoch, run.unsaved) == (2, None)
    assert cr.load_run(tmp_path / "run").epoch == 2
