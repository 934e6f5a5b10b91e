"""Tensor: NumPy's and PyTorch's habits, and backward."""

import math
import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def leaf(data, dtype=None):
    return cr.tensor(data, dtype, requires_grad=True)


OPERATORS = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv),
    *(operator.mod, operator.pow, operator.lt, operator.le, operator.gt, operator.ge),
    *(operator.eq, operator.ne),
]
OTHERS = {
    "float": 2.0,
    "int": 2,
    "bool": True,
    "np.float32": np.float32(1.5),
    "np.float64": np.float64(1.5),
    "np.int64": np.int64(2),
    "0-d array": np.array(1.5),
    "array": A[::-1] + 0.5,
    "float32 array": (A[::-1] + 0.5).astype(np.float32),
    "int array": np.array([[3, 2, 1]]),
    "list": [1.5, 2.5, 3.5],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("sign", OPERATORS, ids=lambda sign: sign.__name__)
def test_operators_take_numbers_and_arrays_on_either_side(sign, other):
    for dtype in (np.float64, np.float32):
        x = leaf(A, dtype)
        array = np.asarray(other, np.float32) if isinstance(other, list) else other
        for ours, theirs in (
            (sign(x, other), sign(A.astype(dtype), array)),
            (sign(other, x), sign(array, A.astype(dtype))),
        ):
            assert isinstance(ours, cr.Tensor)
            np.testing.assert_allclose(
                ours.numpy(), theirs, rtol=1e-6 if dtype == np.float32 else 0
            )
            # NumPy widens float32 beside int64; an integer never widens a float here.
            widened = theirs.dtype == np.float64 and getattr(other, "dtype", None) == np.int64
            assert ours.dtype == (dtype if widened else theirs.dtype)


@pytest.mark.parametrize(
    "other", [A.T, A.T.tolist(), cr.tensor(A.T)], ids=["array", "list", "tensor"]
)
def test_matmul_on_either_side(other):
    np.testing.assert_allclose((leaf(A) @ other).numpy(), A @ A.T)
    np.testing.assert_allclose((other @ leaf(A)).numpy(), A.T @ A)


@pytest.mark.parametrize("sign", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_operators_with_arrays_pass_gradients(sign):
    for other in OTHERS.values():
        for swap in (False, True):
            x = leaf(A)
            (sign(other, x) if swap else sign(x, other)).sum().backward()
            step = 1e-6
            array = np.asarray(other)
            up, down = (sign(array, A + h) if swap else sign(A + h, array) for h in (step, -step))
            np.testing.assert_allclose(x.grad.numpy(), (up - down) / (2 * step), rtol=1e-5)


def test_unary_operators():
    x = leaf([-1.5, 2.0])
    np.testing.assert_array_equal((-x).numpy(), [1.5, -2.0])
    np.testing.assert_array_equal(abs(x).numpy(), [1.5, 2.0])
    assert +x is x


def test_logic_combines_bools_only():
    x, mask = cr.tensor([1.0, 2.0, 3.0]), np.array([True, False, True])
    for combined in ((x > 1.5) & mask, mask & (x > 1.5), np.bitwise_and(mask, x > 1.5)):
        assert isinstance(combined, cr.Tensor)
        np.testing.assert_array_equal(combined.numpy(), [False, False, True])
    np.testing.assert_array_equal(((x > 2.5) | (x < 1.5)).numpy(), mask)
    np.testing.assert_array_equal((mask ^ (x > 0)).numpy(), ~mask)
    np.testing.assert_array_equal((~(x > 1.5)).numpy(), [True, False, False])
    np.testing.assert_array_equal(np.invert(x > 1.5).numpy(), [True, False, False])
    with pytest.raises(DtypeError, match=r"& combines booleans, got float32\[3\]. Compare first"):
        operator.and_(x, mask)
    with pytest.raises(DtypeError, match="~ combines booleans"):
        operator.invert(x)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        *((np.exp, ()), (np.tanh, ()), (np.rint, ()), (np.positive, ()), (np.add, (A,))),
        *((np.sum, ()), (np.sum, (0,)), (np.mean, (1,)), (np.max, ()), (np.std, ()), (np.sort, ())),
        *((np.transpose, ()), (np.reshape, ((3, 2),)), (np.squeeze, ()), (np.linalg.norm, ())),
        *((np.clip, (2.0, 4.0)), (np.argmax, (1,)), (np.matmul, (A.T,)), (np.outer, (A,))),
        *((np.moveaxis, (0, 1)), (np.tensordot, (A.T, 1)), (np.zeros_like, ()), (np.round, ())),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_numpy_functions_mean_the_op(function, args):
    x = leaf(A)
    got = function(x, *args)
    expected = function(A, *args)
    np.testing.assert_allclose(np.asarray(getattr(got, "data", got)), expected, rtol=1e-15)
    if function not in (np.zeros_like, np.argmax):
        assert isinstance(got, cr.Tensor)
        assert got.requires_grad or function in (np.rint, np.round)


def test_numpy_functions_of_several_tensors():
    x = leaf(A)
    for joined in (np.concatenate([x, A]), np.concatenate([A, x]), np.stack([x, A])):
        assert isinstance(joined, cr.Tensor)
        assert joined.requires_grad
    chosen = np.where(A > 3, x, 0.0)
    assert isinstance(chosen, cr.Tensor)
    np.testing.assert_array_equal(chosen.numpy(), np.where(A > 3, A, 0.0))
    np.testing.assert_array_equal(np.einsum("ij->j", x).numpy(), A.sum(axis=0))
    np.testing.assert_array_equal(np.sum(x, axis=1, keepdims=True).numpy(), A.sum(1, keepdims=True))


def test_numpy_functions_that_mean_something_else_are_refused():
    x = leaf(A)
    for function in (np.cumsum, np.ravel, np.linalg.det, np.median):
        with pytest.raises(GradientError, match="NumPy would lose its history"):
            function(x)
    with pytest.raises(GradientError, match="would lose its history"):
        np.add.reduce(x)
    with pytest.raises(TypeError, match=r"np.sum of a tensor takes 2 arguments by position, got 3"):
        np.sum(x, 0, np.float64)
    with pytest.raises(TypeError, match="has no option 'dtype'"):
        np.sum(x, dtype=np.float64)
    array = A.copy()
    with pytest.raises(GradientError, match="would lose its history"):
        array += x
    np.testing.assert_array_equal(array, A)


def test_constants_may_go_to_any_numpy_function():
    x = cr.tensor(A)
    np.testing.assert_array_equal(np.cumsum(x), np.cumsum(A))
    np.testing.assert_array_equal(np.vstack([x, A]), np.vstack([A, A]))
    assert np.shape(x) == (2, 3)
    assert np.ndim(x) == 2
    assert np.allclose(x, A)
    np.testing.assert_array_equal(np.add.reduce(x), A.sum(axis=0))
    array = A.copy()
    array += x
    np.testing.assert_array_equal(array, 2 * A)


def test_arrays_from_tensors_cannot_be_written_to():
    x = cr.tensor(A)
    for view in (x.numpy(), np.asarray(x), leaf(A).numpy()):
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 9.0
    copy = np.array(x)
    copy[0, 0] = 9.0
    assert x.numpy()[0, 0] == 1.0
    assert np.asarray(x, np.float32).dtype == np.float32
    with pytest.raises(GradientError, match=r"say so with \.numpy\(\)"):
        np.asarray(leaf(A))


def test_a_list_of_tensors_does_not_lose_their_history():
    x = leaf([1.0, 2.0])
    for door in (cr.sum, cr.tensor, np.array, lambda rows: x + rows):
        with pytest.raises(GradientError, match=r"chainrule\.stack joins a list of tensors"):
            door([x, x])
    cr.stack([x, x]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])


def test_tensor_copies_what_it_is_made_of():
    array = A.copy()
    x = cr.tensor(array)
    array[0, 0] = 9.0
    assert x.numpy()[0, 0] == 1.0
    y = cr.tensor(x)
    assert y.data is not x.data


def test_dtypes_of_new_tensors():
    assert cr.tensor(1.5).dtype == np.float32
    assert cr.tensor([1.0, 2.0]).dtype == np.float32
    assert cr.tensor([1, 2]).dtype == np.int64
    assert cr.tensor([True]).dtype == np.bool_
    assert cr.tensor(A).dtype == np.float64
    assert cr.tensor([np.float64(1.0)]).dtype == np.float64
    assert cr.tensor([1, 2], dtype="float16").dtype == np.float16
    assert cr.tensor(A, np.float32).dtype == np.float32


def test_what_cannot_be_a_tensor_is_refused():
    with pytest.raises(DtypeError, match="cannot compute with an array of dtype <U1"):
        cr.tensor(np.array(["a"]))
    with pytest.raises(DtypeError, match="cannot compute with a NoneType"):
        cr.tensor(None)
    with pytest.raises(ShapeError, match="rows differ in length"):
        cr.tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(DtypeError, match="unknown dtype 'flaot32'"):
        cr.tensor(1.0, dtype="flaot32")
    for wrong in (3, [1, 2], np.array([True]), 1j):
        with pytest.raises(DtypeError, match=r"requires_grad=True: got dtype .* needs real floats"):
            leaf(wrong)


def test_numbers_of_a_tensor():
    assert cr.tensor(1.5).item() == 1.5
    assert isinstance(cr.tensor([[1.5]]).item(), float)
    assert float(cr.tensor(1.5)) == 1.5
    assert int(cr.tensor(2.9)) == 2
    assert [10, 20, 30][cr.tensor(1)] == 20
    assert bool(cr.tensor(2.0))
    assert not cr.tensor(0.0)
    assert cr.tensor(A).tolist() == A.tolist()
    assert len(cr.tensor(A)) == 2
    assert [row.tolist() for row in cr.tensor(A)] == A.tolist()
    assert f"{cr.tensor(0.123456):.3f} {cr.tensor(3):>3}" == "0.123   3"
    assert f"{cr.tensor([1.0])}" == "tensor([1.])"
    assert math.sqrt(cr.tensor(4.0)) == 2.0


def test_numbers_that_a_tensor_has_not():
    x = cr.tensor(A)
    with pytest.raises(ShapeError, match=r"one element, this one is float64\[2,3\]. Reduce"):
        x.item()
    with pytest.raises(ShapeError, match=r"ambiguous. Use \.any\(\) or \.all\(\)"):
        bool(x)
    with pytest.raises(DtypeError, match="a 0-d tensor has no length"):
        len(cr.tensor(1.0))
    with pytest.raises(DtypeError, match="only an integer tensor serves as an index"):
        [1][cr.tensor(0.0)]
    with pytest.raises(ShapeError, match="one element"):
        f"{x:.3f}"


def test_shape_and_its_kin():
    x = cr.tensor(np.ones((2, 3, 4), np.float32))
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3, 4), 3, 24, np.float32)
    assert x.T.shape == (4, 3, 2)
    assert x.reshape(6, -1).shape == x.reshape((6, 4)).shape == (6, 4)
    assert x.transpose(1, 0, 2).shape == x.transpose((1, 0, 2)).shape == (3, 2, 4)
    assert x.transpose().shape == (4, 3, 2)
    assert x.astype("int32").dtype == np.int32
    assert x.sum(axis=(0, 2)).shape == (3,)
    assert x.sum(0, True).shape == (1, 3, 4)


def test_methods_are_the_functions():
    x = leaf(A)
    for name in ("exp", "mean", "softmax", "cumsum", "argmax", "relu", "sort", "std", "logsumexp"):
        method, function = getattr(x, name), getattr(cr, name)
        np.testing.assert_array_equal(method().numpy(), function(A), err_msg=name)
        assert method.__doc__ == function.__doc__


def test_repr_names_what_is_not_default():
    assert repr(cr.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(cr.tensor([1, 2])) == "tensor([1, 2], dtype=int64)"
    assert repr(leaf(1.5)) == "tensor(1.5, requires_grad=True)"
    assert repr(leaf([1.0]) * 2.0) == "tensor([2.], from multiply)"
    assert repr(cr.tensor(A)) == "tensor([[1., 2., 3.],\n        [4., 5., 6.]], dtype=float64)"
    shown = []
    cr.grad(lambda x: shown.append(repr(x)) or x.sum())(np.ones(2))
    assert shown == ["tensor([1., 1.], dtype=float64, requires_grad=True)"]


def test_notebooks_show_a_table():
    text = cr.tensor([[1.0, 2.5]])._repr_html_()
    assert "tensor float32[1,2]" in text
    assert "<tr><td>1</td><td>2.5</td></tr>" in text
    assert "from multiply" in (leaf([1.0]) * 2.0)._repr_html_()
    assert "<td>True</td>" in cr.tensor([True])._repr_html_()
    assert "<td>7</td>" in cr.tensor(7)._repr_html_()
    assert "<table></table>" in cr.tensor(np.zeros((0, 3)))._repr_html_()


def test_notebooks_show_the_ends_of_long_axes():
    text = cr.tensor(np.arange(1e6).reshape(1000, 1000))._repr_html_()
    assert len(text) < 5_000
    assert "<td>0</td>" in text
    assert "<td>999999</td>" in text
    assert text.count("<tr>") == 13
    cube = cr.tensor(np.ones((40, 50, 60)))._repr_html_()
    assert "<pre>" in cube
    assert len(cube) < 5_000
