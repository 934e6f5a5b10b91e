"""Training: what is learnt, and what is refused at the door."""

import re
from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import (
    DataError,
    DtypeError,
    GradientError,
    NonFiniteError,
    OptionError,
    RunError,
    ShapeError,
)


def test_the_loss_falls_and_the_history_tells_it(fit: Callable, digits: tuple) -> None:
    run = fit(validation=digits[1], epochs=4)
    losses = [row["loss"] for row in run.history]
    assert losses == sorted(losses, reverse=True)
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
    assert [row["step"] for row in run.history] == [8, 16, 24, 32]
    assert set(run.history[0]) == {
        *("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "step", "seconds")
    }
    last = run.evaluate(digits[1])
    assert run.history[-1]["val_loss"] == last.loss
    assert run.history[-1]["val_accuracy"] == last.accuracy
    assert "4 of 4 epochs" in repr(run)


def test_one_seed_gives_one_run_and_another_seed_another(fit: Callable, same_weights) -> None:
    first = fit()
    assert same_weights(first, fit())
    assert not same_weights(first, fit(seed=6))


def test_an_epoch_of_one_batch_is_the_step_written_by_hand(fit: Callable, net, digits) -> None:
    run = fit(epochs=1, batch_size=250, optimizer=optim.SGD(lr=0.5))
    model = net().initialize(5)
    # The mean over the batch does not depend on its order but for rounding.
    loss = nn.cross_entropy(model(digits[0].batch(np.arange(250))[0]), digits[0].y)
    loss.backward()
    for path, parameter in model.named_parameters():
        expected = parameter.numpy() - 0.5 * parameter.grad.numpy()
        np.testing.assert_allclose(run.model.state_dict()[path], expected, atol=1e-6)


@pytest.mark.parametrize("gate", ["and", "or", "nand", "xor"])
def test_gates_are_learnt(gate: str) -> None:
    data = cr.data.gate(gate)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    run = cr.fit(model, data, epochs=150, optimizer=optim.Adam(lr=0.1), show=False)
    assert run.evaluate(data).accuracy == 1.0
    assert run.predict(data).tolist() == data.y.tolist()


def test_a_regression_learns_the_sine() -> None:
    data = cr.data.sine(200, noise=0.0)
    model = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
    run = cr.fit(model, data, epochs=150, batch_size=50, optimizer=optim.Adam(lr=0.02), show=False)
    assert run.loss_name == "mse"
    assert run.history[-1]["accuracy"] is None
    result = run.evaluate(data)
    assert result.loss < 1e-2
    assert result.accuracy is None
    x = np.array([[0.5], [-2.0]], np.float32)
    np.testing.assert_allclose(run.predict(x), np.sin(x), atol=0.3)
    with pytest.raises(OptionError, match="predicts numbers"):
        run.predict_proba(x)


def test_two_classes_are_learnt_with_one_logit() -> None:
    data = cr.data.moons(200, noise=0.05)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    run = cr.fit(
        model,
        data,
        loss="binary_cross_entropy",
        epochs=60,
        batch_size=50,
        optimizer=optim.Adam(lr=0.05),
        show=False,
    )
    result = run.evaluate(data)
    assert result.accuracy is not None
    assert result.accuracy > 0.97
    shares = run.predict_proba(data)
    assert shares.shape == (200, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(shares.argmax(axis=1), run.predict(data))
    assert np.mean(run.predict(data) == data.y) == result.accuracy


def test_squares_and_binary_entropies_of_classes_take_one_hot_rows(fit: Callable, digits) -> None:
    for loss in ("mse", "binary_cross_entropy"):
        run = fit(loss=loss)
        x, y = digits[0].batch(np.arange(250))
        rows = cr.data.one_hot(y, 10)
        assert run.evaluate(digits[0]).loss == pytest.approx(
            float(nn.losses.by_name(loss)(run.outputs(x), rows)), rel=1e-5
        )


def test_one_hot_targets_train_as_class_ids_do(fit: Callable, digits, same_weights) -> None:
    ids, rows = fit(), fit(data=digits[0].to_one_hot())
    for path, weight in ids.model.state_dict().items():
        np.testing.assert_allclose(rows.model.state_dict()[path], weight, atol=1e-4)
    assert rows.history[-1]["accuracy"] == ids.history[-1]["accuracy"]


def test_a_model_and_a_loss_of_your_own() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            return self.inner(self.inner(x))

    def loss(output, target):
        return cr.mean(cr.square(output[:, 0] - target))

    x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(20, 2)
    y = np.asarray(x @ [1.0, -2.0], np.float32)
    run = cr.fit(Twice(), (x, y), loss=loss, epochs=40, batch_size=5, show=False)
    assert run.loss_name == "custom"
    assert run.history[-1]["loss"] < 0.3 * run.history[0]["loss"]


def test_accumulation_equals_the_large_batch(fit: Callable, digits) -> None:
    data = digits[0][:240]
    large = fit(data=data, batch_size=60, optimizer=optim.SGD(lr=0.1))
    small = fit(data=data, batch_size=20, accumulate=3, optimizer=optim.SGD(lr=0.1))
    assert small.step == large.step == 12
    for path, weight in large.model.state_dict().items():
        np.testing.assert_allclose(small.model.state_dict()[path], weight, atol=1e-5)
    assert small.history[-1]["loss"] == pytest.approx(large.history[-1]["loss"], rel=1e-4)


def test_the_last_smaller_group_weighs_its_samples_alike(fit: Callable, digits) -> None:
    data = digits[0][:70]
    large = fit(data=data, batch_size=70, epochs=1, optimizer=optim.SGD(lr=0.1))
    small = fit(data=data, batch_size=30, accumulate=3, epochs=1, optimizer=optim.SGD(lr=0.1))
    assert small.step == 1
    for path, weight in large.model.state_dict().items():
        np.testing.assert_allclose(small.model.state_dict()[path], weight, atol=1e-6)


def test_clipping_bounds_the_step_and_agrees_with_torch(fit: Callable, net, digits, torch) -> None:
    run = fit(epochs=1, batch_size=250, clip_norm=0.01, optimizer=optim.SGD(lr=1.0))
    start = net().initialize(5).state_dict()
    reference = _torch_net(torch, start)
    x, y = digits[0].batch(np.arange(250))
    torch.nn.functional.cross_entropy(reference(torch.tensor(x)), torch.tensor(y)).backward()
    torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.01)
    torch.optim.SGD(reference.parameters(), lr=1.0).step()
    moved = 0.0
    for path, weight in run.model.state_dict().items():
        expected = reference.state_dict()[path].numpy()
        np.testing.assert_allclose(weight, expected, atol=1e-6)
        moved += float(((weight - start[path]) ** 2).sum())
    assert np.sqrt(moved) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_weight_decay_agrees_with_torch(name: str, fit, net, digits, torch) -> None:
    lr = 0.01 if name == "adam" else 0.1
    run = fit(epochs=5, batch_size=250, optimizer=optim.by_name(name, lr=lr, weight_decay=0.1))
    reference = _torch_net(torch, net().initialize(5).state_dict())
    make = {
        "sgd": lambda p: torch.optim.SGD(p, lr=lr, weight_decay=0.1),
        "momentum": lambda p: torch.optim.SGD(p, lr=lr, momentum=0.9, weight_decay=0.1),
        "adam": lambda p: torch.optim.Adam(p, lr=lr, weight_decay=0.1),
    }
    weights = [p for p in reference.parameters() if p.ndim > 1]
    biases = [p for p in reference.parameters() if p.ndim < 2]
    # Weight decay passes over biases.
    stepper = make[name]([{"params": weights}, {"params": biases, "weight_decay": 0.0}])
    x, y = (torch.tensor(array) for array in digits[0].batch(np.arange(250)))
    for _ in range(5):
        stepper.zero_grad()
        torch.nn.functional.cross_entropy(reference(x), y).backward()
        stepper.step()
    with torch.no_grad():
        expected = reference(x).numpy()
    np.testing.assert_allclose(run.outputs(digits[0]), expected, atol=2e-4)


def _torch_net(torch, weights):
    net = torch.nn.Sequential(torch.nn.Linear(784, 12), torch.nn.ReLU(), torch.nn.Linear(12, 10))
    net.load_state_dict({path: torch.tensor(array) for path, array in weights.items()})
    return net


def test_a_frozen_parameter_stays(fit: Callable, net) -> None:
    model = net().initialize(0)
    model[0].weight.requires_grad = False
    before = model.state_dict()
    run = fit(model=model)
    after = run.model.state_dict()
    np.testing.assert_array_equal(after["0.weight"], before["0.weight"])
    assert not np.array_equal(after["2.weight"], before["2.weight"])


def test_weights_that_a_callback_changes_are_trained_on_from_there(fit: Callable) -> None:
    class Reset(cr.train.Callback):
        def on_step(self, run):
            if run.step == 3:
                weight = dict(run.model.named_parameters())["2.weight"]
                weight.assign(np.zeros(weight.shape, np.float32))

    run = fit(epochs=1, callbacks=[Reset()], optimizer=optim.SGD(lr=1e-4))
    assert np.abs(run.model.state_dict()["2.weight"]).max() < 1e-2


def test_weights_given_to_the_model_are_kept(fit: Callable, net) -> None:
    model = net().initialize(77)
    given = model.state_dict()
    run = fit(model=model, epochs=0)
    np.testing.assert_array_equal(run.model.state_dict()["0.weight"], given["0.weight"])


def test_no_epochs_leave_the_drawn_weights(fit: Callable, net) -> None:
    run = fit(epochs=0)
    assert run.history == []
    np.testing.assert_array_equal(
        run.model.state_dict()["0.weight"], net().initialize(5).state_dict()["0.weight"]
    )


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"optimizer": "adm"}, OptionError, "unknown optimizer 'adm'. Did you mean 'adam'"),
        ({"loss": "mce"}, OptionError, "unknown loss 'mce'. Did you mean 'mse'"),
        ({"epoch": 3}, OptionError, "unknown setting 'epoch'. Did you mean 'epochs'"),
        ({"epochs": -1}, OptionError, "epochs is -1; expected an integer of 0 or more"),
        ({"epochs": 2.0}, OptionError, "epochs is 2.0; expected an integer"),
        ({"batch_size": 0}, OptionError, "batch_size is 0; expected an integer of 1 or more"),
        ({"accumulate": True}, OptionError, "accumulate is True"),
        ({"seed": -4}, OptionError, "seed is -4"),
        ({"clip_norm": 0.0}, OptionError, "clip_norm is 0.0; expected a positive number"),
        ({"clip_norm": float("nan")}, OptionError, "clip_norm is nan"),
        ({"checkpoint_seconds": -1.0}, OptionError, "checkpoint_seconds is -1.0; expected 0"),
        ({"model": 3}, DtypeError, r"got a int as the model; expected a chainrule\.nn\.Module"),
        ({"model": nn.Sequential(nn.ReLU())}, GradientError, "no parameters to train"),
        ({"data": 3}, DtypeError, r"expected a Dataset or a pair \(x, y\)"),
        (
            {"model": nn.Sequential(nn.Linear(784, 10), lambda x: x.numpy())},
            GradientError,
            "ndarray",
        ),
        ({"loss": lambda out, y: out}, GradientError, "expected one number that depends on"),
        ({"loss": lambda out, y: 3.0}, GradientError, r"gave 3\.0; expected one number"),
    ],
)
def test_wrong_options_are_refused(fit: Callable, options, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(**options)


def test_wrong_shapes_name_the_layer_the_formula_and_the_edit(fit: Callable) -> None:
    model = nn.Sequential(nn.Linear(784, 25), nn.ReLU(), nn.Linear(30, 10))
    with pytest.raises(ShapeError) as caught:
        fit(model=model)
    text = str(caught.value)
    for part in ("'2'", "(2, 25)", "x @ weight.T + bias", "(10, 30)", "nn.Linear(25, 10)", "here"):
        assert part in text


def test_pictures_before_a_linear_layer_need_flatten(fit: Callable) -> None:
    train, _ = cr.data.mnist(flatten=False)
    with pytest.raises(ShapeError, match=r"nn\.Flatten\(\) before it"):
        fit(data=train[:20])


def test_a_last_layer_of_another_width_is_refused(fit: Callable) -> None:
    with pytest.raises(ShapeError, match=r"data has 10 classes; .* Give the last layer 10 outputs"):
        fit(model=nn.Sequential(nn.Linear(784, 12)))


@pytest.mark.parametrize(
    ("x", "y", "kind", "message"),
    [
        (np.zeros((0, 784)), np.zeros(0, int), DataError, "empty"),
        (np.full((4, 784), np.nan), np.zeros(4, int), DataError, "nan in row 0, column 0"),
        (np.zeros((4, 784)), np.zeros((4, 1), int), ShapeError, r"y has shape \(4, 1\).*y\[:, 0\]"),
        (np.zeros((4, 784)), np.array(["a", "b", "a", "b"]), DtypeError, "from_labels"),
        (np.zeros((4, 784)), np.array([0, 1, 2, -1]), DataError, "-1 in row 3"),
        (np.zeros((4, 784)), np.zeros(3, int), ShapeError, "4 samples and y has shape"),
    ],
)
def test_bad_data_is_refused_before_training(fit: Callable, x, y, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(data=(x, y))


def test_validation_must_fit_the_training_data(fit: Callable, digits: tuple) -> None:
    _, test = digits
    with pytest.raises(ShapeError, match=r"shape \(3,\); the model was trained on .* \(784,\)"):
        fit(validation=(np.zeros((5, 3)), np.zeros(5, int)))
    with pytest.raises(DataError, match=r"another transform .*with_transform"):
        fit(validation=test.with_transform(cr.data.Affine(1.0)))
    with pytest.raises(DataError, match="has the classes"):
        fit(validation=cr.data.Dataset(test.x, test.y % 2, transform=test.transform))


def test_a_pair_validates_like_the_data_set_it_comes_from(fit: Callable, digits) -> None:
    _, test = digits
    run = fit(validation=(test.x, test.y))
    assert run.history[-1]["val_loss"] == run.evaluate(test).loss


def test_an_out_folder_that_holds_something_is_left_alone(fit: Callable, tmp_path) -> None:
    fit(out=tmp_path / "run", epochs=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(RunError, match=re.escape(f"chainrule resume {tmp_path / 'run'}")):
        fit(out=tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before

    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("buy milk")
    with pytest.raises(RunError, match="is not empty and holds no run"):
        fit(out=tmp_path / "notes")
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["todo.txt"]

    with pytest.raises(RunError, match="is a file; expected a folder"):
        fit(out=tmp_path / "notes" / "todo.txt")


def test_nothing_is_written_when_the_shapes_do_not_fit(fit: Callable, tmp_path) -> None:
    with pytest.raises(ShapeError):
        fit(out=tmp_path / "run", model=nn.Sequential(nn.Linear(3, 10)))
    assert not (tmp_path / "run").exists()


def test_a_huge_learning_rate_stops_and_keeps_the_last_good_weights(fit, tmp_path) -> None:
    with pytest.raises(NonFiniteError, match=r"at step \d+ .* in the op '\w+' of layer '\d'"):
        fit(out=tmp_path / "run", optimizer=optim.SGD(lr=1e20), epochs=5)
    kept = cr.load_run(tmp_path / "run")
    assert all(np.isfinite(array).all() for array in kept.model.state_dict().values())
