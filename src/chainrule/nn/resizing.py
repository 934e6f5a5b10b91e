"""Layers that change the size of pictures without weights."""

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.nn.module import Module
from chainrule.ops.resize import check_resize
from chainrule.settings import count


class Upsample(Module):
    """Pictures, series or volumes in another size: by the nearest number, or blends of neighbours.

    Mode is "nearest", or as many axes as there are "linear" (one), "bilinear" (two) or "trilinear"
    (three); with `align_corners` the first and last numbers stay as they are. See
    `chainrule.interpolate`.

    Shape: (N, C, *n) gives (N, C, *size), or (N, C, *floor(n scale_factor)).

    Raises:
        OptionError: not one of size and scale_factor, or values that make no sense; an unknown
            mode; `align_corners` with mode "nearest".
        ShapeError: (when called) a mode for another number of axes, or an output without elements.

    >>> Upsample(scale_factor=2)([[[[1.0, 2.0]]]])
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]], dtype=float32)
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ):
        check_resize("Upsample", size, scale_factor, mode, align_corners)
        self.size = _plain(size)
        self.scale_factor = _plain(scale_factor)
        self.mode = mode
        self.align_corners = align_corners

    def options(self) -> dict[str, Any]:
        names = ("size", "scale_factor", "mode", "align_corners")
        held = {name: getattr(self, name) for name in names}
        return {name: value for name, value in held.items() if value is not None}

    def forward(self, x: Any) -> Any:
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, bool(self.align_corners))


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's, and lists as tuples, so that JSON can hold them."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


class PixelShuffle(Module):
    """Channels laid out as places: each r x r of them become a square of pixels, r=upscale_factor.

    Reference: Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", CVPR 2016.

    Shape: (N, C r^2, H, W) gives (N, C, H r, W r).

    Raises:
        OptionError: a factor below 1.
        ShapeError: (when called) channels that are no multiple of r^2.

    >>> PixelShuffle(2)(ops.zeros((1, 12, 3, 4))).shape
    (1, 3, 6, 8)
    """

    def __init__(self, upscale_factor: int):
        self.upscale_factor = count("PixelShuffle", "upscale_factor", upscale_factor)

    def options(self) -> dict[str, Any]:
        return {"upscale_factor": self.upscale_factor}

    def forward(self, x: Any) -> Any:
        return ops.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Module):
    """Squares of r x r pixels laid out as channels, r=downscale_factor: `PixelShuffle` turned back.

    Shape: (N, C, H, W) gives (N, C r^2, H / r, W / r).

    Raises:
        OptionError: a factor below 1.
        ShapeError: (when called) a height or width that is no multiple of r.

    >>> PixelUnshuffle(2)(ops.zeros((1, 3, 6, 8))).shape
    (1, 12, 3, 4)
    """

    def __init__(self, downscale_factor: int):
        self.downscale_factor = count("PixelUnshuffle", "downscale_factor", downscale_factor)

    def options(self) -> dict[str, Any]:
        return {"downscale_factor": self.downscale_factor}

    def forward(self, x: Any) -> Any:
        return ops.pixel_unshuffle(x, self.downscale_factor)
