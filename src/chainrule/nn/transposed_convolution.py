"""Transposed convolutions with learnt kernels: they enlarge where a stride makes smaller."""

from typing import Any

from chainrule import ops
from chainrule.errors import OptionError
from chainrule.nn.convolution import Convolution
from chainrule.nn.pictures import Sizes, check_pictures, several
from chainrule.ops.table import shape_of


class TransposedConvolution(Convolution):
    """What transposed convolutions have in common. Abstract: a subclass says along how many axes.

    `output_padding` is added to the size at the end of each axis: with a stride, inputs of several
    sizes are convolved to one size, and this chooses among them.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - PyTorch's arguments
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        **options: Any,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            **options,
        )
        name = type(self).__name__
        if isinstance(self.padding, str):
            raise OptionError(f"{name}: padding is {padding!r}; expected numbers.")
        if padding_mode != "zeros":
            raise OptionError(
                f"{name}: padding_mode is {padding_mode!r}; expected 'zeros', for a transposed "
                "convolution leaves out what falls on its padding."
            )
        self.output_padding = several(name, "output_padding", output_padding, self.axes, least=0)
        for more, step, gap in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if more >= max(step, gap):
                raise OptionError(
                    f"{name}: output_padding is {output_padding!r} with stride {self.stride} and "
                    f"dilation {self.dilation}; expected less than one of them."
                )

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def options(self) -> dict[str, Any]:
        return {**super().options(), "output_padding": self.output_padding}

    def forward(self, x: Any) -> Any:
        shape = shape_of(x)
        check_pictures(shape, self.axes, self.in_channels)
        rows = zip(
            shape[2:],
            self.kernel_size,
            self.stride,
            self._pairs(),
            self.dilation,
            self.output_padding,
            strict=True,
        )
        out = ops.conv_transpose(
            x,
            self.weight,
            shape=tuple(
                (n - 1) * s - 2 * p + d * (k - 1) + more + 1 for n, k, s, (p, _), d, more in rows
            ),
            stride=self.stride,
            padding=self._pairs(),
            dilation=self.dilation,
            groups=self.groups,
        )
        return self._with_bias(out)


class ConvTranspose1d(TransposedConvolution):
    """The transpose of a convolution along one axis; see `ConvTranspose2d`.

    Shape: (N, in_channels, L) gives (N, out_channels, L'), with
    L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an output_padding that is as
            large as both stride and dilation.
        ShapeError: (when called) another number of channels.

    >>> ConvTranspose1d(8, 3, 4, stride=2, padding=1)(ops.zeros((2, 8, 7))).shape
    (2, 3, 14)
    """

    axes = 1


class ConvTranspose2d(TransposedConvolution):
    """The transpose of a convolution: it enlarges pictures where a stride makes them smaller.

    `output_padding` is added to the size at the end of each axis: with a stride, pictures of
    several sizes are convolved to one size, and this chooses among them.

    Shape: (N, in_channels, H, W) gives (N, out_channels, H', W'), with
    H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; weight
    (in_channels, out_channels/groups, *kernel_size), as PyTorch has it.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an output_padding that is as
            large as both stride and dilation.
        ShapeError: (when called) another number of channels.

    Reference: Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", CVPR 2010.

    >>> ConvTranspose2d(8, 3, 4, stride=2, padding=1)(ops.zeros((2, 8, 7, 7))).shape
    (2, 3, 14, 14)
    """

    axes = 2


class ConvTranspose3d(TransposedConvolution):
    """The transpose of a convolution along three axes; see `ConvTranspose2d`.

    Shape: (N, in_channels, D, H, W) gives (N, out_channels, D', H', W'), each size with
    D' = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Raises:
        OptionError: a size below 1, groups that do not divide, or an output_padding that is as
            large as both stride and dilation.
        ShapeError: (when called) another number of channels.

    >>> ConvTranspose3d(2, 1, 2, stride=2)(ops.zeros((1, 2, 2, 3, 4))).shape
    (1, 1, 4, 6, 8)
    """

    axes = 3
