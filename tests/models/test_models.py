"""Models by name."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, rng
from chainrule.errors import OptionError, ShapeError

PICTURES = ("cnn", "lenet", "deep", "nin", "resnet20")
SMALL = ("mlp", "perceptron", *PICTURES)
"""The models that learn small pictures, or rows of numbers, in no time."""


def sample_shape(name: str) -> tuple[int, ...]:
    return (3, 19, 16) if name in PICTURES else (6,)


def dataset(name: str, classes: int = 3) -> data.Dataset:
    """Numbers of the shape that a model takes, of as many classes."""
    x = rng.normal(rng.key(0), (2 * classes, *sample_shape(name)))
    return data.Dataset(x, np.arange(2 * classes) % classes)


@pytest.mark.parametrize("name", SMALL)
def test_every_model_maps_samples_to_logits_and_comes_back_from_data(name: str) -> None:
    model = models.fitting(name, dataset(name)).eval()
    assert model(np.ones((5, *sample_shape(name)))).shape == (5, 3)
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
    for row in models.list():
        inputs = {"in_shape": row.sample} if len(row.sample) == 3 else {"in_features": 784}
        model = models.by_name(row.name, classes=row.classes, init="normal(0.02)", **inputs)
        drawn = {weight.init for weight in model.parameters() if weight.ndim > 1}
        assert drawn == {"normal(0.02)"}, row.name


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


def test_lenet_has_the_paper_s_numbers() -> None:
    model = models.lenet((1, 28, 28), 10)
    # 6 (25 + 1) + 16 (6 25 + 1) + 120 (400 + 1) + 84 (120 + 1) + 10 (84 + 1)
    assert model.parameter_count == 61_706
    assert models.lenet((1, 32, 32), 10).parameter_count == 61_706
    shapes = [row.shape for row in model.summary((1, 28, 28)).rows]
    assert shapes[:3] == ["(N, 6, 28, 28)", "(N, 6, 28, 28)", "(N, 6, 14, 14)"]
    assert shapes[3:7] == ["(N, 16, 10, 10)", "(N, 16, 10, 10)", "(N, 16, 5, 5)", "(N, 400)"]


def test_lenet_as_in_the_paper() -> None:
    model = models.lenet((1, 28, 28), 10, activation="tanh", pooling="average")
    assert [type(step).__name__ for step in model][:3] == ["Conv2d", "Tanh", "AvgPool2d"]
    assert {step.weight.init for step in model if hasattr(step, "weight")} == {"xavier_uniform"}


def test_the_simple_convolutional_net() -> None:
    model = models.cnn((1, 28, 28), 10)
    assert model.parameter_count == 30 * 26 + (30 * 12 * 12 + 1) * 100 + 101 * 10


@pytest.mark.parametrize("name", ["cnn", "lenet", "deep"])
def test_convolutional_nets_learn_alike_compiled_and_not(name: str) -> None:
    pytest.importorskip("chainrule.compiler", reason="needs llvmlite")
    pictures = dataset(name, classes=4)
    options: dict[str, Any] = {"batch_size": 4, "epochs": 4, "optimizer": "adam(lr=0.003)"}
    rows = []
    for compiled in (False, True):
        model = models.fitting(name, pictures).initialize(1)
        run = cr.fit(model, pictures, show=False, compile=compiled, **options)
        rows.append([row["loss"] for row in run.history])
    np.testing.assert_allclose(rows[0], rows[1], rtol=2e-4)
    assert rows[0][-1] < rows[0][0]


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("lenet", (784,), r"lenet: samples have shape \(784,\); expected pictures"),
        ("cnn", (28, 28, 1), "the channels seem to stand last"),
        ("lenet", (1, 15, 28), "expected sides of 16 or more"),
        ("cnn", (1, 5, 28), "expected sides of 6 or more"),
    ],
)
def test_what_are_no_pictures_for_it(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        models.by_name(name, in_shape=shape, classes=10)
