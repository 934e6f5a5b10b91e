"""What all augmentations share: the door for batches, their pictures, and their draws.

They are written in chainrule's ops with the key as an input, so that the same code runs on arrays
and is traced into a compiled training step. On pictures of bytes all arithmetic is of dyadic
fractions that a float holds exactly, up to one rounding at the end; so the eager and the compiled
step see the same bytes, whatever the order of their additions.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DtypeError, OptionError, ShapeError
from chainrule.ops import random
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import check_ranges

BRIGHTEST = 255
"""The largest value of a byte."""
_KINDS = (np.uint8, np.float32, np.float64)


@dataclass(frozen=True)
class Augmentation(ABC):
    """A random change of pictures that leaves them in their class. Abstract; compares by value.

    Each picture of a batch has its own draw, which depends on the key and its place in the batch.

    Raises:
        OptionError: a setting outside its range.
    """

    def __post_init__(self) -> None:
        check_ranges(self)

    def __call__(self, x: Any, key: Any) -> Any:
        """The pictures of a batch, changed.

        Shape: x (N, C, H, W), or (N, H, W) with one channel; the same comes out.
        dtype: uint8, rounded and kept in 0 .. 255, or floats.

        Raises:
            ShapeError: another number of axes.
            DtypeError: other numbers.
            OptionError: a setting that does not go with pictures of this size.
        """
        shape = shape_of(x)
        if len(shape) not in (3, 4):
            raise ShapeError(
                f"{type(self).__name__}: got x of shape {shape}; expected pictures (N, C, H, W) or "
                "(N, H, W). For flattened rows use chainrule.data.augmented(x, augmentation, key, "
                "image_shape=(1, 28, 28))."
            )
        picture = (1, *shape[1:]) if len(shape) == 3 else shape[1:]
        return ops.cast(self.floats(x, key, picture), dtype=dtype_of(x))

    def floats(self, x: Any, key: Any, image_shape: tuple[int, ...]) -> Any:
        """The same in floats, bytes as whole numbers; of any layout, such as flattened rows.

        Raises:
            DtypeError, OptionError: as in a call.
        """
        shape, dtype = shape_of(x), dtype_of(x)
        self.check(image_shape, dtype)
        pictures = ops.reshape(x, shape=(shape[0], *image_shape))
        whole = dtype == np.uint8
        changed = self.apply(pictures, key, whole)
        changed = ops.cast(changed, dtype=np.dtype(np.float32) if whole else dtype)
        return ops.reshape(changed, shape=shape)

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Refuse pictures that this cannot change.

        Raises:
            DtypeError: neither bytes nor floats.
            OptionError: a setting that does not go with them.
        """
        if dtype not in _KINDS:
            raise DtypeError(
                f"{type(self).__name__}: got pictures of {dtype}; expected uint8, float32 or "
                "float64. Use x.astype('float32')."
            )

    @abstractmethod
    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        """Pictures (N, C, H, W), changed; where `whole`, to whole numbers from 0 to 255.

        Those may come as bytes or as floats, and go as either.
        """


def check_fill(owner: str, fill: float, dtype: np.dtype) -> None:
    """Refuse a filling that pictures of bytes cannot have.

    Raises:
        OptionError: it is no whole number from 0 to 255.
    """
    if dtype == np.uint8 and not (float(fill).is_integer() and 0 <= fill <= BRIGHTEST):
        raise OptionError(
            f"{owner}: fill is {fill!r}, and the pictures are of bytes; expected a whole number "
            f"from 0 to {BRIGHTEST}."
        )


def as_floats(x: Any) -> Any:
    """Bytes as float32; floats as they are."""
    return x if dtype_of(x).kind == "f" else ops.cast(x, dtype=np.float32)


def finished(x: Any, whole: bool, *, bounded: bool = False) -> Any:
    """Rounded and kept in 0 .. 255 where `whole`; `bounded` says that they are in there already."""
    if not whole:
        return x
    return ops.floor((x if bounded else ops.clip(x, 0.0, float(BRIGHTEST))) + 0.5)


def spread(key: Any, *shape: int) -> Any:
    """Numbers from -1 up to 1. In float64, of which rounding leaves the same in any arithmetic."""
    return random.uniform(key, shape=shape, dtype=np.float64) * 2.0 - 1.0


def shares(key: Any, *shape: int) -> Any:
    """Numbers from 0 up to 1, in float64."""
    return random.uniform(key, shape=shape, dtype=np.float64)


def chosen(key: Any, p: float, count: int) -> Any:
    """Whether each of `count` pictures is chosen, with probability p. Shape: (N, 1, 1, 1)."""
    return ops.reshape(shares(key, count) < p, shape=(count, 1, 1, 1))


def element_ids(bases: int, pitch: int, within: Any) -> Any:
    """The places of elements in a flat array of `bases` pictures, `pitch` elements apart.

    Shape: within (N, 1, H, W) integers gives (N, bases / N, H, W).
    """
    count = shape_of(within)[0]
    dtype = np.int32 if bases * pitch < 2**31 else np.int64
    begin = (np.arange(bases, dtype=dtype) * pitch).reshape(count, bases // max(count, 1), 1, 1)
    return ops.cast(within, dtype=dtype) + begin


def image_shape_of(shape: tuple[int, ...], image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """(channels, height, width) of samples of a shape, known or read off it.

    Raises:
        ShapeError: they are no pictures as far as is known.

    >>> image_shape_of((28, 28), None), image_shape_of((784,), (1, 28, 28))
    ((1, 28, 28), (1, 28, 28))
    """
    picture = image_shape
    if picture is None and len(shape) in (2, 3):
        picture = (1, *shape)[-3:]
    if picture is None or len(picture) != 3 or math.prod(picture) != math.prod(shape):
        raise ShapeError(
            f"augmentation needs pictures, and a sample has shape {shape}"
            + ("" if image_shape is None else f", which is no picture of {image_shape}")
            + ". Give samples of shape (C, H, W) or (H, W), or say what a row is: "
            "Dataset(x, y, image_shape=(1, 28, 28))."
        )
    return picture
