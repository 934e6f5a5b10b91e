"""Symbolic mode against reverse mode and SymPy; what is simplified; how it composes."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.ops.table import OPS
from tests.ops.cases import NAMES, Case, cases, generator

NUMBERS = {
    **{name: getattr(cr, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10")},
    **{name: getattr(cr, name) for name in ("log1p", "sqrt", "rsqrt", "cbrt", "reciprocal")},
    **{name: getattr(cr, name) for name in ("square", "sigmoid", "softplus", "erf", "erfc")},
    **{name: getattr(cr, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(cr, name) for name in ("arctan", "arcsinh", "relu", "abs", "negative")},
    "arcsin": lambda x: cr.arcsin(x / 4),
    "arccos": lambda x: cr.arccos(x / 4),
    "arctanh": lambda x: cr.arctanh(x / 4),
    "arccosh": lambda x: cr.arccosh(x + 1),
    "maximum": lambda x: cr.maximum(x * x, x),
    "minimum": lambda x: cr.minimum(x * x, x + 1),
    "clip": lambda x: cr.clip(x * x, 0.5, 2.0) * x,
    "where": lambda x: cr.where(x > 1.0, x * x, 2.0 * x),
    "logaddexp": lambda x: cr.logaddexp(x, 2.0 * x),
    "hypot": lambda x: cr.hypot(x, 2.0),
    "arctan2": lambda x: cr.arctan2(x, 2.0),
    "polynomial": lambda x: 3.0 * x**4 - 2.0 * x**2 + x - 7.0,
    "fraction": lambda x: (3.0 * x - 2.0) / (x * x + 1.0),
    "normal density": lambda x: cr.exp(-((x - 1.0) ** 2) / 2.0) / np.sqrt(2.0 * np.pi),
    "nested": lambda x: cr.tanh(cr.exp(-x) * cr.sin(x) + x**3),
    "powers": lambda x: x**2.5 * x**-0.5 + x**-3,
    "exponent": lambda x: 2.0**x + x**x,
    "softmax": lambda x: cr.exp(x) / (cr.exp(x) + cr.exp(2.0 * x) + 1.0),
}
POINTS = np.array([0.3, 0.9, 1.7, 2.6])


@pytest.mark.parametrize("name", NUMBERS)
def test_derivatives_are_those_of_sympy(name: str) -> None:
    """First and second order: SymPy derives the original, and reads what was derived here."""
    sympy = pytest.importorskip("sympy")
    (x,) = cr.variables("x")
    original = NUMBERS[name](x)
    symbol = sympy.Symbol("x", real=True)
    theirs = original.to_sympy()
    for order in (1, 2):
        theirs = theirs.diff(symbol)
        ours = original.derive(*["x"] * order)
        exported = ours.to_sympy()
        for point in POINTS:
            # As a fraction, so that equal parts are equal there, too.
            place = sympy.Rational(str(point))
            expected = float(theirs.subs(symbol, place).evalf())
            assert ours(point) == pytest.approx(expected, rel=1e-9, abs=1e-11), (order, point)
            read = float(exported.subs(symbol, place).evalf())
            assert read == pytest.approx(expected, rel=1e-9, abs=1e-11), (order, point)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_value_of_an_expression_is_that_of_the_function(name: str) -> None:
    (x,) = cr.variables("x")
    expression = NUMBERS[name](x)
    np.testing.assert_allclose(expression(POINTS), NUMBERS[name](POINTS), rtol=1e-15)
    np.testing.assert_allclose(expression.simplify()(POINTS), NUMBERS[name](POINTS), rtol=1e-12)


def test_sympy_calls_the_difference_zero() -> None:
    sympy = pytest.importorskip("sympy")
    for name in ("polynomial", "fraction", "tanh", "powers", "reciprocal"):
        (x,) = cr.variables("x")
        made = NUMBERS[name](x)
        difference = made.derive().to_sympy() - made.to_sympy().diff(sympy.Symbol("x", real=True))
        assert sympy.simplify(sympy.nsimplify(difference, rational=True)) == 0, name


def loss_of(case: Case) -> Any:
    """The case as a function of one number of its floats, not linear in its result."""

    def function(*values: Any) -> Any:
        args = list(case.args)
        for place, value in zip(case.floats, values, strict=True):
            args[place] = value
        out = case.op(*args, **case.params)
        return (cr.sin(out) * generator(case.op.name).standard_normal(out.shape)).sum()

    return function


@pytest.mark.parametrize("name", [name for name in NAMES if OPS[name].differentiable])
def test_every_op_as_in_reverse_mode(name: str) -> None:
    for case in (case for case in cases(name) if case.smooth):
        values = [case.args[i] for i in case.floats]
        numbers = tuple(range(len(values)))
        expected = cr.grad(loss_of(case), numbers)(*values)
        found = cr.symbolic_gradient(loss_of(case), *values, argnums=numbers)
        for one, other in zip(found, expected, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype), case
            scale = max(float(np.abs(other).max(initial=0.0)), 1e-3)
            assert float(np.abs(one - other).max(initial=0.0)) <= 1e-10 * scale, case


def test_a_net_of_trees_as_in_reverse_mode() -> None:
    random = np.random.default_rng(0)
    x, labels = random.standard_normal((7, 4)), random.integers(0, 3, 7)
    net = [
        {"w": random.standard_normal((5, 4)), "b": random.standard_normal(5)},
        {"w": random.standard_normal((3, 5)), "b": random.standard_normal(3)},
    ]

    def loss(net: list, x: Any) -> Any:
        hidden = cr.relu(cr.linear(x, net[0]["w"], net[0]["b"]))
        scores = cr.log_softmax(cr.linear(hidden, net[1]["w"], net[1]["b"]))
        return -cr.take_along_axis(scores, labels[:, None], 1).mean()

    found, by_x = cr.symbolic_gradient(loss, net, x, argnums=(0, 1))
    expected, also_by_x = cr.grad(loss, (0, 1))(net, x)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine["w"], other["w"], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(mine["b"], other["b"], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(by_x, also_by_x, rtol=1e-10, atol=1e-13)
    found[0]["w"] += 1.0  # the caller's own arrays


SIMPLER = [
    (lambda x, y: x + 0.0, "x"),
    (lambda x, y: 0.0 + x * 1.0, "x"),
    (lambda x, y: x * 0.0 + y, "y"),
    (lambda x, y: x - x, "0"),
    (lambda x, y: x / x, "1"),
    (lambda x, y: x / 1.0, "x"),
    (lambda x, y: 0.0 / x, "0"),
    (lambda x, y: cr.negative(-x), "x"),
    (lambda x, y: -(x - y), "y - x"),
    (lambda x, y: x + x, "2 * x"),
    (lambda x, y: 2.0 * x + 3.0 * x - x, "4 * x"),
    (lambda x, y: x * y + y * x, "2 * x * y"),
    (lambda x, y: x * x, "x**2"),
    (lambda x, y: x * x**2 * x**3, "x**6"),
    (lambda x, y: (x**2) ** 3, "x**6"),
    (lambda x, y: x**3 / x, "x**2"),
    (lambda x, y: x / x**3, "1 / x**2"),
    (lambda x, y: x**1, "x"),
    (lambda x, y: x**0, "1"),
    (lambda x, y: cr.square(cr.reciprocal(x)), "1 / x**2"),
    (lambda x, y: (2.0 * x * y) ** 2, "4 * x**2 * y**2"),
    (lambda x, y: (x + 1.0) + 2.0, "x + 3"),
    (lambda x, y: 2.0 * (3.0 * x), "6 * x"),
    (lambda x, y: x / 2.0 / 3.0, "x / 6"),
    (lambda x, y: x / 3.0 + x / 6.0, "0.5 * x"),
    (lambda x, y: 0.1 * x + 0.2 * x, "0.3 * x"),
    (lambda x, y: cr.exp(x) + x * cr.exp(x), "exp(x) * (x + 1)"),
    (lambda x, y: cr.sin(x) * y - cr.sin(x), "sin(x) * (y - 1)"),
    (lambda x, y: x / (x + y) + y / (x + y), "1"),
    (lambda x, y: cr.sqrt(x) * cr.sqrt(x), "sqrt(x)**2"),
    (lambda x, y: x**0.5 * x**0.5, "(x**0.5)**2"),
    (lambda x, y: cr.where(np.array(True), x, y), "x"),
    (lambda x, y: cr.where(x > y, x, x), "x"),
    (lambda x, y: cr.relu(cr.relu(x)), "relu(x)"),
    (lambda x, y: cr.reshape(cr.reshape(x, (1, 1)), ()), "x"),
    (lambda x, y: x.sum() + x.T, "2 * x"),
    (lambda x, y: cr.cast(x, "float64"), "x"),
    (lambda x, y: x + cr.exp(np.float64(0.0)), "x + 1"),
    # As it stands: nothing here is the same for all finite numbers.
    (lambda x, y: cr.sqrt(x * x), "sqrt(x**2)"),
    (lambda x, y: cr.log(cr.exp(x)), "log(exp(x))"),
]


@pytest.mark.parametrize(("function", "text"), SIMPLER, ids=[text for _, text in SIMPLER])
def test_what_is_simplified(function: Any, text: str) -> None:
    x, y = cr.variables("x y")
    made = function(x, y)
    assert str(made.simplify()) == text
    # Points at which both are numbers.
    a, b = np.float64(1.3), np.float64(0.7)
    assert made.simplify().evaluate(x=a, y=b) == pytest.approx(function(a, b), rel=1e-15)


def test_arrays_keep_their_shape_and_dtype() -> None:
    x, y = cr.variables("x y", (2, 3))
    zero = (x * 0.0).simplify()
    assert zero.shape == (2, 3)
    np.testing.assert_array_equal(zero.evaluate(), np.zeros((2, 3)))
    row = cr.variable("r", (3,))
    assert (row * np.ones((2, 3))).simplify().shape == (2, 3)
    narrow = cr.variable("n", (3,), np.float32)
    assert (narrow * np.float64(2.0) * np.ones(3)).simplify().dtype == np.float64
    mask = cr.cast(x > 0.0, "float64") * y + (x > 0.0) * y
    np.testing.assert_array_equal(
        mask.simplify().evaluate(x=np.eye(2, 3), y=np.full((2, 3), 0.1)), 0.2 * np.eye(2, 3)
    )
    assert ((x.T @ y) * 0.0 + 1.0).simplify().shape == (3, 3)
    assert (x.T.T + (-x)).simplify().evaluate().shape == (2, 3)


def test_integers_neither_overflow_nor_lose_digits() -> None:
    x = cr.variable("x", (2,))
    count = np.array([2**40, 2**41])
    both = (x * count * count).simplify()
    np.testing.assert_array_equal(both.evaluate(x=np.ones(2)), np.array([2.0**80, 2.0**82]))
    narrow = cr.variable("n", (1,), np.float32)
    product = (narrow * np.array([0.1], np.float32) * np.array([0.1])).simplify()
    assert product.dtype == np.float64
    assert product.evaluate(n=np.array([3.0], np.float32))[0] == pytest.approx(0.03, rel=1e-7)


def test_masks_are_not_turned_upside_down() -> None:
    x = cr.variable("x", (3,))
    mask = x > 0.0
    made = 1.0 / (mask * x) + (mask * x) * (mask * x)
    point = np.array([-2.0, 2.0, 4.0])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(made.simplify()(point), [-np.inf, 4.5, 16.25])


def test_powers_of_numbers_do_not_overflow() -> None:
    (x,) = cr.variables("x")
    made = (1e10 * x) ** 60
    assert made.simplify()(1e-10) == pytest.approx(1.0)
    tall = x
    for _ in range(400):
        tall = tall * 1.7
    for _ in range(400):
        tall = tall * (1 / 1.7)
    assert tall.simplify()(2.0) == pytest.approx(2.0)


def test_shared_parts_do_not_explode() -> None:
    """Ninety doublings written out would have 2^90 parts."""
    (x,) = cr.variables("x")
    value = x
    for _ in range(90):
        value = cr.sin(value) * value
    slope = value.derive()
    assert len(str(slope)) < 40_000
    assert len(slope.latex()) < 80_000
    expected = cr.grad(lambda x: _doubled(x))(np.float64(0.9))
    assert slope(0.9) == pytest.approx(expected, rel=1e-10)


def _doubled(x: Any) -> Any:
    for _ in range(90):
        x = cr.sin(x) * x
    return x


@pytest.mark.parametrize("length", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_long_chains_need_no_recursion(length: int) -> None:
    def chain(x: Any) -> Any:
        for _ in range(length):
            x = cr.sin(x) * 1.01
        return x.sum()

    point = np.array([0.3, 0.4])
    np.testing.assert_allclose(
        cr.symbolic_gradient(chain, point), cr.grad(chain)(point), rtol=1e-9, atol=1e-300
    )


def test_equal_parts_are_one_object() -> None:
    x, y = cr.variables("x y")
    assert x * y is x * y
    assert cr.sin(x) is cr.sin(x)
    assert x + 1 is not x + 1.0  # an integer and a float are not the same constant
    assert cr.sum(x, axis=()) is not cr.sum(x)
    (other,) = cr.variables("x")
    assert other is not x


def test_an_array_may_change_after_it_was_used() -> None:
    x = cr.variable("x", (2,))
    weights = np.array([1.0, 2.0])
    made = x * weights
    weights[:] = 100.0
    again = x * weights
    np.testing.assert_array_equal(made.evaluate(x=np.ones(2)), [1.0, 2.0])
    np.testing.assert_array_equal(again.evaluate(x=np.ones(2)), [100.0, 100.0])


def test_evaluation_and_substitution() -> None:
    x, y = cr.variables("x y")
    made = x * y + cr.exp(x)
    assert made(0.0, 5.0) == 1.0
    assert made.evaluate(y=5, x=0) == 1.0
    assert made.evaluate(x=0.0, y=5.0).dtype == np.float64
    grid = np.linspace(0.0, 1.0, 5)
    np.testing.assert_allclose(made(grid, 2.0), grid * 2.0 + np.exp(grid))
    assert made.derive("y", "y")(grid, 2.0).shape == (5,)
    assert str(made.evaluate(x=y, y=x + 1.0)) == "y * (x + 1) + exp(y)"
    assert made.derive("x")(1.0, 2.0) == 2.0 + np.exp(1.0)
    by_tensor = made.evaluate(x=cr.tensor(np.float64(1.0), requires_grad=True), y=2.0)
    by_tensor.backward()
    assert by_tensor.requires_grad
    slope = cr.grad(lambda v: made.evaluate(x=v, y=3.0))(np.float64(0.0))
    assert slope == 4.0
    np.testing.assert_allclose(cr.vmap(lambda v: made.evaluate(x=v, y=3.0))(grid), made(grid, 3.0))


def test_derive_takes_a_function_by_its_parameters() -> None:
    def area(width: Any, height: Any, scale: float = 2.0) -> Any:
        return scale * width * height**2

    slope = cr.derive(area, 1)
    assert str(slope) == "4 * width * height"
    assert slope(3.0, 5.0) == 60.0
    both = cr.derive(area, (0, 1))
    assert [str(part) for part in both] == ["2 * height**2", "4 * width * height"]
    assert both[0](3.0, 5.0) == 50.0
    assert str(cr.derive(cr.tanh)) == "1 - tanh(x)**2"
    by_matrix = cr.derive(lambda w, v: (w @ v).sum(), shapes={"w": (2, 3), "v": (3,)})
    assert by_matrix.shape == (2, 3)
    np.testing.assert_array_equal(by_matrix(np.zeros((2, 3)), np.arange(3.0)), [[0, 1, 2]] * 2)


def test_derivatives_of_any_order() -> None:
    (x,) = cr.variables("x")
    assert str((x**5).derive("x", "x", "x")) == "60 * x**2"
    seventh = cr.sin(2.0 * x).derive(*["x"] * 7)
    assert seventh(0.0) == -(2.0**7)
    u, v = cr.variables("u v")
    mixed = cr.exp(u * v)
    assert mixed.derive("u", "v")(0.3, 0.7) == pytest.approx(mixed.derive("v", "u")(0.3, 0.7))


def test_symbolic_mode_beside_the_others() -> None:
    """An expression under reverse mode, forward mode and vmap, and these inside an expression."""
    point = np.array([0.2, 0.5])
    cube = cr.derive(lambda x: x**3)
    np.testing.assert_allclose(cr.grad(lambda x: cube(x).sum())(point), 6 * point)
    np.testing.assert_allclose(cr.jvp(cube, (point,), (point,))[1], 6 * point**2)
    np.testing.assert_allclose(cr.vmap(cube)(point), 3 * point**2)
    assert str(cr.derive(lambda x: cr.grad(lambda y: x * y**2)(x))) == "4 * x"
    assert str(cr.derive(lambda x: cr.jvp(lambda y: x * y**2, (x,), (1.0,))[1])) == "4 * x"
    inner = cr.grad(lambda s: cr.symbolic_gradient(lambda x: (x**3 * s).sum(), point).sum())
    assert inner(np.float64(2.0)) == pytest.approx(3 * (point**2).sum())


WRONG = [
    (lambda x, y: (x * y).evaluate(x=1.0), OptionError, "no value for y"),
    (lambda x, y: (x * y).evaluate(x=1.0, y=1.0, z=1.0), OptionError, "no variable 'z'.*x, y"),
    (lambda x, y: (x * y)(1.0), OptionError, "1 values for the 2 variables x, y"),
    (lambda x, y: (x * y).derive(), OptionError, "by which variable.*x, y"),
    (lambda x, y: (x * y).derive("z"), OptionError, "no variable 'z'.*Known: x, y"),
    (lambda x, y: (x * y).derive(x * y), OptionError, "is no variable"),
    (lambda x, y: x if x > y else y, GradientError, "where"),
    (lambda x, y: float(x), GradientError, "no numbers to branch on"),
    (lambda x, y: np.asarray(x), GradientError, "hand to NumPy"),
    (lambda x, y: cr.variables("a a"), OptionError, "different names"),
    (lambda x, y: cr.variables("2a"), OptionError, "got '2a'"),
    (lambda x, y: cr.derive(lambda *args: args[0]), GradientError, "no named parameters"),
    (lambda x, y: cr.derive(lambda x: x, shapes={"y": (2,)}), OptionError, "shapes names 'y'"),
    (lambda x, y: cr.derive(lambda w: w, shapes={"w": (2,)}), GradientError, r"shape \(2,\)"),
    (lambda x, y: cr.variable("w", (2,)).sum()(np.ones(3)), ShapeError, r"\(2,\).*\(3,\)"),
    (lambda x, y: x.reshape(1)(np.ones(3), 1.0), ShapeError, "holds reshape"),
    (lambda x, y: cr.variable("w", (2,)).to_sympy(), GradientError, r"has shape \(2,\)"),
]


@pytest.mark.parametrize(("run", "error", "message"), WRONG)
def test_errors_say_what_to_do(run: Any, error: type, message: str) -> None:
    pytest.importorskip("sympy")
    x, y = cr.variables("x y")
    with pytest.raises(error, match=message):
        run(x, y)


def test_two_variables_of_one_name_are_not_mixed_up() -> None:
    (first,), (second,) = cr.variables("x"), cr.variables("x")
    both = first * second**2
    with pytest.raises(OptionError, match="two different variables are named 'x'"):
        both.evaluate(x=1.0)
    assert both.derive(second)(3.0, 5.0) == 30.0
