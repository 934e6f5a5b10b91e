"""Ties, kinks, bounds, zeros, NaN and extreme numbers. Any RuntimeWarning fails a test."""

import mpmath
import numpy as np
import pytest

import chainrule as cr
from tests.ops.derivatives import numeric, relative

TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])


def gradient(function, *arrays):
    """Gradients of the sum of a function's elements."""
    arrays = [np.asarray(array, np.float64) for array in arrays]
    out, pull = cr.vjp(function, *arrays)
    return pull(np.ones(np.shape(out)))


@pytest.mark.parametrize("function", [cr.maximum, cr.minimum])
def test_equal_values_share_the_derivative_by_halves(function, torch):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    mine = gradient(function, x, y)
    inputs = [torch.tensor(value, requires_grad=True) for value in (x, y)]
    theirs = torch.autograd.grad(getattr(torch, function.name)(*inputs).sum(), inputs)
    for got, expected in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(got, expected.numpy())
    assert mine[0][1] == 0.5


@pytest.mark.parametrize(("function", "axis"), [(cr.max, 1), (cr.min, 1), (cr.max, None)])
def test_equal_extremes_share_the_derivative(function, axis, torch):
    x = torch.tensor(TIED, requires_grad=True)
    twin = torch.amax if function is cr.max else torch.amin
    twin(x, (0, 1) if axis is None else axis).sum().backward()
    (got,) = gradient(lambda x: function(x, axis=axis), TIED)
    assert relative(got, x.grad.numpy()) < 1e-15


def test_first_of_equal_elements_is_the_position():
    np.testing.assert_array_equal(cr.argmax(TIED, axis=1), [1, 0])
    np.testing.assert_array_equal(cr.argmin(TIED, axis=1), [0, 0])
    np.testing.assert_array_equal(cr.argsort(np.array([2.0, 1.0, 2.0, 1.0])), [1, 3, 0, 2])


def test_derivatives_at_kinks_are_pytorchs(torch):
    x = np.array([-1.0, 0.0, 1.0])
    rules = {
        "relu": (cr.relu, torch.relu),
        "abs": (cr.absolute, torch.abs),
        "sign": (cr.sign, torch.sign),
        "clip": (lambda v: cr.clip(v, -1.0, 1.0), lambda v: torch.clip(v, -1.0, 1.0)),
        "clip, empty": (lambda v: cr.clip(v, 0.0, 0.0), lambda v: torch.clip(v, 0.0, 0.0)),
        "round": (cr.round, torch.round),
        "norm": (lambda v: cr.norm(0.0 * v), lambda v: torch.norm(0.0 * v)),
    }
    for name, (ours, theirs) in rules.items():
        leaf = torch.tensor(x, requires_grad=True)
        theirs(leaf).sum().backward()
        (got,) = gradient(ours, x)
        np.testing.assert_array_equal(got, leaf.grad.numpy(), err_msg=name)


def test_clip_passes_the_derivative_to_the_bound_that_holds():
    x, low, high = np.array([-2.0, 0.5, 2.0]), np.zeros(3), np.ones(3)
    by_x, by_low, by_high = gradient(cr.clip, x, low, high)
    np.testing.assert_array_equal(by_x, [0, 1, 0])
    np.testing.assert_array_equal(by_low, [1, 0, 0])
    np.testing.assert_array_equal(by_high, [0, 0, 1])


def test_the_origin():
    for function in (cr.hypot, cr.arctan2):
        np.testing.assert_array_equal(gradient(function, 0.0, 0.0), [0, 0])
    assert gradient(cr.norm, np.zeros(3))[0].tolist() == [0, 0, 0]
    assert np.isnan(cr.norm(np.array([np.nan, 0.0])))


def test_powers_at_zero():
    np.testing.assert_array_equal(gradient(lambda x: x**2, [0.0, 3.0])[0], [0, 6])
    np.testing.assert_array_equal(gradient(lambda x: x**0, [0.0, 3.0])[0], [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: x**1, [0.0, 3.0])[0], [1, 1])
    np.testing.assert_array_equal(
        gradient(cr.power, [0.0, 0.0, 0.0], [0.0, 1.0, 2.0])[0], [0, 1, 0]
    )
    np.testing.assert_array_equal(gradient(cr.power, [0.0, 0.0], [1.0, 2.0])[1], [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: x**2, [-3.0])[0], [-6])
    np.testing.assert_array_equal(
        gradient(lambda x: x ** np.array([3, 2]), [-3.0, -3.0])[0], [27, -6]
    )


def test_mixed_second_derivative_of_a_power_at_exponent_zero():
    """d/dy of y x^(y - 1) at y = 0 is 1 / x, though the first derivative by x is 0 there."""
    by_x = cr.grad(cr.power)
    mixed = cr.grad(by_x, argnums=1)(np.float64(4.0), np.float64(0.0))
    assert mixed == 0.25
    assert cr.grad(cr.grad(cr.power, 1), 0)(np.float64(4.0), np.float64(0.0)) == 0.25


@pytest.mark.parametrize(
    "row", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]
)
def test_products_with_zeros(row, torch):
    leaf = torch.tensor(row, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(leaf.prod(), leaf, create_graph=True)
    weight = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    (second,) = torch.autograd.grad((first * weight).sum(), leaf)
    x = np.array(row)
    np.testing.assert_array_equal(cr.grad(cr.prod)(x), first.detach().numpy())
    mine = cr.grad(lambda v: (cr.grad(cr.prod)(v) * weight.numpy()).sum())(x)
    np.testing.assert_array_equal(mine, second.numpy())
    assert gradient(cr.cumprod, x)[0].shape == (3,)


def test_products_over_any_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 2))
    x[0, 1] = 0.0
    for axis in (None, 0, (0, 2), (1, 2), ()):
        direction = np.random.default_rng(1).standard_normal(x.shape)
        (got,) = gradient(lambda v, axis=axis: cr.prod(v, axis=axis), x)
        expected = numeric(lambda v, axis=axis: cr.prod(v, axis=axis).sum(), [x], [direction])
        assert abs((got * direction).sum() - expected) < 1e-9
    assert gradient(lambda v: cr.prod(v, axis=1), np.zeros((0, 3)))[0].shape == (0, 3)
    assert gradient(lambda v: cr.prod(v, axis=1), np.zeros((2, 0)))[0].shape == (2, 0)
    assert gradient(cr.prod, np.float64(3.0))[0] == 1.0


def test_where_keeps_nan_of_the_branch_not_taken_out():
    x = np.array([-1.0, 4.0])
    bad = np.array([np.nan, 1.0])
    got = gradient(lambda x, bad: cr.where(x < 0, x, bad), x, bad)
    np.testing.assert_array_equal(got, [[1, 0], [0, 1]])
    safe = gradient(lambda x: cr.where(x > 0, cr.log(cr.where(x > 0, x, 1.0)), 0.0), x)
    np.testing.assert_array_equal(safe[0], [0, 0.25])


def test_nan_passes_through_and_warns_nobody():
    x = np.array([np.nan, 1.0])
    for function in (cr.max, cr.min, cr.sum, cr.mean):
        assert np.isnan(function(x))
        gradient(function, x)
    for function in (cr.relu, cr.absolute, cr.exp, cr.sigmoid, cr.softplus, cr.tanh, cr.erf):
        assert np.isnan(function(x)[0]), function
    assert np.isnan(cr.clip(x, 0.0, 1.0)[0])
    assert np.isnan(cr.maximum(x, 0.0)[0])
    assert np.isnan(cr.maximum(0.0, x)[0])
    assert np.isnan(gradient(cr.max, x)[0]).all()


HUGE = [
    *((np.float64, size) for size in (800.0, 1e16, 1e300)),
    *((np.float32, size) for size in (100.0, 1e8, 1e38)),
]


@pytest.mark.parametrize(("dtype", "size"), HUGE)
def test_stable_at_any_finite_input(dtype, size):
    x = np.array([-size, -size / 2, 0.0, size / 2, size], dtype)
    functions = [cr.sigmoid, cr.softplus, cr.softmax, cr.log_softmax, cr.logsumexp, cr.tanh]
    functions += [cr.erf, cr.erfc, lambda v: cr.logaddexp(v, v[::-1])]
    for function in functions:
        out, pull = cr.vjp(function, x)
        assert np.isfinite(out).all(), function
        assert np.isfinite(pull(np.ones_like(out))[0]).all(), function
    for function, expected in (
        (cr.softmax, [0, 0, 0, 0, 1]),
        (cr.sigmoid, [0, 0, 0.5, 1, 1]),
        (cr.softplus, [0, 0, np.log(2.0), size / 2, size]),
    ):
        np.testing.assert_allclose(function(x), expected, rtol=1e-6, atol=1e-20)
    assert cr.logsumexp(x) == dtype(size)


def test_log_softmax_keeps_its_digits_beside_large_logits():
    x = np.array([0.0, 1.0, 2.0])
    far = (np.float32(4096.0) + x).astype(np.float32)
    exact = x - np.log(np.exp(x).sum())
    assert relative(cr.log_softmax(far), exact) < 1e-6


def test_masked_logits_take_no_part():
    x = np.array([1.0, -np.inf, 2.0])
    weight = np.array([1.0, 0.0, -1.0])
    for function in (cr.softmax, cr.log_softmax):
        out, pull = cr.vjp(function, x)
        kept = cr.vjp(function, x[[0, 2]])
        np.testing.assert_array_equal(out[[0, 2]], kept[0])
        np.testing.assert_allclose(pull(weight)[0][[0, 2]], kept[1](weight[[0, 2]])[0])
        assert pull(weight)[0][1] == 0


WIDE = np.concatenate([np.linspace(-6.5, 27.0, 800), [1e-300, 1e-9, 0.5, 1.0, 3.75, -1.0, 0.0]])


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_over_their_whole_range(name):
    with np.errstate(all="raise"):  # not even an underflow
        got = getattr(cr, name)(WIDE)
    exact = [getattr(mpmath, name)(mpmath.mpf(x)) for x in WIDE]
    worst = max(
        float(abs(mpmath.mpf(value) - want) / abs(want)) if want else abs(value)
        for value, want in zip(got.tolist(), exact, strict=True)
        if abs(want) > 1e-300 or not want
    )
    assert worst < 1e-15


@pytest.mark.parametrize("name", ["expm1", "log1p"])
def test_exact_for_small_numbers(name):
    x = 10.0 ** np.arange(-300.0, -3.0, 7.0)
    exact = [getattr(mpmath, name)(mpmath.mpf(value)) for value in x]
    assert (
        relative(getattr(cr, name)(x) / x, [float(e / v) for e, v in zip(exact, x, strict=True)])
        < 1e-15
    )


def test_infinite_slopes_are_infinite():
    for function in (cr.sqrt, cr.cbrt):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert gradient(function, [0.0])[0] == np.inf


def test_negative_zero_and_infinity():
    np.testing.assert_allclose(cr.sigmoid(np.array([-np.inf, np.inf])), [0, 1], atol=1e-300)
    np.testing.assert_array_equal(cr.erf(np.array([-np.inf, np.inf])), [-1, 1])
    np.testing.assert_array_equal(cr.erfc(np.array([-np.inf, np.inf])), [2, 0])
    np.testing.assert_array_equal(cr.softplus(np.array([-np.inf, np.inf])), [0, np.inf])
    assert np.signbit(cr.erf(np.array(-0.0)))
