"""Nested derivatives that implementations are known to have confused, each with its source.

An inner derivative must not take the outer one's perturbation for its own. Every case runs with
all combinations of modes for the inner and the outer derivative.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError


def forward(function: Callable, x: Any) -> Any:
    """The derivative of a function of one number."""
    return cr.jvp(function, (x,), (np.ones(()),))[1]


def reverse(function: Callable, x: Any) -> Any:
    return cr.grad(function)(x)


def symbolic(function: Callable, x: Any) -> Any:
    return cr.symbolic_gradient(function, x)


def columns(function: Callable, x: Any) -> Any:
    """By forward mode in a batch of directions."""
    return cr.jacfwd(function)(x)


def rows(function: Callable, x: Any) -> Any:
    """By reverse mode in a batch of cotangents."""
    return cr.jacrev(function)(x)


def traced(function: Callable, x: Any) -> Any:
    """By reverse mode in a graph of its own."""
    return cr.interpret(cr.trace(cr.grad(function))(x), x)


MODES = [forward, reverse, symbolic, columns, rows, traced]
ONE, TWO, FOUR = np.float64(1.0), np.float64(2.0), np.float64(4.0)


@pytest.fixture(params=MODES, ids=lambda mode: f"outer {mode.__name__}")
def outer(request: pytest.FixtureRequest) -> Callable:
    return request.param


@pytest.fixture(params=MODES, ids=lambda mode: f"inner {mode.__name__}")
def inner(request: pytest.FixtureRequest) -> Callable:
    return request.param


def test_the_sum(outer: Callable, inner: Callable) -> None:
    """d/dx (x * d/dy (x + y)) = 1, where confusion gives 2.

    Siskind and Pearlmutter, "Perturbation confusion and referential transparency", IFL 2005; also
    JuliaDiff/ForwardDiff.jl#83.
    """
    assert outer(lambda x: x * inner(lambda y: x + y, ONE), ONE) == 1.0


def test_the_product(outer: Callable, inner: Callable) -> None:
    """d/dx (x * d/dy (x * y) at y = 2) at x = 1 is 2.

    Siskind and Pearlmutter, "Nesting forward-mode AD in a functional framework", Higher-Order and
    Symbolic Computation 21, 2008, page 4.
    """
    assert outer(lambda x: x * inner(lambda y: x * y, TWO), ONE) == 2.0


def test_the_product_at_four(outer: Callable, inner: Callable) -> None:
    """d/dx (x * d/dy (x * y)) at 4 is 8, where a tape without tags gives 1.

    JuliaDiff/ReverseDiff.jl#45.
    """
    assert outer(lambda x: x * inner(lambda y: x * y, ONE), FOUR) == 8.0


def test_an_inner_power_by_the_outer_value(outer: Callable, inner: Callable) -> None:
    """Also where nothing could be confused: JuliaDiff/ForwardDiff.jl#83, the harmless half."""
    assert outer(lambda x: x * inner(lambda y: y * y, ONE), ONE) == 2.0
    found = outer(lambda x: x / inner(lambda y: y**3, ONE), ONE)
    assert found == pytest.approx(1.0 / 3.0)


def test_the_inner_derivative_at_the_outer_variable(outer: Callable, inner: Callable) -> None:
    """The point moves, too: d/dx (d/dy (x y^3) at y = x) = d/dx 3 x^3 = 9 x^2."""
    assert outer(lambda x: inner(lambda y: x * y**3, x), TWO) == pytest.approx(36.0)
    # d/dy (sin(x) y^2 + x y) at y = x^2 is 2 sin(x) x^2 + x.
    found = outer(lambda x: inner(lambda y: cr.sin(x) * y * y + x * y, x * x), ONE)
    assert found == pytest.approx(2 * np.cos(1.0) + 4 * np.sin(1.0) + 1)


def test_an_inner_function_without_its_own_variable(outer: Callable, inner: Callable) -> None:
    """Its derivative is 0, and not that of the outer variable which it closes over."""
    assert outer(lambda x: x * inner(lambda y: x * 1.0 + 0.0 * y, x) + x, TWO) == 1.0
    assert outer(lambda x: inner(lambda y: x * 3.0, x) + x, TWO) == 1.0


def test_one_function_is_inner_and_outer(outer: Callable, inner: Callable) -> None:
    """Tags taken from the function's type are the same for both: JuliaDiff/ForwardDiff.jl#313."""

    class Confuse:
        def __init__(self, first: bool, x: Any):
            self.first = first
            self.x = x

        def __call__(self, value: Any) -> Any:
            if self.first:
                return value * inner(Confuse(False, value), ONE)
            return self.x + value

    assert outer(Confuse(True, 0.0), ONE) == 1.0


def test_an_inner_norm(inner: Callable) -> None:
    """grad (sum(v) * d/dy (y |v|)): JuliaDiff/ForwardDiff.jl#83."""
    v = np.array([3.0, 4.0])
    expected = cr.norm(v) + v.sum() * v / cr.norm(v)

    def function(v: Any) -> Any:
        return cr.sum(v) * inner(lambda y: y * cr.norm(v), ONE)

    np.testing.assert_allclose(cr.grad(function)(v), expected, rtol=1e-14)
    np.testing.assert_allclose(cr.jacfwd(function)(v), expected, rtol=1e-14)
    np.testing.assert_allclose(cr.symbolic_gradient(function, v), expected, rtol=1e-14)


GRADIENTS = [cr.grad, cr.jacfwd, cr.jacrev]


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("jacobian", [cr.jacfwd, cr.jacrev])
def test_the_jacobian_of_a_gradient(gradient: Callable, jacobian: Callable) -> None:
    """d/dx d/dy (y' A x) = A: JuliaDiff/ForwardDiff.jl, test/ConfusionTest.jl."""
    random = np.random.default_rng(0)
    a, x, y = (random.standard_normal(shape) for shape in [(5, 4), 4, 5])
    found = jacobian(lambda x: gradient(lambda y: cr.dot(y, a @ x))(y))(x)
    np.testing.assert_allclose(found, a, rtol=1e-14)


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("jacobian", [cr.jacfwd, cr.jacrev])
def test_a_lagrangian_and_its_hamiltonian(gradient: Callable, jacobian: Callable) -> None:
    """Mechanics of a thrown mass m: JuliaDiff/ForwardDiff.jl#238."""
    m, g = 1.0, 9.8
    q, speed, p = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])

    def lagrangian(q: Any, speed: Any) -> Any:
        return m / 2 * cr.dot(speed, speed) - m * g * q[1]

    mixed = jacobian(lambda a: gradient(lambda b: lagrangian(a, b))(speed))(q)
    np.testing.assert_array_equal(mixed, np.zeros((2, 2)))

    def hamiltonian(q: Any) -> Any:
        """The Legendre transform of the Lagrangian in the speed, with a mass matrix m I."""
        still = np.zeros(2)
        mass = jacobian(gradient(lambda speed: lagrangian(q, speed)))(still)
        speed = (p - gradient(lambda speed: lagrangian(q, speed))(still)) / cr.diagonal(mass)
        return cr.dot(p, speed) - lagrangian(q, speed)

    np.testing.assert_allclose(gradient(hamiltonian)(q), [0.0, m * g], atol=1e-14)


def test_derivatives_of_functions_that_give_functions(outer: Callable, inner: Callable) -> None:
    """The shift operator, derived twice: f'' and not 0.

    Manzyuk, Pearlmutter, Radul, Rush and Siskind, "Perturbation confusion in forward automatic
    differentiation of higher-order functions", Journal of Functional Programming 29, 2019. With
    s(u)(f)(x) = f(x + u), the derivative of s at 0 takes f to f'; applied twice it must take f to
    f''. Functions as values are derived at each point, as they propose.
    """

    def slope_by(mode: Callable) -> Callable:
        return lambda f: lambda x: mode(lambda u: f(x + u), np.float64(0.0))

    twice = slope_by(outer)(slope_by(inner)(cr.exp))
    assert twice(ONE) == pytest.approx(np.e, rel=1e-14)
    cubed = slope_by(outer)(slope_by(inner)(lambda x: x**3))
    assert cubed(TWO) == pytest.approx(12.0, rel=1e-14)


def test_a_value_that_escapes_an_inner_derivative_is_refused(
    outer: Callable, inner: Callable
) -> None:
    """An inner function that writes to a variable of the outer: JuliaDiff/ForwardDiff.jl#443."""

    def function(x: Any) -> Any:
        held = [x]

        def times(y: Any) -> Any:
            held[0] = held[0] * y
            return held[0]

        inner(times, ONE)
        return inner(times, ONE)

    with pytest.raises(GradientError, match="inside it that has ended"):
        outer(function, ONE)


def test_three_deep(outer: Callable, inner: Callable) -> None:
    """d/dx x d/dy (x y d/dz (x y z)) = d/dx (x * 2 x^2 y) = 6 x^2 y."""

    def middle(x: Any) -> Any:
        return x * inner(lambda y: x * y * outer(lambda z: x * y * z, ONE), ONE)

    assert outer(middle, TWO) == pytest.approx(24.0)
