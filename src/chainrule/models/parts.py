"""What the architectures share: the check of their pictures, and parts that are named by words."""

from collections.abc import Sequence
from typing import Any

from chainrule.errors import ShapeError
from chainrule.nn import Module
from chainrule.nn.init import Initializer

Init = str | Initializer
HE = "kaiming_normal"
"""What the deep nets begin from: He, Zhang, Ren and Sun, ICCV 2015."""


def picture_shape(
    model: str, in_shape: Sequence[int], least: int, instead: str = "mlp"
) -> tuple[int, int, int]:
    """Channels, height and width of the pictures that a model is made for.

    `instead` is the model for pictures with a side below `least`.

    Raises:
        ShapeError: they are no pictures, or have a side below `least`.

    >>> picture_shape("lenet", [1, 28, 28], least=16)
    (1, 28, 28)
    """
    shape = tuple(in_shape) if isinstance(in_shape, Sequence) else (in_shape,)
    if len(shape) != 3:
        raise ShapeError(
            f"{model}: samples have shape {shape}; expected pictures of shape (channels, height, "
            "width). Rows of numbers are for models such as mlp."
        )
    if shape[2] <= 4 < min(shape[:2]):
        raise ShapeError(
            f"{model}: pictures have shape {shape}; the channels seem to stand last. Expected "
            "(channels, height, width): bring the data there with x.transpose((0, 3, 1, 2))."
        )
    channels, height, width = shape
    side = min(height, width)
    if side < least:
        times = -(-least // max(side, 1))
        raise ShapeError(
            f"{model}: pictures have shape {shape}; expected sides of {least} or more, for smaller "
            f"ones leave nothing after its convolutions. Enlarge them, such as {times} times with "
            f"x.repeat({times}, axis=2).repeat({times}, axis=3), or take the model {instead}."
        )
    return channels, height, width


def init_name(init: Init) -> str:
    """The name of an initialiser, as a model's options hold it.

    >>> init_name("he_normal")
    'he_normal'
    """
    return init if isinstance(init, str) else init.name


class Named(Module):
    """Modules one after the other as in `nn.Sequential`, named by words and not by positions.

    >>> from chainrule import nn
    >>> Named(conv=nn.Conv2d(3, 8, 1), norm=nn.BatchNorm(8))
    Named(
      (conv): Conv2d(3, 8, kernel_size=(1, 1))
      (norm): BatchNorm(num_features=8, eps=1e-05, momentum=0.1, affine=True, dtype='float32')
    )
    """

    def __init__(self, **steps: Module):
        self.steps = steps

    def members(self) -> dict[str, Module]:
        return self.steps

    def forward(self, x: Any) -> Any:
        for step in self.steps.values():
            x = step(x)
        return x
