"""What is written of the activations is true: formulas, derivatives, ranges, kinks, far ends."""

import math
import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError, ShapeError

NAMES = nn.catalogue.names()
SINGLE = [name for name in NAMES if "softmax" not in name]
POINTS = [-30.0, -3.2, -2.5, -1.0, -0.4, 0.0, 0.3, 0.8, 1.0, 2.0, 2.7, 30.0]
FIRST = {"a": 0.25, "b": 1.0, "w": 1.0}
DYT = {"a": 0.5, "b": 0.0, "w": 1.0}


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def cumulative(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


WORDS: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("exp", "log", "tanh")},
    "sigma": sigma,
    "Phi": cumulative,
    "phi": density,
    "max": max,
    "min": min,
    "abs": abs,
}


def plain(value: Any) -> np.ndarray:
    """Layers with parameters give tensors."""
    return value.numpy() if hasattr(value, "numpy") else value


def computed(text: str, name: str, x: float) -> float:
    """The number that a formula of the table gives."""
    known = DYT if name == "dyt" else FIRST
    return eval(text, {"__builtins__": {}}, {**WORDS, **known, "x": x})


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("x", POINTS)
def test_the_formulas_in_the_table_are_what_the_layers_compute(name: str, x: float) -> None:
    record, curve = nn.catalogue.ACTIVATIONS[name], nn.catalogue.curve(name)
    point = np.array([x])
    value, slope = cr.value_and_grad(lambda x: cr.sum(curve(x)))(point)
    # The table has SELU's constants with five digits.
    rough = 1e-4 if name == "selu" else 1e-12
    assert float(value) == pytest.approx(computed(record.formula, name, x), rel=rough, abs=1e-13)
    assert float(slope[0]) == pytest.approx(
        computed(record.derivative, name, x), rel=rough, abs=1e-13
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_formulas_of_softmax_in_the_table(name: str) -> None:
    record, layer = nn.catalogue.ACTIVATIONS[name], nn.catalogue.by_name(name)
    x = np.array([0.3, -1.2, 2.0])
    words = {"exp": np.exp, "log": math.log, "sum": np.sum, "x": x, "p": np.exp(x)}
    words["p"] = words["p"] / words["p"].sum()
    jacobian = cr.jacobian(layer)(x)
    for i in range(3):
        given = eval(record.formula, {"__builtins__": {}}, {**words, "i": i})
        assert layer(x)[i] == pytest.approx(given, rel=1e-13)
        for j in range(3):
            given = eval(record.derivative, {"__builtins__": {}}, {**words, "i": i, "j": j})
            assert jacobian[i, j] == pytest.approx(given, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_values_lie_in_the_range_and_come_near_its_ends(name: str) -> None:
    found = re.fullmatch(r"[\[(](\S+), (\S+)[\])]", nn.catalogue.ACTIVATIONS[name].range)
    assert found
    low, high = map(float, found.groups())
    values = plain(nn.catalogue.curve(name)(np.linspace(-300, 300, 60_001)))
    for end, reached in ((low, values.min()), (high, -(-values).min())):
        if math.isinf(end):
            assert abs(reached) > 2.9
        else:
            assert reached == pytest.approx(end, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_inputs_give_finite_values_and_derivatives(name: str, dtype: type) -> None:
    curve = nn.catalogue.curve(name)
    x = np.array([-1e4, -90.0, 0.0, 90.0, 1e4], dtype)
    value, slope = cr.value_and_grad(lambda x: cr.sum(curve(x)))(x)
    assert np.isfinite(float(value))
    assert np.isfinite(plain(slope)).all()
    if next(nn.catalogue.by_name(name).parameters(), None) is None:
        assert curve(x).dtype == dtype


@pytest.mark.parametrize("x", np.linspace(-4, 4, 9))
def test_tanh_is_a_stretched_logistic_function(x: float) -> None:
    point = np.array([x])
    stretched = 2 * nn.Sigmoid()(2 * point) - 1
    np.testing.assert_allclose(nn.Tanh()(point), stretched, rtol=1e-13, atol=1e-15)


def test_gelu_keeps_its_digits_far_to_the_left() -> None:
    # -8 Phi(-8) by mpmath, 30 digits: 1 + erf has 16 and leaves none of them.
    assert nn.GELU()(np.array([-8.0]))[0] == pytest.approx(-4.976768459417427e-15, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("relu", 0.0),
        ("leaky_relu", 0.01),
        ("prelu", 0.25),
        ("elu(0.5)", 0.5),
        ("hard_sigmoid", 0.25),
    ],
)
def test_derivatives_at_zero_are_the_documented_ones(name: str, slope: float) -> None:
    curve = nn.catalogue.curve(name)
    assert cr.grad(lambda x: cr.sum(curve(x)))(np.array([0.0]))[0] == slope


def test_names_carry_options_and_have_others() -> None:
    find = nn.catalogue.by_name
    assert repr(find("Leaky-ReLU(0.3)")) == "LeakyReLU(slope=0.3)"
    assert repr(find("hard logistic")) == "Hardsigmoid(slope=0.25)"
    assert repr(find("gelu(approximate='tanh')")) == "GELU(approximate='tanh')"
    assert find("dyt", 7).num_features == 7
    assert isinstance(find("linear"), nn.Identity)


def test_the_table_has_a_row_for_each() -> None:
    for text in (nn.catalogue.table(), nn.catalogue.table(markdown=True)):
        lines = text.splitlines()
        assert len(lines) == len(NAMES) + 2
        assert all(record.formula in text for record in nn.catalogue.ACTIVATIONS.values())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.catalogue.by_name("rellu"), OptionError, "Did you mean 'relu'"),
        (lambda: nn.catalogue.by_name("relu(1)"), OptionError, "'relu'.*It takes no options"),
        (lambda: nn.catalogue.by_name("elu(alhpa=1)"), OptionError, "Did you mean 'alpha'"),
        (lambda: nn.catalogue.by_name("elu(1"), OptionError, "cannot be read"),
        (lambda: nn.catalogue.by_name("gelu(fast)"), OptionError, "approximation of gelu 'fast'"),
        (lambda: nn.functions.gelu(1.0, "fast"), OptionError, "approximation of gelu 'fast'"),
        (lambda: nn.GELU("exact"), OptionError, "approximation of gelu 'exact'"),
        (lambda: nn.PReLU(3)(np.ones((2, 4))), ShapeError, r"3 channels .*\(2, 4\).*\(N, 3, ...\)"),
        (lambda: nn.Swish(3)(np.ones(3)), ShapeError, r"expected \(N, 3, ...\)"),
        (lambda: nn.functions.maxout(np.ones((2, 5)), 2), ShapeError, "units of 2 pieces"),
        (lambda: nn.Maxout(3, 2)(np.ones((2, 5))), ShapeError, r"\(..., 3\), got \(2, 5\)"),
    ],
)
def test_what_an_activation_refuses(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
