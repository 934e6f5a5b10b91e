"""Pooling layers: the largest or the mean of each window of a picture."""

from typing import Any

from chainrule import ops
from chainrule.nn.module import Module
from chainrule.nn.pictures import Sizes, check_pictures, several
from chainrule.ops.table import shape_of
from chainrule.settings import POSITIVE, count, number


class Pooling(Module):
    """What poolings have in common. Abstract: a subclass says along how many axes it slides."""

    axes: int

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), self.axes)
        return self.pooled(x)

    def pooled(self, x: Any) -> Any:
        """The output for an input with the right number of axes."""
        raise NotImplementedError(f"{type(self).__name__} has no method pooled(self, x).")


def _chosen(**options: Any) -> dict[str, Any]:
    """Those of the rarer options that are in use; the others would make every layer's line long."""
    return {name: value for name, value in options.items() if value}


class MaxPooling(Pooling):
    """What max poolings have in common. Abstract, too."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        *,
        ceil_mode: bool = False,
    ):
        name = type(self).__name__
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        steps = kernel_size if stride is None else stride
        self.stride = several(name, "stride", steps, self.axes)
        self.padding = several(name, "padding", padding, self.axes, least=0)
        self.dilation = several(name, "dilation", dilation, self.axes)
        self.ceil_mode = bool(ceil_mode)

    def options(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "dilation")
        return {name: getattr(self, name) for name in names} | _chosen(ceil_mode=self.ceil_mode)

    def pooled(self, x: Any) -> Any:
        return ops.max_pool(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


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

    Among equal numbers the derivative goes to the first, row by row, as in PyTorch. In `ceil_mode`
    a window may run over the end, as long as it begins within the picture or the padding before.

    Shape: (N, C, H, W) gives (N, C, H', W'), with
    H' = (H + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down, or up in
    `ceil_mode`.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> MaxPool2d(2)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[5.]]]], dtype=float32)
    """

    axes = 2


class MaxPool3d(MaxPooling):
    """The largest number of each window along three axes; see `MaxPool2d`.

    Shape: (N, C, D, H, W) gives (N, C, D', H', W'), each size with
    D' = (D + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> MaxPool3d(2)(ops.zeros((1, 3, 4, 5, 6))).shape
    (1, 3, 2, 2, 3)
    """

    axes = 3


class AvgPooling(Pooling):
    """What mean poolings have in common. Abstract, too."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        name = type(self).__name__
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        steps = kernel_size if stride is None else stride
        self.stride = several(name, "stride", steps, self.axes)
        self.padding = several(name, "padding", padding, self.axes, least=0)
        self.ceil_mode = bool(ceil_mode)
        self.count_include_pad = bool(count_include_pad)
        if divisor_override is not None:
            divisor_override = count(name, "divisor_override", divisor_override)
        self.divisor_override = divisor_override

    def options(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "count_include_pad")
        rare = _chosen(ceil_mode=self.ceil_mode, divisor_override=self.divisor_override)
        return {name: getattr(self, name) for name in names} | rare

    def pooled(self, x: Any) -> Any:
        return ops.avg_pool(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.count_include_pad,
            ceil_mode=self.ceil_mode,
            divisor_override=self.divisor_override,
        )


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

    Zeros of the padding count, unless `count_include_pad` is False. In `ceil_mode` a window may run
    over the end; what is beyond does not count. With a `divisor_override` each sum is divided by
    that number.

    Shape: (N, C, H, W) gives (N, C, H', W'), with H' = (H + 2 padding - kernel_size)/stride + 1,
    rounded down, or up in `ceil_mode`.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> AvgPool2d(2)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[[3.]]]], dtype=float32)
    """

    axes = 2


class AvgPool3d(AvgPooling):
    """The mean of each window along three axes; see `AvgPool2d`.

    Shape: (N, C, D, H, W) gives (N, C, D', H', W'), each size with
    D' = (D + 2 padding - kernel_size)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1.
        ShapeError: (when called) the window is larger than the input.

    >>> AvgPool3d(2)(ops.zeros((1, 3, 4, 5, 6))).shape
    (1, 3, 2, 2, 3)
    """

    axes = 3


class LPPooling(Pooling):
    """What poolings by a norm have in common. Abstract, too."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ):
        name = type(self).__name__
        self.norm_type = number(name, "norm_type", norm_type, POSITIVE)
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        steps = kernel_size if stride is None else stride
        self.stride = several(name, "stride", steps, self.axes)
        self.ceil_mode = bool(ceil_mode)

    def options(self) -> dict[str, Any]:
        names = ("norm_type", "kernel_size", "stride")
        return {name: getattr(self, name) for name in names} | _chosen(ceil_mode=self.ceil_mode)

    def pooled(self, x: Any) -> Any:
        return ops.lp_pool(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(LPPooling):
    """The p-norm of each window along one axis, with p = norm_type; see `LPPool2d`.

    Shape: (N, C, L) gives (N, C, L'), with L' = (L - kernel_size)/stride + 1, rounded down, or up
    in `ceil_mode`.

    Raises:
        OptionError: a size below 1, or a norm_type that is not above 0.
        ShapeError: (when called) the window is larger than the input.

    >>> LPPool1d(2, 2)([[[3.0, -4.0, 0.0, 0.0]]])
    array([[[5., 0.]]], dtype=float32)
    """

    axes = 1


class LPPool2d(LPPooling):
    """The p-norm of each window of a picture, (sum of x^p)^(1/p), with p = norm_type.

    With p = 1 it is the sum; the larger p, the nearer it comes to the largest. See
    `chainrule.lp_pool` about signs.

    Reference: Sermanet, Chintala and LeCun, "Convolutional neural networks applied to house numbers
    digit classification", ICPR 2012.

    Shape: (N, C, H, W) gives (N, C, H', W'), with H' = (H - kernel_size)/stride + 1, rounded down,
    or up in `ceil_mode`.

    Raises:
        OptionError: a size below 1, or a norm_type that is not above 0.
        ShapeError: (when called) the window is larger than the input.

    >>> LPPool2d(2, 2)([[[[3.0, 0.0, 1.0], [4.0, 0.0, 1.0]]]])
    array([[[[5.]]]], dtype=float32)
    """

    axes = 2


class LPPool3d(LPPooling):
    """The p-norm of each window along three axes, with p = norm_type; see `LPPool2d`.

    Shape: (N, C, D, H, W) gives (N, C, D', H', W'), each size with D' = (D - kernel_size)/stride +
    1, rounded down, or up in `ceil_mode`.

    Raises:
        OptionError: a size below 1, or a norm_type that is not above 0.
        ShapeError: (when called) the window is larger than the input.

    >>> LPPool3d(2, 2)(ops.ones((1, 3, 4, 5, 6))).shape
    (1, 3, 2, 2, 3)
    """

    axes = 3
