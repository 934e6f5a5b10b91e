"""grad, value_and_grad and vjp: trees, several arguments, any order, nesting."""

from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError

X = np.array([0.5, -1.25, 2.0])


class Point(NamedTuple):
    x: object
    y: object


def test_gradient_of_an_array_is_an_array():
    gradient = cr.grad(lambda x: (x**3).sum())(X)
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(gradient, 3 * X**2)


def test_value_and_gradient_come_together():
    value, gradient = cr.value_and_grad(lambda x: (x * x).sum())(X)
    assert value == (X * X).sum()
    np.testing.assert_array_equal(gradient, 2 * X)


def test_python_numbers_and_lists_count_as_float32():
    assert cr.grad(lambda x: x * x)(3.0) == 6.0
    assert cr.grad(lambda x: x * x)(3.0).dtype == np.float32
    gradient = cr.grad(lambda x: (x[0] * x[1]).sum())([np.ones(2), np.full(2, 3.0)])
    np.testing.assert_array_equal(gradient, [[3.0, 3.0], [1.0, 1.0]])


def test_trees_go_in_and_come_out():
    tree = {"w": X, "rest": (Point(np.float64(2.0), None), [np.ones(2)])}

    def function(tree):
        point, (last,) = tree["rest"]
        return (tree["w"] * point.x).sum() + (last * 5.0).sum()

    gradient = cr.grad(function)(tree)
    assert list(gradient) == ["w", "rest"]
    np.testing.assert_array_equal(gradient["w"], np.full(3, 2.0))
    point, (last,) = gradient["rest"]
    assert point == Point(X.sum(), None)
    np.testing.assert_array_equal(last, [5.0, 5.0])


def test_several_arguments():
    def function(x, y, scale=1.0):
        return (x * x * y).sum() * scale

    y = np.array([1.0, 2.0, 3.0])
    by_x, by_y = cr.grad(function, argnums=(0, 1))(X, y)
    np.testing.assert_array_equal(by_x, 2 * X * y)
    np.testing.assert_array_equal(by_y, X * X)
    np.testing.assert_array_equal(cr.grad(function, argnums=-1)(X, y), X * X)
    by_y, by_x = cr.grad(function, argnums=(1, 0))(X, y, scale=2.0)
    np.testing.assert_array_equal(by_y, 2 * X * X)
    np.testing.assert_array_equal(by_x, 4 * X * y)
    np.testing.assert_array_equal(cr.grad(function, argnums=1)(X, y, 3.0), 3 * X * X)


def test_aux_is_handed_out_without_a_trace_of_the_derivative():
    def function(x):
        y = x * x
        return y.sum(), {"y": y, "note": "kept", "count": 3}

    (value, aux), gradient = cr.value_and_grad(function, has_aux=True)(X)
    assert value == (X * X).sum()
    assert type(aux["y"]) is np.ndarray
    assert (aux["note"], aux["count"]) == ("kept", 3)
    again, aux = cr.grad(function, has_aux=True)(X)
    np.testing.assert_array_equal(gradient, again)
    np.testing.assert_array_equal(aux["y"], X * X)
    _, pull, aux = cr.vjp(function, X, has_aux=True)
    np.testing.assert_array_equal(pull(1.0)[0], gradient)


def test_an_unused_input_has_gradient_zero():
    _, by_y = cr.grad(lambda x, y: x.sum(), argnums=(0, 1))(X, np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(by_y, np.zeros((2, 2)))
    assert by_y.dtype == np.float32
    assert cr.grad(lambda x: 5.0)(2.0) == 0.0
    np.testing.assert_array_equal(cr.grad(lambda x: np.float64(1.0))(X), np.zeros(3))
    np.testing.assert_array_equal(cr.grad(lambda x: cr.floor(x).sum())(X), np.zeros(3))


def test_gradients_have_the_dtype_of_their_input():
    by_x, by_y = cr.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(X.astype(np.float32), X)
    assert (by_x.dtype, by_y.dtype) == (np.float32, np.float64)


def test_vjp_of_several_outputs():
    def function(x, y):
        return {"product": x * y, "sum": [x.sum()]}

    y = np.array([1.0, 2.0, 3.0])
    value, pull = cr.vjp(function, X, y)
    np.testing.assert_array_equal(value["product"], X * y)
    weight = np.array([1.0, 0.0, -1.0])
    by_x, by_y = pull({"sum": [2.0], "product": weight})
    np.testing.assert_array_equal(by_x, weight * y + 2.0)
    np.testing.assert_array_equal(by_y, weight * X)
    np.testing.assert_array_equal(pull({"product": weight, "sum": [0.0]})[0], weight * y)


def test_vjp_of_one_output_given_twice():
    (gradient,) = cr.vjp(lambda x: (y := x * 2.0, y), X)[1]((np.ones(3), np.full(3, 3.0)))
    np.testing.assert_array_equal(gradient, np.full(3, 8.0))
    (gradient,) = cr.vjp(lambda x: (x, x), X)[1]((np.ones(3), np.full(3, 3.0)))
    np.testing.assert_array_equal(gradient, np.full(3, 4.0))


KNOWN = [
    (cr.sin, [cr.cos, lambda x: -cr.sin(x), lambda x: -cr.cos(x), cr.sin]),
    (cr.exp, [cr.exp] * 4),
    (
        cr.log,
        [lambda x: 1 / x, lambda x: -(x**-2.0), lambda x: 2 * x**-3.0, lambda x: -6 * x**-4.0],
    ),
    (
        lambda x: x**4,
        [lambda x: 4 * x**3, lambda x: 12 * x**2, lambda x: 24 * x, lambda x: 24 + 0 * x],
    ),
    (cr.sqrt, [lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5, lambda x: 0.375 * x**-2.5]),
    (cr.erf, [lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)]),
    (cr.absolute, [cr.sign, lambda x: 0 * x]),
]


NAMES_OF_KNOWN = ["sin", "exp", "log", "x^4", "sqrt", "erf", "absolute"]


@pytest.mark.parametrize(("function", "derivatives"), KNOWN, ids=NAMES_OF_KNOWN)
def test_derivatives_of_any_order(function, derivatives):
    x = np.float64(0.7)
    for derivative in derivatives:
        function = cr.grad(function)
        assert function(x) == pytest.approx(derivative(x), rel=1e-12, abs=1e-14)


def test_hermite_polynomials_by_repeated_derivatives():
    """The n-th derivative of exp(-x^2) is (-1)^n H_n(x) exp(-x^2)."""
    x, function = np.float64(0.4), lambda x: cr.exp(-x * x)
    for order in range(1, 7):
        function = cr.grad(function)
        hermite = np.polynomial.hermite.hermval(x, [0] * order + [1])
        assert function(x) == pytest.approx((-1) ** order * hermite * np.exp(-x * x), rel=1e-10)


def test_perturbations_are_not_confused():
    """Siskind and Pearlmutter's example: an inner derivative must not see the outer variable."""
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(1.0))(2.0) == 4.0
    inner = cr.grad(lambda x: cr.grad(lambda y: cr.grad(lambda z: x * y * z * z)(3.0))(5.0))(7.0)
    assert inner == 6.0
    assert cr.grad(lambda x: cr.grad(lambda x: x * x * x)(x) * x)(2.0) == 36.0


def test_a_derivative_inside_a_function_of_arrays():
    def function(x):
        inner = cr.grad(lambda y: (y * y * x).sum())(x * 2.0)
        return (inner * x).sum()

    np.testing.assert_allclose(cr.grad(function)(X), 12 * X**2)


def test_pull_itself_differentiates():
    _, pull = cr.vjp(cr.tanh, X)
    weighted = cr.grad(lambda w: (pull(w)[0] * X).sum())(np.ones(3))
    np.testing.assert_allclose(weighted, (1 - np.tanh(X) ** 2) * X)


def test_tensors_outside_a_function_keep_their_own_gradient():
    w = cr.tensor(np.float64(3.0), requires_grad=True)
    slope = cr.grad(lambda x: (x * x * w).sum())(X)
    assert isinstance(slope, cr.Tensor)
    slope.sum().backward()
    assert w.grad.item() == pytest.approx((2 * X).sum())


def test_tensors_may_be_the_arguments():
    x = cr.tensor(X, requires_grad=True)
    gradient = cr.grad(lambda x: (x**3).sum())(x)
    np.testing.assert_allclose(gradient.numpy(), 3 * X**2)
    gradient.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * X)


def test_branches_and_loops_of_python_are_followed():
    def function(x):
        while x < 100.0:
            x = x * x if x > 3.0 else x * 2.0
        return x

    assert cr.grad(function)(np.float64(1.0)) == 4 * 4**3 * 4


def test_names_and_docs_pass_through():
    def loss(x):
        """The loss."""
        return x.sum()

    assert (cr.grad(loss).__name__, cr.grad(loss).__doc__) == ("loss", "The loss.")


REFUSED = [
    (lambda x: x, {}, GradientError, r"returned shape \(3,\), expected one number .* Reduce it"),
    (lambda x: (x.sum(), 1), {}, GradientError, "returned a tuple, .* has_aux=True"),
    (lambda x: None, {}, GradientError, "returned a NoneType"),
    (lambda x: "a", {}, DtypeError, "cannot compute with a str"),
    (lambda x: (x > 0).sum(), {}, GradientError, "returned int64, which has no slope"),
    (
        lambda x: x.sum(),
        {"has_aux": True},
        GradientError,
        r"has_aux=True: .* a Tensor, expected a pair",
    ),
    (lambda x: x.sum(), {"argnums": 1}, GradientError, "argnums=1, but .* 1 positional"),
    (lambda x: x.sum(), {"argnums": (0, -1)}, GradientError, "names an argument twice"),
]


@pytest.mark.parametrize(("function", "options", "kind", "message"), REFUSED)
def test_what_has_no_gradient_is_refused(function, options, kind, message):
    with pytest.raises(kind, match=message):
        cr.grad(function, **options)(X)


@pytest.mark.parametrize("wrong", [3, True, np.arange(3), np.array([True]), 1j, [1, 2]])
def test_integers_bools_and_complex_inputs_are_refused(wrong):
    with pytest.raises(DtypeError, match=r"vjp: argument 0: got dtype .* needs real floats"):
        cr.grad(lambda x: x)(wrong)


def test_wrong_cotangents_are_refused():
    _, pull = cr.vjp(lambda x: (x, x.sum()), X)
    with pytest.raises(ShapeError, match=r"shape \(2,\) and its output \(3,\)"):
        pull((np.ones(2), 1.0))
    with pytest.raises(ShapeError, match=r"trees differ in structure: expected \('leaf', 'leaf'\)"):
        pull(np.ones(3))
    with pytest.raises(DtypeError, match="cannot compute with"):
        pull((np.array(["a", "b", "c"]), 1.0))
