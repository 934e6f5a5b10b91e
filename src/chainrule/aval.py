"""What a value looks like from outside: its shape and dtype, and the promotion of dtypes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, ShapeError

DEFAULT_FLOAT = np.dtype(np.float32)
"""The dtype that Python floats and lists of them become when nothing else decides."""

_WEAK_RANK = {bool: 0, int: 1, float: 2, complex: 3}
_KIND_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


@dataclass(frozen=True, slots=True)
class Aval:
    """Abstract value: all that a shape or dtype rule may look at.

    `weak` marks a Python scalar, whose dtype yields to that of the arrays it meets (NEP 50).

    >>> Aval((2, 3), np.dtype("float32"))
    float32[2,3]
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    weak: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def as_operand(value: object) -> object:
    """Bring one op argument to a form that ops compute with: an array or a Python scalar.

    Lists of Python floats become float32, the default; arrays keep their dtype.

    Raises:
        DtypeError: the value holds something other than numbers.
    """
    if type(value) in _WEAK_RANK:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = value
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ShapeError(
                f"cannot make an array of this {type(value).__name__}: its rows differ in length. "
                "Give nested sequences of equal lengths, or pad them."
            ) from error
        if array.dtype == np.float64 and isinstance(value, Sequence) and not _holds_float64(value):
            array = array.astype(DEFAULT_FLOAT)
    if array.dtype.kind not in _KIND_RANK:
        raise DtypeError(
            f"cannot compute with {_describe(value)}; expected numbers or booleans. "
            "Convert it to a numeric array first."
        )
    return array


def _holds_float64(value: object) -> bool:
    """Whether a nested sequence has an array or NumPy number of float64 anywhere inside."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return any(_holds_float64(item) for item in value)
    return getattr(value, "dtype", None) == np.float64


def _describe(value: object) -> str:
    dtype = getattr(value, "dtype", None)
    return f"an array of dtype {dtype}" if dtype is not None else f"a {type(value).__name__}"


def aval_of(value: object) -> Aval:
    """The abstract value of an op argument.

    >>> aval_of(np.zeros((2, 3), np.float32)), aval_of(1.5)
    (float32[2,3], float32[])
    """
    own = getattr(value, "aval", None)
    if own is not None:
        return own
    array: Any = as_operand(value)
    if type(array) in _WEAK_RANK:
        return _weak_aval(type(array))
    return Aval(array.shape, array.dtype)


@lru_cache
def _weak_aval(kind: type) -> Aval:
    """A Python scalar, with the dtype that it takes when it meets no array."""
    table = {bool: np.bool_, int: np.int64, float: np.float32, complex: np.complex64}
    return Aval((), np.dtype(table[kind]), weak=True)


@lru_cache(maxsize=4096)
def result_dtype(*avals_or_dtypes: Aval | np.dtype) -> np.dtype:
    """The dtype in which an op on these operands computes.

    NumPy's promotion with weak Python scalars (NEP 50), but an integer never widens a float: an
    int64 array times a float32 array is float32, where NumPy says float64.

    >>> result_dtype(np.dtype("int64"), np.dtype("float32"))
    dtype('float32')
    """
    strong = [
        a.dtype if isinstance(a, Aval) else a
        for a in avals_or_dtypes
        if not (isinstance(a, Aval) and a.weak)
    ]
    weak = [a.dtype for a in avals_or_dtypes if isinstance(a, Aval) and a.weak]
    if not strong:
        return max(weak, key=lambda dtype: _KIND_RANK[dtype.kind])
    top = max(_KIND_RANK[dtype.kind] for dtype in strong)
    result = np.result_type(*[d for d in strong if _KIND_RANK[d.kind] == top or top < 2])
    needed = max((d for d in weak), key=lambda d: _KIND_RANK[d.kind], default=None)
    if needed is None or _KIND_RANK[needed.kind] <= _KIND_RANK[result.kind]:
        return result
    if needed.kind == "c" and result == np.float64:
        return np.dtype(np.complex128)
    return needed


@lru_cache(maxsize=64)
def float_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype in which a function such as `exp` computes: floats stay, integers become float32.

    >>> float_dtype(np.dtype("uint8"))
    dtype('float32')
    """
    return dtype if dtype.kind in "fc" else DEFAULT_FLOAT
