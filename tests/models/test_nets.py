"""Perceptron nets with every activation and norm: made by name, kept as data, trained."""

from typing import Any

import pytest

import chainrule as cr
from chainrule import data, models, nn
from chainrule.errors import OptionError


@pytest.mark.parametrize("norm", [None, *models.norms()])
@pytest.mark.parametrize("activation", models.activations())
def test_every_activation_and_norm_makes_a_net_that_learns(
    activation: str, norm: str | None
) -> None:
    model = models.mlp(2, 2, hidden=(8,), activation=activation, norm=norm, dropout=0.1)
    config = nn.to_config(model)
    assert config is not None
    assert repr(nn.from_config(config)) == repr(model)
    moons = data.moons(100)
    options: dict[str, Any] = {"batch_size": 20, "show": False, "optimizer": "adam(lr=0.02)"}
    run = cr.fit(model, moons, epochs=0, **options)
    before = run.cost(moons)
    assert run.resume(epochs=8).cost(moons) < 0.9 * before


@pytest.mark.parametrize(
    ("activation", "init"),
    [("gelu", "kaiming_uniform"), ("selu", "lecun_normal"), ("hard_tanh", "xavier_uniform")],
)
def test_weights_are_drawn_as_the_activations_record_says(activation: str, init: str) -> None:
    model = models.by_name("mlp", in_features=4, classes=2, activation=activation)
    assert model[0].weight.init == init


def test_norms_stand_before_the_activation_and_dropout_after_it() -> None:
    model = models.mlp(4, 2, hidden=(6, 5), norm="layer", activation="silu(1.5)", dropout=0.2)
    kinds = [type(step).__name__ for step in model]
    assert kinds == [*("Linear", "LayerNorm", "SiLU", "Dropout") * 2, "Linear"]
    assert model[2].beta == 1.5
    assert [step.normalized_shape for step in model[1::4]] == [(6,), (5,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "bach"}, "unknown norm 'bach'. Did you mean 'batch'"),
        ({"dropout": 1.0}, "Dropout: p is 1.0; expected a number 0 or more and below 1"),
        ({"activation": "relu6"}, "unknown activation 'relu6'. Did you mean 'relu'"),
        ({"activation": "elu(alhpa=1)"}, "unknown option of activation elu 'alhpa'"),
        ({"init": "xavier_normal(relo)"}, "unknown gain of an activation 'relo'"),
    ],
)
def test_what_cannot_be_made(options: dict, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        models.by_name("mlp", in_features=4, classes=2, **options)
    assert message in str(caught.value)
