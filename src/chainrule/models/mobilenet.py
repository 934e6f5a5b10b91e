"""MobileNetV2."""

from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.models.parts import HE, Init, init_name, picture_shape
from chainrule.nn import (
    BatchNorm,
    Conv2d,
    Dropout,
    GlobalAvgPool,
    Linear,
    Module,
    Sequential,
)
from chainrule.settings import POSITIVE, number

_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""The paper's table 2: expansion, channels, blocks, and the stride of the first block."""


class ReLU6(Module):
    """max(min(x, 6), 0): a ReLU whose outputs fit into few bits.

    Shape: any; the output has the same.

    >>> ReLU6()([-1.0, 2.0, 9.0])
    array([0., 2., 6.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.clip(x, 0.0, 6.0)


class InvertedResidual(Module):
    """Widened by 1x1, one 3x3 for each channel on its own, narrowed by 1x1, and a shortcut.

    The shortcut is there where input and output have one shape. No activation follows the last
    convolution, for it would lose what few channels hold.

    Shape: (N, in_channels, H, W) gives (N, channels, H/stride, W/stride), rounded up.

    >>> InvertedResidual(8, 8, stride=1, expansion=6)(ops.zeros((2, 8, 4, 4))).shape
    (2, 8, 4, 4)
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, expansion: int, init: Init = HE
    ):
        wide = in_channels * expansion
        self.has_shortcut = stride == 1 and in_channels == channels
        self.conv = Sequential(
            *([_normed(in_channels, wide, 1, init=init)] if expansion > 1 else []),
            _normed(wide, wide, 3, stride, groups=wide, init=init),
            Conv2d(wide, channels, 1, bias=False, weight_init=init),
            BatchNorm(channels),
        )

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV2(Module):
    """MobileNetV2: blocks that keep few channels between them and widen within.

    `width` multiplies all channels, which are rounded to multiples of 8. Parameters are named as
    torchvision names them, so that its weights load with `load_state_dict`.

    Reference: Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: inverted residuals and linear
    bottlenecks", CVPR 2018.

    Shape: in_shape is (channels, height, width); (n, *in_shape) to (n, classes). Pictures become 32
    times smaller on the way.

    Raises:
        ShapeError: in_shape is no shape of pictures.
        OptionError: a width that is not above 0, an unknown initialiser, or a dropout outside
            [0, 1).

    >>> MobileNetV2((3, 224, 224), 1000).parameter_count
    3504872
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        classes: int,
        width: float = 1.0,
        dropout: float = 0.2,
        init: Init = HE,
    ):
        self.in_shape = picture_shape("mobilenet_v2", in_shape, least=1)
        self.classes = classes
        self.width = number("MobileNetV2", "width", width, POSITIVE)
        self.init = init_name(init)
        before = _eighths(32 * self.width)
        steps: list[Module] = [_normed(self.in_shape[0], before, 3, 2, init=init)]
        for expansion, channels, blocks, first in _STAGES:
            after = _eighths(channels * self.width)
            for stride in (first, *(1,) * (blocks - 1)):
                steps.append(InvertedResidual(before, after, stride, expansion, init))
                before = after
        last = _eighths(1280 * max(1.0, self.width))
        self.features = Sequential(*steps, _normed(before, last, 1, init=init))
        self.avgpool = GlobalAvgPool()
        self.classifier = Sequential(Dropout(dropout), Linear(last, classes, weight_init=init))

    def options(self) -> dict[str, Any]:
        names = ("in_shape", "classes", "width", "init")
        return {name: getattr(self, name) for name in names} | {"dropout": self.classifier[0].p}

    def forward(self, x: Any) -> Any:
        return self.classifier(self.avgpool(self.features(x)))


def _normed(
    in_channels: int,
    channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    init: Init = HE,
) -> Sequential:
    """A convolution that keeps the size but for its stride, batch norm and ReLU6."""
    return Sequential(
        Conv2d(
            in_channels,
            channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
            weight_init=init,
        ),
        BatchNorm(channels),
        ReLU6(),
    )


def _eighths(channels: float) -> int:
    """The nearest multiple of 8 that is nine tenths of it or more, as the paper's code rounds."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8
