"""Augmentations that flip and crop pictures, cover parts of them, or change how bright they are."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.data.augment_base import (
    Augmentation,
    as_floats,
    check_fill,
    chosen,
    element_ids,
    finished,
    shares,
    spread,
)
from chainrule.errors import OptionError
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import FINITE, NOT_NEGATIVE, UNIT, check_ranges, count, setting

_TAU = 2.0 * math.pi


@dataclass(frozen=True)
class RandomHorizontalFlip(Augmentation):
    """Mirror a picture, left to right, with probability p.

    Not for digits and letters: a mirrored 3 is no 3.

    >>> from chainrule import random
    >>> RandomHorizontalFlip(1.0)(np.float32([[[1.0, 2.0]]]), random.key(0))
    array([[[2., 1.]]], dtype=float32)
    """

    p: float = setting(0.5, UNIT)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        return ops.where(chosen(key, self.p, shape_of(x)[0]), x[:, :, :, ::-1], x)


@dataclass(frozen=True)
class RandomVerticalFlip(Augmentation):
    """Turn a picture upside down, as in a mirror, with probability p.

    >>> from chainrule import random
    >>> RandomVerticalFlip(1.0)(np.float32([[[1.0], [2.0]]]), random.key(0)).ravel()
    array([2., 1.], dtype=float32)
    """

    p: float = setting(0.5, UNIT)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        return ops.where(chosen(key, self.p, shape_of(x)[0]), x[:, :, ::-1, :], x)


@dataclass(frozen=True)
class RandomCrop(Augmentation):
    """Put a border around each picture, and cut one of the old size out at a random place.

    So whole pixels are moved, by up to `padding` either way.

    Args:
        padding: how wide the border is.
        fill: what stands in it.

    Raises:
        OptionError: padding is no integer of 0 or more.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
    use 4 on CIFAR-10.

    >>> from chainrule import random
    >>> RandomCrop(1)(np.ones((1, 3, 3), np.float32), random.key(0)).shape
    (1, 3, 3)
    """

    padding: int = 4
    fill: float = setting(0.0, FINITE)

    def __post_init__(self) -> None:
        super().__post_init__()
        count("RandomCrop", "padding", self.padding, least=0)

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        check_fill("RandomCrop", self.fill, dtype)
        _check_length("RandomCrop", "padding", self.padding, image_shape)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        n, channels, height, width = shape_of(x)
        border = (self.padding, self.padding)
        edged = ops.pad(x, ((0, 0), (0, 0), border, border), value=self.fill)
        high, wide = height + 2 * self.padding, width + 2 * self.padding
        begin = ops.floor(shares(key, 2, n, 1, 1) * (2.0 * self.padding + 1.0))
        begin = ops.cast(begin, dtype=np.int32)
        rows = begin[0] + np.arange(height, dtype=np.int32)[:, None]
        within = rows * np.int32(wide) + (begin[1] + np.arange(width, dtype=np.int32))
        within = ops.reshape(within, shape=(n, 1, height, width))
        return ops.reshape(edged, shape=(-1,))[element_ids(n * channels, high * wide, within)]


@dataclass(frozen=True)
class GaussianNoise(Augmentation):
    """Add to each number one of the normal distribution, in the units of the stored numbers.

    Args:
        sigma: its deviation; on pictures of bytes, of 255.
        mean: its mean.

    Raises:
        OptionError: sigma is negative.

    >>> from chainrule import random
    >>> x = GaussianNoise(20.0)(np.full((1, 50, 50), 100, np.uint8), random.key(0))
    >>> bool(19 < x.std() < 21)
    True
    """

    sigma: float = setting(10.0, NOT_NEGATIVE)
    mean: float = setting(0.0, FINITE)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        shape = shape_of(x)
        half = (math.prod(shape) + 1) // 2
        drawn = shares(key, 2, half)
        # Box and Muller give two numbers for two: see `chainrule.rng.normal`.
        length, angle = ops.sqrt(ops.log1p(-drawn[0]) * -2.0), drawn[1] * _TAU
        noise = ops.concatenate([length * ops.cos(angle), length * ops.sin(angle)])
        noise = ops.reshape(noise[: math.prod(shape)], shape=shape)
        if whole:
            # Rounded before it meets the pixels: a sum in float64 would be as slow again.
            noise = ops.round(noise * self.sigma + self.mean)
            return finished(as_floats(x) + ops.cast(noise, dtype=np.float32), whole)
        return x + ops.cast(noise * self.sigma + self.mean, dtype=dtype_of(x))


@dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Change brightness and contrast: x' = m + (b x - m) c, for each picture as a whole.

    b is drawn evenly from 1 - brightness to 1 + brightness, c likewise, in steps of 1/256, and m is
    the mean of the brightened picture.

    Args:
        brightness: how far b may be from 1.
        contrast: how far c may be from 1.

    Raises:
        OptionError: a value outside 0 to 1.

    >>> from chainrule import random
    >>> x = ColorJitter(brightness=0.5)(np.full((3, 2, 2), 100, np.uint8), random.key(0))
    >>> bool((x >= 50).all() and (x <= 150).all())
    True
    """

    brightness: float = setting(0.0, UNIT)
    contrast: float = setting(0.0, UNIT)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        x, drawn = as_floats(x), spread(key, 2, shape_of(x)[0], 1, 1, 1)
        factors = [
            ops.cast(ops.round(part * (256.0 * most)), dtype=dtype_of(x)) * (1.0 / 256.0) + 1.0
            for part, most in ((drawn[0], self.brightness), (drawn[1], self.contrast))
        ]
        if self.brightness:
            x = finished(x * factors[0], whole)
        if not self.contrast:
            return x
        # In float64, where the sum of a picture's bytes is exact.
        wide = ops.cast(x, dtype=np.float64)
        mean = ops.mean(wide, axis=(1, 2, 3), keepdims=True)
        mean = ops.cast(ops.round(mean) if whole else mean, dtype=dtype_of(x))
        return finished(mean + (x - mean) * factors[1], whole)


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Cover a square of each picture, whose middle lies anywhere in the picture.

    Args:
        size: the square's side in pixels; part of it may lie outside.
        fill: what covers it.

    Raises:
        OptionError: size is no integer of 1 or more.

    Reference: DeVries and Taylor, "Improved regularization of convolutional neural networks with
    cutout", 2017; they use 16 on CIFAR-10.

    >>> from chainrule import random
    >>> x = Cutout(3)(np.ones((1, 9, 9), np.float32), random.key(0))
    >>> bool(4 <= (x == 0).sum() <= 9)
    True
    """

    size: int = 8
    fill: float = setting(0.0, FINITE)

    def __post_init__(self) -> None:
        super().__post_init__()
        count("Cutout", "size", self.size)

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        check_fill("Cutout", self.fill, dtype)
        _check_length("Cutout", "size", self.size, image_shape)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        shape = shape_of(x)
        middle = shares(key, 2, shape[0])
        first = [ops.floor(middle[k] * float(shape[2 + k])) - self.size // 2 for k in range(2)]
        return _covered(x, first, [part + self.size for part in first], self.fill)


@dataclass(frozen=True)
class RandomErasing(Augmentation):
    """Cover a rectangle that lies within the picture, with probability p.

    Its area, as a share of the picture's, is drawn evenly; so is the logarithm of height / width.
    A side longer than the picture's is cut to it. (Others draw again.)

    Args:
        p: the probability.
        smallest: the smallest share of the picture.
        largest: the largest share.
        ratio: height / width is from 1 / ratio to ratio.
        fill: what covers it.

    Raises:
        OptionError: a value outside its range.

    Reference: Zhong, Zheng, Kang, Li and Yang, "Random erasing data augmentation", AAAI 2020.

    >>> from chainrule import random
    >>> x = RandomErasing(1.0)(np.ones((1, 20, 20), np.float32), random.key(0))
    >>> bool(8 <= (x == 0).sum() <= 140)
    True
    """

    p: float = setting(0.5, UNIT)
    smallest: float = setting(0.02, UNIT)
    largest: float = setting(0.33, UNIT)
    ratio: float = setting(3.3, NOT_NEGATIVE)
    fill: float = setting(0.0, FINITE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.smallest > self.largest:
            raise OptionError(
                f"RandomErasing: smallest is {self.smallest} and largest {self.largest}; expected "
                "the smaller share first."
            )
        if self.ratio < 1.0:
            raise OptionError(f"RandomErasing: ratio is {self.ratio}; expected 1 or more.")

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        check_fill("RandomErasing", self.fill, dtype)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        n, _, *size = shape_of(x)
        drawn = shares(key, 5, n)
        share = drawn[1] * (self.largest - self.smallest) + self.smallest
        area = share * float(math.prod(size))
        ratio = ops.exp((drawn[2] * 2.0 - 1.0) * math.log(self.ratio))
        sides = [ops.sqrt(area * ratio), ops.sqrt(area / ratio)]
        first, last = [], []
        for side, length, place in zip(sides, size, (drawn[3], drawn[4]), strict=True):
            side = ops.clip(ops.round(side), 1.0, float(length))
            begin = ops.floor(place * (float(length + 1) - side))
            # An empty rectangle where the picture stays whole.
            first.append(begin)
            last.append(begin + ops.where(drawn[0] < self.p, side, 0.0))
        return _covered(x, first, last, self.fill)


def _check_length(owner: str, name: str, length: int, image_shape: tuple[int, ...]) -> None:
    if length > min(image_shape[1:]):
        raise OptionError(
            f"{owner}: {name} is {length}, and the pictures are {image_shape[1]} x "
            f"{image_shape[2]}; expected {min(image_shape[1:])} or less."
        )


def _covered(x: Any, first: list, last: list, fill: float) -> Any:
    """Pictures with a rectangle covered, from the rows and columns `first` to below `last`."""
    n, _, *size = shape_of(x)
    inside = []
    for axis, (low, high) in enumerate(zip(first, last, strict=True)):
        shape = (n, 1, *(-1 if k == axis else 1 for k in range(2)))
        low, high = (ops.reshape(end, shape=(n, 1, 1, 1)) for end in (low, high))
        place = np.arange(size[axis], dtype=np.float64).reshape(1, *shape[1:])
        inside.append(ops.logical_and(place >= low, place < high))
    filled = np.asarray(fill, dtype_of(x))
    return ops.where(ops.logical_and(inside[0], inside[1]), filled, x)
