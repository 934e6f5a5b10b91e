"""NaN and infinity in training: the message names the op, the layer and the step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import NonFiniteError


class Layer(nn.Module):
    """A function as a layer of its own class."""

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


class BreakAt(cr.train.Callback):
    """Changes a parameter in the middle of training."""

    def __init__(self, step: int, path: str, value: float):
        self.wanted, self.path, self.value = step, path, value

    def on_step(self, run: cr.Run) -> None:
        if run.step == self.wanted:
            parameter = dict(run.model.named_parameters())[self.path]
            parameter.assign(np.full(parameter.shape, self.value, np.float32))


def message(fit: Callable, **options: Any) -> str:
    with pytest.raises(NonFiniteError) as caught:
        fit(**options)
    return str(caught.value)


def test_a_logarithm_of_negative_numbers_in_a_layer_of_your_own(fit: Callable) -> None:
    # What is first computed from the plain inputs is watched as well.
    model = nn.Sequential(Layer(lambda x: cr.log(x - 0.5)), nn.Linear(784, 10))
    text = message(fit, model=model)
    assert "the loss became NaN or infinite at step 1 (epoch 1, batch 1)" in text
    assert "forward, in the op 'log' of layer '0' (Layer)" in text


def test_the_innermost_layer_is_named(fit: Callable) -> None:
    inner = nn.Sequential(nn.Linear(784, 10), Layer(lambda x: cr.sqrt(x - 1e6)))
    text = message(fit, model=nn.Sequential(inner, nn.Linear(10, 10)))
    assert "in the op 'sqrt' of layer '0.1' (Layer)" in text


def test_a_loss_of_your_own(fit: Callable) -> None:
    def loss(output: Any, target: np.ndarray) -> Any:
        return cr.mean(cr.log(output))

    assert "forward, in the op 'log' of the loss" in message(fit, loss=loss)


def test_a_derivative_that_is_infinite_where_the_value_is_not(fit: Callable) -> None:
    # sqrt(0) is 0, its slope is infinite; relu gives exact zeros.
    model = nn.Sequential(
        nn.Linear(784, 12), nn.ReLU(), Layer(lambda x: cr.sqrt(x)), nn.Linear(12, 10)
    )
    text = message(fit, model=model)
    assert "the gradient became NaN or infinite at step 1" in text
    assert "backward, in the derivative of the op 'sqrt' of layer '2' (Layer)" in text


def test_the_step_is_counted_where_it_happens(fit: Callable) -> None:
    text = message(fit, callbacks=[BreakAt(11, "2.weight", 1e38)], optimizer=optim.SGD(lr=0.01))
    assert "at step 12 (epoch 2, batch 4)" in text
    assert "of layer '" in text


def test_a_parameter_that_holds_nan_is_named(fit: Callable) -> None:
    text = message(fit, callbacks=[BreakAt(5, "2.bias", float("nan"))])
    assert "at step 6" in text
    assert "The parameter '2.bias' holds NaN or infinity." in text


def test_a_huge_learning_rate_is_found_in_the_layer_that_overflows(fit: Callable) -> None:
    text = message(fit, optimizer=optim.Adam(lr=1e30))
    assert "at step 2" in text
    assert "in the op 'linear' of layer '2' (Linear)" in text
    assert "Lower the learning rate" in text


def test_an_update_that_overflows_is_not_made(fit: Callable, net: Callable) -> None:
    model = net().initialize(5)
    before = model.state_dict()
    text = message(fit, model=model, optimizer=optim.SGD(lr=1e300))
    assert "the update became NaN or infinite at step 1" in text
    assert "the learning rate of SGD is 1e+300" in text
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


def test_the_weights_and_the_checkpoint_before_it_stay(fit: Callable, digits, tmp_path) -> None:
    good = fit(epochs=1)
    model = nn.Sequential(nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 10))
    text = message(
        fit, model=model, out=tmp_path / "run", callbacks=[BreakAt(8, "0.bias", float("inf"))]
    )
    assert f"The last checkpoint in {tmp_path / 'run'} is good." in text
    kept = cr.load_run(tmp_path / "run")
    assert kept.step == 8
    for path, array in good.model.state_dict().items():
        np.testing.assert_array_equal(kept.model.state_dict()[path], array)


def test_an_infinite_gradient_within_an_accumulated_group(fit: Callable) -> None:
    text = message(fit, accumulate=2, callbacks=[BreakAt(2, "2.weight", float("nan"))])
    assert "at step 3 (epoch 1, batch 5)" in text


def test_large_but_finite_gradients_are_clipped_not_refused(fit: Callable) -> None:
    # The sum of squares overflows float32, the gradient does not.
    def loss(output: Any, target: np.ndarray) -> Any:
        return nn.cross_entropy(output, target) * 1e30

    run = fit(loss=loss, clip_norm=1.0, optimizer=optim.SGD(lr=0.1))
    assert run.history[-1]["loss"] < run.history[0]["loss"]


def test_the_batch_of_a_group_that_gave_it_is_looked_at(fit: Callable, digits) -> None:
    # Only samples of class 9 meet the square root of 0, and the first batch has none of them.
    def loss(output: Any, target: np.ndarray) -> Any:
        nines = (target == 9).astype(np.float32)
        return nn.cross_entropy(output, target) + cr.mean(cr.sqrt(output[:, 9] * 0 + 1 - nines))

    train, _ = digits
    order = np.argsort(np.asarray(train.y) == 9, kind="stable")
    seen = cr.data.Loader(train[order], 32, shuffle=False)
    first = next(i for i, (_, y) in enumerate(seen.epoch(0)) if (y == 9).any())
    assert first > 0
    text = message(fit, data=train[order], loss=loss, accumulate=8, epochs=1)
    assert "the gradient became NaN or infinite at step 1" in text
    assert "backward, in the derivative of the op 'sqrt' of the loss" in text
