"""Jacobians, Hessians and Hessian-vector products, in all their trees and nestings."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError
from tests.programs import random_program

BOTH_WAYS = [cr.jacfwd, cr.jacrev, cr.jacobian]
X = np.array([[0.5, -1.2, 2.0], [1.5, 0.1, -0.4]])


@pytest.mark.parametrize("jacobian", BOTH_WAYS)
def test_matrix_function(jacobian: Any) -> None:
    weight = np.arange(6.0).reshape(3, 2)
    found = jacobian(lambda x: cr.sin(x) @ weight)(X)
    assert found.shape == (2, 2, 2, 3)
    expected = np.einsum("ab,bk,kj->ajbk", np.eye(2), np.cos(X), weight)
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("jacobian", BOTH_WAYS)
def test_trees_in_trees(jacobian: Any) -> None:
    def function(net: dict, s: Any) -> dict:
        return {"all": net["w"] * s, "parts": (net["w"].sum(), net["b"][0] ** 2)}

    net = {"w": np.array([1.0, 2.0]), "b": [np.array(3.0)]}
    found = jacobian(function, (0, 1))(net, np.float64(5.0))
    by_net, by_s = found["all"]
    np.testing.assert_array_equal(by_net["w"], 5.0 * np.eye(2))
    np.testing.assert_array_equal(by_net["b"][0], np.zeros(2))
    np.testing.assert_array_equal(by_s, net["w"])
    np.testing.assert_array_equal(found["parts"][0][0]["w"], np.ones(2))
    np.testing.assert_array_equal(found["parts"][1][0]["b"][0], 6.0)
    alone = jacobian(function)(net, np.float64(5.0))
    np.testing.assert_array_equal(alone["all"]["w"], 5.0 * np.eye(2))


def test_0_d_and_empty() -> None:
    for jacobian in BOTH_WAYS:
        assert jacobian(lambda x: x**2)(3.0) == 6.0
        assert jacobian(lambda x: x * 2.0)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
        assert jacobian(lambda x: x.sum())(np.zeros(0)).shape == (0,)
        constant = jacobian(lambda x: np.arange(2.0))(np.ones(3))
        np.testing.assert_array_equal(constant, np.zeros((2, 3)))


def test_the_mode_goes_by_the_shapes() -> None:
    """One pass of the function for each side: the fewer directions are taken."""
    sizes = []

    def function(count: int) -> Any:
        def run(x: Any) -> Any:
            sizes.append(type(x).__name__)
            return cr.broadcast_to(x.sum(), (count,)) * 1.0

        return run

    cr.jacobian(function(2))(np.ones(5))
    assert sizes == ["Tensor"]
    sizes.clear()
    cr.jacobian(function(5))(np.ones(2))
    assert sizes == ["Tensor", "Dual"]


@pytest.mark.parametrize("seed", range(20))
def test_hessians_of_random_programs(seed: int) -> None:
    """Forward over reverse, against reverse over reverse, row by row; and symmetric."""
    program, arrays = random_program(seed)
    first = arrays[0]

    def function(x: Any) -> Any:
        return program(x, *arrays[1:])

    found = cr.hessian(function)(first)
    assert found.shape == (*first.shape, *first.shape)
    square = found.reshape(first.size, first.size)
    scale = max(np.abs(square).max(), 1.0)
    np.testing.assert_allclose(square, square.T, atol=1e-11 * scale)
    twice = cr.jacrev(cr.jacrev(function))(first)
    np.testing.assert_allclose(twice, found, atol=1e-11 * scale)
    direction = np.random.default_rng(seed).standard_normal(first.shape)
    (gradient,), (product,) = cr.hvp(function, (first,), (direction,))
    np.testing.assert_allclose(gradient, cr.grad(function)(first), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        product, np.tensordot(found, direction, first.ndim), atol=1e-11 * scale
    )


def test_blocks_of_a_hessian() -> None:
    def function(x: Any, y: Any) -> Any:
        return (x**2 * y).sum()

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    (xx, xy), (yx, yy) = cr.hessian(function, (0, 1))(x, y)
    np.testing.assert_allclose(xx, np.diag(2 * y))
    np.testing.assert_allclose(xy, np.diag(2 * x))
    np.testing.assert_allclose(yx, np.diag(2 * x))
    np.testing.assert_allclose(yy, np.zeros((2, 2)))


def test_nested_with_the_other_modes() -> None:
    point = np.array([0.3, 0.8])

    def trace_of_jacobian(x: Any) -> Any:
        return cr.ops.trace(cr.jacrev(lambda y: cr.sin(y) * y)(x))

    expected = 2 * np.cos(point) - point * np.sin(point)
    np.testing.assert_allclose(cr.grad(trace_of_jacobian)(point), expected)
    batch = cr.vmap(cr.jacobian(lambda x: x**2))(np.ones((4, 3)))
    np.testing.assert_allclose(batch, np.broadcast_to(2 * np.eye(3), (4, 3, 3)))
    _, pushed = cr.jvp(cr.jacfwd(lambda x: x**3), (point,), (np.ones(2),))
    np.testing.assert_allclose(pushed, np.diag(6 * point))
    graph = cr.trace(cr.hessian(lambda x: (x**3).sum()))(point)
    np.testing.assert_allclose(cr.interpret(graph, point), np.diag(6 * point))
    np.testing.assert_allclose(
        cr.symbolic_gradient(
            lambda x: cr.hvp(lambda z: (z**4).sum(), (x,), (x,))[1][0].sum(), point
        ),
        36 * point**2,
    )


WRONG = [
    (lambda: cr.jacfwd(cr.sin)(np.arange(3)), DtypeError, "got dtype int64"),
    (lambda: cr.jacrev(cr.sin, 1)(np.ones(3)), GradientError, "argnums=1"),
    (lambda: cr.jacobian(cr.add, (0, 0))(np.ones(3), np.ones(3)), GradientError, "twice"),
    (lambda: cr.hessian(cr.sin)(np.ones(3)), GradientError, r"shape \(3,\), expected one"),
    (lambda: cr.hvp(cr.sum, (np.ones(3),), (np.ones(2),)), ShapeError, r"\(3,\).*\(2,\)"),
]


@pytest.mark.parametrize(("run", "error", "message"), WRONG)
def test_errors_say_what_to_do(run: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        run()
