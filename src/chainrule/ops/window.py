"""Windows that slide over the last axes: cutting them out, and adding them up again.

For each axis, windows of size k whose elements stand d apart (dilation) and that move by s
(stride) over n elements with p of padding on each side fit (n + 2p - d(k - 1) - 1)/s + 1 times,
rounded down.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.aval import Aval
from chainrule.errors import DtypeError, ShapeError
from chainrule.ops.axes import integer, sizes
from chainrule.ops.lowering import Move
from chainrule.ops.promotion import concrete
from chainrule.ops.shape import pad, reshape
from chainrule.ops.table import defop, operand, sample, shape_of

Pairs = tuple[tuple[int, int], ...]


class Frame(NamedTuple):
    """How windows slide: all that is needed but the data, one number for each axis."""

    inside: tuple[int, ...]
    """The sizes of the axes without their padding."""
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]
    out: tuple[int, ...]
    """How often a window fits along each axis."""

    @property
    def around(self) -> tuple[int, ...]:
        """The sizes of the axes with their padding."""
        return tuple(b + n + a for n, (b, a) in zip(self.inside, self.padding, strict=True))

    @property
    def overlapping(self) -> bool:
        """Whether an element may lie in several windows."""
        rows = zip(self.kernel, self.stride, self.dilation, strict=True)
        return any(d * (k - 1) + 1 > s for k, s, d in rows)

    def cuts(self) -> Iterator[tuple[slice, ...]]:
        """For each place in the kernel, row by row, where it stands in all windows."""
        axes = list(zip(self.stride, self.dilation, self.out, strict=True))
        for place in itertools.product(*map(range, self.kernel)):
            yield tuple(
                slice(i * d, i * d + (out - 1) * s + 1, s)
                for i, (s, d, out) in zip(place, axes, strict=True)
            )


def per_axis(op: str, name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """An option as one integer for each axis; a single one serves all.

    Raises:
        ShapeError: another number of them, or one below `least`.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    numbers = tuple(integer(number, f"{op}: {name}") for number in given)
    if len(numbers) != count:
        raise ShapeError(
            f"{op}: {name} is {value!r}, which has {len(numbers)} numbers; expected one number, or "
            f"one for each of the {count} axes that the windows slide along."
        )
    if min(numbers, default=least) < least:
        raise ShapeError(f"{op}: {name} is {value!r}; expected integers of {least} or more.")
    return numbers


def pairs_of(op: str, value: Any, count: int) -> Pairs:
    """Padding as a (before, after) pair for each axis.

    Raises:
        ShapeError: it is no number, no number an axis, and no pair an axis.
    """
    if isinstance(value, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in value):
        if len(value) != count or any(len(np.atleast_1d(pair)) != 2 for pair in value):
            raise ShapeError(
                f"{op}: padding is {value!r}; expected a number, one for each of {count} axes, or "
                "a pair (before, after) for each."
            )
        return tuple(
            (before, after)
            for before, after in (per_axis(op, "padding", pair, 2, 0) for pair in value)
        )
    return tuple((p, p) for p in per_axis(op, "padding", value, count, 0))


def frame(
    op: str,
    inside: Sequence[int],
    kernel: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Frame:
    """The windows of an op along axes of the sizes `inside`.

    Raises:
        ShapeError: a window does not fit once, or an option has no sense.
    """
    count = len(inside)
    found = Frame(
        tuple(inside),
        per_axis(op, "the kernel", kernel, count),
        per_axis(op, "stride", stride, count),
        pairs_of(op, padding, count),
        per_axis(op, "dilation", dilation, count),
        (),
    )
    rows = zip(found.around, found.kernel, found.stride, found.dilation, strict=True)
    out = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in rows)
    for axis in range(count):
        if out[axis] < 1:
            raise ShapeError(f"{op}: {_too_large(found, axis)}")
    return found._replace(out=out)


def _too_large(found: Frame, axis: int) -> str:
    """Why no window fits along an axis, in numbers."""
    n, k = found.inside[axis], found.kernel[axis]
    s, d = found.stride[axis], found.dilation[axis]
    before, after = found.padding[axis]
    need = d * (k - 1) + 1
    padding = f"2*{before}" if before == after else f"{before} + {after}"
    dilated = f", {need} with its dilation of {d}," if d > 1 else ""
    return (
        f"along axis {axis - len(found.inside)} the input has size {n} and the kernel size "
        f"{k}{dilated}: (n + 2p - d(k - 1) - 1)/s + 1 = ({n} + {padding} - {d}*({k} - 1) - 1)/{s} "
        f"+ 1 is below 1. Pad by {need - n - before - after} more in all, or take a smaller kernel "
        "or larger inputs."
    )


def strided(x: np.ndarray, slide: Frame) -> np.ndarray:
    """All windows of a padded array as a view: (..., *kernel, *out)."""
    lead = x.ndim - len(slide.kernel)
    steps = x.strides[lead:]
    within = (d * step for d, step in zip(slide.dilation, steps, strict=True))
    between = (s * step for s, step in zip(slide.stride, steps, strict=True))
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:lead], *slide.kernel, *slide.out),
        (*x.strides[:lead], *within, *between),
        writeable=False,
    )


def places(x: np.ndarray, slide: Frame) -> Iterator[np.ndarray]:
    """For each place in the kernel, row by row, what stands there in all windows: (..., *out)."""
    return (x[(..., *cut)] for cut in slide.cuts())


def fold_into(out: np.ndarray, windows: np.ndarray, slide: Frame) -> None:
    """Add windows (..., *kernel, *out) to the elements of `out` that they were cut from."""
    lead = out.ndim - len(slide.kernel)
    flat = windows.reshape(*out.shape[:lead], math.prod(slide.kernel), *slide.out)
    for number, view in enumerate(places(out, slide)):
        view += flat[(slice(None),) * lead + (number,)]


def _count(size: Any) -> int:
    """Along how many axes windows of this size slide; one number stands for one axis."""
    return len(size) if isinstance(size, (tuple, list)) else 1


def sliding(op: str, shape: tuple[int, ...], size: Any, stride: Any, dilation: Any) -> Frame:
    """The windows of a size that slide along the last axes of a shape, without padding.

    Raises:
        ShapeError: there are too few axes, or a window does not fit once.
    """
    count = _count(size)
    if len(shape) < count:
        raise ShapeError(
            f"{op}: windows slide along {count} axes, and x of shape {shape} has {len(shape)}."
        )
    return frame(op, shape[len(shape) - count :], size, stride=stride, dilation=dilation)


def _infer_windows(x: Aval, *, size: Any, stride: Any = 1, dilation: Any = 1) -> Aval:
    slide = sliding("windows", x.shape, size, stride, dilation)
    lead = x.shape[: x.ndim - len(slide.kernel)]
    return Aval((*lead, *slide.kernel, *slide.out), x.dtype)


def _windows(x: Any, *, size: Any, stride: Any, dilation: Any) -> np.ndarray:
    x = concrete(x)
    return strided(x, sliding("windows", x.shape, size, stride, dilation))


windows = defop(
    "windows",
    np=_windows,
    infer=_infer_windows,
    transpose=(
        lambda g, x, size, stride, dilation: fold_windows(
            g,
            shape=shape_of(x)[len(shape_of(x)) - _count(size) :],
            stride=stride,
            dilation=dilation,
        ),
    ),
    emit=Move(_windows),
    latex=r"\operatorname{{windows}}_{{{size}}}({0})",
    samples=(
        sample((2, 7), size=3),
        sample((3, 5, 6), size=(2, 3), stride=(2, 1), dilation=(1, 2)),
        sample((4, 5), size=(2, 2), stride=3),
        sample((0, 3), size=2),
        sample((3, 3, 2), size=(2, 1, 2)),
    ),
    errors=(
        (sample((2, 3), size=4), ShapeError, r"\(3 \+ 2\*0 - 1\*\(4 - 1\) - 1\)/1 \+ 1 is below 1"),
        (sample((2, 5), size=3, dilation=3), ShapeError, "7 with its dilation of 3"),
        (sample((5,), size=(2, 2)), ShapeError, r"slide along 2 axes, and x of shape \(5,\) has 1"),
        (sample((5,), size=2, stride=0), ShapeError, "stride is 0; expected integers of 1 or more"),
        (sample((5, 5), size=(2, 2), stride=(1, 1, 1)), ShapeError, "which has 3 numbers"),
        (sample((5,), size=1.5), DtypeError, "the kernel must be an integer, got 1.5"),
    ),
    doc="""The windows of a size that slide along the last axes; of arrays a view, not a copy.

Shape: x (..., *n) and a size of one number an axis give (..., *size, *out), with
out = (n - dilation (size - 1) - 1)/stride + 1 along each axis, rounded down.

Raises:
    ShapeError: the window is larger than the axis.

>>> windows(np.array([1.0, 2.0, 3.0, 4.0]), 2)
array([[1., 2., 3.],
       [2., 3., 4.]])
""",
)


def _fold_slide(g: Any, shape: Any, stride: Any, dilation: Any) -> Frame:
    inside = sizes("fold_windows", shape)
    count = len(inside)
    if len(g.shape) < 2 * count:
        raise ShapeError(
            f"fold_windows: to sizes {inside} it takes windows of shape (..., *size, *out) with "
            f"{2 * count} axes or more, and got {g.shape}."
        )
    middle = len(g.shape) - count
    size, out = g.shape[middle - count : middle], g.shape[middle:]
    slide = frame("fold_windows", inside, size, stride=stride, dilation=dilation)
    if slide.out != out:
        raise ShapeError(
            f"fold_windows: windows of size {size} fit {slide.out} times into sizes {inside}, and "
            f"the array of shape {g.shape} holds {out}. Give the sizes that they were cut from."
        )
    return slide


def _infer_fold(g: Aval, *, shape: Any, stride: Any = 1, dilation: Any = 1) -> Aval:
    slide = _fold_slide(g, shape, stride, dilation)
    return Aval((*g.shape[: g.ndim - 2 * len(slide.out)], *slide.inside), g.dtype)


def _fold(g: Any, *, shape: Any, stride: Any, dilation: Any) -> np.ndarray:
    g = concrete(g)
    slide = _fold_slide(g, shape, stride, dilation)
    out = np.zeros((*g.shape[: g.ndim - 2 * len(slide.out)], *slide.inside), g.dtype)
    fold_into(out, g, slide)
    return out


fold_windows = defop(
    "fold_windows",
    np=_fold,
    infer=_infer_fold,
    transpose=(
        lambda h, g, shape, stride, dilation: windows(
            h,
            size=shape_of(g)[len(shape_of(g)) - 2 * _count(shape) :][: _count(shape)],
            stride=stride,
            dilation=dilation,
        ),
    ),
    latex=r"\operatorname{{fold}}_{{{shape}}}({0})",
    samples=(
        sample((2, 3, 5), shape=7),
        sample((3, 2, 3, 2, 2), shape=(5, 6), stride=(2, 1), dilation=(1, 2)),
        sample((0, 2, 2), shape=(3,)),
    ),
    errors=(
        (sample((2, 3, 4), shape=7), ShapeError, r"fit \(5,\) times into sizes \(7,\)"),
        (sample((3,), shape=(4,)), ShapeError, "with 2 axes or more"),
    ),
    doc="""Windows added up where they were cut from: the transpose of `windows`.

Shape: (..., *size, *out) gives (..., *shape).

Raises:
    ShapeError: windows of that size fit `shape` another number of times.

>>> fold_windows(np.ones((2, 3)), 4)
array([1., 2., 2., 1.])
""",
)


def bordered(x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """x with padding around its last axes."""
    if not any(map(any, padding)):
        return x
    lead = len(shape_of(x)) - len(padding)
    return pad(x, width=((0, 0),) * lead + padding, value=value)


def im2col(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """Each window as a column, so that a convolution becomes a matrix product; PyTorch's unfold.

    Shape: x (N, C, *n) gives (N, C prod(kernel), prod(out)).

    Raises:
        ShapeError: x has no channels axis, or the window does not fit.

    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2)
    array([[[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]]])
    """
    x = operand(x)
    shape = shape_of(x)
    inside = image_axes("im2col", shape)
    slide = frame("im2col", inside, kernel, stride=stride, padding=padding, dilation=dilation)
    cut = windows(
        bordered(x, slide.padding), size=slide.kernel, stride=slide.stride, dilation=slide.dilation
    )
    rows = shape[1] * math.prod(slide.kernel)
    return reshape(cut, shape=(shape[0], rows, math.prod(slide.out)))


def col2im(
    columns: Any, shape: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Any:
    """Columns added up where `im2col` cut them from: its transpose; PyTorch's fold.

    Shape: (N, C prod(kernel), prod(out)) gives (N, C, *shape).

    Raises:
        ShapeError: the columns are not those of pictures of that shape.

    >>> col2im(np.ones((1, 4, 4)), (3, 3), 2)
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    columns = operand(columns)
    inside = sizes("col2im", shape)
    slide = frame("col2im", inside, kernel, stride=stride, padding=padding, dilation=dilation)
    own, places_in = shape_of(columns), math.prod(slide.kernel)
    if len(own) != 3 or own[1] % places_in or own[2] != math.prod(slide.out):
        raise ShapeError(
            f"col2im: columns have shape {own}; pictures of {inside} with a kernel of "
            f"{slide.kernel} have columns of shape (N, C*{places_in}, {math.prod(slide.out)})."
        )
    cut = reshape(columns, shape=(own[0], own[1] // places_in, *slide.kernel, *slide.out))
    whole = fold_windows(cut, shape=slide.around, stride=slide.stride, dilation=slide.dilation)
    edges = (slice(b, b + n) for n, (b, _) in zip(inside, slide.padding, strict=True))
    return whole[(slice(None), slice(None), *edges)]


def image_axes(op: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the axes after batch and channels.

    Raises:
        ShapeError: there are none.
    """
    if len(shape) < 3:
        raise ShapeError(
            f"{op}: x has shape {shape}; expected (N, C, ...), a batch of samples with channels, "
            "such as (N, C, H, W). Insert missing axes with x[None] or x[:, None]."
        )
    return shape[2:]
