"""Residual nets: for ImageNet with 18 to 152 layers, and for small pictures with 20 and more."""

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from chainrule import ops
from chainrule.errors import OptionError, unknown
from chainrule.models.parts import HE, Init, init_name, picture_shape
from chainrule.nn import BatchNorm, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Module, Sequential
from chainrule.settings import count

Shortcut = Literal["padding", "projection", "none"]
_SHORTCUTS = ("padding", "projection", "none")


class BasicBlock(Module):
    """Two convolutions of 3x3 and a shortcut past them: relu(f(x) + shortcut(x)).

    `downsample` is the shortcut where input and output differ in shape, and else None.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.

    Shape: (N, in_channels, H, W) gives (N, channels, H/stride, W/stride), rounded up.

    >>> BasicBlock(16, 16)(ops.zeros((2, 16, 8, 8))).shape
    (2, 16, 8, 8)
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        downsample: Module | None = None,
        init: Init = HE,
    ):
        conv = functools.partial(Conv2d, bias=False, weight_init=init)
        self.conv1 = conv(in_channels, channels, 3, stride=stride, padding=1)
        self.bn1 = BatchNorm(channels)
        self.conv2 = conv(channels, channels, 3, padding=1)
        self.bn2 = BatchNorm(channels)
        self.downsample = downsample

    def forward(self, x: Any) -> Any:
        out = ops.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return ops.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(Module):
    """Convolutions of 1x1, 3x3 and 1x1, the last with four times the channels, and a shortcut.

    The stride is that of the 3x3, as in torchvision ("ResNet v1.5"); in the paper it is that of the
    first 1x1, which looks at every second pixel only.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.

    Shape: (N, in_channels, H, W) gives (N, 4 channels, H/stride, W/stride), rounded up.

    >>> Bottleneck(64, 16)(ops.zeros((2, 64, 8, 8))).shape
    (2, 64, 8, 8)
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        downsample: Module | None = None,
        init: Init = HE,
    ):
        conv = functools.partial(Conv2d, bias=False, weight_init=init)
        self.conv1 = conv(in_channels, channels, 1)
        self.bn1 = BatchNorm(channels)
        self.conv2 = conv(channels, channels, 3, stride=stride, padding=1)
        self.bn2 = BatchNorm(channels)
        self.conv3 = conv(channels, 4 * channels, 1)
        self.bn3 = BatchNorm(4 * channels)
        self.downsample = downsample

    def forward(self, x: Any) -> Any:
        out = ops.relu(self.bn1(self.conv1(x)))
        out = ops.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return ops.relu(out + (x if self.downsample is None else self.downsample(x)))


class PaddedShortcut(Module):
    """Each `stride`-th pixel, and zeros for the channels that the input has not: no parameters.

    The paper's option A.

    Shape: (N, C, H, W) gives (N, channels, H/stride, W/stride), rounded up.

    >>> PaddedShortcut(4, stride=2)(ops.ones((1, 3, 4, 4)))[0, :, 0, 0]
    array([1., 1., 1., 0.], dtype=float32)
    """

    def __init__(self, channels: int, stride: int):
        self.channels = count("PaddedShortcut", "channels", channels)
        self.stride = count("PaddedShortcut", "stride", stride)

    def options(self) -> dict[str, Any]:
        return {"channels": self.channels, "stride": self.stride}

    def forward(self, x: Any) -> Any:
        seen = x[:, :, :: self.stride, :: self.stride]
        return ops.pad(seen, ((0, 0), (0, self.channels - x.shape[1]), (0, 0), (0, 0)))


class NoShortcut(Module):
    """Zero in the place of a shortcut: a block with it is two plain layers.

    >>> NoShortcut()(ops.ones((1, 2, 4, 4)))
    0.0
    """

    def forward(self, x: Any) -> Any:
        return 0.0


def _shortcut(kind: str, in_channels: int, channels: int, stride: int, init: Init) -> Module | None:
    """What goes past a block; None is the input itself."""
    if kind == "none":
        return NoShortcut()
    if stride == 1 and in_channels == channels:
        return None
    if kind == "padding":
        return PaddedShortcut(channels, stride)
    conv = Conv2d(in_channels, channels, 1, stride=stride, bias=False, weight_init=init)
    return Sequential(conv, BatchNorm(channels))


def _stage(
    block: Any, in_channels: int, channels: int, blocks: int, stride: int, kind: str, init: Init
) -> Sequential:
    """Blocks of one width, of which the first has the stride and may widen."""
    wide = channels * block.expansion
    steps = []
    for before, step in [(in_channels, stride), *[(wide, 1)] * (blocks - 1)]:
        past = _shortcut(kind, before, wide, step, init)
        steps.append(block(before, channels, step, past, init))
    return Sequential(*steps)


_DEPTHS: Mapping[int, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = MappingProxyType(
    {
        18: (BasicBlock, (2, 2, 2, 2)),
        34: (BasicBlock, (3, 4, 6, 3)),
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
    }
)


class ResNet(Module):
    """The residual nets of ImageNet, with 18, 34, 50, 101 or 152 layers that have weights.

    Shortcuts that change the shape are projections (the paper's option B). Parameters are named as
    torchvision names them, so that its weights load with `load_state_dict`.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.

    Shape: in_shape is (channels, height, width); (n, *in_shape) to (n, classes). Pictures become 32
    times smaller on the way: for small ones there is `CifarResNet`.

    Raises:
        ShapeError: in_shape is no shape of pictures.
        OptionError: an unknown depth or initialiser.

    >>> ResNet((3, 224, 224), 1000, depth=50).parameter_count
    25557032
    """

    def __init__(self, in_shape: Sequence[int], classes: int, depth: int = 50, init: Init = HE):
        if depth not in _DEPTHS:
            raise unknown("depth of ResNet", depth, map(str, _DEPTHS))
        self.in_shape = picture_shape(f"resnet{depth}", in_shape, least=1)
        self.classes = classes
        self.depth = depth
        self.init = init_name(init)
        block, blocks = _DEPTHS[depth]
        stage = functools.partial(_stage, block, kind="projection", init=init)
        wide = block.expansion
        conv = functools.partial(Conv2d, bias=False, weight_init=init)
        self.conv1 = conv(self.in_shape[0], 64, 7, stride=2, padding=3)
        self.bn1 = BatchNorm(64)
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(64, 64, blocks[0], 1)
        self.layer2 = stage(64 * wide, 128, blocks[1], 2)
        self.layer3 = stage(128 * wide, 256, blocks[2], 2)
        self.layer4 = stage(256 * wide, 512, blocks[3], 2)
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(512 * wide, classes, weight_init=init)

    def options(self) -> dict[str, Any]:
        names = ("in_shape", "classes", "depth", "init")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: Any) -> Any:
        x = self.maxpool(ops.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x))


class CifarResNet(Module):
    """The residual nets of CIFAR-10, with 6 n + 2 layers that have weights: 20, 32, 44, 56, 110.

    Three stages of n blocks with 16, 32 and 64 channels. Shortcuts that change the shape are by
    default the paper's option A, padding with zeros and no parameters; "projection" is its option
    B, and "none" gives the paper's plain net, whose blocks have no way past them.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 4.2.

    Shape: in_shape is (channels, height, width); (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures.
        OptionError: a depth that is not 6 n + 2, an unknown shortcut or initialiser.

    >>> CifarResNet((3, 32, 32), 10, depth=20).parameter_count
    269722
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        classes: int,
        depth: int = 20,
        shortcut: Shortcut = "padding",
        init: Init = HE,
    ):
        blocks, rest = divmod(count("CifarResNet", "depth", depth, least=8) - 2, 6)
        if rest:
            raise OptionError(
                f"CifarResNet: depth is {depth}; expected 6 n + 2, such as {6 * blocks + 2} or "
                f"{6 * blocks + 8}: three stages of n blocks of two layers, and two layers more."
            )
        if shortcut not in _SHORTCUTS:
            raise unknown("shortcut of CifarResNet", shortcut, _SHORTCUTS)
        self.in_shape = picture_shape(f"resnet{depth}", in_shape, least=1)
        self.classes = classes
        self.depth = depth
        self.shortcut = shortcut
        self.init = init_name(init)
        stage = functools.partial(_stage, BasicBlock, blocks=blocks, kind=shortcut, init=init)
        self.conv1 = Conv2d(self.in_shape[0], 16, 3, padding=1, bias=False, weight_init=init)
        self.bn1 = BatchNorm(16)
        self.layer1 = stage(16, 16, stride=1)
        self.layer2 = stage(16, 32, stride=2)
        self.layer3 = stage(32, 64, stride=2)
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(64, classes, weight_init=init)

    def options(self) -> dict[str, Any]:
        names = ("in_shape", "classes", "depth", "shortcut", "init")
        return {name: getattr(self, name) for name in names}

    def forward(self, x: Any) -> Any:
        x = ops.relu(self.bn1(self.conv1(x)))
        return self.fc(self.avgpool(self.layer3(self.layer2(self.layer1(x)))))
