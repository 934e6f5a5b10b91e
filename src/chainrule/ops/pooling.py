"""Pooling: the largest or the mean of each window.

The largest is picked at the first place of a window that holds it, row by row, and its derivative
goes there alone, as in PyTorch.
"""

import math
from typing import Any

import numpy as np

from chainrule.aval import Aval, float_dtype
from chainrule.errors import ShapeError
from chainrule.ops.layout import moveaxis
from chainrule.ops.linalg import matmul
from chainrule.ops.promotion import concrete
from chainrule.ops.reduce import mean, reduce_sum
from chainrule.ops.table import defop, dtype_of, operand, sample, shape_of
from chainrule.ops.window import (
    Frame,
    bordered,
    frame,
    image_axes,
    per_axis,
    places,
    sliding,
    windows,
)


def _winners(by: np.ndarray, slide: Frame) -> np.ndarray:
    """The number of the place in each window that holds its largest; a NaN is larger than all."""
    views = places(by, slide)
    best = next(views).copy()
    kind = np.min_scalar_type(math.prod(slide.kernel)).type
    found = np.zeros(best.shape, kind)
    for number, view in enumerate(views, 1):
        better = view > best
        if by.dtype.kind == "f":
            better |= np.isnan(view)
        # Later numbers are larger; and a choice by masks would wait at every element.
        np.maximum(found, better * kind(number), out=found)
        np.maximum(best, view, out=best)
    return found


def _pick(x: Any, by: Any, *, size: Any, stride: Any, dilation: Any) -> np.ndarray:
    x, by = concrete(x), concrete(by)
    slide = _pick_slide(x, by, size, stride, dilation)
    views = places(x, slide)
    out = next(views).copy()
    if x is by:
        for view in views:
            np.maximum(out, view, out=out)
        return out
    found = _winners(by, slide)
    for number, view in enumerate(views, 1):
        np.copyto(out, view, where=found == number)
    return out


def _pick_slide(x: Any, by: Any, size: Any, stride: Any, dilation: Any) -> Frame:
    if x.shape != by.shape:
        raise ShapeError(
            f"pick_largest: x has shape {x.shape} and by has shape {by.shape}; expected the same."
        )
    return sliding("pick_largest", x.shape, size, stride, dilation)


def _infer_pick(x: Aval, by: Aval, *, size: Any, stride: Any = 1, dilation: Any = 1) -> Aval:
    slide = _pick_slide(x, by, size, stride, dilation)
    return Aval((*x.shape[: x.ndim - len(slide.out)], *slide.out), x.dtype)


pick_largest = defop(
    "pick_largest",
    np=_pick,
    infer=_infer_pick,
    transpose=(
        lambda g, x, by, size, stride, dilation: place_largest(
            g, by, size=size, stride=stride, dilation=dilation
        ),
        None,
    ),
    latex=r"\operatorname{{pick}}_{{{size}}}({0}, {1})",
    samples=(
        sample((2, 6), (2, 6), size=2, stride=2),
        sample((2, 5, 6), (2, 5, 6), size=(3, 2), stride=(1, 2), dilation=(1, 2)),
        sample((5, 3), (5, 3), size=(2, 2)),
        sample((0, 4), (0, 4), size=2),
    ),
    errors=(
        (sample((2, 4), (4,), size=2), ShapeError, r"x has shape \(2, 4\) and by has shape \(4,\)"),
        (sample((2, 3), (2, 3), size=4), ShapeError, "the input has size 3 and the kernel size 4"),
    ),
    doc="""x at the first place of each window where `by` is largest.

Shape: x and by (..., *n) give (..., *out); see `windows`.

Raises:
    ShapeError: the shapes differ, or the window is larger than the axis.

>>> pick_largest(np.array([1.0, 2.0, 3.0, 4.0]), np.array([7.0, 5.0, 6.0, 6.0]), 2, 2)
array([1., 3.])
""",
)


def _place_slide(g: Any, by: Any, size: Any, stride: Any, dilation: Any) -> Frame:
    slide = sliding("place_largest", by.shape, size, stride, dilation)
    expected = (*by.shape[: len(by.shape) - len(slide.out)], *slide.out)
    if g.shape != expected:
        raise ShapeError(
            f"place_largest: windows of size {size} over shape {by.shape} are {expected}, and x "
            f"has shape {g.shape}; expected one number for each window."
        )
    return slide


def _place(g: Any, by: Any, *, size: Any, stride: Any, dilation: Any) -> np.ndarray:
    g, by = concrete(g), concrete(by)
    slide = _place_slide(g, by, size, stride, dilation)
    out, found, zero = np.zeros(by.shape, g.dtype), _winners(by, slide), g.dtype.type(0)
    for number, view in enumerate(places(out, slide)):
        view += np.where(found == number, g, zero)
    return out


def _infer_place(g: Aval, by: Aval, *, size: Any, stride: Any = 1, dilation: Any = 1) -> Aval:
    _place_slide(g, by, size, stride, dilation)
    return Aval(by.shape, g.dtype)


place_largest = defop(
    "place_largest",
    np=_place,
    infer=_infer_place,
    transpose=(
        lambda h, g, by, size, stride, dilation: pick_largest(
            h, by, size=size, stride=stride, dilation=dilation
        ),
        None,
    ),
    latex=r"\operatorname{{place}}_{{{size}}}({0}, {1})",
    samples=(
        sample((2, 3), (2, 6), size=2, stride=2),
        sample((2, 3, 2), (2, 5, 6), size=(3, 2), stride=(1, 2), dilation=(1, 2)),
        sample((0, 3), (0, 4), size=2),
    ),
    errors=(
        (sample((2, 2), (2, 6), size=2, stride=2), ShapeError, r"are \(2, 3\), and x has shape"),
    ),
    doc="""Zeros, but for x at the first place of each window where `by` is largest.

The transpose of `pick_largest`; where windows overlap, what falls on one place adds up.

Shape: x (..., *out), by (..., *n) give (..., *n).

Raises:
    ShapeError: x does not have one number for each window.

>>> place_largest(np.array([1.0, 2.0]), np.array([7.0, 5.0, 6.0, 6.0]), 2, 2)
array([1., 0., 2., 0.])
""",
)


def pooling_frame(
    op: str, shape: tuple[int, ...], size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> Frame:
    """The windows of a pooling of x (N, C, *n); without a stride they stand side by side.

    Raises:
        ShapeError: the window does not fit, or is padded by more than half of its size.
    """
    steps = size if stride is None else stride
    inside = image_axes(op, shape)
    slide = frame(op, inside, size, stride=steps, padding=padding, dilation=dilation)
    for k, pair in zip(slide.kernel, slide.padding, strict=True):
        if max(pair) > k // 2:
            raise ShapeError(
                f"{op}: padding is {padding!r} with windows of size {slide.kernel}; expected half "
                "of the size at most, so that no window lies in the padding alone."
            )
    return slide


def max_pool(x: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    """The largest number of each window; the derivative goes to the first of equal ones.

    Windows stand side by side where no stride is given; padding never wins.

    Shape: x (N, C, *n) gives (N, C, *out), with
    out = (n + 2 padding - dilation (size - 1) - 1)/stride + 1 along each axis, rounded down.

    Raises:
        ShapeError: the window is larger than the padded input, or padded by more than its half.

    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[3., 2.]]])
    """
    x = operand(x)
    slide = pooling_frame("max_pool", shape_of(x), size, stride, padding, dilation)
    wide = bordered(x, slide.padding, _least(dtype_of(x)))
    return pick_largest(wide, wide, size=slide.kernel, stride=slide.stride, dilation=slide.dilation)


def _least(dtype: np.dtype) -> float:
    """The number that no other of a dtype is below."""
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min)
    return 0 if dtype.kind == "b" else -math.inf


def avg_pool(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Any:
    """The mean of each window; windows stand side by side where no stride is given.

    Zeros of the padding count, unless `count_include_pad` is False.

    Shape: x (N, C, *n) gives (N, C, *out), with out = (n + 2 padding - size)/stride + 1 along each
    axis, rounded down.

    Raises:
        ShapeError: the window is larger than the padded input, or padded by more than its half.

    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[2., 2.]]])
    """
    x = operand(x)
    slide = pooling_frame("avg_pool", shape_of(x), size, stride, padding)
    cut = windows(bordered(x, slide.padding), size=slide.kernel, stride=slide.stride)
    kernel_axes = tuple(range(2, 2 + len(slide.kernel)))
    total = reduce_sum(cut, axis=kernel_axes)
    if count_include_pad or slide.around == slide.inside:
        return total / math.prod(slide.kernel)
    return total / _inside_counts(slide).astype(dtype_of(total))


def _inside_counts(slide: Frame) -> np.ndarray:
    """How many numbers of each window are no padding."""
    counts = np.ones(())
    for n, k, s, (before, _), out in zip(
        slide.inside, slide.kernel, slide.stride, slide.padding, slide.out, strict=True
    ):
        start = np.arange(out) * s - before
        counts = counts[..., None] * (np.minimum(start + k, n) - np.maximum(start, 0))
    return counts


def adaptive_avg_pool(x: Any, size: Any) -> Any:
    """The means of as many parts as `size` says along each axis, which together cover it.

    Part i of n numbers begins at i n / size, rounded down, and ends at (i + 1) n / size, rounded
    up, as in PyTorch.

    Shape: x (N, C, *n) gives (N, C, *size).

    Raises:
        ShapeError: x has no axes after the channels, or a size is below 1.

    >>> adaptive_avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[2.        , 4.33333333]]])
    """
    x = operand(x)
    shape = shape_of(x)
    inside = image_axes("adaptive_avg_pool", shape)
    wanted = per_axis("adaptive_avg_pool", "size", size, len(inside))
    dtype = float_dtype(dtype_of(x))
    for axis, parts in enumerate(wanted, 2):
        if parts == 1:
            x = mean(x, axis=axis, keepdims=True)
        else:
            x = moveaxis(
                matmul(moveaxis(x, axis, -1), _shares(shape[axis], parts, dtype)), -1, axis
            )
    return x


def _shares(n: int, parts: int, dtype: np.dtype) -> np.ndarray:
    """A matrix (n, parts) by which n numbers become the means of parts."""
    starts = np.arange(parts) * n // parts
    ends = -(-np.arange(1, parts + 1) * n // parts)
    places_in = np.arange(n)[:, None]
    inside = (places_in >= starts) & (places_in < ends)
    return (inside / (ends - starts)).astype(dtype)
