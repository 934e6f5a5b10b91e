"""Local response normalisation: channels that hold down their neighbours."""

from functools import reduce
from operator import add
from typing import Any

from chainrule import ops
from chainrule.aval import float_dtype
from chainrule.nn.module import Module
from chainrule.ops.table import dtype_of, operand, shape_of
from chainrule.ops.window import image_axes
from chainrule.settings import FINITE, NOT_NEGATIVE, POSITIVE, count, number


class LocalResponseNorm(Module):
    """Divide each number by those at the same place in the channels around it.

    y[c] = x[c] / (k + alpha/size sum of x[j]^2)^beta, over the `size` channels j from
    c - size//2 on, those beyond the ends counting as 0. As in PyTorch alpha is divided by the
    size; that of the paper is not.

    Reference: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", NeurIPS 2012.

    Shape: (N, C, L, ...) gives the same.

    Raises:
        OptionError: a size below 1, an alpha below 0, a beta that is not finite, or a k that is
            not above 0.
        ShapeError: (when called) there are no axes after the channels.

    >>> LocalResponseNorm(2, alpha=2.0, beta=1.0)([[[1.0], [2.0]]])
    array([[[0.5       ],
            [0.33333334]]], dtype=float32)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        self.size = count("LocalResponseNorm", "size", size)
        self.alpha = number("LocalResponseNorm", "alpha", alpha, NOT_NEGATIVE)
        self.beta = number("LocalResponseNorm", "beta", beta, FINITE)
        self.k = number("LocalResponseNorm", "k", k, POSITIVE)

    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("size", "alpha", "beta", "k")}

    def forward(self, x: Any) -> Any:
        x = operand(x)
        shape = shape_of(x)
        rest = len(image_axes("LocalResponseNorm", shape))
        if dtype_of(x).kind != "f":
            # The squares of pixels do not fit into their dtype.
            x = ops.cast(x, dtype=float_dtype(dtype_of(x)))
        ends = (self.size // 2, (self.size - 1) // 2)
        square = ops.pad(x * x, width=((0, 0), ends, *((0, 0),) * rest))
        total = reduce(add, (square[:, j : j + shape[1]] for j in range(self.size)))
        return x / (self.k + self.alpha / self.size * total) ** self.beta
