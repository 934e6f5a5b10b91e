"""Pooling to a wanted size: as many windows as there are to be, which together cover an axis.

Part i of n numbers begins at i n / size, rounded down, and ends at (i + 1) n / size, rounded up, as
in PyTorch: so the parts differ in length by 1 at most, and may overlap.
"""

from typing import Any

import numpy as np

from chainrule.aval import float_dtype
from chainrule.errors import ShapeError
from chainrule.ops.index import take
from chainrule.ops.layout import moveaxis
from chainrule.ops.linalg import matmul
from chainrule.ops.pooling import pick_largest
from chainrule.ops.reduce import mean
from chainrule.ops.table import dtype_of, operand, shape_of
from chainrule.ops.window import image_axes, per_axis


def adaptive_avg_pool(x: Any, size: Any) -> Any:
    """The means of as many parts as `size` says along each axis, which together cover it.

    Shape: x (N, C, *n) gives (N, C, *size).

    Raises:
        ShapeError: x has no axes after the channels, or a size is below 1.

    >>> adaptive_avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[2.        , 4.33333333]]])
    """
    x = operand(x)
    shape, wanted = _wanted("adaptive_avg_pool", x, size)
    dtype = float_dtype(dtype_of(x))
    for axis, parts in enumerate(wanted, 2):
        if parts == 1:
            x = mean(x, axis=axis, keepdims=True)
        else:
            x = moveaxis(
                matmul(moveaxis(x, axis, -1), _shares(shape[axis], parts, dtype)), -1, axis
            )
    return x


def adaptive_max_pool(x: Any, size: Any) -> Any:
    """The largest of as many parts as `size` says along each axis, which together cover it.

    The derivative goes to the first of equal numbers, row by row.

    Shape: x (N, C, *n) gives (N, C, *size).

    Raises:
        ShapeError: x has no axes after the channels, an axis has no elements, or a size is below 1.

    >>> adaptive_max_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[3., 9.]]])
    """
    x = operand(x)
    shape, wanted = _wanted("adaptive_max_pool", x, size)
    longest = []
    for axis, parts in enumerate(wanted, 2):
        starts, ends = _parts(shape[axis], parts)
        longest.append(int((ends - starts).max()))
        if shape[axis] % parts:
            # Shorter parts say their last number again: the one before it wins.
            places = np.minimum(starts[:, None] + np.arange(longest[-1]), ends[:, None] - 1)
            x = take(x, places.reshape(-1), axis=axis)
    return pick_largest(x, x, size=tuple(longest), stride=tuple(longest))


def _wanted(op: str, x: Any, size: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of x, and how many parts each axis after the channels is to have."""
    shape = shape_of(x)
    inside = image_axes(op, shape)
    if 0 in inside:
        raise ShapeError(f"{op}: x has shape {shape}; expected one element or more on each axis.")
    return shape, per_axis(op, "size", size, len(inside))


def _parts(n: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the parts of n numbers begin and end."""
    return np.arange(parts) * n // parts, -(-np.arange(1, parts + 1) * n // parts)


def _shares(n: int, parts: int, dtype: np.dtype) -> np.ndarray:
    """A matrix (n, parts) by which n numbers become the means of parts."""
    starts, ends = _parts(n, parts)
    places_in = np.arange(n)[:, None]
    inside = (places_in >= starts) & (places_in < ends)
    return (inside / (ends - starts)).astype(dtype)
