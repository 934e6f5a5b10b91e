"""Schedules, groups, averages and clipping in a run: applied, kept, and resumed bit for bit."""

import json
import signal
from typing import Any, ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import OptionError
from chainrule.optim import schedules
from chainrule.train import Callback

BATCHES = 8
STEPS = 3 * BATCHES


class Rates(Callback):
    """Notes the rate of each step, and presses Ctrl-C before one of them."""

    def __init__(self, interrupt_at: int = -1):
        self.seen: list[float] = []
        self.wanted = interrupt_at

    def on_step(self, run: cr.Run) -> None:
        self.seen.append(run.lr)
        if run.step == self.wanted:
            signal.raise_signal(signal.SIGINT)


SCHEDULES: dict[str, Any] = {
    "cosine": schedules.Cosine(STEPS),
    "one_cycle(warmup=5)": schedules.Warmup(5, schedules.OneCycle(STEPS - 5)),
    "step(2, gamma=0.5)": schedules.Step(2, 0.5),
    "step(1, gamma=0.5, by=epoch)": schedules.ByEpoch(schedules.Step(1, 0.5), BATCHES),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_step_has_the_rate_of_the_schedule(name: str, fit) -> None:
    rates = Rates()
    fit(schedule=name, optimizer=optim.SGD(lr=0.2), callbacks=[rates])
    assert rates.seen == [0.2 * SCHEDULES[name](t) for t in range(STEPS)]


def test_lengths_count_updates_where_gradients_are_accumulated(fit) -> None:
    rates = Rates()
    run = fit(schedule="polynomial", accumulate=3, callbacks=[rates])
    assert run.step == 9
    np.testing.assert_allclose(rates.seen, [0.01 * (1 - t / 9) for t in range(9)])


OPTIMIZERS: dict[str, Any] = {
    **{name: optim.by_name(name) for name in optim.names()},
    "ema": optim.EMA(optim.Adam(lr=0.01), decay=0.9),
    "swa": optim.SWA(optim.Adam(lr=0.01), first=5, every=4),
    "lookahead": optim.Lookahead(optim.SGD(lr=0.1), k=3),
    "groups": optim.Groups(
        optim.AdamW(lr=0.01), {"*.bias": {"weight_decay": 0.1}, "2.*": optim.LAMB(lr=0.02)}
    ),
}


QUICK = ("nadam", "muon", "lookahead", "ema", "groups")
"""One of each way in which a memory is kept; the others are alike."""


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OPTIMIZERS],
)
def test_every_optimizer_goes_on_from_its_folder(
    name: str, fit, digits, same_weights, tmp_path
) -> None:
    model = lambda: nn.Sequential(  # noqa: E731 - hidden matrices, for Muon
        nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 10)
    )
    options: dict[str, Any] = {
        "optimizer": OPTIMIZERS[name],
        "validation": digits[1],
        "epochs": 2,
        "schedule": "cosine",
        "clip_value": 0.01,
    }
    whole = fit(**options, model=model(), callbacks=[Rates()])
    fit(**options, model=model(), out=tmp_path / "run", callbacks=[Rates(5)])
    resumed = cr.resume(
        tmp_path / "run", digits[0], validation=digits[1], callbacks=[Rates()], show=False
    )
    assert resumed.optimizer == OPTIMIZERS[name]
    assert same_weights(resumed, whole)
    assert resumed.averages.keys() == whole.averages.keys()
    for path, array in whole.averages.items():
        np.testing.assert_array_equal(resumed.averages[path], array)


class TestPlateau:
    OPTIONS: ClassVar[Any] = {"optimizer": optim.SGD(lr=1e-7), "epochs": 6}
    SCHEDULE = "plateau(val_loss, factor=0.5, patience=1, threshold=0.1)"

    def test_the_rate_falls_when_nothing_gets_better(self, fit, digits) -> None:
        rates = Rates()
        fit(**self.OPTIONS, schedule=self.SCHEDULE, validation=digits[1], callbacks=[rates])
        assert rates.seen[::BATCHES] == pytest.approx(
            [1e-7, 1e-7, 1e-7, 5e-8, 5e-8, 2.5e-8], rel=1e-12
        )

    @pytest.mark.parametrize("step", [9, 17, 30])
    def test_it_goes_on_where_it_was(self, step: int, fit, digits, same_weights, tmp_path) -> None:
        options = {**self.OPTIONS, "schedule": self.SCHEDULE, "validation": digits[1]}
        whole = fit(**options)
        fit(**options, out=tmp_path / "run", callbacks=[Rates(step)])
        resumed = cr.resume(
            tmp_path / "run", digits[0], validation=digits[1], callbacks=[Rates()], show=False
        )
        assert same_weights(resumed, whole)
        assert resumed.waiting == whole.waiting

    def test_a_figure_that_there_is_not_is_met_at_the_door(self, fit) -> None:
        with pytest.raises(OptionError, match=r"follows 'val_loss', .*validation=\.\.\."):
            fit(schedule="plateau")


def test_the_schedule_of_a_run_is_part_of_its_configuration(fit, tmp_path) -> None:
    fit(schedule="cosine", out=tmp_path / "run", epochs=1)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    expected = {"name": "cosine", "options": {"steps": BATCHES, "end": 0.0}}
    assert config["settings"]["schedule"] == expected


def test_more_epochs_than_the_schedule_has_are_refused(fit, digits, tmp_path) -> None:
    run = fit(schedule="cosine", epochs=1, out=tmp_path / "run")
    message = r"brought the learning rate to 0 at the last of 16 steps.*begin a new run"
    with pytest.raises(OptionError, match=message):
        run.resume(epochs=2)
    with pytest.raises(OptionError, match=message):
        cr.resume(tmp_path / "run", digits[0], epochs=2, show=False)
    more = fit(schedule="cosine(end=0.1)", epochs=1)
    assert more.resume(epochs=2).step == 16


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("cosin", "unknown schedule 'cosin'. Did you mean 'cosine'"),
        (lambda t: 1.0, "schedule is <function .*take the callback chainrule.train.Schedule"),
        (0.5, "schedule is 0.5; expected a name such as 'cosine'"),
    ],
)
def test_what_is_no_schedule(schedule: Any, message: str, fit) -> None:
    with pytest.raises(OptionError, match=message):
        fit(schedule=schedule)


def test_gradients_are_held_element_by_element(fit, net, digits) -> None:
    plain = fit(optimizer=optim.SGD(lr=1.0), epochs=1, batch_size=250)
    held = fit(optimizer=optim.SGD(lr=1.0), epochs=1, batch_size=250, clip_value=1e-3)
    start = net().initialize(5).state_dict()
    for path, before in start.items():
        moved = np.clip(plain.model.state_dict()[path] - before, -1e-3, 1e-3)
        np.testing.assert_allclose(held.model.state_dict()[path] - before, moved, atol=2e-7)
    with pytest.raises(OptionError, match="clip_value is -1; expected a positive number"):
        fit(clip_value=-1)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_a_run_is_judged_by_its_averages_and_trains_without_them(kind: str, fit, digits) -> None:
    run = fit(optimizer=OPTIMIZERS[kind], validation=digits[1])
    plain = fit(optimizer=optim.Adam(lr=0.01), validation=digits[1])
    for path, array in plain.model.state_dict().items():
        np.testing.assert_array_equal(run.model.state_dict()[path], array)
    assert run.averages.keys() == run.model.state_dict().keys()
    assert plain.averages == {}
    model = nn.Sequential(nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 10))
    model.load_state_dict(run.averages)
    x = digits[1].transform(digits[1].x)
    np.testing.assert_allclose(run.outputs(digits[1]), model(x).numpy(), rtol=1e-5, atol=1e-5)
    assert run.history[-1]["val_loss"] == run.evaluate(digits[1]).loss
    assert run.history[-1]["val_loss"] != plain.history[-1]["val_loss"]


def test_the_averaged_model_has_statistics_of_its_own_weights(fit, digits, torch) -> None:
    """As PyTorch's update_bn: the plain average over the batches, in their order."""
    layers = lambda: nn.Sequential(  # noqa: E731
        nn.Linear(784, 12), nn.BatchNorm(12), nn.ReLU(), nn.Linear(12, 10)
    )
    run = fit(model=layers(), optimizer=OPTIMIZERS["swa"], batch_size=50)
    before = run.model.state_dict()
    twin = run.averaged_model()
    theirs = torch.nn.Sequential(
        torch.nn.Linear(784, 12), torch.nn.BatchNorm1d(12), torch.nn.ReLU(), torch.nn.Linear(12, 10)
    )
    weights = before | run.averages
    theirs.load_state_dict({path: torch.tensor(array) for path, array in weights.items()})
    x = digits[0].transform(digits[0].x)
    batches = [torch.tensor(x[i : i + 50]) for i in range(0, 250, 50)]
    torch.optim.swa_utils.update_bn(batches, theirs)
    for path, array in twin.state_dict().items():
        np.testing.assert_allclose(array, theirs.state_dict()[path].numpy(), rtol=2e-5, atol=1e-6)
    assert not np.allclose(twin.state_dict()["1.running_mean"], before["1.running_mean"])
    for path, array in run.model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    assert not twin.training
    assert twin[1].momentum == run.model[1].momentum
