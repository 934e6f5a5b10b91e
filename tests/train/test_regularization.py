"""Runs with penalties, norms, dropout and mixup: what is minimised; that they resume exactly."""

import json
import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim, rng
from chainrule.errors import NonFiniteError, OptionError, ShapeError
from chainrule.train import Callback, mixup

BATCHES = 8


class StopAt(Callback):
    """Ends the process's part of a run before a certain step, as Ctrl-C does."""

    def __init__(self, step: int):
        self.wanted = step

    def on_step(self, run: cr.Run) -> None:
        if run.step == self.wanted:
            raise KeyboardInterrupt


def noisy_net() -> nn.Sequential:
    return models.mlp(784, 10, hidden=(12, 8), activation="gelu", norm="batch", dropout=0.3)


OPTIONS: dict[str, Any] = {"mixup": 0.3, "l1": 1e-5, "l2": 1e-4, "max_norm": 2.0}


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("step", [0, 2, 5])
def test_masks_statistics_and_mixtures_go_on_where_they_were(
    step: int, accumulate: int, fit, digits, same_weights, tmp_path
) -> None:
    options = {**OPTIONS, "accumulate": accumulate, "measure_cost": True, "epochs": 2}
    whole = fit(model=noisy_net(), **options)
    settings = {**options, "out": tmp_path / "run", "checkpoint_seconds": 0.0}
    with pytest.raises(KeyboardInterrupt):
        fit(model=noisy_net(), callbacks=[StopAt(step)], **settings)
    resumed = cr.resume(tmp_path / "run", digits[0], callbacks=[StopAt(-1)], show=False)
    assert same_weights(resumed, whole)
    # Running statistics are among what is compared.
    assert resumed.model.state_dict()["1.num_batches_tracked"] == 2 * BATCHES


def test_two_seeds_draw_different_masks(fit, same_weights) -> None:
    initialized = noisy_net().initialize(0).state_dict()

    def run(seed: int, **options: Any) -> cr.Run:
        model = noisy_net()
        model.load_state_dict(initialized)
        return fit(model=model, seed=seed, epochs=1, batch_size=250, **options)

    assert same_weights(run(1), run(1))
    assert not same_weights(run(1), run(2))


def test_loss_cost_and_objective_are_three_columns(fit, digits) -> None:
    run = fit(l2=0.01, measure_cost=True)
    for row in run.history:
        assert row["objective"] == pytest.approx(row["cost"] + row["penalty"], rel=1e-12)
        # The loss is the mean over batches while the weights still moved.
        assert row["loss"] > row["cost"]
    last = run.history[-1]
    assert run.cost(digits[0]) == pytest.approx(last["cost"], rel=1e-6)
    assert run.penalty() == last["penalty"]
    assert run.objective(digits[0]) == pytest.approx(last["objective"], rel=1e-6)
    weights = [p.numpy() for p in run.model.parameters() if len(p.shape) > 1]
    assert run.penalty() == pytest.approx(0.005 * sum((w**2).sum() for w in weights), rel=1e-5)
    plain = fit()
    assert not {"penalty", "cost", "objective"} & set(plain.history[-1])
    assert plain.penalty() == 0.0


def test_with_sgd_the_squared_penalty_trains_as_weight_decay(fit) -> None:
    one = fit(l2=0.05, optimizer=optim.SGD(lr=0.1))
    other = fit(optimizer=optim.SGD(lr=0.1, weight_decay=0.05))
    for path, array in one.model.state_dict().items():
        np.testing.assert_allclose(array, other.model.state_dict()[path], rtol=1e-3, atol=1e-5)
    free = fit(optimizer=optim.SGD(lr=0.1))
    assert one.history[-1]["penalty"] < 0.025 * sum(
        (p.numpy() ** 2).sum() for p in free.model.parameters() if len(p.shape) > 1
    )


def test_absolute_penalties_make_small_weights_smaller(fit) -> None:
    def smallest(run: cr.Run) -> float:
        weight = np.abs(run.model.state_dict()["0.weight"])
        return float((weight < 1e-3).mean())

    assert smallest(fit(l1=3e-3)) > 3 * smallest(fit())


def test_penalize_all_reaches_the_biases(fit) -> None:
    spared = fit(l2=1.0, optimizer=optim.SGD(lr=0.05))
    reached = fit(l2=1.0, penalize="all", optimizer=optim.SGD(lr=0.05))
    size = [np.abs(run.model.state_dict()["2.bias"]).sum() for run in (spared, reached)]
    assert size[1] < size[0]


def test_no_unit_grows_beyond_the_largest_norm(fit) -> None:
    for optimizer in (optim.Adam(lr=0.05), optim.SGD(lr=0.5)):
        state = fit(max_norm=1.5, optimizer=optimizer).model.state_dict()
        for path in ("0.weight", "2.weight"):
            assert np.linalg.norm(state[path], axis=1).max() <= 1.5 * (1 + 1e-5)
        assert np.linalg.norm(state["0.weight"], axis=1).max() > 1.4


def test_a_last_batch_of_one_is_met_before_training(fit, digits, tmp_path) -> None:
    with pytest.raises(ShapeError, match=r"layer '1', BatchNorm.*has 1 value.*batch_size"):
        fit(model=noisy_net(), data=digits[0][:65], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = fit(model=noisy_net(), data=digits[0][:66], epochs=1)
    assert run.model.state_dict()["1.num_batches_tracked"] == 3


def test_trying_out_leaves_the_statistics_as_they_were(fit) -> None:
    model = noisy_net()
    fit(model=model, epochs=0)
    np.testing.assert_array_equal(model.state_dict()["1.running_mean"], 0.0)


def test_a_step_that_fails_leaves_the_statistics_as_they_were(fit, digits) -> None:
    seen: list[dict] = []

    class Keep(Callback):
        def on_step(self, run: cr.Run) -> None:
            seen.append(run.model.state_dict())
            if run.step == 3:
                run.model[0].weight.data = np.full((12, 784), np.inf, np.float32)

    model = noisy_net()
    with pytest.raises(NonFiniteError, match="step 4"):
        fit(model=model, callbacks=[Keep()])
    after = model.state_dict()
    for path in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        np.testing.assert_array_equal(after[path], seen[3][path])
    assert np.isfinite(after["1.running_mean"]).all()


def test_evaluation_is_not_random(fit, digits) -> None:
    run = fit(model=noisy_net())
    assert run.evaluate(digits[1]).loss == run.evaluate(digits[1]).loss
    np.testing.assert_array_equal(run.predict(digits[1].x[:1]), run.predict(digits[1].x)[:1])


def test_mixup_mixes_inputs_and_targets_alike() -> None:
    x = np.eye(6, dtype=np.float32)
    mixed, targets = mixup(x, np.arange(6), rng.key(3), alpha=1.0, classes=6)
    np.testing.assert_array_equal(mixed, targets)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    share = mixed.max(axis=1)
    assert share.min() >= 0.5
    assert mixed.dtype == np.float32
    pixels, numbers = mixup(np.full((4, 2), 200, np.uint8), np.ones((4, 1)), rng.key(0))
    np.testing.assert_allclose(pixels, 200.0, rtol=1e-6)
    np.testing.assert_allclose(numbers, 1.0)
    with pytest.raises(OptionError, match=r"give classes=\.\.\."):
        mixup(x, np.arange(6), rng.key(0))


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 3.0])
def test_the_measure_of_mixtures_has_the_moments_of_the_beta_distribution(alpha: float) -> None:
    def share(seed: int) -> float:
        mixed, _ = mixup(np.eye(2), np.eye(2), rng.key(seed), alpha)
        return float(mixed[0, 0])

    # Where the order swaps the two, the share is seen as it is; else it is 1.
    shares = np.array([share(seed) for seed in range(1200)])
    shares = shares[shares < 1]
    variance = 1 / (4 * (2 * alpha + 1))
    assert len(shares) > 400
    assert abs(shares.mean() - 0.5) < 6 * math.sqrt(variance / len(shares))
    assert shares.var() == pytest.approx(variance, rel=6 / math.sqrt(len(shares)))


@pytest.mark.parametrize("loss", ["hinge", "multi_margin"])
def test_classes_can_be_learnt_with_other_losses(loss: str, fit, digits) -> None:
    assert fit(loss=loss, epochs=6).evaluate(digits[1]).accuracy > 0.6


@pytest.mark.parametrize("loss", ["mae", "huber(delta=0.5)"])
def test_outliers_weigh_less_than_in_squares(loss: str) -> None:
    x = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
    y = 2 * x
    y[::10] += 20
    options: dict[str, Any] = {"epochs": 60, "batch_size": 20, "show": False}
    options["optimizer"] = optim.Adam(lr=0.05)
    robust, squared = (
        cr.fit(nn.Sequential(nn.Linear(1, 1)), (x, y), loss=name, **options)
        for name in (loss, "mse")
    )
    assert np.abs(robust.predict(x) - 2 * x).mean() < 0.3
    assert np.abs(squared.predict(x) - 2 * x).mean() > 1.0


def test_nll_goes_with_a_net_that_ends_in_log_softmax(fit, net, digits) -> None:
    ends = nn.Sequential(*net(), nn.LogSoftmax())
    run = fit(model=ends, loss="nll")
    np.testing.assert_allclose(run.history[-1]["loss"], fit().history[-1]["loss"], rtol=1e-4)


def test_options_of_the_loss_are_kept_in_the_folder(fit, tmp_path, digits) -> None:
    run = fit(loss="cross_entropy(label_smoothing=0.2)", out=tmp_path / "run", epochs=1)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["loss"] == "cross_entropy(label_smoothing=0.2)"
    again = cr.load_run(tmp_path / "run").evaluate(digits[1])
    assert again.loss == run.evaluate(digits[1]).loss
    assert again.loss > 0.2 * math.log(10) / 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1": -1.0}, "l1 is -1.0; expected 0 or more"),
        ({"l2": "1"}, "l2 is '1'; expected 0 or more"),
        ({"mixup": math.nan}, "mixup is nan; expected 0 or more"),
        ({"max_norm": 0.0}, "max_norm is 0.0; expected a positive number"),
        ({"penalize": "biases"}, "unknown penalize 'biases'.*weights, all"),
        ({"loss": "cross_entropy(label_smoothing=1.5)"}, "label_smoothing is 1.5; expected"),
    ],
)
def test_settings_outside_their_ranges_are_refused(options: dict, message: str, fit) -> None:
    with pytest.raises(OptionError, match=message):
        fit(**options)
