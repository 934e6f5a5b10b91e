"""Indexing means what it means in NumPy, and its derivatives put things back where they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr
from chainrule.errors import DtypeError, ShapeError
from tests.ops.derivatives import relative

X = np.arange(24.0).reshape(2, 3, 4)
MASK = X[0] % 5 < 2

KEYS = [
    *(0, -1, np.int64(1), slice(None), slice(1, None), slice(None, None, -1), slice(None, None, 2)),
    *(None, ..., (), (..., 1), (0, ...), (None, 0, None), (0, 1, 2), (slice(None), 1)),
    *([1, 0], np.array([0, 1, 1]), np.array([[0], [1]]), np.array(1), [], (slice(None), [])),
    *((0, [1, 2]), ([0, 1], [1, 2]), ([0, 1], slice(None), [2, 3]), (slice(None), [0], [1, 2])),
    *(([[0], [1]], [0, 2]), (slice(None, None, -1), [0, 2], None), (..., [0, -1])),
    *(
        MASK[None].repeat(2, 0),
        (0, MASK),
        (slice(None), MASK),
        [True, False],
        [[True] * 3, [False] * 3],
    ),
    *((slice(None), [False] * 3), (np.array([True, True]), 0), np.array([0, 1], np.uint8)),
    *((slice(np.int64(0), np.int64(1)),), (slice(5, 1),), (slice(-100, 100),)),
]


def selected(key):
    """The positions that NumPy's indexing selects, counted through X."""
    return np.arange(X.size).reshape(X.shape)[key]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem_is_numpys(key):
    expected = X[key]
    for got in (cr.getitem(X, key), cr.tensor(X)[key].numpy()):
        assert got.shape == expected.shape
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_gradient_of_getitem_puts_back_and_adds_up(key):
    weight = np.random.default_rng(0).standard_normal(X[key].shape)
    _, pull = cr.vjp(lambda x: x[key], X)
    expected = np.zeros(X.size)
    for place, value in zip(np.ravel(selected(key)), weight.ravel(), strict=True):
        expected[place] += value
    np.testing.assert_array_equal(pull(weight)[0], expected.reshape(X.shape))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.data())
def test_any_basic_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(cr.getitem(x, key), x[key])
    _, pull = cr.vjp(lambda x: x[key], x)
    expected = np.zeros(shape)
    expected[key] = 1
    np.testing.assert_array_equal(pull(np.ones(x[key].shape))[0], expected)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.data())
def test_any_index_of_integer_arrays(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    ids = data.draw(hnp.integer_array_indices(shape))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(cr.getitem(x, ids), x[ids])
    _, pull = cr.vjp(lambda x: x[ids], x)
    expected = np.zeros(shape)
    np.add.at(expected, ids, 1.0)
    np.testing.assert_array_equal(pull(np.ones(x[ids].shape))[0], expected)


def test_tensors_serve_as_indices():
    x = cr.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(x[cr.tensor([1, 0])].numpy(), X[[1, 0]])
    np.testing.assert_array_equal(x[cr.tensor(1)].numpy(), X[1])
    np.testing.assert_array_equal(x[0, x[0] > 5.0].numpy(), X[0][X[0] > 5.0])
    np.testing.assert_array_equal(x[: cr.tensor(1)].numpy(), X[:1])
    np.testing.assert_array_equal(x[x.argmax(axis=0)[0, 0]].numpy(), X[1])


def test_iteration_goes_over_the_first_axis():
    rows = list(cr.tensor(X))
    assert len(rows) == 2
    np.testing.assert_array_equal(rows[1].numpy(), X[1])


REFUSED = [
    (2, ShapeError, r"index 2 is outside axis 0 of shape \(2, 3, 4\); expected -2 to 1"),
    ((0, 0, -5), ShapeError, "index -5 is outside axis 2"),
    ((0, 0, 0, 0), ShapeError, "4 indices for shape .* has 3 axes"),
    ((..., 0, ...), ShapeError, "more than once"),
    ((slice(None), [0, 3]), ShapeError, "index 3 is outside axis 1"),
    (([0, 1], [0, 1, 2]), ShapeError, "must broadcast"),
    ([True, False, True], ShapeError, r"a mask of shape \(3,\) stands for axes of sizes \(2,\)"),
    ((0, MASK.T), ShapeError, r"a mask of shape \(4, 3\)"),
    (1.0, DtypeError, "an index of dtype float64"),
    ([0.5], DtypeError, "an index of dtype float32"),
    (True, DtypeError, "a single bool"),
    (np.bool_(True), DtypeError, "a single bool"),
    (slice(0, 1.5), DtypeError, "bound of a slice must be an integer, got 1.5"),
    ("a", DtypeError, "cannot compute with"),
]


@pytest.mark.parametrize(("key", "kind", "message"), REFUSED, ids=lambda part: str(part)[:30])
def test_wrong_indices_are_refused(key, kind, message):
    with pytest.raises(kind, match=message):
        cr.getitem(X, key)
    with pytest.raises(kind, match=message):
        cr.tensor(X, requires_grad=True)[key]


SET_KEYS = [
    0,
    (slice(None), 1),
    ([0, 1], [2, 0]),
    (0, MASK),
    (..., -1),
    [],
    (slice(None, None, -1), 0),
]


@pytest.mark.parametrize("key", SET_KEYS, ids=str)
def test_index_set_and_its_gradients(key):
    random = np.random.default_rng(0)
    values, weight = random.standard_normal(X[key].shape), random.standard_normal(X.shape)
    expected = X.copy()
    expected[key] = values
    got, pull = cr.vjp(lambda x, v: cr.index_set(x, key, v), X, values)
    np.testing.assert_array_equal(got, expected)
    by_x, by_values = pull(weight)
    kept = weight.copy()
    kept[key] = 0
    np.testing.assert_array_equal(by_x, kept)
    np.testing.assert_array_equal(by_values, weight[key])


@pytest.mark.parametrize("key", [*SET_KEYS, [1, 1], ([0, 0], [2, 2])], ids=str)
def test_index_add_and_its_gradients(key):
    random = np.random.default_rng(0)
    values, weight = random.standard_normal(X[key].shape), random.standard_normal(X.shape)
    expected = X.copy()
    np.add.at(expected, key, values)
    got, pull = cr.vjp(lambda x, v: cr.index_add(x, key, v), X, values)
    assert relative(got, expected) < 1e-15
    by_x, by_values = pull(weight)
    np.testing.assert_array_equal(by_x, weight)
    np.testing.assert_array_equal(by_values, weight[key])


def test_values_broadcast_to_the_selection():
    row = np.arange(4.0)
    expected = X.copy()
    expected[:, 1] = row
    np.testing.assert_array_equal(cr.index_set(X, (slice(None), 1), row), expected)
    gradient = cr.grad(lambda v: cr.index_add(X, (slice(None), 1), v).sum())(row)
    np.testing.assert_array_equal(gradient, np.full(4, 2.0))
    assert cr.index_set(np.arange(3), 1, 0.5).dtype == np.float32


@pytest.mark.parametrize("function", [cr.index_set, cr.index_add])
def test_values_that_do_not_fit_are_refused(function):
    for x in (X, cr.tensor(X, requires_grad=True)):
        with pytest.raises(ShapeError, match=rf"{function.__name__}: values of shape \(5,\)"):
            function(x, 0, np.zeros(5))
        with pytest.raises(ShapeError, match="outside axis 0"):
            function(x, 7, 0.0)


def test_take_and_take_along_axis_refuse_wrong_ids():
    with pytest.raises(DtypeError, match="ids have dtype float64; expected integers"):
        cr.take(X, np.array([0.0]))
    with pytest.raises(ShapeError, match="need as many axes"):
        cr.take_along_axis(X, np.array([0]))
    with pytest.raises(ShapeError, match="index 9 is outside axis 0"):
        cr.take(X, [9])
    with pytest.raises(ShapeError, match="axis 3 does not exist"):
        cr.take(X, [0], axis=3)
