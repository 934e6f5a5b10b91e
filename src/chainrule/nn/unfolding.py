"""The windows of pictures as columns, and back: what a convolution multiplies its kernels with."""

from typing import Any

from chainrule import ops
from chainrule.nn.module import Module
from chainrule.nn.pictures import Sizes, check_pictures, several
from chainrule.ops.table import shape_of

_AXES = 2


class Unfold(Module):
    """Each window of a picture as a column: im2col.

    Reference: Chellapilla, Puri and Simard, "High performance convolutional neural networks for
    document processing", IWFHR 2006.

    Shape: (N, C, H, W) gives (N, C prod(kernel_size), L), where L windows fit into the picture.

    Raises:
        OptionError: a size below 1, or a negative padding.
        ShapeError: (when called) the window is larger than the input.

    >>> Unfold(2)([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    array([[[1., 2.],
            [2., 3.],
            [4., 5.],
            [5., 6.]]], dtype=float32)
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ):
        self.kernel_size = several("Unfold", "kernel_size", kernel_size, _AXES)
        self.dilation = several("Unfold", "dilation", dilation, _AXES)
        self.padding = several("Unfold", "padding", padding, _AXES, least=0)
        self.stride = several("Unfold", "stride", stride, _AXES)

    def options(self) -> dict[str, Any]:
        names = ("kernel_size", "dilation", "padding", "stride")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), _AXES)
        return ops.im2col(x, self.kernel_size, self.stride, self.padding, self.dilation)


class Fold(Module):
    """Columns added up to pictures where `Unfold` cuts them from: col2im.

    Where windows overlap their numbers add up, so that Fold(Unfold(x)) is x times the number of
    windows that each place is in.

    Shape: (N, C prod(kernel_size), L) gives (N, C, *output_size).

    Raises:
        OptionError: a size below 1, or a negative padding.
        ShapeError: (when called) the columns are not those of pictures of that size.

    >>> Fold((2, 3), 2)(ops.ones((1, 4, 2)))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]], dtype=float32)
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ):
        self.output_size = several("Fold", "output_size", output_size, _AXES)
        self.kernel_size = several("Fold", "kernel_size", kernel_size, _AXES)
        self.dilation = several("Fold", "dilation", dilation, _AXES)
        self.padding = several("Fold", "padding", padding, _AXES, least=0)
        self.stride = several("Fold", "stride", stride, _AXES)

    def options(self) -> dict[str, Any]:
        names = ("output_size", "kernel_size", "dilation", "padding", "stride")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: Any) -> Any:
        return ops.col2im(
            x, self.output_size, self.kernel_size, self.stride, self.padding, self.dilation
        )
