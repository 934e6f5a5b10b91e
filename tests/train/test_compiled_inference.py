"""Predictions and evaluations as machine code: the same as eager ones, up to rounding."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import DataError, DtypeError, ShapeError

pytest.importorskip("llvmlite")


@pytest.fixture
def runs(pair) -> tuple[cr.Run, cr.Run]:
    """A run that predicts eagerly, and the same one compiled."""
    eager, compiled = pair()
    compiled.model.load_state_dict(eager.model.state_dict())
    return eager, compiled


@pytest.mark.parametrize("count", [1, 7, 10, 99, 100, 1234])
def test_any_number_of_samples(count: int, runs) -> None:
    _, test = cr.data.mnist()
    eager, compiled = (run.outputs(test[:count]) for run in runs)
    assert (compiled.shape, compiled.dtype) == (eager.shape, eager.dtype)
    np.testing.assert_allclose(compiled, eager, atol=1e-5)


def test_machine_code_is_made_for_a_few_sizes(pair, kernels, tmp_path) -> None:
    _, run = pair(kernels=str(tmp_path))
    before = len(list(tmp_path.iterdir()))
    _, test = cr.data.mnist()
    for count in (100, 55, 99, 1000, 1101):
        run.outputs(test[:count])
    # For 100 samples and for 1000.
    assert len(list(tmp_path.iterdir())) == before + 2


def test_every_form_of_the_same_samples(runs, digits) -> None:
    _, test = digits
    eager, compiled = runs
    scaled = np.asarray(test.x, np.float32) / 255
    forms = (test, test.x, test.x.tolist(), scaled, scaled.astype(np.float64), test.x[3])
    for form in forms:
        np.testing.assert_allclose(compiled.outputs(form), eager.outputs(form), atol=1e-5)
    assert np.array_equal(compiled.predict(test), eager.predict(test))
    np.testing.assert_allclose(compiled.predict_proba(test), eager.predict_proba(test), atol=1e-6)


def test_evaluations(runs, digits) -> None:
    _, test = digits
    mine, yours = (run.evaluate(test) for run in runs)
    assert np.array_equal(mine.confusion, yours.confusion)
    assert yours.loss == pytest.approx(mine.loss, rel=1e-5)
    pairs = [run.evaluate((test.x, test.y)).loss for run in runs]
    assert pairs[1] == pytest.approx(pairs[0], rel=1e-5)


def test_new_weights_and_settings_count(fit, kernels, digits) -> None:
    _, test = digits
    make = lambda: nn.Sequential(nn.Linear(784, 8), nn.Dropout(0.5), nn.Linear(8, 10))  # noqa: E731
    run = fit(model=make(), compile=True, kernels=kernels)
    run.model.train()
    first = run.outputs(test)
    assert all(module.training for _, module in run.model.named_modules())
    for parameter in run.model.parameters():
        parameter.data *= 0.5
    halved = run.outputs(test)
    run.model[1].scaling = "classic"
    classic = run.outputs(test)
    eager = fit(model=make(), compile=False)
    eager.model.load_state_dict(run.model.state_dict())
    np.testing.assert_allclose(halved, eager.outputs(test), atol=1e-5)
    eager.model[1].scaling = "classic"
    np.testing.assert_allclose(classic, eager.outputs(test), atol=1e-5)
    assert np.abs(first - halved).max() > 0.1
    assert np.abs(classic - halved).max() > 0.1


def test_averaged_weights_and_running_statistics(pair, digits) -> None:
    make = lambda: nn.Sequential(nn.Linear(784, 8), nn.BatchNorm(8), nn.Linear(8, 10))  # noqa: E731
    eager, compiled = pair(make, optimizer=optim.EMA(optim.SGD(lr=0.1)), validation=digits[1])
    assert compiled.averages
    for mine, yours in zip(eager.history, compiled.history, strict=True):
        assert yours["val_loss"] == pytest.approx(mine["val_loss"], rel=1e-4)
    np.testing.assert_allclose(compiled.outputs(digits[1]), eager.outputs(digits[1]), atol=1e-4)


def test_a_regressor(pair) -> None:
    make: Callable = lambda: nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))  # noqa: E731
    eager, compiled = pair(make, data=cr.data.sine(70))
    np.testing.assert_allclose(
        compiled.predict([[0.5], [1.0]]), eager.predict([[0.5], [1.0]]), atol=1e-6
    )


BAD: dict[str, tuple[Any, type[Exception]]] = {
    "another shape": (np.zeros((3, 700)), ShapeError),
    "nothing": (np.zeros((0, 784)), DataError),
    "words": ([["one"] * 784], DtypeError),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str, runs) -> None:
    samples, error = BAD[name]
    messages = []
    for run in runs:
        with pytest.raises(error) as caught:
            run.predict(samples)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_model_that_only_runs_eagerly_predicts_all_the_same(fit, kernels, digits) -> None:
    class Odd(nn.Module):
        """Asks for numbers, but not in training."""

        def __init__(self) -> None:
            self.inner = nn.Linear(784, 10)

        def forward(self, x):
            y = self.inner(x)
            return y if self.training or float(cr.sum(y)) > 1e9 else 2 * y

    run = fit(model=Odd(), compile=True, kernels=kernels)
    eager = fit(model=Odd(), compile=False)
    np.testing.assert_allclose(run.outputs(digits[1]), eager.outputs(digits[1]), atol=1e-4)


def test_nan_in_the_inputs_stays_nan(runs, digits) -> None:
    x = np.asarray(digits[1].x[:5], np.float32) / 255
    x[2, 100] = np.nan
    for run in runs:
        assert np.isnan(run.outputs(x)).all(axis=1).tolist() == [False, False, True, False, False]
