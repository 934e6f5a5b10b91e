"""Augmentations that move what is in a picture: affine maps and elastic deformation.

Every pixel of the new picture is read, between four pixels of the old one, at its own place plus an
offset. Offsets of several maps add up, and the picture is resampled once.
"""

import math
from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.data.augment_base import (
    Augmentation,
    as_floats,
    check_fill,
    element_ids,
    finished,
    spread,
)
from chainrule.errors import OptionError
from chainrule.ops import random
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import FINITE, NOT_NEGATIVE, Range, setting

FINE = 256
"""Places are rounded down to so many parts of a pixel: then interpolated bytes are exact."""
_UNIT = 1 << 16
"""Affine places are integers in this unit of a pixel."""
_REACH = 1 << 14
"""Pixels from the corner up to which those integers have room in int32."""
_PIXELS = 1 << 24
"""Pixels with their border that float32 can number."""
_STRONGEST = 60.0
"""Degrees of shear; beyond, little is left of a picture."""
_LEVELS = 256
_WEIGHT = 1 << 13
"""Elastic noise has so many levels and its blur weights this unit, so that the sums are exact."""
_TRUNCATE = 4.0
"""Deviations after which the blur is cut off, as in SciPy."""


@dataclass(frozen=True)
class Warp(Augmentation):
    """A change of places. Abstract.

    Args:
        fill: what stands beyond the picture's edges.
    """

    _: KW_ONLY
    fill: float = setting(0.0, FINITE)

    @abstractmethod
    def offsets(self, key: Any, count: int, size: tuple[int, int]) -> tuple[Any, Any]:
        """By how many rows and columns off its own place each pixel is read.

        Shape: two of (count, height, width), float32.
        """

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        check_fill(type(self).__name__, self.fill, dtype)
        high, wide = image_shape[1:]
        if (high + 3) * (wide + 3) > _PIXELS:
            raise OptionError(
                f"{type(self).__name__}: got pictures of {high} x {wide}; expected less than "
                f"{_PIXELS:,} pixels. Make them smaller first."
            )

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        count, _, height, width = shape_of(x)
        rows, columns = self.offsets(key, count, (height, width))
        moved = resampled(x, rows, columns, self.fill, whole)
        return finished(moved, whole, bounded=True)


@dataclass(frozen=True)
class RandomAffine(Warp):
    """Turn, scale, shear and shift each picture about its centre, in one resampling.

    A point at p = (right, down) from the centre goes to z R S p + t, with the scale z, the turn
    R = [cos, -sin; sin, cos], S = [1, tan(shear); 0, 1] and the shift t, each drawn evenly.

    Args:
        shift: t is up to so many pixels, right or left and up or down.
        rotate: up to so many degrees, either way.
        zoom: z is from 1 - zoom to 1 + zoom.
        shear: up to so many degrees, either way.
        fill: what stands beyond the picture's edges.

    Raises:
        OptionError: a value outside its range.

    Reference: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 1998, section III, distort MNIST so.

    >>> from chainrule import random
    >>> x = np.zeros((2, 1, 5, 5), np.uint8)
    >>> RandomAffine(shift=1, rotate=10)(x, random.key(0)).dtype
    dtype('uint8')
    """

    shift: float = setting(0.0, NOT_NEGATIVE)
    rotate: float = setting(0.0, Range(0.0, 180.0, high_included=True))
    zoom: float = setting(0.0, Range(0.0, 0.9, high_included=True))
    shear: float = setting(0.0, Range(0.0, _STRONGEST, high_included=True))

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        stretch = (1.0 + math.tan(math.radians(self.shear))) / (1.0 - self.zoom)
        if 2 * stretch * (sum(image_shape[1:]) / 2 + 2 * self.shift) >= _REACH:
            raise OptionError(
                f"RandomAffine: {self} reaches too far for pictures of {image_shape[1:]}; give it "
                "less shift, zoom or shear."
            )

    def matrices(self, key: Any, count: int, size: tuple[int, int]) -> Any:
        """Where each picture is read: place = M[:, :2] @ (row, column) + M[:, 2].

        In this form SciPy's `affine_transform` takes them. Shape: (count, 2, 3), float64.

        >>> from chainrule import random
        >>> RandomAffine().matrices(random.key(0), 1, (28, 28))[0]
        array([[1., 0., 0.],
               [0., 1., 0.]])
        """
        whole = [ops.cast(part, dtype=np.float64) for part in self._fixed(key, count, size)]
        across, begin = [part * (2.0 / _UNIT) for part in whole[:4]], whole[4:]
        middles = [(length - 1) / 2 for length in size]
        rows = []
        for axis in range(2):
            to_row, to_column = across[2 * axis : 2 * axis + 2]
            at = begin[axis] * (1.0 / _UNIT) - to_row * middles[0] - to_column * middles[1]
            rows.append(ops.stack([to_row, to_column, at], axis=1))
        return ops.stack(rows, axis=1)

    def _fixed(self, key: Any, count: int, size: tuple[int, int]) -> list:
        """The maps from twice the place off the centre to places, in whole units of a pixel.

        Row by row, row by column, column by row, column by column, and both places of the centre.
        """
        drawn = spread(key, 5, count)
        angle = drawn[0] * math.radians(self.rotate)
        across, down = drawn[1] * self.shift, drawn[2] * self.shift
        scale, lean = drawn[3] * self.zoom + 1.0, ops.tan(drawn[4] * math.radians(self.shear))
        cosine, sine = ops.cos(angle), ops.sin(angle)
        # The inverse of R S z, by rows of (down, right).
        inverse = [cosine, -sine, sine - lean * cosine, cosine + lean * sine]
        inverse = [part / scale for part in inverse]
        centre = [
            (length - 1) / 2 - inverse[2 * k] * down - inverse[2 * k + 1] * across
            for k, length in enumerate(size)
        ]
        units = [part * (_UNIT / 2) for part in inverse] + [part * _UNIT for part in centre]
        return [ops.cast(ops.round(part), dtype=np.int32) for part in units]

    def offsets(self, key: Any, count: int, size: tuple[int, int]) -> tuple[Any, Any]:
        fixed = [ops.reshape(part, shape=(count, 1, 1)) for part in self._fixed(key, count, size)]
        row, column = (2 * np.arange(length, dtype=np.int32) - (length - 1) for length in size)
        row, column = row[:, None], column[None, :]
        own = (np.arange(size[0], dtype=np.int32)[:, None], np.arange(size[1], dtype=np.int32))
        found = []
        for axis in range(2):
            place = fixed[2 * axis] * row + (fixed[2 * axis + 1] * column + fixed[4 + axis])
            apart = place - own[axis] * np.int32(_UNIT)
            found.append(ops.cast(apart, dtype=np.float32) * np.float32(1.0 / _UNIT))
        return found[0], found[1]


@dataclass(frozen=True)
class ElasticTransform(Warp):
    """Deform each picture as if it were drawn on rubber.

    The offsets are alpha * blur(u): noise u of 256 levels, even over (-1, 1), for each pixel and
    direction, blurred by a Gaussian of deviation sigma, with zeros beyond the edges.

    Args:
        alpha: how strong, in pixels. The offsets' deviation is near 0.16 alpha / sigma.
        sigma: how wide the blur is, in pixels; below 2 strokes break up.
        fill: what stands beyond the picture's edges.

    Raises:
        OptionError: a value outside its range.

    Reference: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks
    applied to visual document analysis", ICDAR 2003; they use alpha 34 and sigma 4 on MNIST.

    >>> from chainrule import random
    >>> rows, columns = ElasticTransform().offsets(random.key(0), 3, (28, 28))
    >>> rows.shape
    (3, 28, 28)
    """

    alpha: float = setting(34.0, NOT_NEGATIVE)
    sigma: float = setting(4.0, Range(0.0, 100.0, low_included=False, high_included=True))

    def offsets(self, key: Any, count: int, size: tuple[int, int]) -> tuple[Any, Any]:
        height, width = size
        # A draw has bits for both directions. Odd numbers: the same on both sides of 0.
        drawn = random.uniform(key, shape=(count, height, width)) * float(_LEVELS)
        down = ops.floor(drawn)
        right = ops.floor((drawn - down) * float(_LEVELS))
        noise = ops.stack([down, right]) * 2.0 - float(_LEVELS - 1)
        flat = ops.reshape(noise, shape=(2 * count * height, width))
        along = ops.reshape(ops.matmul(flat, _blur(width, self.sigma)), shape=(2 * count, *size))
        # Rounded to quarters, or the sums of the second blur would need more digits than there are.
        along = ops.round(along * 4.0) * 0.25
        turned = ops.reshape(ops.swapaxes(along, 1, 2), shape=(2 * count * width, height))
        both = ops.matmul(turned, _blur(height, self.sigma))
        both = ops.swapaxes(ops.reshape(both, shape=(2, count, width, height)), 2, 3)
        fine = ops.round(both * np.float32(self.alpha * FINE / _LEVELS)) * np.float32(1.0 / FINE)
        return fine[0], fine[1]


@dataclass(frozen=True)
class JointWarp(Warp):
    """An affine map and an elastic deformation at once: the offsets of both are added."""

    parts: tuple[Warp, ...] = ()

    def offsets(self, key: Any, count: int, size: tuple[int, int]) -> tuple[Any, Any]:
        one, other = (
            part.offsets(random.fold_in(key, place), count, size)
            for place, part in enumerate(self.parts)
        )
        return one[0] + other[0], one[1] + other[1]


def joined(first: Augmentation, second: Augmentation) -> JointWarp | None:
    """Both as one resampling, where that is possible."""
    kinds = {type(first), type(second)}
    if kinds != {RandomAffine, ElasticTransform}:
        return None
    if not (isinstance(first, Warp) and isinstance(second, Warp) and first.fill == second.fill):
        return None
    return JointWarp((first, second), fill=first.fill)


def _blur(length: int, sigma: float) -> np.ndarray:
    """The matrix that blurs rows of a length: weights in whole units, which sum to about 1."""
    apart = np.abs(np.arange(length)[:, None] - np.arange(length))
    reach = int(_TRUNCATE * sigma + 0.5)
    tail = np.exp(-0.5 * np.square(np.arange(1, reach + 1) / sigma)).sum()
    weights = np.exp(-0.5 * np.square(apart / sigma)) / (1.0 + 2.0 * tail)
    weights[apart > reach] = 0.0
    return (np.round(weights * _WEIGHT) / _WEIGHT).astype(np.float32)


def resampled(x: Any, rows: Any, columns: Any, fill: float = 0.0, whole: bool = False) -> Any:
    """Pictures read at places of their own: out[n, c, i, j] = x[n, c, i + rows, j + columns].

    Between pixels bilinearly, at places rounded down to 1/256 of a pixel; `fill` beyond the edges.
    `whole` says of floats that they are whole and from 0 to 255, as bytes are, which is quicker.

    Shape: x (N, C, H, W), rows and columns (N, H, W) of float32, in pixels; out (N, C, H, W).

    >>> x = np.float32([[[[1.0, 3.0]]]])
    >>> half = np.full((1, 1, 2), np.float32(0.5))
    >>> resampled(x, 0 * half, half)
    array([[[[2. , 1.5]]]], dtype=float32)
    """
    count, channels, height, width = shape_of(x)
    # A border of one, and one more row and column for the second pixel of places on its far side.
    wide, high = width + 3, height + 3
    edged = ops.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)), value=fill)
    flat = ops.reshape(edged, shape=(-1,))
    top, down = _parted(rows + np.arange(1, height + 1, dtype=np.float32)[:, None], height)
    left, right = _parted(columns + np.arange(1, width + 1, dtype=np.float32), width)
    place = ops.reshape(top * float(wide) + left, shape=(count, 1, height, width))
    ids = element_ids(count * channels, wide * high, ops.cast(place, dtype=np.int32))
    down, right = (ops.expand_dims(share, 1) for share in (down, right))
    read = _byte_pairs if whole or dtype_of(x) == np.uint8 else _pairs
    (upper, after), (lower, below) = read(flat, ids, wide)
    upper = upper + (after - upper) * right
    lower = lower + (below - lower) * right
    return upper + (lower - upper) * down


def _pairs(flat: Any, ids: Any, wide: int) -> list[tuple[Any, Any]]:
    """The pixels at some places and those to their right, of two rows `wide` apart."""
    size = shape_of(flat)[0] - wide - 1
    firsts = ((0, 1), (wide, wide + 1))
    return [tuple(as_floats(flat[k : k + size][ids]) for k in pair) for pair in firsts]


def _byte_pairs(flat: Any, ids: Any, wide: int) -> list[tuple[Any, Any]]:
    """The same of bytes, two in one float: to read at places takes longest."""
    size = shape_of(flat)[0] - wide - 1
    joint = as_floats(flat[:-1]) + as_floats(flat[1:]) * 256.0
    found = []
    for first in (0, wide):
        both = joint[first : first + size][ids]
        right = ops.floor(both * (1.0 / 256.0))
        found.append((both - right * 256.0, right))
    return found


def _parted(place: Any, length: int) -> tuple[Any, Any]:
    """The whole part and the rest of places within the border, in parts of a pixel."""
    held = ops.clip(place, 0.0, float(length + 1))
    whole = ops.floor(held)
    return whole, ops.floor((held - whole) * float(FINE)) * np.float32(1.0 / FINE)
