"""AlexNet."""

import functools
from collections.abc import Sequence
from typing import Any

from chainrule.models.parts import HE, Init, init_name, picture_shape
from chainrule.nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)


class AlexNet(Module):
    """AlexNet in one column: five convolutions and three full layers.

    The channels are those of the second paper, which has no split over two GPUs and no local
    response normalisation. Parameters are named as torchvision names them, so that its weights load
    with `load_state_dict`.

    References: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", NeurIPS 2012; Krizhevsky, "One weird trick for parallelizing convolutional
    neural networks", 2014.

    Shape: in_shape is (channels, height, width), 63x63 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown initialiser, or a dropout outside [0, 1).

    >>> AlexNet((3, 224, 224), 1000).parameter_count
    61100840
    """

    def __init__(
        self, in_shape: Sequence[int], classes: int, dropout: float = 0.5, init: Init = HE
    ):
        self.in_shape = picture_shape("alexnet", in_shape, least=63, instead="deep")
        self.classes = classes
        self.init = init_name(init)
        conv = functools.partial(Conv2d, weight_init=init)
        linear = functools.partial(Linear, weight_init=init)
        self.features = Sequential(
            conv(self.in_shape[0], 64, 11, stride=4, padding=2),
            ReLU(),
            MaxPool2d(3, 2),
            conv(64, 192, 5, padding=2),
            ReLU(),
            MaxPool2d(3, 2),
            conv(192, 384, 3, padding=1),
            ReLU(),
            conv(384, 256, 3, padding=1),
            ReLU(),
            conv(256, 256, 3, padding=1),
            ReLU(),
            MaxPool2d(3, 2),
        )
        self.avgpool = AdaptiveAvgPool2d(6)
        self.flatten = Flatten()
        self.classifier = Sequential(
            Dropout(dropout),
            linear(256 * 6 * 6, 4096),
            ReLU(),
            Dropout(dropout),
            linear(4096, 4096),
            ReLU(),
            linear(4096, classes),
        )

    def options(self) -> dict[str, Any]:
        return {
            "in_shape": self.in_shape,
            "classes": self.classes,
            "dropout": self.classifier[0].p,
            "init": self.init,
        }

    def forward(self, x: Any) -> Any:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))
