"""What values look like from outside: shapes, dtypes, and how dtypes meet."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.aval import Aval, as_operand, aval_of, float_dtype, result_dtype
from chainrule.errors import DtypeError, ShapeError

INTEGERS = ["int8", "uint8", "int16", "int32", "int64", "uint32"]
FLOATS = ["float16", "float32", "float64"]


def test_what_an_aval_says():
    aval = Aval((2, 3), np.dtype("float32"))
    assert (aval.ndim, aval.size, repr(aval)) == (2, 6, "float32[2,3]")
    assert Aval((), np.dtype("int64")).size == 1
    assert repr(Aval((), np.dtype("bool"))) == "bool[]"
    assert Aval((2, 3), np.dtype("float32")) == aval
    assert len({aval, Aval((2, 3), np.dtype("float32"))}) == 1


VALUES = [
    (True, "bool", (), True),
    (1, "int64", (), True),
    (1.5, "float32", (), True),
    (1j, "complex64", (), True),
    ([1.5, 2.5], "float32", (2,), False),
    ([[1, 2]], "int64", (1, 2), False),
    ((True, False), "bool", (2,), False),
    ([np.float64(1.5)], "float64", (1,), False),
    ([np.ones(2), np.ones(2)], "float64", (2, 2), False),
    ([np.float32(1.5), 2.5], "float32", (2,), False),
    (np.float64(1.5), "float64", (), False),
    (np.float32(1.5), "float32", (), False),
    (np.ones((2, 3), np.int8), "int8", (2, 3), False),
    (range(3), "int64", (3,), False),
    ([], "float32", (0,), False),
]


@pytest.mark.parametrize(("value", "dtype", "shape", "weak"), VALUES, ids=str)
def test_aval_of(value, dtype, shape, weak):
    assert aval_of(value) == Aval(shape, np.dtype(dtype), weak)
    assert aval_of(as_operand(value)) == Aval(shape, np.dtype(dtype), weak)


def test_aval_of_boxes():
    assert aval_of(cr.tensor([1.0, 2.0])) == Aval((2,), np.dtype("float32"))


@pytest.mark.parametrize(
    "value",
    ["text", None, object(), np.array(["a"]), np.array([None]), np.datetime64(1, "s"), {1: 2}],
)
def test_what_is_no_number_is_refused(value):
    for door in (as_operand, aval_of, cr.exp):
        with pytest.raises(DtypeError, match=r"cannot compute with .* expected numbers or bool"):
            door(value)


def test_ragged_rows_are_refused():
    with pytest.raises(ShapeError, match=r"this list: its rows differ in length. Give nested"):
        as_operand([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize(("integer", "floating"), [*itertools.product([*INTEGERS, "bool"], FLOATS)])
def test_an_integer_never_widens_a_float(integer, floating):
    first, second = np.dtype(integer), np.dtype(floating)
    assert result_dtype(first, second) == result_dtype(second, first) == second


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(INTEGERS, 2)])
def test_integers_meet_as_in_numpy(first, second):
    first, second = np.dtype(first), np.dtype(second)
    assert result_dtype(first, second) == np.result_type(first, second)


WEAK = [
    ("float16", 2.0, "float16"),
    ("float32", 2.0, "float32"),
    ("float32", 2, "float32"),
    ("uint8", 2, "uint8"),
    ("int64", 2.0, "float32"),
    ("bool", 2.0, "float32"),
    ("bool", 2, "int64"),
    ("bool", True, "bool"),
    ("float64", 1j, "complex128"),
    ("float32", 1j, "complex64"),
]


@pytest.mark.parametrize(("strong", "number", "expected"), WEAK)
def test_python_numbers_yield(strong, number, expected):
    assert result_dtype(np.dtype(strong), aval_of(number)) == np.dtype(expected)
    assert result_dtype(aval_of(number), np.dtype(strong)) == np.dtype(expected)


def test_python_numbers_among_themselves():
    assert result_dtype(aval_of(1), aval_of(2.0)) == np.float32
    assert result_dtype(aval_of(True), aval_of(2)) == np.int64


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_functions_of_integers_give_float32(dtype):
    assert float_dtype(np.dtype(dtype)) == np.float32
    assert cr.exp(np.ones(2, dtype)).dtype == np.float32


def test_no_silent_float64():
    """float32 stays float32 through everything that a training step does."""
    x = np.ones((2, 3), np.float32)
    ids = np.array([0, 1])
    results = [
        *(x * 2.0, cr.multiply(x, ids[:, None]), cr.mean(x), cr.var(x), cr.divide(ids, 2)),
        *(cr.multiply(ids, 0.5), cr.sum(x, axis=0) / 3, cr.softmax(x), cr.log_softmax(x)),
        *(cr.where(x > 0, x, 0.0), cr.clip(x, 0, 0.5), cr.power(x, 2), cr.power(2.0, x)),
        *(cr.concatenate([x, x]), cr.mean(ids), cr.exp(ids), cr.maximum(ids, 0.5), cr.norm(x)),
    ]
    assert {np.dtype(result.dtype) for result in results} == {np.dtype(np.float32)}
