"""How the arguments of an op come to one shape and one dtype."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.aval import DEFAULT_FLOAT, Aval, aval_of, float_dtype, result_dtype
from chainrule.errors import DtypeError, ShapeError

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)


def broadcast(name: str, avals: tuple[Aval, ...]) -> tuple[int, ...]:
    """The shape that the arguments broadcast to."""
    try:
        return np.broadcast_shapes(*(aval.shape for aval in avals))
    except ValueError:
        shapes = " and ".join(str(aval.shape) for aval in avals)
        raise ShapeError(
            f"{name}: shapes {shapes} do not broadcast; read from the right, each pair of sizes "
            f"must be equal or one of them 1. {_broadcast_mend(avals)}"
        ) from None


def _broadcast_mend(avals: tuple[Aval, ...]) -> str:
    """The edit that most likely makes two shapes fit."""
    first, second = (aval.shape for aval in avals[:2])
    if len(first) == 2 and len(second) == 1 and first[0] == second[0]:
        return "To pair the second with the rows of the first, write y[:, None]."
    if len(first) == 1 and len(second) == 2 and second[0] == first[0]:
        return "To pair the first with the rows of the second, write x[:, None]."
    if first == second[::-1]:
        return "Transpose one of them with .T."
    return "Reshape one of them, or insert axes of size 1 with x[:, None]."


def infer_arithmetic(name: str, of_bools: type = np.bool_) -> Callable:
    """The rule of arithmetic: shapes broadcast, dtypes promote; bools give `of_bools`."""

    def infer(*avals: Aval) -> Aval:
        dtype = result_dtype(*avals)
        dtype = np.dtype(of_bools) if dtype.kind == "b" else dtype
        return Aval(broadcast(name, avals), dtype)

    return infer


def infer_floating(name: str) -> Callable:
    """The rule of functions on real numbers: integers become float32."""

    def infer(*avals: Aval) -> Aval:
        return Aval(broadcast(name, avals), float_dtype(result_dtype(*avals)))

    return infer


def as_floating(x: Any) -> Any:
    """An array of floats as it is; integers, bools and Python numbers as float32."""
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        return np.asarray(x, np.complex64 if isinstance(x, complex) else DEFAULT_FLOAT)[()]
    return x if dtype.kind in "fc" else x.astype(DEFAULT_FLOAT)


def floating(function: Callable) -> Callable:
    """Make a NumPy function of one array compute in the dtype that `infer_floating` says."""

    def compute(x: Any) -> Any:
        dtype = getattr(x, "dtype", None)
        if dtype is _F32 or dtype is _F64:
            return function(x)
        return function(as_floating(x))

    return compute


def concrete(x: Any) -> Any:
    """A Python scalar as an array scalar of its own dtype (float32 for floats)."""
    if hasattr(x, "dtype"):
        return x
    return np.asarray(x, DEFAULT_FLOAT if isinstance(x, float) else None)[()]


def promoted(function: Callable) -> Callable:
    """Make a NumPy function of two arrays compute in the dtype that `result_dtype` says."""

    def compute(x: Any, y: Any) -> Any:
        if _numpy_agrees(x, y):
            return function(x, y)
        return function(*promote(x, y))

    return compute


def _numpy_agrees(x: Any, y: Any) -> bool:
    """Whether NumPy promotes as we do, in the common cases: one dtype, or floats and a number."""
    x_dtype, y_dtype = getattr(x, "dtype", None), getattr(y, "dtype", None)
    if y_dtype is None:
        return x_dtype is not None and x_dtype.kind == "f"
    if x_dtype is None:
        return y_dtype.kind == "f"
    return x_dtype is y_dtype


def promote(*operands: Any) -> tuple:
    """Operands in the dtype that `result_dtype` says, also where NumPy's own would differ."""
    dtypes = [getattr(operand, "dtype", None) for operand in operands]
    dtype = result_dtype(
        *(
            aval_of(operand) if own is None else own
            for operand, own in zip(operands, dtypes, strict=True)
        )
    )
    # Beside an array, a Python number is left to NumPy, which knows that uint8 < -1 is false.
    alone = all(own is None for own in dtypes)
    return tuple(
        (dtype.type(operand) if alone else operand)
        if own is None
        else operand.astype(dtype, copy=False)
        for operand, own in zip(operands, dtypes, strict=True)
    )


def promoted_to_floats(function: Callable) -> Callable:
    """As `promoted`, for functions whose result is a float even of integers."""

    def compute(x: Any, y: Any) -> Any:
        if not _numpy_agrees(x, y):
            x, y = promote(x, y)
        if (x if hasattr(x, "dtype") else y).dtype.kind not in "fc":
            x, y = as_floating(x), as_floating(y)
        return function(x, y)

    return compute


def as_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype that a user means; it must be a kind of number or bool.

    Raises:
        DtypeError: no such dtype, or one that holds no numbers.
    """
    try:
        result = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(
            f"unknown dtype {dtype!r}; expected such as 'float32', np.int64"
        ) from error
    if result.kind not in "biufc":
        raise DtypeError(f"dtype {result} holds no numbers; expected float32, int64, bool or alike")
    return result
