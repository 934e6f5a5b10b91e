"""Arrays made from nothing. They are plain NumPy arrays, float32 unless a dtype is given."""

from typing import Any

import numpy as np

from chainrule.aval import DEFAULT_FLOAT
from chainrule.ops.axes import sizes
from chainrule.ops.promotion import as_dtype
from chainrule.ops.table import dtype_of, shape_of


def zeros(shape: Any, dtype: Any = DEFAULT_FLOAT) -> np.ndarray:
    """An array of zeros.

    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(sizes("zeros", shape), as_dtype(dtype))


def ones(shape: Any, dtype: Any = DEFAULT_FLOAT) -> np.ndarray:
    """An array of ones.

    >>> ones((2,))
    array([1., 1.], dtype=float32)
    """
    return np.ones(sizes("ones", shape), as_dtype(dtype))


def full(shape: Any, value: float, dtype: Any = DEFAULT_FLOAT) -> np.ndarray:
    """An array of one value.

    >>> full((2,), 5)
    array([5., 5.], dtype=float32)
    """
    return np.full(sizes("full", shape), value, as_dtype(dtype))


def zeros_like(x: Any) -> np.ndarray:
    """Zeros of x's shape and dtype.

    >>> zeros_like(np.ones(2))
    array([0., 0.])
    """
    return np.zeros(shape_of(x), dtype_of(x))


def ones_like(x: Any) -> np.ndarray:
    """Ones of x's shape and dtype.

    >>> ones_like(np.zeros(2))
    array([1., 1.])
    """
    return np.ones(shape_of(x), dtype_of(x))


def full_like(x: Any, value: float) -> np.ndarray:
    """One value in x's shape and dtype.

    >>> full_like(np.zeros(2), 3)
    array([3., 3.])
    """
    return np.full(shape_of(x), value, dtype_of(x))


def eye(rows: int, columns: int | None = None, dtype: Any = DEFAULT_FLOAT) -> np.ndarray:
    """The identity matrix.

    >>> eye(2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return np.eye(rows, columns, dtype=as_dtype(dtype))


def arange(*bounds: float, dtype: Any = None) -> np.ndarray:
    """Numbers from start to stop by a step; int64 for integers, else float32.

    >>> arange(3), arange(0.0, 1.0, 0.5)
    (array([0, 1, 2]), array([0. , 0.5], dtype=float32))
    """
    made = np.arange(*bounds)
    return made.astype(as_dtype(dtype or (DEFAULT_FLOAT if made.dtype.kind == "f" else np.int64)))


def linspace(start: float, stop: float, count: int = 50, dtype: Any = DEFAULT_FLOAT) -> np.ndarray:
    """`count` numbers evenly spread from start to stop, both included.

    >>> linspace(0, 1, 3)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return np.linspace(start, stop, count, dtype=as_dtype(dtype))
