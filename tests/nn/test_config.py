"""Models as data."""

import json
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError

MODELS = {
    "each layer": lambda: nn.Sequential(
        nn.Flatten(start_axis=2),
        nn.Linear(4, 3, weight_init="he_normal", bias_init="constant(0.5)", dtype="float64"),
        nn.Tanh(),
        nn.Sequential(nn.Linear(3, 3, bias=False), cr.softplus, nn.Sigmoid()),
        nn.ReLU(),
        nn.Identity(),
        nn.Softmax(axis=1),
    ),
    "one layer": lambda: nn.Linear(2, 1, weight_init="normal(0.01)"),
    "nothing": nn.Sequential,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_model_comes_back_from_json_and_draws_the_same_numbers(make: Any) -> None:
    model = make()
    config = json.loads(json.dumps(nn.to_config(model)))
    other = nn.from_config(config)
    assert repr(other) == repr(model)
    assert nn.to_config(other) == config
    ours, theirs = (m.initialize(7).state_dict() for m in (model, other))
    assert list(ours) == list(theirs)
    for path, array in ours.items():
        np.testing.assert_array_equal(array, theirs[path])


class Mine(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


class MyLinear(nn.Linear):
    pass


def _frozen() -> nn.Module:
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad = False
    return layer


def _fixed_bias() -> nn.Module:
    layer = nn.Linear(2, 1)
    layer.bias = nn.Buffer(np.zeros(1, np.float32))
    return layer


def _tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


@pytest.mark.parametrize(
    "make",
    [
        Mine,
        lambda: nn.Sequential(Mine()),
        lambda: MyLinear(2, 1),
        lambda: nn.Sequential(lambda x: x),
        lambda: nn.Sequential(np.exp),
        _frozen,
        _fixed_bias,
        _tied,
    ],
)
def test_what_data_cannot_hold_is_told_and_not_bent(make: Any) -> None:
    assert nn.to_config(make()) is None


def test_weights_that_were_given_come_back_from_the_state() -> None:
    layer = nn.Linear(2, 1)
    layer.weight = nn.Parameter.from_array(np.ones((1, 2), np.float32))
    config = nn.to_config(layer)
    assert config is not None
    other: Any = nn.from_config(config)
    other.load_state_dict(layer.initialize(0).state_dict())
    np.testing.assert_array_equal(other.weight.numpy(), [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class": "Linaer"}, "unknown layer class 'Linaer'. Did you mean 'Linear'"),
        ({}, "unknown layer class None"),
        ({"class": "Linear", "in_features": 2}, "description of a Linear .*out_features"),
        ({"class": "ReLU", "slope": 2}, "description of a ReLU .*slope|takes no arguments"),
        ({"class": "Sequential"}, "description of a Sequential .*steps"),
        ({"class": "Function", "function": "reul"}, "description of a Function .*reul"),
    ],
)
def test_damaged_descriptions(config: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        nn.from_config(config)
