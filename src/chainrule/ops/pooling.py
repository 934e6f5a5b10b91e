"""Pooling: the largest or the mean of each window.

The largest is picked at the first place of a window that holds it, row by row, and its derivative
goes there alone, as in PyTorch.
"""

import functools
import math
from typing import Any

import numpy as np

from chainrule import settings
from chainrule.aval import Aval
from chainrule.errors import ShapeError
from chainrule.ops.arithmetic import maximum, power, where
from chainrule.ops.elementwise import absolute, sign
from chainrule.ops.logic import equal, greater, isnan, logical_or
from chainrule.ops.lowering import IntoWindows, OverWindows
from chainrule.ops.promotion import concrete
from chainrule.ops.reduce import reduce_sum
from chainrule.ops.table import defop, dtype_of, operand, sample, shape_of
from chainrule.ops.window import (
    Frame,
    Pairs,
    bordered,
    frame,
    image_axes,
    pairs_of,
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


def _picked(xs: list, bys: list) -> Any:
    """The largest of each window, or what stands where another array has its largest."""
    if xs is bys:
        return functools.reduce(maximum, xs)
    out, best = xs[0], bys[0]
    for x, by in zip(xs[1:], bys[1:], strict=True):
        out = where(logical_or(greater(by, best), isnan(by)), x, out)
        best = maximum(best, by)
    return out


def _placed(b: Any, g: Any, bys: list) -> list:
    """g at the first largest place of a window, and zeros at the others, in lanes."""
    best, wins = bys[0], []
    for by in bys[1:]:
        wins.append(b.logical_or(b.greater(by, best), b.isnan(by)))
        best = b.maximum(best, by)
    zero, over, placed = b.number(0.0), None, []
    for win in reversed(wins):
        alone = win if over is None else b.logical_and(win, b.logical_not(over))
        placed.append(b.where(alone, g, zero))
        over = win if over is None else b.logical_or(over, win)
    first = g if over is None else b.where(over, zero, g)
    return [first, *reversed(placed)]


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
    emit=OverWindows(
        _picked,
        lambda x, by, size, stride, dilation: _pick_slide(x, by, size, stride, dilation),
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
    emit=IntoWindows(
        _placed, lambda g, by, size, stride, dilation: _place_slide(g, by, size, stride, dilation)
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
    op: str,
    shape: tuple[int, ...],
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Frame:
    """The windows of a pooling of x (N, C, *n); without a stride they stand side by side.

    In `ceil_mode` the padding of the frame reaches as far as its last windows run over the end.

    Raises:
        ShapeError: the window does not fit, or is padded by more than half of its size.
    """
    inside = image_axes(op, shape)
    pairs = pairs_of(op, padding, len(inside))
    kernel = per_axis(op, "the kernel", size, len(inside))
    steps = per_axis(op, "stride", size if stride is None else stride, len(inside))
    gaps = per_axis(op, "dilation", dilation, len(inside))
    for k, pair in zip(kernel, pairs, strict=True):
        if max(pair) > k // 2:
            raise ShapeError(
                f"{op}: padding is {padding!r} with windows of size {kernel}; expected half of the "
                "size at most, so that no window lies in the padding alone."
            )
    if ceil_mode:
        pairs = tuple(map(_to_the_end, inside, pairs, kernel, steps, gaps))
    return frame(op, inside, kernel, stride=steps, padding=pairs, dilation=gaps)


def _to_the_end(n: int, pair: tuple[int, int], k: int, s: int, d: int) -> tuple[int, int]:
    """The padding of an axis whose last element is in a window, too, if one begins before it."""
    before, after = pair
    room = before + n + after - d * (k - 1) - 1
    more = -room % s
    return before, after + (more if room + more < before + n else 0)


def max_pool(
    x: Any,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest number of each window; the derivative goes to the first of equal ones.

    Windows stand side by side where no stride is given; padding never wins. In `ceil_mode` a
    window may run over the end, as long as it begins within the input or the padding before it.

    Shape: x (N, C, *n) gives (N, C, *out), with
    out = (n + 2 padding - dilation (size - 1) - 1)/stride + 1 along each axis, rounded down; in
    `ceil_mode` rounded up.

    Raises:
        ShapeError: the window is larger than the padded input, or padded by more than its half.

    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[3., 2.]]])
    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2, ceil_mode=True)
    array([[[3., 2., 9.]]])
    """
    x = operand(x)
    slide = pooling_frame("max_pool", shape_of(x), size, stride, padding, dilation, ceil_mode)
    wide = bordered(x, slide.padding, _least(dtype_of(x)))
    return pick_largest(wide, wide, size=slide.kernel, stride=slide.stride, dilation=slide.dilation)


def _least(dtype: np.dtype) -> float:
    """The number that no other of a dtype is below."""
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min)
    return 0 if dtype.kind == "b" else -math.inf


def avg_pool(
    x: Any,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    *,
    ceil_mode: bool = False,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window; windows stand side by side where no stride is given.

    Zeros of the padding count, unless `count_include_pad` is False. In `ceil_mode` a window may
    run over the end, as long as it begins within the input or the padding before it; what is
    beyond does not count. With a `divisor_override` each sum is divided by that number.

    Shape: x (N, C, *n) gives (N, C, *out), with out = (n + 2 padding - size)/stride + 1 along each
    axis, rounded down; in `ceil_mode` rounded up.

    Raises:
        OptionError: the divisor is no integer of 1 or more.
        ShapeError: the window is larger than the padded input, or padded by more than its half.

    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2)
    array([[[2., 2.]]])
    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0, 9.0]]]), 2, ceil_mode=True)
    array([[[2., 2., 9.]]])
    """
    x = operand(x)
    slide = pooling_frame("avg_pool", shape_of(x), size, stride, padding, ceil_mode=ceil_mode)
    cut = windows(bordered(x, slide.padding), size=slide.kernel, stride=slide.stride)
    kernel_axes = tuple(range(2, 2 + len(slide.kernel)))
    total = reduce_sum(cut, axis=kernel_axes)
    if divisor_override is not None:
        return total / settings.count("avg_pool", "divisor_override", divisor_override)
    counted = pairs_of("avg_pool", padding if count_include_pad else 0, len(slide.kernel))
    if counted == slide.padding:
        return total / math.prod(slide.kernel)
    return total / _counts(slide, counted).astype(dtype_of(total))


def _counts(slide: Frame, padding: Pairs) -> np.ndarray:
    """How many numbers of each window are in the input or in that much padding."""
    counts = np.ones(())
    for n, k, s, (start, _), (before, after), out in zip(
        slide.inside, slide.kernel, slide.stride, slide.padding, padding, slide.out, strict=True
    ):
        first = np.arange(out) * s - start
        counts = counts[..., None] * (np.minimum(first + k, n + after) - np.maximum(first, -before))
    return counts


def lp_pool(
    x: Any, norm_type: float, size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The p-norm of each window, (sum of x^p)^(1/p), with p = norm_type; p = 1 gives sums.

    For numbers that are not negative, or an even p, it is the norm; as in PyTorch the powers keep
    their signs otherwise, and so does the root. The derivative is 0 where the sum is. In
    `ceil_mode` the sum of a window that runs over the end grows as if it were whole.

    Shape: x (N, C, *n) gives (N, C, *out), with out = (n - size)/stride + 1 along each axis,
    rounded down; in `ceil_mode` rounded up.

    Raises:
        OptionError: norm_type is not above 0.
        ShapeError: the window is larger than the input.

    >>> lp_pool(np.array([[[3.0, -4.0, 0.0, 0.0]]]), 2, 2)
    array([[[5., 0.]]])
    """
    # A float, for the squares of pixels do not fit into their dtype.
    p = float(settings.number("lp_pool", "norm_type", norm_type, settings.POSITIVE))
    shape = shape_of(x)
    whole = math.prod(per_axis("lp_pool", "the kernel", size, len(image_axes("lp_pool", shape))))
    total = avg_pool(x if p == 1 else power(x, p), size, stride, ceil_mode=ceil_mode) * whole
    if p == 1:
        return total
    # At 0 the root has no derivative: it is kept away from there.
    nothing = equal(total, 0)
    safe = where(nothing, 1.0, total)
    return where(nothing, 0.0, sign(safe) * power(absolute(safe), 1.0 / p))
