"""Compiled training does what eager training does: the same figures, weights and checkpoints."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim
from chainrule.errors import OptionError, TraceError
from chainrule.train import Callback, EarlyStopping
from tests.optim.cases import CASES

pytest.importorskip("llvmlite")

EXACT = 1e-10
"""How far figures and weights of float64 models may lie apart, as a share: some thousand roundings
of 1e-16, which Adam's division by small gradients makes larger."""


def net(*between: Callable[[], nn.Module], outputs: int = 2, inputs: int = 2) -> Callable:
    """Makes a small net in float64, with layers of your own in the middle."""
    return lambda: nn.Sequential(
        nn.Linear(inputs, 8, dtype=np.float64),
        *(make() for make in between),
        nn.Tanh(),
        nn.Linear(8, outputs, dtype=np.float64),
    )


def several(names: Iterable[str], *quick: str) -> list:
    """Parameters of a test; those that are not named run with the slow tests."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


MOONS = cr.data.moons(90)
TOY: dict[str, Any] = {"data": MOONS, "batch_size": 20, "epochs": 3}
"""Four full batches an epoch and one of ten."""


def apart(one: cr.Run, other: cr.Run) -> float:
    """How far two runs lie apart: figures as a share of themselves, arrays of their largest."""
    assert [list(row) for row in one.history] == [list(row) for row in other.history]
    found = 0.0
    for mine, yours in zip(one.history, other.history, strict=True):
        for name in mine.keys() - {"seconds"}:
            if mine[name] is None:
                assert yours[name] is None
            else:
                found = max(found, abs(mine[name] - yours[name]) / max(abs(mine[name]), 1e-12))
    mine, yours = one.stepper.arrays(), other.stepper.arrays()
    assert list(mine) == list(yours)
    for name, array in mine.items():
        assert (array.shape, array.dtype) == (yours[name].shape, yours[name].dtype), name
        # float64, for counters are integers.
        size = max(float(np.abs(array).max(initial=0.0)), 1e-12)
        found = max(found, float(np.abs(array - yours[name].astype(float)).max()) / size)
    return found


@pytest.mark.parametrize("optimizer", [optim.SGD(lr=0.2), optim.Adam(lr=0.01)])
def test_losses_step_by_step_in_float32(optimizer: optim.Optimizer, pair, digits) -> None:
    """One batch an epoch, so that the history holds each step.

    A product of 784 terms has a relative error of some sqrt(784) / 2 roundings of 6e-8, and each
    of the 20 steps adds its own.
    """
    train = digits[0][:100]
    make = lambda: nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))  # noqa: E731
    eager, compiled = pair(make, data=train, batch_size=100, epochs=20, optimizer=optimizer)
    for mine, yours in zip(eager.history, compiled.history, strict=True):
        assert yours["loss"] == pytest.approx(mine["loss"], rel=20 * 14 * 6e-8)
        assert yours["accuracy"] == mine["accuracy"]
    assert eager.history[-1]["loss"] < 0.5 * eager.history[0]["loss"]


def test_validation_and_a_last_smaller_batch(pair, digits) -> None:
    make = net(inputs=784, outputs=10)
    eager, compiled = pair(make, validation=digits[1])
    assert apart(eager, compiled) < EXACT
    assert "val_accuracy" in compiled.history[-1]
    assert compiled.step == 3 * 8
    mine, yours = eager.evaluate(digits[1]), compiled.evaluate(digits[1])
    assert np.array_equal(mine.confusion, yours.confusion)


def parts_of_a_model() -> optim.Optimizer:
    groups = {"*.bias": {"lr": 0.1}, "0.*": {"weight_decay": 0.1}}
    return optim.Groups(optim.AdamW(lr=0.01, weight_decay=0.01), groups)


WRAPPED = {
    "groups": parts_of_a_model(),
    "EMA around groups": optim.EMA(parts_of_a_model(), decay=0.9),
    "SWA around Lookahead around Muon": optim.SWA(optim.Lookahead(optim.Muon(lr=0.02)), first=4),
}


@pytest.mark.parametrize("name", several(WRAPPED, "EMA around groups"))
def test_groups_and_averages(name: str, pair) -> None:
    eager, compiled = pair(net(), **TOY, optimizer=WRAPPED[name])
    assert apart(eager, compiled) < EXACT
    assert list(eager.averages) == list(compiled.averages)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_optimizer(name: str, pair) -> None:
    assert apart(*pair(net(), **TOY, optimizer=CASES[name].optimizer)) < EXACT


SETTINGS: dict[str, dict[str, Any]] = {
    "clipped by norm": {"clip_norm": 0.1},
    "clipped by value": {"clip_value": 0.01},
    "clipped by both": {"clip_value": 0.02, "clip_norm": 0.05},
    "penalties and a limit": {"l1": 1e-3, "l2": 1e-2, "max_norm": 0.8, "measure_cost": True},
    "a penalty on all": {"l2": 1e-2, "penalize": "all"},
    "a warm-up": {"schedule": "one_cycle(warmup=5)"},
    "steps": {"schedule": "step(1, gamma=0.5, by=epoch)"},
    "a plateau": {"schedule": "plateau(monitor=loss, patience=1, threshold=0.5)"},
    "no rest": {"batch_size": 30},
    "one batch": {"batch_size": 90},
    "batches of one": {"batch_size": 1, "data": MOONS[:9]},
}


@pytest.mark.parametrize(
    "name", several(SETTINGS, "clipped by both", "penalties and a limit", "a warm-up", "one batch")
)
def test_settings(name: str, pair) -> None:
    assert apart(*pair(net(), **(TOY | SETTINGS[name]))) < EXACT


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.3),
    "noise": lambda: nn.GaussianNoise(0.3),
    "layer norm": lambda: nn.LayerNorm(8, dtype=np.float64),
}


@pytest.mark.parametrize("name", several(LAYERS, "dropout"))
def test_layers(name: str, pair) -> None:
    assert apart(*pair(net(LAYERS[name]), **TOY)) < EXACT


@pytest.mark.slow
def test_dropouts_of_one_net_draw_different_masks(pair) -> None:
    assert apart(*pair(net(LAYERS["dropout"], LAYERS["dropout"]), **TOY)) < EXACT


def test_running_statistics(pair, digits) -> None:
    # SGD: the bias before a batch norm has no gradient but rounding, which Adam would blow up.
    make = net(lambda: nn.BatchNorm(8, dtype=np.float64), inputs=784, outputs=10)
    options = {"optimizer": optim.SGD(lr=0.1), "validation": digits[1]}
    assert apart(*pair(make, **options)) < EXACT


@pytest.mark.slow
def test_a_net_by_name_with_all_of_it(pair, digits) -> None:
    """In float32, as it is used; the figures are means over 250 samples."""
    make = lambda: models.mlp(  # noqa: E731
        784, 10, hidden=(12, 8), activation="gelu", norm="layer", dropout=0.2
    )
    eager, compiled = pair(make, validation=digits[1])
    for mine, yours in zip(eager.history, compiled.history, strict=True):
        assert yours["loss"] == pytest.approx(mine["loss"], rel=1e-5)


SOFT = np.asarray(cr.softmax(np.stack([MOONS.x[:, 0], MOONS.x[:, 1]], axis=1), axis=1))
TARGETS: dict[str, tuple[Callable, dict[str, Any]]] = {
    "one output for two classes": (net(outputs=1), {"loss": "binary_cross_entropy"}),
    "one output with signs": (net(outputs=1), {"loss": "hinge"}),
    "label smoothing": (net(), {"loss": "cross_entropy(label_smoothing=0.1)"}),
    "mse of classes": (net(), {"loss": "mse"}),
    "soft targets": (net(), {"data": cr.data.Dataset(MOONS.x, SOFT, classes=("one", "two"))}),
    "regression": (net(inputs=1, outputs=1), {"data": cr.data.sine(70)}),
    "robust regression": (net(inputs=1, outputs=1), {"data": cr.data.sine(70), "loss": "huber"}),
}


@pytest.mark.parametrize("name", several(TARGETS, "one output for two classes", "regression"))
def test_targets(name: str, pair) -> None:
    make, options = TARGETS[name]
    assert apart(*pair(make, **(TOY | options))) < EXACT


@pytest.mark.parametrize(
    "kind",
    several(
        ["float64", "int32", "columns first", "every second", "scaled"], "columns first", "scaled"
    ),
)
def test_data_of_any_dtype_and_layout(kind: str, pair, digits) -> None:
    x, y, transform = digits[0].x[:100], digits[0].y[:100], digits[0].transform
    if kind == "columns first":
        x = np.asfortranarray(x)
    elif kind == "every second":
        x, y = digits[0].x[::2], digits[0].y[::2]
    elif kind == "scaled":
        transform = cr.data.Affine(np.full(784, 0.004), -np.arange(784) / 784)
    else:
        x = x.astype(kind)
    data = cr.data.Dataset(x, y, transform=transform)
    eager, compiled = pair(net(inputs=784, outputs=10), data=data, optimizer=optim.SGD(lr=0.1))
    # Where a sample is scaled, its float32 may be multiplied and added with one rounding, not two.
    assert apart(eager, compiled) < (1e-4 if kind == "scaled" else EXACT)


def test_a_loss_and_an_optimizer_of_your_own(pair) -> None:
    class Signs(optim.Optimizer):
        def update(self, parameter, gradient, state, step, lr):
            return parameter - cr.sign(gradient) * lr, state

    weights = cr.tensor(np.array([1.0, 3.0]))

    def loss(outputs, targets):
        return cr.mean(nn.cross_entropy(outputs, targets) * weights) + 0.01 * cr.mean(outputs**2)

    assert apart(*pair(net(), **TOY, loss=loss, optimizer=Signs(lr=0.003))) < EXACT


def test_frozen_and_shared_weights(pair) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(2, 2, dtype=np.float64)
            self.again = self.first
            self.frozen = nn.Linear(2, 4, dtype=np.float64)
            self.last = nn.Linear(4, 2, dtype=np.float64)
            self.frozen.initialize(3)
            self.frozen.weight.requires_grad = False

        def forward(self, x):
            return self.last(self.frozen(cr.tanh(self.again(cr.tanh(self.first(x))))))

    eager, compiled = pair(Net, **TOY)
    assert apart(eager, compiled) < EXACT
    frozen = Net().frozen.weight.numpy()
    assert np.array_equal(compiled.model.frozen.weight.numpy(), frozen)


class Change(Callback):
    """Does something to the model after the first epoch."""

    def __init__(self, change: Callable[[Any], object]):
        self.change = change

    def on_epoch(self, run: cr.Run) -> None:
        if run.epoch == 1:
            self.change(run.model)


def halve(model: Any) -> None:
    for parameter in model.parameters():
        parameter.data *= 0.5


def turn(model: Any) -> None:
    model[0].weight.data = model[0].weight.numpy()[::-1].copy()


def freeze_statistics(model: Any) -> None:
    model[1].training = False


def drop_more(model: Any) -> None:
    model[1].p = 0.8


def half_frozen() -> nn.Module:
    model: Any = net()().initialize(4)
    model[0].weight.requires_grad = False
    return model


CHANGES = {
    "frozen weights": (half_frozen, turn),
    "weights in place": (net(), halve),
    "dropout": (net(LAYERS["dropout"]), drop_more),
    "mode": (net(lambda: nn.BatchNorm(8, dtype=np.float64)), freeze_statistics),
}


@pytest.mark.parametrize("name", several(CHANGES, "weights in place", "dropout"))
def test_what_a_callback_does_to_the_model_counts(name: str, pair) -> None:
    make, change = CHANGES[name]
    options = TOY | {"optimizer": optim.SGD(lr=0.1), "callbacks": [Change(change)]}
    eager, compiled = pair(make, **options)
    assert apart(eager, compiled) < EXACT
    assert apart(eager, pair(make, **(options | {"callbacks": []}))[0]) > 1e-3


class Falling(Callback):
    """Sets the rate before every step, and notes when it was called."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_step(self, run: cr.Run) -> None:
        self.seen.append((run.step, run.batch))
        run.lr_factor = 1 / (1 + run.step)

    def on_epoch(self, run: cr.Run) -> None:
        self.seen.append(run.history[-1]["lr"])


def test_callbacks_come_at_their_times_and_rates_are_heard(pair) -> None:
    # The same callback twice, for the runs come one after the other.
    falling = Falling()
    assert apart(*pair(net(), **TOY, callbacks=[falling])) < EXACT
    half = len(falling.seen) // 2
    assert falling.seen[:half] == falling.seen[half:]
    assert falling.seen[:3] == [(0, 0), (1, 1), (2, 2)]
    assert falling.seen[5] == pytest.approx(0.01 / 5)


def test_early_stopping(fit, kernels) -> None:
    options = TOY | {"validation": MOONS, "epochs": 30, "kernels": kernels}
    runs = [
        fit(
            model=net()(),
            compile=compiled,
            callbacks=[EarlyStopping(patience=2, min_delta=0.05)],
            **options,
        )
        for compiled in (False, True)
    ]
    assert runs[0].stopped == runs[1].stopped
    assert 2 < runs[1].epoch < 30
    assert apart(*runs) < EXACT


class Branching(nn.Module):
    """Asks for a number, which a trace has not."""

    def __init__(self) -> None:
        self.inner = nn.Linear(2, 2, dtype=np.float64)

    def forward(self, x):
        y = self.inner(x)
        return y if float(cr.sum(y)) > 0 else 2 * y


class Odd(nn.Module):
    """Fails in its own way where it is given no plain numbers."""

    def __init__(self) -> None:
        self.inner = nn.Linear(2, 2, dtype=np.float64)

    def forward(self, x):
        y = self.inner(x)
        if y.data is None or not isinstance(y.data, np.ndarray):
            raise LookupError("no numbers here")
        return y


ONLY_EAGER: dict[str, tuple[Callable, dict[str, Any], type[Exception], str]] = {
    "accumulation": (net(), {"accumulate": 2}, OptionError, r"accumulate=2. Use compile='auto'"),
    "mixup": (net(), {"mixup": 0.3}, OptionError, r"does not go with mixup=0\.3"),
    "few samples": (net(), {"batch_size": 91}, OptionError, r"90 samples, fewer than one batch"),
    "a branch on a value": (Branching, {}, TraceError, r"needs the numbers of a traced value"),
    "an error of its own": (Odd, {}, LookupError, "no numbers here"),
}


class StopAfter(Callback):
    """Ends a run early that was meant to be long, and so worth compiling."""

    def __init__(self, epochs: int):
        self.epochs = epochs

    def on_epoch(self, run: cr.Run) -> None:
        if run.epoch == self.epochs:
            run.stop("enough")


LONG: dict[str, Any] = {"epochs": 100_000, "callbacks": [StopAfter(2)]}


@pytest.mark.parametrize("name", ONLY_EAGER)
def test_what_cannot_be_compiled(name: str, fit, same_weights, kernels) -> None:
    make, options, error, words = ONLY_EAGER[name]
    options = TOY | options | LONG | {"kernels": kernels}
    with pytest.raises(error, match=words):
        fit(model=make(), compile=True, **options)
    eager = fit(model=make(), compile=False, **options)
    assert same_weights(fit(model=make(), compile="auto", **options), eager)


def test_auto_compiles_what_takes_long_enough(fit, tmp_path) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    fit(model=net()(), **TOY, kernels=str(short))
    fit(model=net()(), **(TOY | LONG), kernels=str(long))
    assert not short.exists()
    assert len(list(long.iterdir())) == 1


def test_without_llvmlite_auto_is_eager(fit, same_weights, monkeypatch) -> None:
    monkeypatch.setattr("chainrule.compiler.available", lambda: False)
    options = TOY | LONG
    eager = fit(model=net()(), compile=False, **options)
    assert same_weights(fit(model=net()(), **options), eager)
