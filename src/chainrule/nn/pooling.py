"""Pooling layers: the largest or the mean of each window of a picture."""

from typing import Any

from chainrule import ops
from chainrule.nn.convolution import Sizes, check_pictures, several
from chainrule.nn.module import Module
from chainrule.ops.table import shape_of
from chainrule.ops.window import image_axes


class Pooling(Module):
    """What poolings have in common. Abstract: a subclass says along how many axes it slides."""

    axes: int

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), self.axes)
        return self.pooled(x)

    def pooled(self, x: Any) -> Any:
        """The output for an input with the right number of axes."""
        raise NotImplementedError(f"{type(self).__name__} has no method pooled(self, x).")


class MaxPooling(Pooling):
    """What max poolings have in common. Abstract, too."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
    ):
        name = type(self).__name__
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        steps = kernel_size if stride is None else stride
        self.stride = several(name, "stride", steps, self.axes)
        self.padding = several(name, "padding", padding, self.axes, least=0)
        self.dilation = several(name, "dilation", dilation, self.axes)

    def options(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "dilation")
        return {name: getattr(self, name) for name in names}

    def pooled(self, x: Any) -> Any:
        return ops.max_pool(x, self.kernel_size, self.stride, self.padding, self.dilation)


class MaxPool1d(MaxPooling):
    """The largest number of each window along one axis; see `MaxPool2d`.

    Shape: (N, C, L) gives (N, C, L'), with
    L' = (L + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> MaxPool1d(2)([[[1.0, 3.0, 2.0, 2.0, 9.0]]])
    array([[[3., 2.]]], dtype=float32)
    """

    axes = 1


class MaxPool2d(MaxPooling):
    """The largest number of each window of a picture; windows stand side by side by default.

    Among equal numbers the derivative goes to the first, row by row, as in PyTorch.

    Shape: (N, C, H, W) gives (N, C, H', W'), with
    H' = (H + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> MaxPool2d(2)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[5.]]]], dtype=float32)
    """

    axes = 2


class AvgPooling(Pooling):
    """What mean poolings have in common. Abstract, too."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        count_include_pad: bool = True,
    ):
        name = type(self).__name__
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        steps = kernel_size if stride is None else stride
        self.stride = several(name, "stride", steps, self.axes)
        self.padding = several(name, "padding", padding, self.axes, least=0)
        self.count_include_pad = bool(count_include_pad)

    def options(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "count_include_pad")
        return {name: getattr(self, name) for name in names}

    def pooled(self, x: Any) -> Any:
        return ops.avg_pool(x, self.kernel_size, self.stride, self.padding, self.count_include_pad)


class AvgPool1d(AvgPooling):
    """The mean of each window along one axis; see `AvgPool2d`.

    Shape: (N, C, L) gives (N, C, L'), with L' = (L + 2 padding - kernel_size)/stride + 1, rounded
    down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> AvgPool1d(2)([[[1.0, 3.0, 2.0, 2.0, 9.0]]])
    array([[[2., 2.]]], dtype=float32)
    """

    axes = 1


class AvgPool2d(AvgPooling):
    """The mean of each window of a picture; windows stand side by side by default.

    Zeros of the padding count, unless `count_include_pad` is False.

    Shape: (N, C, H, W) gives (N, C, H', W'), with H' = (H + 2 padding - kernel_size)/stride + 1,
    rounded down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> AvgPool2d(2)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[3.]]]], dtype=float32)
    """

    axes = 2


class AdaptiveAvgPool2d(Pooling):
    """Means of as many parts of a picture as there are to be; with 1, the mean of each channel.

    Part i of H rows begins at row i H / output_size, rounded down, and ends at
    (i + 1) H / output_size, rounded up, as in PyTorch; so parts may overlap by a row.

    Shape: (N, C, H, W) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1.

    >>> AdaptiveAvgPool2d(1)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[3.5]]]], dtype=float32)
    """

    axes = 2

    def __init__(self, output_size: Sizes):
        self.output_size = several("AdaptiveAvgPool2d", "output_size", output_size, self.axes)

    def options(self) -> dict[str, Any]:
        return {"output_size": self.output_size}

    def pooled(self, x: Any) -> Any:
        return ops.adaptive_avg_pool(x, self.output_size)


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
