"""Convolutions with learnt kernels."""

from typing import Any

from chainrule import ops
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import OptionError, unknown
from chainrule.nn import init
from chainrule.nn.module import Module
from chainrule.nn.parameter import Parameter
from chainrule.nn.pictures import Sizes, check_pictures, several
from chainrule.ops.table import shape_of
from chainrule.settings import count

_PADDINGS = ("same", "valid")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """What convolutions have in common. Abstract: a subclass says along how many axes it slides."""

    axes: int

    def __init__(  # noqa: PLR0913, PLR0917 - PyTorch's arguments
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        weight_init: str | init.Initializer = "kaiming_uniform",
        bias_init: str | init.Initializer = "uniform",
        dtype: Any = DEFAULT_FLOAT,
    ):
        name = type(self).__name__
        self.in_channels = count(name, "in_channels", in_channels)
        self.out_channels = count(name, "out_channels", out_channels)
        self.kernel_size = several(name, "kernel_size", kernel_size, self.axes)
        self.stride = several(name, "stride", stride, self.axes)
        self.dilation = several(name, "dilation", dilation, self.axes)
        self.groups = count(name, "groups", groups)
        self.padding = self._checked_padding(padding)
        if padding_mode not in _PADDING_MODES:
            raise unknown(f"padding_mode of {name}", padding_mode, _PADDING_MODES)
        self.padding_mode = padding_mode
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % self.groups:
                raise OptionError(
                    f"{name}: groups is {groups}; expected a divisor of {what}, which is "
                    f"{getattr(self, what)}."
                )
        shape = self._weight_shape()
        # Any: a buffer may take a parameter's place, and in `swapped` every value does.
        self.weight: Any = Parameter(shape, weight_init, dtype)
        self.bias: Any = None
        if bias:
            self.bias = Parameter((self.out_channels,), bias_init, dtype, init.fans_of(shape))

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def _checked_padding(self, padding: Any) -> tuple[int, ...] | str:
        name = type(self).__name__
        if not isinstance(padding, str):
            return several(name, "padding", padding, self.axes, least=0)
        if padding not in _PADDINGS:
            raise unknown(f"padding of {name}", padding, _PADDINGS)
        if padding == "same" and any(step != 1 for step in self.stride):
            raise OptionError(
                f"{name}: padding is 'same' and stride {self.stride}; expected a stride of 1, for "
                "only then the output has the input's size. Give the padding in numbers."
            )
        return padding

    def options(self) -> dict[str, Any]:
        names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")
        options = {name: getattr(self, name) for name in (*names, "groups", "padding_mode")}
        options |= {"bias": self.bias is not None, "dtype": self.weight.dtype.name}
        for name, leaf in (("weight_init", self.weight), ("bias_init", self.bias)):
            initializer = getattr(leaf, "initializer", None)
            if initializer is not None:
                options[name] = initializer.name
        return options

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), self.axes, self.in_channels)
        padding: Any = self._pairs()
        if self.padding_mode != "zeros":
            x, padding = ops.border(x, padding, self.padding_mode), 0
        out = ops.conv(
            x,
            self.weight,
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return self._with_bias(out)

    def _with_bias(self, out: Any) -> Any:
        if self.bias is None:
            return out
        return out + ops.reshape(self.bias, shape=(self.out_channels, *(1,) * self.axes))

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """The padding before and after each axis; of an odd "same" the larger half is after."""
        if isinstance(self.padding, str):
            wide = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            same = self.padding == "same"
            return tuple((n // 2, n - n // 2) if same else (0, 0) for n in wide)
        return tuple((p, p) for p in self.padding)

    def __repr__(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        usual = {"stride": 1, "padding": 0, "dilation": 1}
        for name, value in usual.items():
            held = getattr(self, name)
            if held != (value,) * self.axes:
                shown.append(f"{name}={held!r}")
        shown += [f"groups={self.groups}"] * (self.groups > 1)
        shown += ["bias=False"] * (self.bias is None)
        shown += [f"padding_mode={self.padding_mode!r}"] * (self.padding_mode != "zeros")
        return f"{type(self).__name__}({', '.join(shown)})"


class Conv1d(Convolution):
    """A convolution along one axis, such as time; see `Conv2d`.

    Shape: (N, in_channels, L) gives (N, out_channels, L'), with
    L' = (L + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an unknown padding.
        ShapeError: (when called) another number of channels, or a kernel larger than the input.

    >>> Conv1d(3, 8, 5, padding="same")(ops.zeros((2, 3, 20))).shape
    (2, 8, 20)
    """

    axes = 1


class Conv2d(Convolution):
    """A convolution of pictures: each output channel sums all input channels under a small kernel.

    The kernel is not flipped. Sizes are one number, or one for each of height and width; padding
    may also be "same" (with stride 1) or "valid". The padding_mode says what it is filled with:
    "zeros", or numbers of the picture, as "reflect", "replicate" or "circular" choose them (see
    `chainrule.border`). The weights begin as those of `Linear`, with fan_in = in_channels/groups
    times the kernel's size.

    Shape: (N, in_channels, H, W) gives (N, out_channels, H', W'), with
    H' = (H + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down; weight
    (out_channels, in_channels/groups, *kernel_size), as PyTorch has it.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an unknown padding or mode.
        ShapeError: (when called) another number of channels, a kernel larger than the input, or
            one too small to be continued by so much padding.

    Reference: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86, 1998.

    >>> layer = Conv2d(1, 6, 5, padding=2)
    >>> layer
    Conv2d(1, 6, kernel_size=(5, 5), padding=(2, 2))
    >>> layer(ops.zeros((2, 1, 28, 28))).shape
    (2, 6, 28, 28)
    """

    axes = 2


class Conv3d(Convolution):
    """A convolution along three axes, such as those of a film or a scan; see `Conv2d`.

    Shape: (N, in_channels, D, H, W) gives (N, out_channels, D', H', W'), each size with
    D' = (D + 2 padding - dilation (kernel_size - 1) - 1)/stride + 1, rounded down.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an unknown padding.
        ShapeError: (when called) another number of channels, or a kernel larger than the input.

    >>> Conv3d(1, 2, 3)(ops.zeros((1, 1, 5, 6, 7))).shape
    (1, 2, 3, 4, 5)
    """

    axes = 3
