"""Behaviour that is hooked into a run."""

import json
from collections.abc import Callable

import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import OptionError
from chainrule.train import BestCheckpoint, EarlyStopping, HistoryLines, Schedule


class Notes(cr.train.Callback):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int]] = []

    def on_start(self, run: cr.Run) -> None:
        self.heard.append(("start", run.epoch, run.step))

    def on_step(self, run: cr.Run) -> None:
        self.heard.append(("step", run.epoch, run.step))

    def on_epoch(self, run: cr.Run) -> None:
        assert run.history[-1]["epoch"] == run.epoch
        self.heard.append(("epoch", run.epoch, run.step))

    def on_end(self, run: cr.Run) -> None:
        self.heard.append(("end", run.epoch, run.step))


def test_a_callback_of_your_own_hears_every_moment_in_order(fit: Callable) -> None:
    notes = Notes()
    fit(callbacks=[notes], epochs=2, batch_size=125)
    assert notes.heard == [
        ("start", 0, 0),
        ("step", 0, 0),
        ("step", 0, 1),
        ("epoch", 1, 2),
        ("step", 1, 2),
        ("step", 1, 3),
        ("epoch", 2, 4),
        ("end", 2, 4),
    ]


def test_a_callback_can_stop_the_run(fit: Callable) -> None:
    class StopAtTwo(cr.train.Callback):
        def on_epoch(self, run: cr.Run) -> None:
            if run.epoch == 2:
                run.stop("two are enough")

    run = fit(callbacks=[StopAtTwo()], epochs=9)
    assert (run.epoch, run.stopped, run.interrupted) == (2, "two are enough", False)
    assert run.resume(4).epoch == 4


def test_early_stopping_waits_for_its_patience(fit: Callable, digits: tuple) -> None:
    # So small a rate that the loss hardly moves: no epoch gains as much as min_delta.
    run = fit(
        epochs=9,
        validation=digits[1],
        optimizer=optim.SGD(lr=1e-7),
        callbacks=[EarlyStopping(patience=3, min_delta=0.01)],
    )
    assert run.epoch == 4
    assert run.stopped == "val_loss has not improved for 3 epochs"


def test_early_stopping_lets_a_run_that_gets_better_go_on(fit: Callable, digits: tuple) -> None:
    run = fit(epochs=4, validation=digits[0], callbacks=[EarlyStopping(patience=1)])
    assert (run.epoch, run.stopped) == (4, None)


def test_accuracy_is_better_when_larger(fit: Callable, digits: tuple) -> None:
    stopping = EarlyStopping("val_accuracy", patience=1)
    run = fit(epochs=3, validation=digits[0], callbacks=[stopping])
    assert stopping.monitor.best == max(row["val_accuracy"] for row in run.history)


def test_the_best_checkpoint_is_that_of_the_best_epoch(fit, digits, tmp_path) -> None:
    run = fit(epochs=6, validation=digits[1], out=tmp_path / "run", optimizer=optim.Adam(lr=0.05))
    best = min(run.history, key=lambda row: row["val_loss"])
    kept = cr.load_run(tmp_path / "run", which="best")
    assert kept.epoch == best["epoch"]
    assert kept.evaluate(digits[1]).loss == best["val_loss"]
    assert cr.load_run(tmp_path / "run").evaluate(digits[1]).loss == run.history[-1]["val_loss"]


def test_the_best_can_be_judged_by_accuracy(fit, digits, tmp_path) -> None:
    run = fit(
        epochs=5,
        validation=digits[1],
        out=tmp_path / "run",
        callbacks=[BestCheckpoint("val_accuracy")],
    )
    best = max(run.history, key=lambda row: row["val_accuracy"])
    assert cr.load_run(tmp_path / "run", which="best").epoch == best["epoch"]


def test_a_schedule_sets_the_rate_of_each_step(fit: Callable) -> None:
    rates = []

    class Watch(cr.train.Callback):
        def on_step(self, run: cr.Run) -> None:
            rates.append(run.lr)

    schedule = Schedule(lambda step: 1.0 / step)
    run = fit(epochs=2, batch_size=125, callbacks=[schedule, Watch()], optimizer=optim.SGD(lr=0.5))
    assert rates == [0.5, 0.25, 0.5 / 3, 0.125]
    assert [row["lr"] for row in run.history] == [0.25, 0.125]


def test_history_lines_hold_a_row_an_epoch(fit: Callable, tmp_path) -> None:
    path = tmp_path / "lines.jsonl"
    run = fit(callbacks=[HistoryLines(path)])
    assert [json.loads(line) for line in path.read_text().splitlines()] == run.history


def test_an_unknown_column_is_refused_with_those_there_are(fit: Callable) -> None:
    with pytest.raises(OptionError, match=r"no column 'val_loss'; it has epoch, loss, accuracy"):
        fit(callbacks=[EarlyStopping()])
    with pytest.raises(OptionError, match="patience is 0; expected 1 or more"):
        EarlyStopping(patience=0)
