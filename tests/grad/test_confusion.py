"""Nested derivatives in which a confusion of perturbations would show, in every mix of modes."""

import itertools

import numpy as np
import pytest

import chainrule as cr


def by_reverse(function):
    return cr.grad(function)


def by_forward(function):
    return lambda x: cr.jvp(function, (x,), (1.0,))[1]


def by_trace(function):
    """Reverse mode inside a graph of its own."""
    return lambda x: cr.interpret(cr.trace(cr.grad(function))(x), x)


MODES = {"reverse": by_reverse, "forward": by_forward, "traced": by_trace}


def siskind_pearlmutter(outer, inner):
    """d/dx (x d/dy (x + y)): Siskind and Pearlmutter, "Perturbation confusion and referential
    transparency", IFL 2005, section 2."""
    return outer(lambda x: x * inner(lambda y: x + y)(2.0))(1.0), 1.0


def product(outer, inner):
    """d/dx (x d/dy (x y)): Siskind and Pearlmutter, "Nesting forward-mode AD in a functional
    framework", Higher-Order and Symbolic Computation 21, 2008."""
    return outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0), 6.0


def same_point(outer, inner):
    """d/dx (d/dy (x y^3) at y = x): the inner derivative is taken at the outer variable
    (the same paper: the derivative of a derivative at a moving point)."""
    return outer(lambda x: inner(lambda y: x * y * y * y)(x))(1.5), 9 * 1.5**2


def amazing_bug(outer, inner):
    """D(D h) with D f y = d/du f(y + u) at 0 must be h'': Manzyuk, Pearlmutter, Radul, Rush and
    Siskind, "Perturbation confusion in forward automatic differentiation of higher-order
    functions", Journal of Functional Programming 29, 2019 (naive tagging gives 0)."""

    def first(f):
        return lambda y: outer(lambda u: f(y + u))(0.0)

    def second(f):
        return lambda y: inner(lambda u: f(y + u))(0.0)

    return first(second(cr.exp))(0.5), np.exp(0.5)


def forwarddiff_issue(outer, inner):
    """ForwardDiff.jl issue 83: the inner function closes over the outer variable and ignores its
    own, so that its derivative is 0 and the whole is d/dx (x * 0 + x)."""
    return outer(lambda x: x * inner(lambda y: x * 1.0 + 0.0 * y)(x) + x)(3.0), 1.0


def minimax(outer, inner):
    """d/dx of d/dy (sin(x) y^2 + x y) at y = x^2: a gradient inside an objective, as in the
    saddle-point example of Pearlmutter and Siskind, "Lazy multivariate higher-order
    forward-mode AD", POPL 2007."""
    x = 0.7
    value = outer(lambda x: inner(lambda y: cr.sin(x) * y * y + x * y)(x * x))(x)
    # d/dy = 2 sin(x) y + x, at y = x^2: 2 sin(x) x^2 + x
    return value, 2 * np.cos(x) * x**2 + 4 * np.sin(x) * x + 1


def autograd_style(outer, inner):
    """d/dx (x sin'(x) ) with the inner derivative at the outer variable, added to the outer one
    again: the pattern of HIPS autograd's nested-gradient tests."""
    x = 0.4
    value = outer(lambda x: x * inner(lambda y: cr.sin(y) * x)(x) + x)(x)
    return value, 2 * x * np.cos(x) - x**2 * np.sin(x) + 1


CASES = (
    siskind_pearlmutter,
    product,
    same_point,
    amazing_bug,
    forwarddiff_issue,
    minimax,
    autograd_style,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_perturbations_are_kept_apart(case, outer, inner):
    found, expected = case(MODES[outer], MODES[inner])
    assert float(found) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)), ids="-".join)
def test_three_levels(modes):
    a, b, c = (MODES[mode] for mode in modes)
    found = a(lambda x: x * b(lambda y: y * c(lambda z: x * y * z * z)(y))(x))(np.float64(1.1))
    # c: 2 x y z at z = y: 2 x y^2; times y: 2 x y^3; b: 6 x y^2 at y = x: 6 x^3; times x: 6 x^4
    assert float(found) == pytest.approx(24 * 1.1**3)
