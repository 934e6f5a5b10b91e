"""checkpoint: the same values and gradients from less memory."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError
from tests.programs import random_program

X, W = np.linspace(0.1, 1.0, 5), np.linspace(1.0, 2.0, 5)


def block(x: Any, w: Any) -> tuple:
    return cr.tanh(x * w) * cr.sin(x), x + w


def loss(function: Any) -> Any:
    def run(x: Any, w: Any) -> Any:
        a, b = function(x, w)
        c, d = function(a, b)
        return (c * d).sum()

    return run


@pytest.mark.parametrize("seed", range(10))
def test_random_programs_are_unchanged(seed: int) -> None:
    program, arrays = random_program(seed)
    numbers = tuple(range(len(arrays)))
    value, expected = cr.value_and_grad(program, numbers)(*arrays)
    again, found = cr.value_and_grad(cr.checkpoint(program), numbers)(*arrays)
    assert again == value
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_trees_in_a_row() -> None:
    expected = cr.grad(loss(block), (0, 1))(X, W)
    found = cr.grad(loss(cr.checkpoint(block)), (0, 1))(X, W)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_every_nesting() -> None:
    plain, kept = loss(block), loss(cr.checkpoint(block))
    np.testing.assert_allclose(cr.hessian(kept)(X, W), cr.hessian(plain)(X, W), rtol=1e-12)
    for mode in (
        lambda f: cr.grad(lambda x: cr.grad(f)(x, W).sum())(X),
        lambda f: cr.jvp(lambda x: f(x, W), (X,), (W,))[1],
        lambda f: cr.vmap(cr.grad(lambda x: f(x, W)))(np.stack([X, W])),
        lambda f: cr.grad(lambda x: cr.vmap(f)(x, W).sum())(X),
        lambda f: cr.interpret(cr.trace(cr.grad(f))(X, W), X, W),
        lambda f: cr.symbolic_gradient(f, X, W),
        lambda f: cr.grad(cr.checkpoint(f))(X, W),
    ):
        np.testing.assert_allclose(mode(kept), mode(plain), rtol=1e-12)


def test_captured_tensors_get_their_gradients() -> None:
    """As the parameters of a module, which nobody passes."""

    def held(w: Any, wrap: Any) -> Any:
        scale = cr.sin(w)  # computed outside, used inside and outside
        return wrap(lambda x: cr.tanh(x * w) * scale)(X).sum() + scale.sum()

    expected = cr.grad(lambda w: held(w, lambda f: f))(W)
    np.testing.assert_allclose(cr.grad(lambda w: held(w, cr.checkpoint))(W), expected, rtol=1e-14)

    weight = cr.tensor(W, requires_grad=True)
    x = cr.tensor(X, requires_grad=True)
    cr.checkpoint(lambda x: cr.tanh(x * weight))(x).sum().backward()
    slope = 1 - np.tanh(X * W) ** 2
    np.testing.assert_allclose(weight.grad.numpy(), slope * X)
    np.testing.assert_allclose(x.grad.numpy(), slope * W)

    def inner(w: Any, wrap: Any) -> Any:
        """The captured value is differentiated further out than the argument."""
        return cr.grad(lambda x: wrap(lambda x: cr.tanh(x * w))(x).sum())(X).sum()

    expected = cr.grad(lambda w: inner(w, lambda f: f))(W)
    np.testing.assert_allclose(cr.grad(lambda w: inner(w, cr.checkpoint))(W), expected, rtol=1e-14)

    def further_in(w: Any, wrap: Any) -> Any:
        """And further in."""
        return cr.grad(
            lambda x: cr.grad(lambda w: wrap(lambda x: cr.sin(x * w))(x).sum())(w).sum()
        )(X).sum()

    np.testing.assert_allclose(
        cr.grad(lambda w: further_in(w, cr.checkpoint))(W),
        cr.grad(lambda w: further_in(w, lambda f: f))(W),
        rtol=1e-13,
    )


def test_a_module_under_a_checkpoint() -> None:
    model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.nn.Tanh(), cr.nn.Linear(8, 2))
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    slopes = []
    for run in (model, cr.checkpoint(model)):
        (run(x) ** 2).sum().backward()
        slopes.append([p.grad.numpy().copy() for p in model.parameters()])
        for p in model.parameters():
            p.grad = None
    for one, other in zip(*slopes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_create_graph() -> None:
    x = cr.tensor(X, requires_grad=True)
    cr.checkpoint(cr.sin)(x).sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), -np.sin(X))
    w = cr.tensor(W, requires_grad=True)
    with pytest.raises(GradientError, match=r"captures tensors. Pass them as arguments"):
        cr.checkpoint(lambda x: x * w)(x).sum().backward(create_graph=True)


def test_an_update_before_the_backward_pass_is_noticed() -> None:
    w = cr.tensor(W, requires_grad=True)
    out = cr.checkpoint(lambda x: cr.tanh(x * w))(X).sum()
    w.data = w.data * 2.0
    with pytest.raises(GradientError, match="got new data before the backward pass"):
        out.backward()


def test_constants_and_integers_pass_through() -> None:
    value, place = cr.checkpoint(lambda x: (x * 2.0, cr.argmax(x)))(X)
    np.testing.assert_array_equal(value, 2 * X)
    assert place == 4

    def mixed(x: Any) -> Any:
        value, place, constant = cr.checkpoint(lambda x: (x**2, cr.argmax(x), 3.0))(x)
        return value[place] * constant

    np.testing.assert_allclose(cr.grad(mixed)(X), [0, 0, 0, 0, 6.0])


def peak(function: Any) -> float:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_one_block_and_the_borders() -> None:
    """12 blocks of 8 ops on 200 kB arrays: 96 values kept, or 12 and 8 at a time."""
    x = np.random.default_rng(0).standard_normal(25_000)

    def layers(x: Any) -> Any:
        for _ in range(4):
            x = cr.tanh(x) * 1.5
        return x

    def deep(layer: Any) -> Any:
        def run(x: Any) -> Any:
            for _ in range(12):
                x = layer(x)
            return (x * x).sum()

        return run

    np.testing.assert_array_equal(cr.grad(deep(cr.checkpoint(layers)))(x), cr.grad(deep(layers))(x))
    stored = peak(lambda: cr.grad(deep(layers))(x))
    again = peak(lambda: cr.grad(deep(cr.checkpoint(layers)))(x))
    assert stored > 90 * x.nbytes
    assert again < 30 * x.nbytes
