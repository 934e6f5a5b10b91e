"""Convolution, and the two ops that are its transposes.

All three are one trilinear form, sum_{n,o,c,i,j} g[n, o, i] w[o, c, j] x[n, c, s i + d j - p], with
one of x, w and g left out each time; so each is the derivative of the others, to any order.
As in all of deep learning the kernel is not flipped: it is a cross-correlation.

Reference: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.aval import Aval, result_dtype
from chainrule.errors import ShapeError
from chainrule.ops.axes import integer, sizes
from chainrule.ops.lowering import Convolve
from chainrule.ops.promotion import concrete
from chainrule.ops.table import defop, sample, shape_of
from chainrule.ops.window import Frame, fold_into, frame, image_axes, strided

_CHUNK = 1 << 19
"""Bytes of windows that are copied out at once: they stay in a processor's cache."""


class _Plan(NamedTuple):
    """The sizes of one convolution."""

    slide: Frame
    batch: int
    channels: int
    features: int
    groups: int

    @property
    def rows(self) -> int:
        """The numbers in one window of one group."""
        return self.channels // self.groups * math.prod(self.slide.kernel)

    @property
    def grouped(self) -> tuple[int, int, int]:
        """The shape of the weight as one matrix for each group."""
        return self.groups, self.features // self.groups, self.rows

    @property
    def weight(self) -> tuple[int, ...]:
        return (self.features, self.channels // self.groups, *self.slide.kernel)

    @property
    def input(self) -> tuple[int, ...]:
        return (self.batch, self.channels, *self.slide.inside)

    @property
    def output(self) -> tuple[int, ...]:
        return (self.batch, self.features, *self.slide.out)

    def parts(self, dtype: np.dtype) -> Iterator[slice]:
        """Parts of the batch whose windows, and whose weights, are not too many bytes."""
        return (slice(i, i + self._step(dtype)) for i in range(0, self.batch, self._step(dtype)))

    def columns(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """The windows of each part of the batch, as the columns of a matrix for each group."""
        padded = _padded(x, self.slide)
        shape = (self._step(x.dtype), self.groups, self.rows, math.prod(self.slide.out))
        room = np.empty(shape, x.dtype)
        for part in self.parts(x.dtype):
            cut = strided(padded[part], self.slide)
            columns = room[: len(cut)]
            np.copyto(columns.reshape(cut.shape), cut)
            yield part, columns

    def _step(self, dtype: np.dtype) -> int:
        windows = self.channels * math.prod(self.slide.kernel) * math.prod(self.slide.out)
        each = max(1, windows, math.prod(self.weight)) * dtype.itemsize
        return max(1, min(self.batch, _CHUNK // each))


def _plan(
    op: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> _Plan:
    """The sizes of a convolution of x with weight, checked."""
    inside = image_axes(op, x)
    if len(weight) != len(x):
        raise ShapeError(
            f"{op}: x has shape {x} and weight has shape {weight}; expected a weight of shape "
            f"(out_channels, in_channels/groups, *kernel) with {len(x)} axes, too."
        )
    parts = integer(groups, f"{op}: groups")
    if parts < 1 or weight[0] % parts:
        raise ShapeError(
            f"{op}: groups is {parts}; expected a divisor of the {weight[0]} channels that come "
            "out, and of those that go in."
        )
    if x[1] != weight[1] * parts:
        raise ShapeError(f"{op}: {_misfit(x, weight, parts)}")
    slide = frame(op, inside, weight[2:], stride=stride, padding=padding, dilation=dilation)
    return _Plan(slide, x[0], x[1], weight[0], parts)


def _misfit(x: tuple[int, ...], weight: tuple[int, ...], groups: int) -> str:
    """What is wrong with the channels, and the edit that makes them fit."""
    channels = weight[1] * groups
    times = f" times {groups} groups" if groups > 1 else ""
    text = f"x has {x[1]} channels on axis 1 of shape {x}; a weight of shape {weight}{times} takes "
    text += f"{channels}. "
    if x[-1] == channels:
        order = (0, len(x) - 1, *range(1, len(x) - 1))
        return text + (
            "The channels seem to stand last (NHWC); expected them after the batch (NCHW): "
            f"x.transpose({order})."
        )
    return text + "Make the number of channels that go in fit the data."


def _as_one_dtype(*arrays: Any) -> tuple[np.dtype, list[np.ndarray]]:
    found = [concrete(array) for array in arrays]
    dtype = result_dtype(*(array.dtype for array in found))
    return dtype, [np.asarray(array, dtype) for array in found]


def _padded(x: np.ndarray, slide: Frame) -> np.ndarray:
    if slide.around == slide.inside:
        return x
    out = np.zeros((*x.shape[:2], *slide.around), x.dtype)
    out[(..., *_middle(slide))] = x
    return out


def _middle(slide: Frame) -> tuple[slice, ...]:
    """The part of a padded array that is no padding."""
    return tuple(
        slice(before, before + n)
        for n, (before, _) in zip(slide.inside, slide.padding, strict=True)
    )


def _infer_conv(
    x: Aval,
    weight: Aval,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Aval:
    plan = _plan("conv", x.shape, weight.shape, stride, padding, dilation, groups)
    return Aval(plan.output, result_dtype(x, weight))


def _conv(x: Any, weight: Any, **options: Any) -> np.ndarray:
    plan = _plan("conv", x.shape, weight.shape, **options)
    dtype, (x, weight) = _as_one_dtype(x, weight)
    matrices = weight.reshape(plan.grouped)
    out = np.empty((plan.batch, *plan.grouped[:2], math.prod(plan.slide.out)), dtype)
    for part, columns in plan.columns(x):
        np.matmul(matrices, columns, out=out[part])
    return out.reshape(plan.output)


conv = defop(
    "conv",
    np=_conv,
    infer=_infer_conv,
    transpose=(
        lambda g, x, weight, **options: conv_transpose(g, weight, shape=shape_of(x)[2:], **options),
        lambda g, x, weight, **options: conv_weight(x, g, kernel=shape_of(weight)[2:], **options),
    ),
    emit=Convolve(
        "output", lambda x, weight, **options: _plan("conv", x.shape, weight.shape, **options)
    ),
    latex=r"\operatorname{{conv}}({0}, {1})",
    samples=(
        sample((2, 3, 5), (2, 3, 2)),
        sample((2, 2, 5, 4), (3, 2, 3, 2), stride=(2, 1), padding=((1, 0), (0, 2))),
        sample((1, 4, 5, 4), (6, 2, 2, 2), padding=(1, 0), dilation=(2, 1), groups=2),
        sample((1, 2, 3, 2, 3), (2, 1, 2, 2, 2), stride=2, padding=1, groups=2),
        sample((0, 1, 3), (2, 1, 2)),
        sample((2, 3, 2), (2, 3, 1)),
    ),
    errors=(
        (
            sample((1, 1, 3, 8), (2, 1, 5, 5), padding=0, stride=2),
            ShapeError,
            r"axis -2 the input has size 3 and .* 5: .* \(3 \+ 2\*0 - 1\*\(5 - 1\) - 1\)/2 \+ 1",
        ),
        (
            sample((2, 8, 8, 3), (4, 3, 3, 3)),
            ShapeError,
            r"stand last \(NHWC\).*x.transpose\(\(0, 3, 1, 2\)\)",
        ),
        (sample((2, 5, 8, 8), (4, 3, 3, 3)), ShapeError, "x has 5 channels on axis 1 of shape"),
        (sample((2, 4, 8), (3, 2, 3), groups=2), ShapeError, "groups is 2; expected a divisor"),
        (sample((2, 4, 8), (3, 4, 3), groups=0), ShapeError, "groups is 0"),
        (sample((8, 8), (4, 8, 3)), ShapeError, r"expected \(N, C, \.\.\.\)"),
        (sample((2, 3, 8, 8), (4, 3, 3)), ShapeError, "with 4 axes, too"),
        (sample((2, 3, 8), (4, 3, 3), padding=-1), ShapeError, "padding is -1; expected integers"),
        (sample((2, 3, 8), (4, 3, 3), padding=((1, 2), 3)), ShapeError, r"pair \(before, after\)"),
    ),
    doc="""The convolution of x with the kernels of a weight, along any number of axes.

out[n, o, i] = sum over c and j of weight[o, c, j] x[n, c, stride i + dilation j - padding], where
x is 0 beyond its borders. With groups, each part of the channels that come out sees only its part
of those that go in. Options are one number, or one for each axis; padding may also be a pair
(before, after) for each.

Shape: x (N, C, *n), weight (O, C/groups, *kernel) give (N, O, *out), with
out = (n + 2 padding - dilation (kernel - 1) - 1)/stride + 1 along each axis, rounded down.

Raises:
    ShapeError: the channels do not fit, or the kernel is larger than the padded input.

>>> conv(np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[-1.0, 1.0]]]))
array([[[1., 2., 4.]]])
""",
)


def _plan_back(
    g: Any, weight: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> _Plan:
    """The sizes of the convolution that this is the transpose of."""
    op = "conv_transpose"
    inside = sizes(op, shape)
    image_axes(op, g.shape)
    if len(weight.shape) != len(g.shape) or len(inside) != len(g.shape) - 2:
        raise ShapeError(
            f"{op}: x has shape {g.shape}, weight {weight.shape} and shape is {inside}; expected "
            "(N, O, *out), (O, C/groups, *kernel) and one size for each axis after the channels."
        )
    came = (g.shape[0], weight.shape[1] * integer(groups, f"{op}: groups"), *inside)
    plan = _plan(op, came, weight.shape, stride, padding, dilation, groups)
    if plan.output != g.shape:
        raise ShapeError(
            f"{op}: a convolution of {came} with a weight of shape {weight.shape} gives "
            f"{plan.output}, and x has shape {g.shape}. Give the sizes that it came from."
        )
    return plan


def _infer_transpose(
    g: Aval,
    weight: Aval,
    *,
    shape: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Aval:
    plan = _plan_back(g, weight, shape, stride, padding, dilation, groups)
    return Aval(plan.input, result_dtype(g, weight))


def _conv_transpose(g: Any, weight: Any, *, shape: Any, **options: Any) -> np.ndarray:
    plan = _plan_back(g, weight, shape, **options)
    dtype, (g, weight) = _as_one_dtype(g, weight)
    matrices = weight.reshape(plan.grouped).transpose(0, 2, 1)
    rows = g.reshape(plan.batch, *plan.grouped[:2], math.prod(plan.slide.out))
    out = np.zeros((*plan.input[:2], *plan.slide.around), dtype)
    for part in plan.parts(dtype):
        fold_into(out[part], np.matmul(matrices, rows[part]), plan.slide)
    return np.ascontiguousarray(out[(..., *_middle(plan.slide))])


conv_transpose = defop(
    "conv_transpose",
    np=_conv_transpose,
    infer=_infer_transpose,
    transpose=(
        lambda h, g, weight, shape, **options: conv(h, weight, **options),
        lambda h, g, weight, shape, **options: conv_weight(
            h, g, kernel=shape_of(weight)[2:], **options
        ),
    ),
    emit=Convolve("input", _plan_back),
    latex=r"\operatorname{{conv}}^T({0}, {1})",
    samples=(
        sample((2, 2, 4), (2, 3, 2), shape=5),
        sample((2, 3, 2, 5), (3, 2, 3, 2), shape=(5, 4), stride=(2, 1), padding=((1, 0), (0, 2))),
        sample((1, 6, 5, 3), (6, 2, 2, 2), shape=(5, 4), padding=(1, 0), dilation=(2, 1), groups=2),
        sample((0, 2, 2), (2, 1, 2), shape=(3,)),
    ),
    errors=(
        (sample((2, 2, 4), (2, 3, 2), shape=6), ShapeError, r"gives \(2, 2, 5\), and x has shape"),
        (sample((2, 2, 4), (2, 3), shape=6), ShapeError, r"weight \(2, 3\) and shape is \(6,\)"),
        (sample((2, 4), (2, 3, 2), shape=6), ShapeError, r"expected \(N, C, \.\.\.\)"),
    ),
    doc="""The transposed convolution: what `conv` does to gradients on their way back to its input.

Many call it a deconvolution; it enlarges where a convolution with stride makes smaller. `shape` has
the sizes to come back to, since with stride several give the same result.

Shape: x (N, O, *out), weight (O, C/groups, *kernel) give (N, C, *shape).

Raises:
    ShapeError: a convolution from `shape` does not give the sizes of x.

>>> conv_transpose(np.array([[[1.0, 2.0]]]), np.array([[[10.0, 1.0]]]), 4, stride=2)
array([[[10.,  1., 20.,  2.]]])
""",
)


def _plan_weight(
    x: Any, g: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> _Plan:
    """The sizes of the convolution whose weight this gives."""
    op = "conv_weight"
    window, parts = sizes(op, kernel), integer(groups, f"{op}: groups")
    inside = image_axes(op, x.shape)
    if len(g.shape) != len(x.shape) or len(window) != len(inside) or parts < 1:
        raise ShapeError(
            f"{op}: x has shape {x.shape}, g {g.shape}, kernel is {window} and groups {parts}; "
            "expected (N, C, *n), (N, O, *out) and one size for each axis after the channels."
        )
    weight = (g.shape[1], x.shape[1] // parts, *window)
    plan = _plan(op, x.shape, weight, stride, padding, dilation, parts)
    if plan.output != g.shape:
        raise ShapeError(
            f"{op}: a convolution of x of shape {x.shape} with a kernel of {window} gives "
            f"{plan.output}, and g has shape {g.shape}."
        )
    return plan


def _infer_weight(
    x: Aval,
    g: Aval,
    *,
    kernel: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Aval:
    plan = _plan_weight(x, g, kernel, stride, padding, dilation, groups)
    return Aval(plan.weight, result_dtype(x, g))


def _conv_weight(x: Any, g: Any, *, kernel: Any, **options: Any) -> np.ndarray:
    plan = _plan_weight(x, g, kernel, **options)
    dtype, (x, g) = _as_one_dtype(x, g)
    rows = g.reshape(plan.batch, *plan.grouped[:2], math.prod(plan.slide.out))
    out = np.zeros(plan.grouped, dtype)
    for part, columns in plan.columns(x):
        out += np.matmul(rows[part], columns.transpose(0, 1, 3, 2)).sum(axis=0, dtype=dtype)
    return out.reshape(plan.weight)


conv_weight = defop(
    "conv_weight",
    np=_conv_weight,
    infer=_infer_weight,
    transpose=(
        lambda v, x, g, kernel, **options: conv_transpose(g, v, shape=shape_of(x)[2:], **options),
        lambda v, x, g, kernel, **options: conv(x, v, **options),
    ),
    emit=Convolve("weight", _plan_weight),
    latex=r"\operatorname{{convweight}}_{{{kernel}}}({0}, {1})",
    samples=(
        sample((2, 3, 5), (2, 2, 4), kernel=2),
        sample((2, 2, 5, 4), (2, 3, 2, 5), kernel=(3, 2), stride=(2, 1), padding=((1, 0), (0, 2))),
        sample((1, 4, 4, 4), (1, 6, 3, 5), kernel=(2, 2), padding=(0, 1), dilation=1, groups=2),
        sample((0, 1, 3), (0, 2, 2), kernel=(2,)),
    ),
    errors=(
        (sample((2, 3, 5), (2, 2, 5), kernel=2), ShapeError, r"gives \(2, 2, 4\), and g has shape"),
        (sample((2, 3, 5), (2, 5), kernel=2), ShapeError, r"g \(2, 5\), kernel is \(2,\)"),
        (sample((2, 5), (2, 2, 5), kernel=2), ShapeError, r"expected \(N, C, \.\.\.\)"),
        (sample((2, 3, 5), (2, 2, 4), kernel=2, groups=2), ShapeError, "x has 3 channels"),
    ),
    doc="""How a convolution of x, summed with the weights g, depends on its own weight.

Shape: x (N, C, *n), g (N, O, *out) give (O, C/groups, *kernel).

Raises:
    ShapeError: a convolution of x with that kernel does not give the shape of g.

>>> conv_weight(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, 1.0]]]), 2)
array([[[3., 6.]]])
""",
)
