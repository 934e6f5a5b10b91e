"""GoogLeNet: branches of several kernel sizes side by side, and two heads on the way."""

from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.models.parts import HE, Init, Named, init_name, picture_shape
from chainrule.nn import (
    AdaptiveAvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Heads,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)


class Inception(Module):
    """Four branches over one input, joined by channels: 1x1; 1x1 and 3x3; the same; pool and 1x1.

    The third branch is the paper's 5x5; as in torchvision, whose weights are to fit, it has a
    kernel of 3x3. `reduced` are the channels of the 1x1 before the second and third branch, and
    `branches` those that the four give.

    Shape: (N, in_channels, H, W) gives (N, sum(branches), H, W).

    >>> Inception(8, reduced=(4, 2), branches=(8, 16, 4, 4))(ops.zeros((2, 8, 5, 5))).shape
    (2, 32, 5, 5)
    """

    def __init__(
        self,
        in_channels: int,
        reduced: tuple[int, int],
        branches: tuple[int, int, int, int],
        init: Init = HE,
    ):
        one, three, five, pooled = branches
        self.branch1 = _normed(in_channels, one, 1, init)
        self.branch2 = Sequential(
            _normed(in_channels, reduced[0], 1, init), _normed(reduced[0], three, 3, init)
        )
        self.branch3 = Sequential(
            _normed(in_channels, reduced[1], 1, init), _normed(reduced[1], five, 3, init)
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1), _normed(in_channels, pooled, 1, init)
        )

    def forward(self, x: Any) -> Any:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return ops.concatenate([branch(x) for branch in branches], axis=1)


class AuxiliaryHead(Module):
    """A classifier on the way: means of 4x4 parts, 1x1 to 128 channels, 1024, one output a class.

    Shape: (N, in_channels, H, W) gives (N, classes).

    >>> AuxiliaryHead(8, 3).eval()(ops.zeros((2, 8, 6, 6))).shape
    (2, 3)
    """

    def __init__(self, in_channels: int, classes: int, dropout: float = 0.7, init: Init = HE):
        self.avgpool = AdaptiveAvgPool2d(4)
        self.conv = _normed(in_channels, 128, 1, init)
        self.flatten = Flatten()
        self.fc1 = Linear(128 * 4 * 4, 1024, weight_init=init)
        self.dropout = Dropout(dropout)
        self.fc2 = Linear(1024, classes, weight_init=init)

    def forward(self, x: Any) -> Any:
        x = self.flatten(self.conv(self.avgpool(x)))
        return self.fc2(self.dropout(ops.relu(self.fc1(x))))


class GoogLeNet(Module):
    """GoogLeNet, the first Inception net: nine blocks of four branches each.

    As in torchvision, each convolution is followed by batch norm, which the paper has not, and the
    branch of 5x5 has 3x3. Parameters are named as torchvision names them, so that its weights load
    with `load_state_dict`.

    With aux_logits=True there are two more classifiers on the way. In training it then gives
    `nn.Heads` with the outputs of all three, of which those two count 0.3 each in the loss, so that
    a gradient comes early into the net; `chainrule.fit` trains them together. In evaluation it
    gives the last alone.

    Reference: Szegedy and others, "Going deeper with convolutions", CVPR 2015.

    Shape: in_shape is (channels, height, width), 15x15 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown initialiser, or a dropout outside [0, 1).

    >>> GoogLeNet((3, 224, 224), 1000).parameter_count
    6624904
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        classes: int,
        aux_logits: bool = False,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
        init: Init = HE,
    ):
        self.in_shape = picture_shape("googlenet", in_shape, least=15, instead="deep")
        self.classes = classes
        self.dropout_aux = dropout_aux
        self.init = init_name(init)
        self.conv1 = _normed(self.in_shape[0], 64, 7, init, stride=2)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = _normed(64, 64, 1, init)
        self.conv3 = _normed(64, 192, 3, init)
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, (96, 16), (64, 128, 32, 32), init)
        self.inception3b = Inception(256, (128, 32), (128, 192, 96, 64), init)
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, (96, 16), (192, 208, 48, 64), init)
        self.inception4b = Inception(512, (112, 24), (160, 224, 64, 64), init)
        self.inception4c = Inception(512, (128, 24), (128, 256, 64, 64), init)
        self.inception4d = Inception(512, (144, 32), (112, 288, 64, 64), init)
        self.inception4e = Inception(528, (160, 32), (256, 320, 128, 128), init)
        self.maxpool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, (160, 32), (256, 320, 128, 128), init)
        self.inception5b = Inception(832, (192, 48), (384, 384, 128, 128), init)
        self.aux1 = AuxiliaryHead(512, classes, dropout_aux, init) if aux_logits else None
        self.aux2 = AuxiliaryHead(528, classes, dropout_aux, init) if aux_logits else None
        self.avgpool = GlobalAvgPool()
        self.dropout = Dropout(dropout)
        self.fc = Linear(1024, classes, weight_init=init)

    def options(self) -> dict[str, Any]:
        names = ("in_shape", "classes", "dropout_aux", "init")
        options = {name: getattr(self, name) for name in names}
        return options | {"aux_logits": self.aux1 is not None, "dropout": self.dropout.p}

    def forward(self, x: Any) -> Any:
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        early = self.inception4a(x)
        late = self.inception4d(self.inception4c(self.inception4b(early)))
        x = self.maxpool4(self.inception4e(late))
        x = self.avgpool(self.inception5b(self.inception5a(x)))
        logits = self.fc(self.dropout(x))
        if self.aux1 is None or self.aux2 is None or not self.training:
            return logits
        return Heads((logits, self.aux2(late), self.aux1(early)), (1.0, 0.3, 0.3))


def _normed(in_channels: int, channels: int, kernel: int, init: Init, stride: int = 1) -> Named:
    """A convolution that keeps the size but for its stride, batch norm and ReLU."""
    conv = Conv2d(
        in_channels,
        channels,
        kernel,
        stride=stride,
        padding=kernel // 2,
        bias=False,
        weight_init=init,
    )
    return Named(conv=conv, bn=BatchNorm(channels, eps=0.001), relu=ReLU())
