"""Values that change, are shared, or are not taken: right, or refused with the lines named."""

import inspect
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError

X = np.array([0.5, -1.0, 2.0])


def below(count: int = 1) -> str:
    """The line so many below the caller's, as messages name it."""
    frame = inspect.currentframe()
    caller = frame.f_back if frame else None
    return f"test_in_place.py:{caller.f_lineno + count if caller else 0}"


def test_an_assignment_names_its_line_and_the_op_that_made_the_tensor() -> None:
    made = cr.tensor(X, requires_grad=True) * 2.0
    line = below(2)
    with pytest.raises(GradientError) as caught:
        made[0] = 5.0
    message = str(caught.value)
    assert message.startswith(f"{line} assigns into a tensor (float64[3]) made by multiply(")
    assert "multiply(float64[3], float32[])" in message
    assert "chainrule.index_set(x, key, value)" in message
    assert "lines=True" in message


def test_both_lines_are_named_where_asked_for() -> None:
    x = cr.tensor(X, requires_grad=True, lines=True)
    making = below()
    made = x + 1.0
    line = below(2)
    with pytest.raises(GradientError) as caught:
        made[1:] = 0.0
    assert str(caught.value).startswith(f"{line} assigns into a tensor (float64[3]) made by add(")
    assert f"in {making}." in str(caught.value)
    assert "lines=True" not in str(caught.value)


def test_lines_go_from_tensor_to_tensor() -> None:
    x = cr.tensor(X, lines=True)
    making = below()
    y = cr.exp(cr.tensor(X) * x).sum()
    with pytest.raises(GradientError, match=f"made in {making}"):
        y[()] = 1.0
    making = below()
    z = cr.cond(True, cr.sin, cr.cos, x[0])
    with pytest.raises(GradientError, match=f"made in {making}"):
        z[()] = 1.0


@pytest.mark.parametrize("run", [cr.grad, cr.vmap, cr.jacfwd, cr.derive, cr.trace])
def test_every_mode_refuses_it(run: Any) -> None:
    def function(x: Any) -> Any:
        x[...] = 1.0
        return x.sum()

    argument = () if run is cr.derive else (np.ones((2, 2)),)
    with pytest.raises((GradientError, TypeError), match=r"test_in_place.py:\d+.*index_set"):
        run(function)(*argument)


def test_adding_to_a_name_is_rebinding() -> None:
    """`x += y` makes a new tensor: whoever holds the old one keeps it."""
    x = cr.tensor(X, requires_grad=True)
    y = x * x
    old = y
    y += x
    y *= 2.0
    assert old is not y
    (old.sum() + y.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X + 2 * (2 * X + 1))

    def function(x: Any) -> Any:
        total = x * 0.0
        for power in range(1, 4):
            total += x**power
        return total.sum()

    np.testing.assert_allclose(cr.grad(function)(X), 1 + 2 * X + 3 * X**2)


def test_arrays_are_not_added_to_behind_the_gradient() -> None:
    array = X.copy()
    with pytest.raises(GradientError, match="NumPy would lose its history"):
        array += cr.tensor(X, requires_grad=True)
    array += cr.tensor(X)
    np.testing.assert_array_equal(array, 2 * X)


def test_a_tensor_has_its_own_numbers() -> None:
    array = X.copy()
    x = cr.tensor(array, requires_grad=True)
    y = (x * x).sum()
    array[:] = 100.0
    np.testing.assert_array_equal(x.numpy(), X)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X)
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1.0


def test_views_share_the_gradient_of_what_they_show() -> None:
    def function(x: Any) -> Any:
        square = x.reshape(3, 3)
        rows, columns = square[1:], square.T[::-1]
        return (rows**2).sum() + (columns[0] * rows[0]).sum()

    x = np.arange(9.0)
    square = x.reshape(3, 3)
    expected = np.zeros((3, 3))
    expected[1:] += 2 * square[1:]
    expected[:, 2] += square[1]
    expected[1] += square[:, 2]
    np.testing.assert_allclose(cr.grad(function)(x), expected.ravel())


def test_repeated_indices_add_up() -> None:
    ids = np.array([0, 2, 0, 0])
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    expected = np.array([1101.0, 0.0, 10.0])
    for mode in (cr.grad, cr.jacfwd, cr.jacrev, lambda f: lambda x: cr.symbolic_gradient(f, x)):
        found = mode(lambda x: (x[ids] * weights).sum())(X)
        np.testing.assert_array_equal(found, expected)
    added = cr.grad(lambda v: (cr.index_add(np.zeros(3), ids, v) ** 2).sum())(weights)
    np.testing.assert_array_equal(added, 2 * np.array([1101.0, 10.0, 1101.0, 1101.0]))
    with pytest.raises(ShapeError, match="selected more than once"):
        cr.grad(lambda v: cr.index_set(np.zeros(3), ids, v).sum())(weights)


def test_index_set_passes_both_gradients() -> None:
    def function(x: Any, v: Any) -> Any:
        return (cr.index_set(x, slice(1, None), v) ** 2).sum()

    v = np.array([3.0, 4.0])
    by_x, by_v = cr.grad(function, (0, 1))(X, v)
    np.testing.assert_allclose(by_x, [2 * X[0], 0.0, 0.0])
    np.testing.assert_allclose(by_v, 2 * v)


def test_a_net_with_two_paths() -> None:
    """A skip connection, and one weight used in both paths: all contributions add up."""
    random = np.random.default_rng(0)
    w, v, x = random.standard_normal((4, 4)), random.standard_normal(4), random.standard_normal(4)

    def net(w: Any, v: Any, x: Any) -> Any:
        left = cr.tanh(w @ x)
        right = cr.sin(w.T @ left) + x
        return (v * (left + right * left)).sum()

    found = cr.grad(net, (0, 1, 2))(w, v, x)
    expected = cr.numeric_gradient(net, w, v, x, argnums=(0, 1, 2), method="complex")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_nan_in_the_branch_not_taken() -> None:
    """As documented for `where`: a NaN value does no harm, an infinite slope does."""
    x = np.array([-1.0, 0.0, 4.0])
    with np.errstate(all="ignore"):
        value_only = cr.grad(lambda x: cr.where(x > 0, x * 2.0, cr.log(-x)).sum())(x[2:])
        np.testing.assert_array_equal(value_only, [2.0])
        naive = cr.grad(lambda x: cr.where(x > 0, cr.sqrt(x), 0.0).sum())(x)
        assert np.isnan(naive[1])
    guarded = cr.grad(lambda x: cr.where(x > 0, cr.sqrt(cr.where(x > 0, x, 1.0)), 0.0).sum())(x)
    np.testing.assert_array_equal(guarded, [0.0, 0.0, 0.25])
    pushed = cr.jvp(
        lambda x: cr.where(x > 0, cr.sqrt(cr.where(x > 0, x, 1.0)), 0.0), (x,), (np.ones(3),)
    )[1]
    np.testing.assert_array_equal(pushed, [0.0, 0.0, 0.25])


REFUSING = [
    lambda f, x: cr.grad(f)(x),
    lambda f, x: cr.jvp(f, (x,), (x,)),
    lambda f, x: cr.vjp(f, x),
    lambda f, x: cr.jacfwd(f)(x),
    lambda f, x: cr.jacrev(f)(x),
    lambda f, x: cr.hessian(f)(x),
    lambda f, x: cr.numeric_gradient(f, x),
    lambda f, x: cr.symbolic_gradient(f, x),
]


@pytest.mark.parametrize("run", REFUSING)
@pytest.mark.parametrize("wrong", [np.arange(3), np.array([True, False]), 3, True])
def test_integers_and_bools_have_no_derivative(run: Any, wrong: Any) -> None:
    with pytest.raises(DtypeError, match=r"got dtype (int64|bool); a derivative needs .*floats"):
        run(lambda x: cr.sum(x * 1.0), wrong)


def test_integers_and_bools_beside_the_input_are_constants() -> None:
    ids, mask, count = np.array([2, 0]), np.array([True, False, True]), 3
    found = cr.grad(lambda x: x[ids].sum() * count + (x * mask).sum())(X)
    np.testing.assert_array_equal(found, [4.0, 0.0, 4.0])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 0, 2)])
def test_0_d_and_empty_inputs(shape: tuple) -> None:
    x = np.full(shape, 2.0)

    def function(x: Any) -> Any:
        return cr.sum(cr.sin(x) * x)

    expected = np.cos(x) * x + np.sin(x)
    for found in (
        cr.grad(function)(x),
        cr.jacfwd(function)(x),
        cr.jacrev(function)(x),
        cr.numeric_gradient(function, x, method="complex"),
        cr.symbolic_gradient(function, x),
        cr.vmap(cr.grad(function))(x[None])[0],
    ):
        assert np.shape(found) == shape
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert cr.hessian(function)(x).shape == shape + shape


def test_a_chain_of_20_000_ops_in_forward_mode_and_in_a_batch() -> None:
    length = 20_000

    def chain(x: Any) -> Any:
        for _ in range(length):
            x = x * 0.9999
        return x

    assert cr.jvp(chain, (1.0,), (1.0,))[1] == pytest.approx(0.9999**length, rel=1e-3)
    found = cr.vmap(chain)(np.ones(2))
    np.testing.assert_allclose(found, 0.9999**length, rtol=1e-9)


def test_a_graph_of_50_000_nodes() -> None:
    """Each value goes into the next two, so that there are more paths than atoms."""

    def braid(x: Any) -> Any:
        a, b = x, x * 0.5
        for _ in range(25_000):
            a, b = b, (a + b) * 0.5
        return a + b

    assert cr.grad(braid)(np.float64(1.0)) == pytest.approx(braid(1.0), rel=1e-12)
