"""Numeric mode: the methods, their errors against the step, and what is refused."""

from typing import Any

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule import rng
from chainrule.errors import DtypeError, GradientError, OptionError, ShapeError
from chainrule.grad import random_direction
from tests.ops.cases import NAMES, Case, cases

POINT = np.array([0.3, 1.2, -0.7])
BOUNDS = {"central": 1e-9, "forward": 1e-6, "complex": 1e-15, "ridders": 1e-11}


def wave(x: Any) -> Any:
    return (cr.exp(x) * cr.sin(x)).sum()


SLOPE = np.exp(POINT) * (np.sin(POINT) + np.cos(POINT))


def relative(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("method", BOUNDS)
def test_each_method_is_as_exact_as_it_can_be(method: str) -> None:
    found = cr.numeric_gradient(wave, POINT, method=method)
    assert relative(found, SLOPE) < BOUNDS[method]
    assert found.dtype == np.float64


def test_ridders_knows_how_far_it_is_off() -> None:
    found, doubt = cr.numeric_gradient(wave, POINT, method="ridders", with_error=True)
    assert (np.abs(found - SLOPE) <= doubt + 1e-15).all()
    assert (doubt < 1e-12).all()


def test_a_hard_function_for_a_difference() -> None:
    """The field's own example (Lyness and Moler): the complex step keeps all digits at any step."""

    def function(x: Any) -> Any:
        return cr.exp(x) / cr.sqrt(cr.sin(x) ** 3 + cr.cos(x) ** 3)

    def precise(x: Any) -> Any:
        return mpmath.exp(x) / mpmath.sqrt(mpmath.sin(x) ** 3 + mpmath.cos(x) ** 3)

    exact = float(mpmath.diff(precise, 1.5))
    for step in (1e-8, 1e-20, 1e-100):
        found = cr.numeric_gradient(function, 1.5, method="complex", step=step)
        assert abs(found - exact) < 4e-15
    assert abs(cr.numeric_gradient(function, 1.5, step=1e-12) - exact) > 1e-6
    assert abs(cr.grad(function)(np.float64(1.5)) - exact) < 4e-15


ANALYTIC = {
    *("negative", "square", "reciprocal", "sqrt", "rsqrt", "exp", "exp2", "expm1", "log", "log2"),
    *("log10", "log1p", "sigmoid", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh"),
    *("cosh", "tanh", "arcsinh", "arccosh", "arctanh", "add", "subtract", "multiply", "divide"),
    *("power", "prod", "pad", "stop_gradient"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_complex_step_is_right_or_refused(name: str) -> None:
    """For every op: the derivative of forward mode, or an error that names the op."""
    for case in (case for case in cases(name) if case.smooth):
        values = tuple(case.args[i] for i in case.floats)

        def run(*given: Any, case: Case = case) -> Any:
            args = list(case.args)
            for place, value in zip(case.floats, given, strict=True):
                args[place] = value
            return case.op(*args, **case.params)

        tangents = random_direction(values, rng.key(1))
        real = np.asarray(run(*values)).dtype.kind == "f"
        linear = all(map(case.op.is_linear_in, case.floats))
        if real and (name in ANALYTIC or linear):
            _, found = cr.numeric_jvp(run, values, tangents, method="complex")
            _, expected = cr.jvp(run, values, tangents)
            np.testing.assert_allclose(found, expected, 1e-12, 1e-13, err_msg=str(case))
        else:
            with pytest.raises(GradientError, match=f"{name} is not an analytic function"):
                cr.numeric_jvp(run, values, tangents, method="complex")


REFUSED = [cr.abs, cr.max, cr.relu, cr.floor, lambda x: cr.where(x > 0, x, 0.0), cr.softplus]


@pytest.mark.parametrize("function", REFUSED)
def test_what_is_not_analytic_is_refused(function: Any) -> None:
    with pytest.raises(GradientError, match=r"is not an analytic function.*'central'"):
        cr.numeric_gradient(lambda x: cr.sum(function(x)), POINT, method="complex")


def test_branches_and_numpy_lose_the_complex_step() -> None:
    with pytest.raises(GradientError, match="greater is not an analytic"):
        cr.numeric_gradient(lambda x: x if x > 0 else -x, 2.0, method="complex")
    with pytest.raises(GradientError, match="lost"):
        cr.numeric_gradient(lambda x: np.asarray(x) * 2.0, 2.0, method="complex")


def test_casts_keep_the_complex_step() -> None:
    found = cr.numeric_gradient(lambda x: (x.astype("float32") ** 2).sum(), POINT, method="complex")
    np.testing.assert_allclose(found, 2 * POINT, rtol=1e-6)


def test_the_error_falls_and_rises_with_the_step() -> None:
    curve = cr.step_curve(wave, POINT, exact=SLOPE)
    assert curve.steps == tuple(10.0**-k for k in range(1, 13))
    errors = dict(zip(range(1, 13), curve.errors, strict=True))
    for k in (1, 2, 3):  # the formula's error goes with the square of the step
        assert 50 < errors[k] / errors[k + 1] < 200
    assert errors[11] > 100 * errors[5]
    step, error = curve.best
    assert 1e-7 < step < 1e-3
    assert error < 1e-8
    assert str(curve).splitlines()[0].startswith("step 1e-01  relative error")


def test_the_curve_of_a_complex_step_only_falls() -> None:
    curve = cr.step_curve(
        wave, POINT, exact=SLOPE, steps=(1e-2, 1e-5, 1e-8, 1e-11), method="complex"
    )
    assert curve.errors[-1] < 1e-15


def test_trees_of_several_arguments() -> None:
    def loss(net: dict, scale: Any, x: Any) -> Any:
        return (cr.tanh(x @ net["w"] + net["b"][0]) * scale).sum()

    random = np.random.default_rng(0)
    net = {"w": random.standard_normal((3, 2)), "b": (random.standard_normal(2),)}
    x = random.standard_normal((4, 3))
    found = cr.numeric_gradient(loss, net, 1.5, x, argnums=(0, 1))
    expected = cr.grad(loss, (0, 1))(net, np.float64(1.5), x)
    np.testing.assert_allclose(found[0]["w"], expected[0]["w"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found[0]["b"][0], expected[0]["b"][0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-8)


def test_a_direction_in_place_of_each_element() -> None:
    x, v = np.arange(6.0).reshape(2, 3), np.linspace(-1, 1, 6).reshape(2, 3)
    value, slope = cr.numeric_jvp(lambda x: {"sin": cr.sin(x), "sum": x.sum()}, (x,), (v,))
    np.testing.assert_array_equal(value["sin"], np.sin(x))
    np.testing.assert_allclose(slope["sin"], np.cos(x) * v, atol=1e-9)
    np.testing.assert_allclose(slope["sum"], v.sum(), atol=1e-8)
    # Without tangents the direction is the one that anybody can draw again.
    drawn = random_direction((x,), rng.key(0))
    _, own = cr.numeric_jvp(cr.sin, (x,))
    np.testing.assert_allclose(own, np.cos(x) * drawn[0], atol=1e-9)


def test_float32_is_moved_in_float64_unless_told_otherwise() -> None:
    narrow = POINT.astype(np.float32)
    exact = cr.grad(wave)(narrow.astype(np.float64))
    wide = cr.numeric_gradient(wave, narrow)
    assert wide.dtype == np.float64
    assert relative(wide, exact) < 1e-9
    own = cr.numeric_gradient(wave, narrow, dtype=None)
    assert own.dtype == np.float32
    assert 1e-7 < relative(own, exact) < 1e-3


def test_0_d_and_empty_arrays() -> None:
    assert cr.numeric_gradient(lambda x: x**3, 2.0).shape == ()
    assert cr.numeric_gradient(lambda x: x.sum(), np.zeros((0, 3))).shape == (0, 3)


def test_the_point_is_left_as_it_was() -> None:
    x = POINT.copy()
    for method in BOUNDS:
        cr.numeric_gradient(wave, x, method=method)
    np.testing.assert_array_equal(x, POINT)


WRONG = [
    (lambda: cr.numeric_gradient(cr.sin, POINT), GradientError, r"shape \(3,\), expected one"),
    (lambda: cr.numeric_gradient(wave, np.arange(3)), DtypeError, "got dtype int64"),
    (lambda: cr.numeric_gradient(wave, POINT * 1j), DtypeError, "got dtype complex128"),
    (lambda: cr.numeric_gradient(wave, POINT, method="centre"), OptionError, "'central'"),
    (lambda: cr.numeric_gradient(wave, POINT, step=0.0), OptionError, "a positive number"),
    (lambda: cr.numeric_gradient(wave, POINT, step="small"), OptionError, "unknown step"),
    (lambda: cr.numeric_gradient(wave, POINT, with_error=True), OptionError, "'ridders' does"),
    (lambda: cr.numeric_gradient(wave, POINT, argnums=1), GradientError, "argnums=1"),
    (lambda: cr.numeric_jvp(cr.sin, (POINT,), (POINT[:2],)), ShapeError, r"\(3,\).*\(2,\)"),
    (lambda: cr.numeric_jvp(cr.sin, (POINT,), ((POINT,),)), ShapeError, "trees differ"),
    (
        lambda: cr.grad(lambda x: cr.numeric_gradient(wave, x).sum())(POINT),
        GradientError,
        "a Tensor has no numbers to move",
    ),
    (
        lambda: cr.vmap(lambda x: cr.numeric_gradient(wave, x))(POINT[None]),
        GradientError,
        "outside of",
    ),
]


@pytest.mark.parametrize(("run", "error", "message"), WRONG)
def test_errors_say_what_to_do(run: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        run()
