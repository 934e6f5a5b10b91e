"""DenseNet: every layer of a block sees the outputs of all before it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from chainrule import ops
from chainrule.errors import unknown
from chainrule.models.parts import HE, Init, Named, init_name, picture_shape
from chainrule.nn import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
)


class _Plan(NamedTuple):
    """The channels that a layer adds, those of the first convolution, and the layers of blocks."""

    growth: int
    first: int
    blocks: tuple[int, ...]


_PLANS: Mapping[int, _Plan] = MappingProxyType(
    {
        121: _Plan(32, 64, (6, 12, 24, 16)),
        161: _Plan(48, 96, (6, 12, 36, 24)),
        169: _Plan(32, 64, (6, 12, 32, 32)),
        201: _Plan(32, 64, (6, 12, 48, 32)),
    }
)


class DenseBlock(Module):
    """Layers of which each adds `growth` channels, made of all channels before it.

    A layer is norm, ReLU, 1x1 to 4 growth channels, norm, ReLU, 3x3.

    Shape: (N, in_channels, H, W) gives (N, in_channels + layers growth, H, W).

    >>> DenseBlock(8, growth=4, layers=3)(ops.zeros((2, 8, 5, 5))).shape
    (2, 20, 5, 5)
    """

    def __init__(self, in_channels: int, growth: int, layers: int, init: Init = HE):
        self.layers: dict[str, Module] = {
            f"denselayer{i + 1}": Named(
                norm1=BatchNorm(in_channels + i * growth),
                relu1=ReLU(),
                conv1=_conv(in_channels + i * growth, 4 * growth, 1, init),
                norm2=BatchNorm(4 * growth),
                relu2=ReLU(),
                conv2=_conv(4 * growth, growth, 3, init),
            )
            for i in range(layers)
        }

    def members(self) -> dict[str, Module]:
        return self.layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers.values():
            x = ops.concatenate([x, layer(x)], axis=1)
        return x


class DenseNet(Module):
    """The DenseNets of ImageNet, with 121, 161, 169 or 201 layers that have weights.

    Parameters are named as torchvision names them, so that its weights load with `load_state_dict`.

    Reference: Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional
    networks", CVPR 2017.

    Shape: in_shape is (channels, height, width), 29x29 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown depth or initialiser.

    >>> DenseNet((3, 224, 224), 1000, depth=121).parameter_count
    7978856
    """

    def __init__(self, in_shape: Sequence[int], classes: int, depth: int = 121, init: Init = HE):
        if depth not in _PLANS:
            raise unknown("depth of DenseNet", depth, map(str, _PLANS))
        self.in_shape = picture_shape(f"densenet{depth}", in_shape, least=29, instead="resnet20")
        self.classes = classes
        self.depth = depth
        self.init = init_name(init)
        growth, width, blocks = _PLANS[depth]
        first = Conv2d(
            self.in_shape[0], width, 7, stride=2, padding=3, bias=False, weight_init=init
        )
        steps: dict[str, Module] = {
            "conv0": first,
            "norm0": BatchNorm(width),
            "relu0": ReLU(),
            "pool0": MaxPool2d(3, stride=2, padding=1),
        }
        for i, layers in enumerate(blocks, start=1):
            if i > 1:
                steps[f"transition{i - 1}"] = _transition(width, init)
                width //= 2
            steps[f"denseblock{i}"] = DenseBlock(width, growth, layers, init)
            width += layers * growth
        self.features = Named(**steps, norm5=BatchNorm(width), relu5=ReLU())
        self.avgpool = GlobalAvgPool()
        self.classifier = Linear(width, classes, weight_init=init)

    def options(self) -> dict[str, Any]:
        names = ("in_shape", "classes", "depth", "init")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: Any) -> Any:
        return self.classifier(self.avgpool(self.features(x)))


def _transition(channels: int, init: Init) -> Named:
    """Half the channels and half the size, between two blocks."""
    return Named(
        norm=BatchNorm(channels),
        relu=ReLU(),
        conv=_conv(channels, channels // 2, 1, init),
        pool=AvgPool2d(2),
    )


def _conv(in_channels: int, channels: int, kernel: int, init: Init) -> Conv2d:
    return Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=False, weight_init=init)
