"""A run that was interrupted and goes on ends as one that was not."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import OptionError, RunError
from chainrule.train import Callback, EarlyStopping, HistoryLines, Schedule

BATCHES = 8
"""In an epoch of 250 samples, 32 at a time."""


class InterruptAt(Callback):
    """Presses Ctrl-C before a certain step."""

    def __init__(self, step: int):
        self.wanted = step

    def on_step(self, run: cr.Run) -> None:
        if run.step == self.wanted:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", range(3 * BATCHES))
def test_interrupted_anywhere_and_gone_on_in_memory(step: int, fit, same_weights) -> None:
    run = fit(callbacks=[InterruptAt(step)])
    assert run.interrupted == (step < 3 * BATCHES - 1)
    assert run.position == divmod(step + 1, BATCHES)
    assert same_weights(run.resume(), fit())
    assert not run.interrupted


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("step", [0, 5, BATCHES - 1, BATCHES, 19])
def test_interrupted_and_taken_up_from_its_folder(
    step: int, optimizer: str, fit, digits, same_weights, tmp_path
) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "validation": digits[1], "clip_norm": 1.0}
    whole = fit(**options)
    fit(**options, out=tmp_path / "run", callbacks=[InterruptAt(step)])
    resumed = cr.resume(
        tmp_path / "run",
        digits[0],
        validation=digits[1],
        callbacks=[InterruptAt(-1)],
        show=False,
    )
    assert same_weights(resumed, whole)
    best = min(whole.history, key=lambda row: row["val_loss"])
    assert cr.load_run(tmp_path / "run", which="best").epoch == best["epoch"]


def test_interrupted_within_an_accumulated_group(fit, digits, same_weights, tmp_path) -> None:
    whole = fit(accumulate=3)
    for step in range(whole.step):
        out = tmp_path / f"run{step}"
        fit(accumulate=3, out=out, callbacks=[InterruptAt(step)])
        kept = cr.load_run(out)
        assert kept.batch in (0, 3, 6)
        resumed = cr.resume(out, digits[0], callbacks=[InterruptAt(-1)], show=False)
        assert same_weights(resumed, whole)


def test_interrupted_many_times(fit, digits, same_weights, tmp_path) -> None:
    run = fit(out=tmp_path / "run", callbacks=[InterruptAt(0)])
    for step in range(1, 3 * BATCHES):
        run = cr.resume(tmp_path / "run", digits[0], callbacks=[InterruptAt(step)], show=False)
        assert run.step == step + 1
    assert same_weights(run, fit())


def test_a_second_ctrl_c_stops_at_once(fit: Callable, tmp_path) -> None:
    class Twice(Callback):
        def on_step(self, run: cr.Run) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(out=tmp_path / "run", callbacks=[Twice()])
    assert cr.load_run(tmp_path / "run").step == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_callbacks_go_on_where_they_were(fit, digits, same_weights, tmp_path) -> None:
    options: dict[str, Any] = {
        "epochs": 9,
        "validation": digits[1],
        "optimizer": optim.SGD(lr=1e-7),
    }
    stopping = {"patience": 4, "min_delta": 0.01}
    whole = fit(**options, callbacks=[EarlyStopping(**stopping)])
    assert whole.epoch == 5
    # Interrupted when three epochs of patience are used up.
    lines = HistoryLines(tmp_path / "lines.jsonl")
    callbacks = [EarlyStopping(**stopping), lines, InterruptAt(3 * BATCHES + 2)]
    run = fit(**options, out=tmp_path / "run", callbacks=callbacks)
    assert run.interrupted
    with pytest.raises(RunError, match=r"InterruptAt, not all .* callbacks=\[\.\.\.\]"):
        cr.resume(tmp_path / "run", digits[0], validation=digits[1], show=False)
    again = [EarlyStopping(**stopping), lines, InterruptAt(-1)]
    run = cr.resume(tmp_path / "run", digits[0], validation=digits[1], callbacks=again, show=False)
    assert same_weights(run, whole)
    assert run.stopped == whole.stopped
    assert len(lines.path.read_text().splitlines()) == 5


def test_callbacks_of_the_package_are_made_again(fit, digits, same_weights, tmp_path) -> None:
    data, test = cr.data.gate("xor"), cr.data.gate("xor")
    model = lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))  # noqa: E731
    options: dict[str, Any] = {
        "data": data,
        "validation": test,
        "epochs": 30,
        "optimizer": optim.SGD(lr=1e-7),
    }
    stopping = {"patience": 6, "min_delta": 0.01}
    whole = fit(model=model(), **options, callbacks=[EarlyStopping(**stopping)])
    fit(
        model=model(),
        **(options | {"epochs": 4}),
        out=tmp_path / "run",
        callbacks=[EarlyStopping(**stopping)],
    )
    resumed = cr.resume(tmp_path / "run", epochs=30, show=False)
    assert (resumed.epoch, resumed.stopped) == (7, whole.stopped)
    assert same_weights(resumed, whole)


def test_a_schedule_must_be_given_again(fit, digits, same_weights, tmp_path) -> None:
    half = lambda step: 0.5 ** (step // 4)  # noqa: E731
    whole = fit(callbacks=[Schedule(half)])
    fit(callbacks=[Schedule(half)], epochs=1, out=tmp_path / "run")
    with pytest.raises(RunError, match="Schedule, not all of which can be made again"):
        cr.resume(tmp_path / "run", digits[0], show=False)
    with pytest.raises(RunError, match=r"the callbacks Schedule, now given are \(none\)"):
        cr.resume(tmp_path / "run", digits[0], callbacks=[], show=False)
    resumed = cr.resume(
        tmp_path / "run", digits[0], callbacks=[Schedule(half)], epochs=3, show=False
    )
    assert same_weights(resumed, whole)


def test_more_epochs_than_planned_are_the_same_as_planning_them(
    fit, digits, same_weights, tmp_path
) -> None:
    fit(epochs=1, out=tmp_path / "run")
    resumed = cr.resume(tmp_path / "run", digits[0], epochs=3, show=False)
    assert same_weights(resumed, fit(epochs=3))


def test_the_new_number_of_epochs_is_remembered(fit, digits, same_weights, tmp_path) -> None:
    fit(epochs=1, out=tmp_path / "run", callbacks=[InterruptAt(-1)])
    stop = [InterruptAt(BATCHES + 3)]
    cr.resume(tmp_path / "run", digits[0], callbacks=stop, epochs=3, show=False)
    again = cr.resume(tmp_path / "run", digits[0], callbacks=[InterruptAt(-1)], show=False)
    assert same_weights(again, fit(epochs=3))


def test_data_by_name_is_opened_again(fit, same_weights, tmp_path) -> None:
    model = lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))  # noqa: E731
    whole = fit(model=model(), data=cr.data.gate("or"), epochs=4)
    fit(model=model(), data=cr.data.gate("or"), epochs=2, out=tmp_path / "run")
    resumed = cr.resume(tmp_path / "run", epochs=4, show=False)
    assert same_weights(resumed, whole)
    # It had no validation, so it has none now.
    assert "val_loss" not in resumed.history[-1]


def test_data_by_path_is_opened_again(fit, same_weights, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"{i % 7},{i % 5},{'odd' if i % 2 else 'even'}" for i in range(50)]
    Path("table.csv").write_text("\n".join(lines))
    source = cr.train.Source("table.csv", hold_out=0.3, seed=4)
    train, test = source.open()
    assert (len(train), len(test)) == (35, 15)
    model = lambda: nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))  # noqa: E731
    options: dict[str, Any] = {"data": train, "validation": test, "source": source}
    whole = fit(model=model(), **options, epochs=4)
    fit(model=model(), **options, epochs=2, out="run")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert same_weights(cr.resume("../run", epochs=4, show=False), whole)

    (tmp_path / "table.csv").write_text("\n".join(lines[::-1]))
    with pytest.raises(RunError, match="not the training data that the run began with: its crc32"):
        cr.resume("../run", epochs=5, show=False)
    (tmp_path / "table.csv").unlink()
    with pytest.raises(OptionError, match=r"table\.csv"):
        cr.resume("../run", epochs=5, show=False)


def test_what_the_run_cannot_know_is_asked_for(fit, digits, tmp_path) -> None:
    train, test = digits
    fit(out=tmp_path / "run", epochs=1, validation=test)
    # Its name is mnist, but it is only a part of it.
    with pytest.raises(RunError, match="its samples was 250 and is now 60000"):
        cr.resume(tmp_path / "run", show=False)
    with pytest.raises(RunError, match=r"not the validation data .* samples was 100"):
        cr.resume(tmp_path / "run", train, show=False)

    own = cr.data.Dataset(train.x, train.y, "my data", transform=train.transform)
    fit(data=own, out=tmp_path / "own", epochs=1, validation=own)
    with pytest.raises(RunError, match="does not know where its data 'my data' came from"):
        cr.resume(tmp_path / "own", show=False)
    with pytest.raises(
        RunError, match=r"validated on 'my data', 250 samples; .* validation=\.\.\."
    ):
        cr.resume(tmp_path / "own", own, show=False)


@pytest.mark.parametrize("change", ["order", "label", "pixel", "samples", "scale"])
def test_changed_data_is_refused(change: str, fit, digits, tmp_path) -> None:
    train, _ = digits
    fit(out=tmp_path / "run", epochs=1)
    x, y, transform = np.array(train.x), np.array(train.y), train.transform
    if change == "order":
        x, y = x[::-1], y[::-1]
    elif change == "label":
        y[7] = (y[7] + 1) % 10
    elif change == "pixel":
        x[249, 783] = 255
    elif change == "samples":
        x, y = x[:-1], y[:-1]
    else:
        transform = cr.data.Affine(1 / 128)
    other = cr.data.Dataset(x, y, "mnist", train.classes, train.image_shape, transform)
    with pytest.raises((RunError, cr.errors.DataError), match=r"Give the same data|transform"):
        cr.resume(tmp_path / "run", other, show=False)


def test_settings_that_would_change_the_steps_are_fixed(fit, digits, tmp_path) -> None:
    fit(out=tmp_path / "run", epochs=1)
    with pytest.raises(OptionError, match="batch_size of a run is fixed"):
        cr.resume(tmp_path / "run", digits[0], batch_size=10)
    with pytest.raises(OptionError, match=r"unknown setting 'epoch'. Did you mean 'epochs'"):
        cr.resume(tmp_path / "run", digits[0], epoch=10)
    with pytest.raises(OptionError, match="epochs is -1"):
        cr.resume(tmp_path / "run", digits[0], epochs=-1)


def test_a_model_and_a_loss_of_your_own_are_asked_for(digits, same_weights, tmp_path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(784, 10)

        def forward(self, x):
            return self.inner(x)

    def loss(output, target):
        return nn.cross_entropy(output, target) + 0.01 * cr.mean(cr.square(output))

    options: dict[str, Any] = {"loss": loss, "show": False}
    whole = cr.fit(Net(), digits[0], epochs=3, **options)
    cr.fit(Net(), digits[0], epochs=1, out=tmp_path / "run", **options)
    with pytest.raises(RunError, match=r"your own model, .* pass it with model=\.\.\."):
        cr.resume(tmp_path / "run", digits[0])
    with pytest.raises(RunError, match=r"your own loss, .* pass it with loss=\.\.\."):
        cr.resume(tmp_path / "run", digits[0], model=Net())
    with pytest.raises(RunError, match="weights do not fit"):
        cr.load_run(tmp_path / "run", model=nn.Linear(784, 10), loss=loss)
    resumed = cr.resume(tmp_path / "run", digits[0], model=Net(), epochs=3, **options)
    assert same_weights(resumed, whole)


def test_a_run_saved_later_is_resumed_as_well(fit, digits, same_weights, tmp_path) -> None:
    fit(epochs=1, validation=digits[1]).save(tmp_path / "run")
    resumed = cr.resume(tmp_path / "run", digits[0], validation=digits[1], epochs=3, show=False)
    assert same_weights(resumed, fit(validation=digits[1]))


def test_a_loaded_run_says_how_to_go_on(fit, tmp_path) -> None:
    fit(out=tmp_path / "run", epochs=1)
    with pytest.raises(RunError, match=r"chainrule\.resume\(folder, data\)"):
        cr.load_run(tmp_path / "run").resume()


def test_the_configuration_says_what_was_asked_for(fit, digits, tmp_path) -> None:
    fit(out=tmp_path / "run", epochs=1, validation=digits[1], clip_norm=2.0)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["loss"] == "cross_entropy"
    assert config["optimizer"]["name"] == "adam"
    assert config["optimizer"]["options"]["lr"] == 0.01
    assert config["settings"]["clip_norm"] == 2.0
    assert config["data"]["name"] == "mnist"
    assert config["data"]["samples"] == 250
    assert config["validation"]["samples"] == 100
    assert [step["class"] for step in config["model"]["steps"]] == ["Linear", "ReLU", "Linear"]


def test_an_optimizer_of_your_own_is_asked_for(fit, digits, same_weights, tmp_path) -> None:
    class Signs(optim.Optimizer):
        def update(self, parameter, gradient, state, step, lr):
            return parameter - cr.sign(gradient) * lr, state

    whole = fit(optimizer=Signs(lr=0.001))
    fit(optimizer=Signs(lr=0.001), epochs=1, out=tmp_path / "run")
    with pytest.raises(RunError, match=r"your own optimizer, .*pass it with optimizer=\.\.\."):
        cr.resume(tmp_path / "run", digits[0])
    resumed = cr.resume(
        tmp_path / "run", digits[0], optimizer=Signs(lr=0.001), epochs=3, show=False
    )
    assert same_weights(resumed, whole)


def test_another_optimizer_than_the_run_had_is_refused(fit, digits, tmp_path) -> None:
    fit(optimizer=optim.SGD(lr=0.1), epochs=1, out=tmp_path / "run")
    with pytest.raises(RunError, match=r"trained with SGD\(lr=0\.1.*now given is SGD\(lr=0\.2"):
        cr.resume(tmp_path / "run", digits[0], optimizer=optim.SGD(lr=0.2))
