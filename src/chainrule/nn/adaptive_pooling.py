"""Pooling layers whose output has a wanted size, whatever the size of the input."""

from typing import Any

from chainrule import ops
from chainrule.nn.module import Module
from chainrule.nn.pictures import for_each_axis
from chainrule.nn.pooling import Pooling
from chainrule.ops.table import shape_of
from chainrule.ops.window import image_axes
from chainrule.settings import count

WantedSizes = int | None | tuple[int | None, ...]


class AdaptivePooling(Pooling):
    """What adaptive poolings have in common. Abstract: a subclass says which, and how many axes.

    The output_size is one number or one for each axis; None leaves an axis as it is.
    """

    def __init__(self, output_size: WantedSizes):
        name = type(self).__name__
        self.output_size = tuple(
            None if size is None else count(name, "output_size", size)
            for size in for_each_axis(name, "output_size", output_size, self.axes)
        )

    def options(self) -> dict[str, Any]:
        return {"output_size": self.output_size}

    def sizes(self, x: Any) -> tuple[int, ...]:
        """The sizes of the output's axes after the channels."""
        inside = shape_of(x)[2:]
        return tuple(
            n if size is None else size for n, size in zip(inside, self.output_size, strict=True)
        )


class AdaptiveAvgPooling(AdaptivePooling):
    """What adaptive mean poolings have in common. Abstract, too."""

    def pooled(self, x: Any) -> Any:
        return ops.adaptive_avg_pool(x, self.sizes(x))


class AdaptiveMaxPooling(AdaptivePooling):
    """What adaptive max poolings have in common. Abstract, too."""

    def pooled(self, x: Any) -> Any:
        return ops.adaptive_max_pool(x, self.sizes(x))


class AdaptiveAvgPool1d(AdaptiveAvgPooling):
    """Means of as many parts of an axis as there are to be; see `AdaptiveAvgPool2d`.

    Shape: (N, C, L) gives (N, C, output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveAvgPool1d(2)([[[1.0, 2.0, 3.0]]])
    array([[[1.5, 2.5]]], dtype=float32)
    """

    axes = 1


class AdaptiveAvgPool2d(AdaptiveAvgPooling):
    """Means of as many parts of a picture as there are to be; with 1, the mean of each channel.

    Part i of H rows begins at row i H / output_size, rounded down, and ends at
    (i + 1) H / output_size, rounded up, as in PyTorch; so parts may overlap by a row. None in the
    output_size leaves an axis as it is.

    Shape: (N, C, H, W) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveAvgPool2d(1)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[3.5]]]], dtype=float32)
    """

    axes = 2


class AdaptiveAvgPool3d(AdaptiveAvgPooling):
    """Means of as many parts of a volume as there are to be; see `AdaptiveAvgPool2d`.

    Shape: (N, C, D, H, W) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveAvgPool3d((None, 2, 1))(ops.zeros((1, 3, 4, 5, 6))).shape
    (1, 3, 4, 2, 1)
    """

    axes = 3


class AdaptiveMaxPool1d(AdaptiveMaxPooling):
    """The largest of as many parts of an axis as there are to be; see `AdaptiveMaxPool2d`.

    Shape: (N, C, L) gives (N, C, output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveMaxPool1d(2)([[[1.0, 2.0, 3.0]]])
    array([[[2., 3.]]], dtype=float32)
    """

    axes = 1


class AdaptiveMaxPool2d(AdaptiveMaxPooling):
    """The largest of as many parts of a picture as there are to be; the parts of AdaptiveAvgPool2d.

    Among equal numbers the derivative goes to the first, row by row, as in PyTorch.

    Shape: (N, C, H, W) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveMaxPool2d((1, 2))([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[5., 6.]]]], dtype=float32)
    """

    axes = 2


class AdaptiveMaxPool3d(AdaptiveMaxPooling):
    """The largest of as many parts of a volume as there are to be; see `AdaptiveMaxPool2d`.

    Shape: (N, C, D, H, W) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveMaxPool3d((None, 2, 1))(ops.zeros((1, 3, 4, 5, 6))).shape
    (1, 3, 4, 2, 1)
    """

    axes = 3


class GlobalAvgPool(Module):
    """The mean of each channel: all axes after the channels go.

    Reference: Lin, Chen and Yan, "Network in network", ICLR 2014.

    Shape: (N, C, ...) gives (N, C).

    Raises:
        ShapeError: (when called) there are no axes after the channels.

    >>> GlobalAvgPool()([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[3.5]], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.mean(x, axis=tuple(range(2, 2 + len(image_axes("mean", shape_of(x))))))


class GlobalMaxPool(Module):
    """The largest of each channel: all axes after the channels go.

    Among equal numbers the derivative goes to the first, row by row.

    Shape: (N, C, ...) gives (N, C).

    Raises:
        ShapeError: (when called) there are no axes after the channels, or one without elements.

    >>> GlobalMaxPool()([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[6.]], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.reshape(ops.adaptive_max_pool(x, 1), shape=shape_of(x)[:2])
