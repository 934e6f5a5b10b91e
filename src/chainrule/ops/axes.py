"""Axes and sizes as users give them, checked and brought to one form."""

import operator
from collections.abc import Sequence
from typing import Any

from chainrule.errors import DtypeError, ShapeError

Axis = int | Sequence[int] | None


def integer(value: Any, what: str) -> int:
    """`value` as an int, when it is one.

    Raises:
        DtypeError: it is not an integer.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise DtypeError(f"{what} must be an integer, got {value!r}") from None


def one_axis(op: str, axis: Any, shape: tuple[int, ...]) -> int:
    """An axis counted from the front.

    Raises:
        ShapeError: the array has no such axis.
    """
    number = integer(axis, f"{op}: axis")
    if not -len(shape) <= number < len(shape):
        raise ShapeError(
            f"{op}: axis {number} does not exist in shape {shape}; "
            + (f"expected {-len(shape)} to {len(shape) - 1}" if shape else "a 0-d array has none")
            + "."
        )
    return number % len(shape)


def several_axes(op: str, axis: Axis, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes counted from the front, in rising order; None means all of them.

    Raises:
        ShapeError: an axis does not exist or is named twice.
    """
    if axis is None:
        return tuple(range(len(shape)))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [one_axis(op, a, shape) for a in given]
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{op}: axis {axis} names one axis of shape {shape} twice.")
    return tuple(sorted(axes))


def reduced(
    shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool = True
) -> tuple[int, ...]:
    """The shape after a reduction over `axes`."""
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def sizes(op: str, shape: Any, least: int = 0) -> tuple[int, ...]:
    """A shape as a tuple of integers; a single number stands for one axis.

    Raises:
        ShapeError: a size below `least`.
    """
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    result = tuple(integer(size, f"{op}: each size in the shape") for size in given)
    if min(result, default=0) < least:
        raise ShapeError(f"{op}: shape {result} has a size below {least}.")
    return result
