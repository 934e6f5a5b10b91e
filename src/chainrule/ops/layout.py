"""Functions that arrange, join and cut arrays, made of the ops in `shape` and of indexing."""

import math
from itertools import pairwise
from typing import Any

from chainrule.errors import ShapeError
from chainrule.ops.axes import integer, one_axis, several_axes
from chainrule.ops.shape import broadcast_to, concatenate, reshape, transpose
from chainrule.ops.table import operand, shape_of


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Insert axes of size 1; the positions are those in the result.

    >>> expand_dims(np.ones(3), 0).shape
    (1, 3)
    """
    shape, given = shape_of(x), axis if isinstance(axis, (tuple, list)) else (axis,)
    room = (1,) * (len(shape) + len(given))
    at = several_axes("expand_dims", tuple(given), room)
    old = iter(shape)
    return reshape(x, shape=tuple(1 if i in at else next(old) for i in range(len(room))))


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Remove axes of size 1: those given, or all.

    Raises:
        ShapeError: a given axis is longer than 1.

    >>> squeeze(np.ones((1, 3, 1))).shape
    (3,)
    """
    shape = shape_of(x)
    if axis is None:
        return reshape(x, shape=tuple(size for size in shape if size != 1))
    at = several_axes("squeeze", axis, shape)
    for i in at:
        if shape[i] != 1:
            raise ShapeError(f"squeeze: axis {i} of shape {shape} has size {shape[i]}, not 1.")
    return reshape(x, shape=tuple(size for i, size in enumerate(shape) if i not in at))


def flatten(x: Any, start_axis: int = 0) -> Any:
    """Join all axes from `start_axis` on into one.

    >>> flatten(np.ones((2, 3, 4)), 1).shape
    (2, 12)
    """
    shape = shape_of(x)
    if not shape and start_axis == 0:
        return reshape(x, shape=(1,))
    at = one_axis("flatten", start_axis, shape)
    return reshape(x, shape=(*shape[:at], math.prod(shape[at:])))


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """Move one axis to another position; the others keep their order.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    shape = shape_of(x)
    start, end = (one_axis("moveaxis", axis, shape) for axis in (source, destination))
    order = [i for i in range(len(shape)) if i != start]
    order.insert(end, start)
    return transpose(x, axes=tuple(order))


def swapaxes(x: Any, first: int, second: int) -> Any:
    """Exchange two axes.

    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    shape = shape_of(x)
    a, b = (one_axis("swapaxes", axis, shape) for axis in (first, second))
    order = list(range(len(shape)))
    order[a], order[b] = b, a
    return transpose(x, axes=tuple(order))


def stack(arrays: Any, axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis.

    Raises:
        ShapeError: the shapes differ.

    >>> stack([np.zeros(3), np.ones(3)]).shape
    (2, 3)
    """
    arrays = list(arrays)
    shapes = [shape_of(array) for array in arrays]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"stack: array 0 has shape {shapes[0]} and array {i} has shape {shape}; "
                "all must be equal. To join along an existing axis, use concatenate."
            )
    return concatenate([expand_dims(array, axis) for array in arrays], axis=axis)


def split(x: Any, parts: int | list[int], axis: int = 0) -> list:
    """Cut an axis into equal parts, or at the given positions.

    Raises:
        ShapeError: the axis does not divide into that many parts.

    >>> [part.shape for part in split(np.ones((6, 2)), 3)]
    [(2, 2), (2, 2), (2, 2)]
    """
    x = operand(x)
    shape = shape_of(x)
    at = one_axis("split", axis, shape)
    size = shape[at]
    if isinstance(parts, (list, tuple)):
        cuts = [0, *parts, size]
    else:
        count = integer(parts, "split: the number of parts")
        if count < 1 or size % count:
            raise ShapeError(
                f"split: axis {at} of shape {shape} has size {size}, which does not divide into "
                f"{count} equal parts. Give the positions to cut at, as in split(x, [2, 5])."
            )
        cuts = [i * (size // count) for i in range(count + 1)]
    lead = (slice(None),) * at
    return [x[(*lead, slice(a, b))] for a, b in pairwise(cuts)]


def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order along the given axes (all by default).

    >>> flip(np.array([1.0, 2.0, 3.0]))
    array([3., 2., 1.])
    """
    x = operand(x)
    shape = shape_of(x)
    at = several_axes("flip", axis, shape)
    return x[tuple(slice(None, None, -1) if i in at else slice(None) for i in range(len(shape)))]


def roll(x: Any, shift: int, axis: int = 0) -> Any:
    """Move elements along an axis; those that fall off return at the other end.

    >>> roll(np.array([1.0, 2.0, 3.0]), 1)
    array([3., 1., 2.])
    """
    x = operand(x)
    shape = shape_of(x)
    at = one_axis("roll", axis, shape)
    cut = -integer(shift, "roll: shift") % (shape[at] or 1)
    lead = (slice(None),) * at
    return concatenate([x[(*lead, slice(cut, None))], x[(*lead, slice(None, cut))]], axis=at)


def repeat(x: Any, times: int, axis: int = 0) -> Any:
    """Repeat each element `times` times along an axis.

    >>> repeat(np.array([1.0, 2.0]), 2)
    array([1., 1., 2., 2.])
    """
    shape = shape_of(x)
    at = one_axis("repeat", axis, shape)
    count = integer(times, "repeat: times")
    wide = (*shape[: at + 1], count, *shape[at + 1 :])
    tall = broadcast_to(expand_dims(x, at + 1), shape=wide)
    return reshape(tall, shape=(*shape[:at], shape[at] * count, *shape[at + 1 :]))


def tile(x: Any, times: int, axis: int = 0) -> Any:
    """Repeat the whole array `times` times along an axis.

    >>> tile(np.array([1.0, 2.0]), 2)
    array([1., 2., 1., 2.])
    """
    return concatenate([x] * integer(times, "tile: times"), axis=axis)
