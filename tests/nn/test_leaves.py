"""Models as functions of their parameters."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, OptionError, ShapeError


class Counter(nn.Module):
    """A running mean in a buffer, as normalisation layers have."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 3)
        self.mean = nn.Buffer(np.zeros(3, np.float32))

    def forward(self, x: Any) -> Any:
        y = self.layer(x)
        self.mean = self.mean * 0.5 + cr.mean(y, axis=0) * 0.5
        return y - self.mean


X = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)


def values_of(model: nn.Module) -> dict[str, np.ndarray]:
    return model.initialize(0).state_dict()


def test_other_values_give_what_a_model_with_these_values_gives() -> None:
    model, other = Counter(), Counter().initialize(5)
    out = nn.functional_call(model, other.state_dict(), X)
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out, other(X).numpy())


def test_some_values_may_be_given() -> None:
    model = nn.Linear(2, 1).initialize(0)
    out = nn.functional_call(model, {"weight": [[0.0, 0.0]]}, X)
    np.testing.assert_array_equal(out.numpy(), np.repeat(model.bias.numpy()[None], 2, 0))


def test_gradients_of_any_kind_go_through() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    values = values_of(model)

    def loss(leaves: dict[str, Any]) -> Any:
        return cr.sum(cr.square(nn.functional_call(model, leaves, X)))

    gradient = cr.grad(loss)(values)
    cr.sum(cr.square(model(X))).backward()
    for path, parameter in model.named_parameters():
        np.testing.assert_allclose(gradient[path], parameter.grad.numpy(), rtol=1e-6)


def test_new_buffers_can_be_read_and_the_model_is_as_before() -> None:
    model = Counter()
    values = values_of(model)
    buffer, weight = model.mean, model.layer.weight
    with nn.swapped(model, values) as leaves:
        out = model(X)
        after = dict(zip(leaves.paths, leaves.read(), strict=True))
    np.testing.assert_allclose(after["mean"], (out + after["mean"]).mean(axis=0) / 2, rtol=1e-5)
    assert model.mean is buffer
    assert model.layer.weight is weight
    np.testing.assert_array_equal(buffer.numpy(), np.zeros(3))


def test_an_error_inside_gives_the_model_back() -> None:
    model = nn.Linear(2, 1).initialize(0)
    weight = model.weight
    with pytest.raises(ShapeError), nn.swapped(model, values_of(model)):
        model(np.ones((1, 3)))
    assert model.weight is weight


@pytest.mark.parametrize(
    ("leaves", "error", "message"),
    [
        ({"wieght": 1}, OptionError, "unknown parameter or buffer 'wieght'.*'weight'"),
        ({"bias": np.zeros(2)}, ShapeError, r"bias has shape \(1,\), got a value of shape \(2,\)"),
    ],
)
def test_values_that_do_not_fit(leaves: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message), nn.swapped(nn.Linear(2, 1), leaves):
        pass


def test_a_model_without_numbers_is_called_and_still_has_none() -> None:
    source, model = nn.Linear(2, 1).initialize(3), nn.Linear(2, 1)
    nn.functional_call(model, source.state_dict(), X)
    assert not model.weight.drawn
    np.testing.assert_array_equal(model(X).numpy(), nn.Linear(2, 1).initialize(0)(X).numpy())


def test_the_dtype_is_known_after_a_functional_call_too() -> None:
    model = nn.Linear(2, 1)
    model.load_state_dict(nn.Linear(2, 1).initialize(3).state_dict())
    nn.functional_call(model, model.state_dict(), X)
    assert model(X.astype(np.float64)).dtype == np.float32


def test_tied_parameters_move_together() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    leaves = nn.Leaves(model)
    assert leaves.paths == ("0.weight", "0.bias", "1.bias")
    kept, other = leaves.read(), np.ones((2, 2), np.float32)
    leaves.put([other, *kept[1:]])
    assert model[0].weight is model[1].weight is other
    leaves.put(kept)
    assert model[1].weight is kept[0]


def test_kinds_can_be_chosen() -> None:
    assert nn.Leaves(Counter(), kinds=(nn.Buffer,)).paths == ("mean",)
    assert nn.Leaves(Counter(), kinds=(nn.Parameter,)).paths == ("layer.weight", "layer.bias")


def test_parameters_in_lists_and_dicts_are_replaced_and_in_tuples_refused() -> None:
    class Holder(nn.Module):
        def __init__(self, holder: Any) -> None:
            self.parts = holder

        def forward(self, x: Any) -> Any:
            return x * (self.parts["a"] if isinstance(self.parts, dict) else self.parts[0])

    parameter = nn.Parameter((1,), "ones")
    for holder, path in (([parameter], "0"), ({"a": parameter}, "a")):
        out = nn.functional_call(Holder(holder), {f"parts.{path}": [3.0]}, np.ones(1, np.float32))
        np.testing.assert_array_equal(out, [3.0])
    with pytest.raises(DataError, match=r"parts\.0 stands in a tuple.*in a list or dict"):
        nn.Leaves(Holder((parameter,)))
