"""Initialisers: the moments that the papers derive, PyTorch's bounds, names."""

import math
from typing import Any

import numpy as np
import pytest

from chainrule import nn, rng
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import init

OUT, IN = 400, 300
KEY = rng.key(11)

# Name, and the variance that the paper gives for a weight of shape (out, in).
VARIANCES = {
    "xavier_normal(tanh)": (5 / 3) ** 2 * 2 / (IN + OUT),
    "kaiming_uniform(leaky_relu(0.5))": 2 / (1 + 0.25) / IN,
    "lecun_normal(1.5)": 2.25 / IN,
    "xavier_uniform": 2 / (IN + OUT),
    "xavier_normal": 2 / (IN + OUT),
    "kaiming_uniform": 2 / IN,
    "kaiming_normal": 2 / IN,
    "lecun_uniform": 1 / IN,
    "lecun_normal": 1 / IN,
    "uniform": 1 / (3 * IN),
    "uniform(0.3)": 0.3**2 / 3,
    "normal": 0.05**2,
    "normal(0.2)": 0.2**2,
    "scaled(3, fan_out, normal)": 3 / OUT,
    "scaled(3, fan_out, uniform)": 3 / OUT,
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_and_variance_are_those_of_theory(name: str, dtype: str) -> None:
    drawn = init.by_name(name).draw(KEY, (OUT, IN), dtype)
    assert drawn.shape == (OUT, IN)
    assert drawn.dtype == dtype
    wide, variance = drawn.astype(np.float64), VARIANCES[name]
    assert abs(wide.mean()) < 6 * math.sqrt(variance / wide.size)
    # The variance of an estimated variance is (kurtosis - 1) s^2 / n: 2 for normal, 0.8 uniform.
    kurtosis = 3.0 if "normal" in name else 1.8
    assert abs(wide.var() - variance) < 6 * variance * math.sqrt((kurtosis - 1) / wide.size)


@pytest.mark.parametrize("name", [name for name in VARIANCES if "uniform" in name])
def test_uniform_numbers_stay_within_their_bound_and_fill_it(name: str) -> None:
    bound = math.sqrt(3 * VARIANCES[name])
    largest = np.abs(init.by_name(name).draw(KEY, (OUT, IN), np.float64)).max()
    assert 0.999 * bound < largest <= bound


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("xavier_uniform", lambda t, w: t.nn.init.xavier_uniform_(w)),
        ("kaiming_uniform", lambda t, w: t.nn.init.kaiming_uniform_(w, nonlinearity="relu")),
        ("uniform", lambda t, w: t.nn.init.kaiming_uniform_(w, a=math.sqrt(5))),
        ("xavier_normal", lambda t, w: t.nn.init.xavier_normal_(w)),
        ("kaiming_normal", lambda t, w: t.nn.init.kaiming_normal_(w, nonlinearity="relu")),
    ],
)
@pytest.mark.parametrize("shape", [(OUT, IN), (60, 40, 5, 5)])
def test_spread_is_that_of_pytorch(name: str, theirs: Any, shape: tuple, torch: Any) -> None:
    torch.manual_seed(0)
    weight = theirs(torch, torch.empty(shape, dtype=torch.float64)).numpy()
    ours = init.by_name(name).draw(KEY, shape, np.float64)
    assert ours.std() == pytest.approx(weight.std(), rel=6 * math.sqrt(2 * 1.0 / weight.size))
    if "uniform" in name:
        assert np.abs(ours).max() == pytest.approx(np.abs(weight).max(), rel=1e-3)


def test_constants() -> None:
    for name, value in (("zeros", 0.0), ("ones", 1.0), ("constant(0.25)", 0.25)):
        drawn = init.by_name(name).draw(KEY, (2, 3))
        np.testing.assert_array_equal(drawn, np.full((2, 3), value, np.float32))


@pytest.mark.parametrize(
    "name",
    [*VARIANCES, "zeros", "ones", "constant(0.25)", "uniform", "orthogonal", "orthogonal(tanh)"],
)
def test_a_name_makes_an_equal_initialiser_again(name: str) -> None:
    made = init.by_name(name)
    assert init.by_name(made.name) == made


def test_other_names_of_the_same() -> None:
    for other, own in (("glorot", "xavier"), ("he", "kaiming")):
        for kind in ("uniform", "normal"):
            assert init.by_name(f"{other}_{kind}").name == f"{own}_{kind}"
    assert init.by_name(" Kaiming_Normal ").name == "kaiming_normal"


def test_the_same_key_gives_the_same_numbers_and_another_others() -> None:
    draw = init.by_name("normal").draw
    np.testing.assert_array_equal(draw(KEY, (3, 4)), draw(KEY, (3, 4)))
    assert not np.array_equal(draw(KEY, (3, 4)), draw(rng.key(12), (3, 4)))


def test_a_layer_without_inputs_draws_nothing() -> None:
    assert init.by_name("kaiming_uniform").draw(KEY, (3, 0)).shape == (3, 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.by_name("kaiming"), OptionError, "unknown initialiser 'kaiming'.*kaiming_"),
        (lambda: init.by_name("xavier_unifrom"), OptionError, "Did you mean 'xavier_uniform'"),
        (lambda: init.by_name("constant(a)"), OptionError, "value is 'a'; expected a finite"),
        (lambda: init.by_name("normal(1, 2)"), OptionError, "too many positional.*It takes std"),
        (lambda: init.by_name("scaled(1, inn, normal)"), OptionError, "unknown fan 'inn'"),
        (lambda: init.by_name("scaled(1, fan_in, cauchy)"), OptionError, "unknown distribution"),
        (lambda: init.Normal(-1.0), OptionError, "std is -1.0; expected 0 or more"),
        (lambda: init.by_name("normal(0.1"), OptionError, "cannot be read; expected a name"),
        (lambda: init.by_name("normal(sdt=1)"), OptionError, "option of initialiser normal 'sdt'"),
        (lambda: init.by_name("kaiming_normal(gelo)"), OptionError, "Did you mean 'gelu'"),
        (lambda: init.by_name("xavier_normal(-1)"), OptionError, "gain is -1; expected a number"),
        (lambda: init.by_name("orthogonal(0)"), OptionError, "gain is 0; expected a number above"),
        (lambda: init.Orthogonal().draw(KEY, (3,)), ShapeError, r"needs .* got \(3,\)"),
        (lambda: init.Uniform(math.nan), OptionError, "bound is nan"),
        (lambda: init.by_name("xavier_normal").draw(KEY, (3,)), ShapeError, r"needs .* got \(3,\)"),
        (lambda: nn.Linear(2, 3, weight_init="kaming_normal"), OptionError, "'kaiming_normal'"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_biases_begin_within_one_over_the_root_of_the_inputs() -> None:
    layer = nn.Linear(100, 5000).initialize(0)
    largest = np.abs(layer.bias.numpy()).max()
    assert 0.0999 < largest <= 0.1
    assert layer.bias.init == "uniform"


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (8, 2, 3, 3)])
def test_orthogonal_weights_keep_lengths(shape: tuple) -> None:
    drawn = init.by_name("orthogonal(2)").draw(KEY, shape, np.float64)
    matrix = drawn.reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)
    assert drawn.shape == shape
    assert init.Orthogonal().draw(KEY, (3, 3)).dtype == np.float32


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """The columns' signs are free: without Mezzadri's correction the diagonal leans to one side."""
    diagonals = [init.Orthogonal().draw(rng.key(i), (3, 3), np.float64)[0, 0] for i in range(400)]
    assert abs(np.mean(diagonals)) < 6 / math.sqrt(3 * 400)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        *(("identity", "linear"), ("sigmoid", "sigmoid"), ("tanh", "tanh"), ("relu", "relu")),
        *(("leaky_relu", "leaky_relu"), ("selu", "selu")),
    ],
)
def test_gains_are_those_of_pytorch(name: str, theirs: str, torch: Any) -> None:
    assert init.gain(name) == pytest.approx(torch.nn.init.calculate_gain(theirs), rel=1e-15)
    assert init.gain("leaky_relu(0.3)") == torch.nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize("name", ["relu", "elu", "gelu", "silu"])
def test_gains_keep_the_mean_square_of_a_normal_signal(name: str) -> None:
    x = np.linspace(-12, 12, 200_001)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    squares = nn.catalogue.by_name(name)(x) ** 2
    # Smooth and 0 at both ends, where the sum of the points is as good as any rule.
    mean_square = float((squares * density).sum() * (x[1] - x[0]))
    assert init.gain(name) ** 2 * mean_square == pytest.approx(1, rel=1e-7)
