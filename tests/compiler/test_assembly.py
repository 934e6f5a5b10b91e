"""Arrays that are written part by part, and values added up where ids choose."""

from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from tests.compiler.machine import compiled, judge, same_bits


def normal(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def slope(choose: Callable) -> Callable:
    """The gradient of a number that depends on what is chosen: a scatter."""
    return lambda w, *ids: cr.grad(lambda w: cr.sum(cr.square(choose(w, *ids) * 1.5)))(w)


IDS = np.array([[1, 2, 1], [6, -7, 1]])
TABLE = normal(7, 33)
FUNCTIONS: dict[str, tuple[Callable, list]] = {
    "joined along the middle": (
        lambda x, y: cr.concatenate([x, y * 2, x[:, :1]], axis=1),
        [normal(5, 7, 3), normal(5, 2, 3)],
    ),
    "joined of two dtypes": (
        lambda x, y: cr.concatenate([x, y]),
        [normal(5, 7), np.arange(14).reshape(2, 7)],
    ),
    "joined with nothing": (lambda x, y: cr.concatenate([x, y]), [normal(5, 7), normal(0, 7)]),
    "joined of what is moved": (
        lambda x: cr.concatenate([x.T, cr.tanh(x.T)[::-1]]) * 2,
        [normal(7, 7)],
    ),
    "stacked": (lambda x: cr.stack([x, x.T, x * 2], axis=2), [normal(7, 7)]),
    "rolled": (lambda x: cr.roll(x, 2, axis=1), [normal(7, 7)]),
    "a border of infinity": (lambda x: cr.pad(x, ((1, 2), (0, 3)), np.inf), [TABLE]),
    "a border of integers": (lambda x: cr.pad(x, (1, 2), 7), [np.arange(9).reshape(3, 3)]),
    "a border of bools": (lambda x: cr.pad(x > 0, (1, 2), 1.0), [TABLE]),
    "every second row from the end": (
        lambda x, v: cr.index_set(x, (slice(1, None, 2), slice(None, None, -1)), v),
        [TABLE, normal(33)],
    ),
    "a row of one number": (lambda x: cr.index_set(x, 0, 5.0), [TABLE]),
    "integers that become floats": (lambda x: cr.index_set(x, 0, 5.5), [np.arange(5)]),
    "a column with a new axis": (
        lambda x, v: cr.index_set(x, (slice(None), None, 2), v),
        [TABLE, normal(7, 1)],
    ),
    "slopes of rows": (slope(lambda w, i: w[i]), [TABLE, IDS]),
    "slopes of columns": (slope(lambda w, i: w[:, i]), [TABLE, IDS]),
    "slopes of two axes apart": (slope(lambda w, i: w[i, :, i]), [normal(7, 9, 8), IDS[0]]),
    "slopes of slices": (slope(lambda w: w[1::2, ::-3]), [TABLE]),
    "slopes of one element": (slope(lambda w: w[1, None, 3]), [TABLE]),
    "slopes of many rows": (
        slope(lambda w, i: w[i]),
        [normal(100, 50), np.random.default_rng(1).integers(0, 100, 500)],
    ),
    "one number added often": (lambda x, i: cr.index_add(x, i, 2), [np.arange(9), IDS.ravel()]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_is_eager(name):
    function, args = FUNCTIONS[name]
    program = judge(function, *args, told=name)
    assert program.native or any(0 in arg.shape for arg in args)


def test_values_are_added_in_numpys_order():
    function, args = FUNCTIONS["slopes of many rows"]
    assert same_bits(compiled(function, threads=2)(*args), function(*args))


@pytest.mark.parametrize("wrong", [7, -8])
def test_an_id_outside_is_refused_on_the_way_back_too(wrong):
    with pytest.raises(cr.errors.ShapeError, match=f"index {wrong} is outside axis 0"):
        compiled(lambda i, g: cr.scatter_add(np.zeros(7), i, g))(np.array([0, wrong]), np.ones(2))


def test_a_place_set_twice_is_refused():
    with pytest.raises(cr.errors.ShapeError, match="selected more than once"):
        compiled(lambda x, i: cr.index_set(x, i, 1.0))(np.zeros(3), np.array([1, 1]))


def test_an_embedding_is_trained_without_the_interpreter():
    def step(table, weight, ids, labels):
        def loss(table, weight):
            words = cr.mean(table[ids], axis=1)
            return cr.mean(cr.softplus(cr.matmul(words, weight) * labels))

        slopes = cr.grad(loss, argnums=(0, 1))(table, weight)
        return table - 0.1 * slopes[0], weight - 0.1 * slopes[1]

    random = np.random.default_rng(2)
    ids, labels = random.integers(0, 50, (20, 6)), np.sign(random.standard_normal((20, 1)))
    args = normal(50, 17), normal(17, 1), ids, labels.astype("float32")
    assert judge(step, *args).native
