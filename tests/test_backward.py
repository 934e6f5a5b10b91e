"""backward(): gradients of leaves, added up, as PyTorch has them."""

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def leaf(data, dtype=None):
    return cr.tensor(data, dtype, requires_grad=True)


def test_a_small_net_as_pytorch_has_it(torch):
    random = np.random.default_rng(0)
    x, w, b = (random.standard_normal(shape) for shape in ((5, 3), (3, 4), (4,)))
    ours = [leaf(value) for value in (x, w, b)]
    theirs = [torch.tensor(value, requires_grad=True) for value in (x, w, b)]
    ((ours[0] @ ours[1] + ours[2]).tanh() ** 2).mean().backward()
    ((theirs[0] @ theirs[1] + theirs[2]).tanh() ** 2).mean().backward()
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-12)


def test_twice_doubles_the_gradient_and_changes_nothing_else():
    x = leaf(A)
    loss = (x * x).sum()
    loss.backward()
    first = x.grad.numpy().copy()
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * first)
    np.testing.assert_array_equal(first, 2 * A)
    assert loss.item() == (A * A).sum()


def test_paths_add_up():
    x = leaf(3.0)
    y = x * x
    z = y + y * x + x
    z.backward()
    assert x.grad.item() == 2 * 3 + 3 * 9 + 1


def test_one_leaf_in_several_arguments():
    x = leaf(3.0)
    (x * x * x).backward()
    assert x.grad.item() == 27.0
    y = leaf(2.0)
    (y**y).backward()
    assert y.grad.item() == pytest.approx(4 * (np.log(2) + 1))


def test_only_leaves_get_a_gradient():
    x, constant = leaf(A), cr.tensor(A)
    middle = x * constant
    middle.sum().backward()
    assert middle.grad is None
    assert constant.grad is None
    np.testing.assert_array_equal(x.grad.numpy(), A)
    assert not x.grad.requires_grad


def test_a_leaf_by_itself():
    x = leaf(3.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_gradient_weighs_the_elements():
    x, weight = leaf(A), np.arange(6.0).reshape(2, 3)
    for given in (weight, weight.tolist(), cr.tensor(weight)):
        x.grad = None
        (x * x).backward(given)
        np.testing.assert_array_equal(x.grad.numpy(), 2 * A * weight)


def test_rebinding_leaves_the_old_graph_right():
    x = leaf(A)
    y = x * 2.0
    kept = y
    y += 1.0
    y *= x
    kept.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full_like(A, 2.0))
    x.grad = None
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 4 * A + 1)


def test_assignment_in_place_is_refused():
    x = leaf(A)
    with pytest.raises(GradientError, match=r"Write x = chainrule.index_set\(x, key, value\)"):
        x[0] = 1.0
    with pytest.raises(AttributeError):
        x.shape = (6,)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_chain_of_20000_ops():
    x = leaf(np.float64(1.0))
    y = x
    for _ in range(10_000):
        y = y * 1.0001 + 0.0
    y.backward()
    assert x.grad.item() == pytest.approx(1.0001**10_000, rel=1e-9)


def test_a_wide_fan_in():
    x = leaf(np.float64(1.0))
    total = x * 0.0
    for i in range(2_000):
        total = total + x * float(i)
    total.backward()
    assert x.grad.item() == sum(range(2_000))


def test_a_diamond_of_diamonds_is_walked_once():
    """2**60 paths: each op must pass its cotangent on once, when all has arrived."""
    x = leaf(np.float64(1.0))
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


@pytest.mark.parametrize(("left", "right"), [("float32", "float64"), ("float64", "float32")])
def test_gradients_have_the_dtype_of_their_leaf(left, right):
    x, y = leaf(A, left), leaf(A, right)
    out = x * y + x.sum() * np.float32(2.0)
    assert out.dtype == np.float64
    out.sum().backward()
    assert x.grad.dtype == np.dtype(left)
    assert y.grad.dtype == np.dtype(right)


def test_broadcast_leaves_get_their_own_shape():
    row, number, column = leaf(np.ones(3)), leaf(np.float64(2.0)), leaf(np.ones((2, 1)))
    (A * row * number + column).sum().backward()
    np.testing.assert_array_equal(row.grad.numpy(), 2 * A.sum(axis=0))
    assert number.grad.item() == A.sum()
    np.testing.assert_array_equal(column.grad.numpy(), [[3.0], [3.0]])


def test_integers_cut_the_gradient():
    x = leaf([1.5, 2.5])
    ids = x.astype("int32")
    assert not ids.requires_grad
    (x * ids).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])
    assert not (x > 2.0).requires_grad
    assert not x.argmax().requires_grad


def test_detach_and_stop_gradient_cut_the_gradient():
    x = leaf([1.0, 2.0])
    for cut in (x.detach(), cr.stop_gradient(x)):
        assert not cut.requires_grad
        x.grad = None
        (x * cut).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])


def test_create_graph_makes_gradients_differentiable():
    x = leaf(np.float64(2.0))
    (x**4).backward(create_graph=True)
    first = x.grad
    assert first.item() == 32.0
    x.grad = None
    first.backward(create_graph=True)
    second = x.grad
    assert second.item() == 48.0
    x.grad = None
    second.backward()
    assert x.grad.item() == 48.0


def test_create_graph_notices_an_update_in_between():
    x = leaf(np.float64(2.0))
    y = x**3
    x.data = np.float64(5.0)
    with pytest.raises(GradientError, match="an argument of power got new data"):
        y.backward(create_graph=True)


def test_an_update_does_not_disturb_the_recorded_values():
    x = leaf(np.float64(2.0))
    y = x**3
    x.data = np.float64(5.0)
    y.backward()
    assert x.grad.item() == 12.0


def test_what_has_no_gradient_is_refused():
    with pytest.raises(GradientError, match="depends on no tensor with requires_grad=True"):
        cr.tensor(1.0).backward()
    x = leaf(A)
    with pytest.raises(GradientError, match=r"float64\[2,3\] needs one number .* Reduce it with"):
        (x * x).backward()
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\) and the tensor \(2, 3\)"):
        (x * x).backward(np.ones(3))
    with pytest.raises(DtypeError, match="cannot compute with"):
        (x * x).backward("one")
    assert x.grad is None


def test_graphs_are_freed_without_the_collector():
    """No cycles: what a training step records goes when its loss goes."""
    gc.disable()
    try:
        x = leaf(A)
        middle = x * 2.0
        dead = weakref.ref(middle.data)
        loss = middle.sum()
        loss.backward()
        del middle, loss
        assert dead() is None
    finally:
        gc.enable()


def test_gradients_survive_deep_deletion():
    """A chain of 100,000 recorded ops is freed without overflowing the stack."""
    y = leaf(np.float64(1.0))
    for _ in range(100_000):
        y = y * 1.0
    del y
