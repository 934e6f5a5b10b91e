"""Models by name."""

from typing import Any

import numpy as np
import pytest

from chainrule import models, nn
from chainrule.errors import OptionError


@pytest.mark.parametrize("name", models.names())
def test_every_model_maps_features_to_logits_and_comes_back_from_data(name: str) -> None:
    model = models.by_name(name, in_features=6, classes=3)
    assert model(np.ones((5, 6))).shape == (5, 3)
    assert isinstance(model[-1], nn.Linear)
    config = nn.to_config(model)
    assert config is not None
    assert repr(nn.from_config(config)) == repr(model)


def test_the_perceptron_net() -> None:
    model = models.by_name("mlp", in_features=784, classes=10)
    assert [type(step).__name__ for step in model] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert model.parameter_count == 784 * 25 + 25 + 25 * 25 + 25 + 25 * 10 + 10
    assert list(dict(model.named_parameters()))[:2] == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("activation", "kind", "init"),
    [
        ("relu", nn.ReLU, "kaiming_uniform"),
        ("sigmoid", nn.Sigmoid, "xavier_uniform"),
        ("tanh", nn.Tanh, "xavier_uniform"),
    ],
)
def test_weights_are_drawn_to_fit_the_activation(activation: str, kind: type, init: str) -> None:
    model = models.by_name("mlp", in_features=4, classes=2, hidden=(3,), activation=activation)
    assert isinstance(model[1], kind)
    assert {layer.weight.init for layer in model if isinstance(layer, nn.Linear)} == {init}


def test_the_initialiser_can_be_chosen() -> None:
    for name in models.names():
        model = models.by_name(name, in_features=4, classes=2, init="normal(0.02)")
        assert model[0].weight.init == "normal(0.02)"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mpl", {}, "unknown model 'mpl'. Did you mean 'mlp'"),
        ("mlp", {"hiden": (3,)}, "unknown option of mlp 'hiden'. Did you mean 'hidden'"),
        ("mlp", {"in_features": 4}, "'mlp' needs classes"),
        ("perceptron", {"hidden": (3,)}, "unknown option of perceptron 'hidden'"),
        ("mlp", {"activation": "rellu"}, "unknown activation 'rellu'. Did you mean 'relu'"),
        ("mlp", {"hidden": (3, 0)}, "out_features is 0; expected an integer of 1 or more"),
        ("mlp", {"hidden": 25}, "hidden is 25; expected widths such as"),
        ("mlp", {"hidden": "25,25"}, "hidden is '25,25'; expected widths such as"),
        ("mlp", {"init": "kaiming_unifrom"}, "unknown initialiser 'kaiming_unifrom'"),
    ],
)
def test_what_cannot_be_made(name: str, options: dict[str, Any], message: str) -> None:
    usual = {} if options == {"in_features": 4} else {"in_features": 4, "classes": 2}
    with pytest.raises(OptionError, match=message):
        models.by_name(name, **usual, **options)
