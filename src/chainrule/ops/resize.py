"""Pictures in other sizes: by repeated or blended neighbours, or by channels that become places."""

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.aval import float_dtype
from chainrule.errors import OptionError, ShapeError, unknown
from chainrule.ops.index import take
from chainrule.ops.layout import moveaxis, repeat
from chainrule.ops.linalg import matmul
from chainrule.ops.shape import reshape, transpose
from chainrule.ops.table import dtype_of, operand, shape_of
from chainrule.ops.window import image_axes
from chainrule.settings import POSITIVE, count, number

BLENDED = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""The modes that weigh neighbours, by the number of axes that they are for."""
MODES = ("nearest", *BLENDED.values())


class _Axis(NamedTuple):
    """How one axis changes: n numbers become `out`, which stand `step` of the old ones apart."""

    n: int
    out: int
    step: float
    given: bool
    """Whether the step comes of a factor that was given, and not of the sizes."""


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Any:
    """x enlarged or made smaller along its axes after the channels.

    Of `size` and `scale_factor` one is given, as one number or one for each axis. Mode "nearest"
    takes number floor(i n / out) of n for place i; "linear" (of one axis), "bilinear" (of two) and
    "trilinear" (of three) weigh the two neighbours along each axis by their distance from
    (i + 1/2) n / out - 1/2, or with `align_corners` from i (n - 1) / (out - 1), so that first and
    last numbers stay. With a scale_factor, 1 / scale_factor stands for n / out. All as in PyTorch.

    Shape: x (N, C, *n) gives (N, C, *size), or (N, C, *floor(n scale_factor)).

    Raises:
        OptionError: an unknown mode, not one of `size` and `scale_factor`, or values that make no
            sense; `align_corners` where nothing is weighed.
        ShapeError: x has no axes after the channels, or others than the mode is for; or it would
            have no elements.

    >>> interpolate(np.array([[[1.0, 2.0]]]), scale_factor=2)
    array([[[1., 1., 2., 2.]]])
    >>> interpolate(np.array([[[1.0, 3.0]]]), 3, mode="linear", align_corners=True)
    array([[[1., 2., 3.]]])
    """
    x = operand(x)
    inside = image_axes("interpolate", shape_of(x))
    check_resize("interpolate", size, scale_factor, mode, align_corners)
    fits = BLENDED.get(len(inside), "nearest")
    if mode not in ("nearest", fits):
        raise ShapeError(
            f"interpolate: mode is {mode!r} and x has {len(inside)} axes after the channels; "
            f"expected mode {fits!r} for these."
        )
    for axis, change in enumerate(_changes(inside, size, scale_factor), 2):
        if mode == "nearest":
            x = _nearest(x, change, axis)
        elif change.out != change.n or (change.given and not align_corners):
            weights = _blend(change, align_corners).astype(float_dtype(dtype_of(x)))
            x = moveaxis(matmul(moveaxis(x, axis, -1), weights), -1, axis)
    return x


def check_resize(
    owner: str, size: Any, scale_factor: Any, mode: Any, align_corners: bool | None
) -> None:
    """Check what can be checked of a change of size before there is an input.

    Raises:
        OptionError: an unknown mode, not one of `size` and `scale_factor`, or values that make no
            sense.
    """
    if mode not in MODES:
        raise unknown(f"mode of {owner}", mode, MODES)
    if align_corners and mode == "nearest":
        raise OptionError(
            f"{owner}: align_corners is True and mode 'nearest'; expected one of the modes "
            f"{', '.join(BLENDED.values())}, for nearest numbers have no weights to align."
        )
    if (size is None) == (scale_factor is None):
        both = "neither" if size is None else "both"
        raise OptionError(f"{owner}: got {both} of size and scale_factor; expected one of them.")
    for number_out in _each(size):
        count(owner, "size", number_out)
    for factor in _each(scale_factor):
        number(owner, "scale_factor", factor, POSITIVE)


def _each(value: Any) -> tuple:
    """An option's numbers; none where it is not given."""
    if isinstance(value, (tuple, list)):
        return tuple(value)
    return () if value is None else (value,)


def _along(name: str, value: Any, axes: int) -> tuple:
    """An option's number for each axis; a single one serves all."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(given) != axes:
        raise OptionError(
            f"interpolate: {name} is {value!r}; expected one number, or {axes} of them: one for "
            "each axis after the channels."
        )
    return given


def _changes(inside: tuple[int, ...], size: Any, scale_factor: Any) -> list[_Axis]:
    """How each axis changes."""
    axes = len(inside)
    if size is not None:
        wanted = _along("size", size, axes)
        rows = [(n, out, n / out, False) for n, out in zip(inside, wanted, strict=True)]
    else:
        factors = _along("scale_factor", scale_factor, axes)
        rows = [(n, math.floor(n * f), 1.0 / f, True) for n, f in zip(inside, factors, strict=True)]
    if any(n < 1 or out < 1 for n, out, *_ in rows):
        raise ShapeError(
            f"interpolate: axes of sizes {inside} would become {tuple(row[1] for row in rows)}; "
            "expected one element or more on each. Take a larger scale_factor or input."
        )
    return [_Axis(*row) for row in rows]


def _nearest(x: Any, change: _Axis, axis: int) -> Any:
    """For each place the number that it falls on."""
    n, out, step, given = change
    if out % n == 0 and (not given or step * out == n):
        return x if out == n else repeat(x, out // n, axis)
    if given:
        # In float32, as PyTorch does for pictures of float32, to fall on the same numbers.
        places = np.floor(np.arange(out, dtype=np.float32) * np.float32(step)).astype(np.int64)
        return take(x, np.minimum(places, n - 1), axis=axis)
    return take(x, np.arange(out) * n // out, axis=axis)


def _blend(change: _Axis, align_corners: bool) -> np.ndarray:
    """A matrix (n, out) by which n numbers become blends of neighbours."""
    n, out, step, _ = change
    places = np.arange(out)
    if align_corners:
        at = places * ((n - 1) / (out - 1) if out > 1 else 0.0)
    else:
        at = np.maximum((places + 0.5) * step - 0.5, 0.0)
    low = np.minimum(at.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    part = np.clip(at - low, 0.0, 1.0)
    weights = np.zeros((n, out))
    weights[low, places] = 1.0 - part
    weights[high, places] += part
    return weights


def pixel_shuffle(x: Any, factor: int) -> Any:
    """Channels laid out as places: each r x r of them become a square of r x r pixels, r = factor.

    Reference: Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", CVPR 2016.

    Shape: x (N, C r^2, H, W) gives (N, C, H r, W r).

    Raises:
        OptionError: the factor is no integer of 1 or more.
        ShapeError: x has other axes, or channels that are no multiple of r^2.

    >>> pixel_shuffle(np.array([[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]]), 2)
    array([[[[1., 2.],
             [3., 4.]]]])
    """
    r = count("pixel_shuffle", "factor", factor)
    batch, channels, height, width = _picture_shape("pixel_shuffle", x)
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: x has {channels} channels on axis 1 of shape {shape_of(x)}; expected "
            f"a multiple of {r * r} for a factor of {r}."
        )
    kept = channels // (r * r)
    cut = reshape(x, shape=(batch, kept, r, r, height, width))
    laid = transpose(cut, axes=(0, 1, 4, 2, 5, 3))
    return reshape(laid, shape=(batch, kept, height * r, width * r))


def pixel_unshuffle(x: Any, factor: int) -> Any:
    """Squares of r x r pixels, r = factor, laid out as channels: `pixel_shuffle` turned around.

    Shape: x (N, C, H, W) gives (N, C r^2, H / r, W / r).

    Raises:
        OptionError: the factor is no integer of 1 or more.
        ShapeError: x has other axes, or a height or width that is no multiple of r.

    >>> pixel_unshuffle(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), 2).shape
    (1, 4, 1, 1)
    """
    r = count("pixel_unshuffle", "factor", factor)
    batch, channels, height, width = _picture_shape("pixel_unshuffle", x)
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: pictures are {height}x{width} (height x width) in shape "
            f"{shape_of(x)}; expected multiples of the factor {r}. Crop or pad them."
        )
    cut = reshape(x, shape=(batch, channels, height // r, r, width // r, r))
    laid = transpose(cut, axes=(0, 1, 3, 5, 2, 4))
    return reshape(laid, shape=(batch, channels * r * r, height // r, width // r))


def _picture_shape(op: str, x: Any) -> tuple[int, ...]:
    shape = shape_of(x)
    if len(shape) != 4:
        raise ShapeError(
            f"{op}: x has shape {shape}; expected (N, C, H, W), a batch of pictures with channels. "
            "Insert missing axes with x[None] or x[:, None]."
        )
    return shape
