"""VGG: nothing but convolutions of 3x3, poolings and full layers."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from chainrule.errors import unknown
from chainrule.models.parts import HE, Init, init_name, picture_shape
from chainrule.nn import (
    AdaptiveAvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

_CONVOLUTIONS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
)
"""How many convolutions stand before each pooling, by depth: the paper's A, B, D and E."""
_CHANNELS = (64, 128, 256, 512, 512)


class VGG(Module):
    """VGG with 11, 13, 16 or 19 layers that have weights; with or without batch norm.

    Parameters are named as torchvision names them, so that its weights load with `load_state_dict`.

    Reference: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
    recognition", ICLR 2015; batch norm, which is younger, is torchvision's addition.

    Shape: in_shape is (channels, height, width), 32x32 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown depth or initialiser, or a dropout outside [0, 1).

    >>> VGG((3, 224, 224), 1000, depth=16).parameter_count
    138357544
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        classes: int,
        depth: int = 16,
        norm: bool = False,
        dropout: float = 0.5,
        init: Init = HE,
    ):
        if depth not in _CONVOLUTIONS:
            raise unknown("depth of VGG", depth, map(str, _CONVOLUTIONS))
        self.in_shape = picture_shape(f"vgg{depth}", in_shape, least=32, instead="deep")
        self.classes = classes
        self.depth = depth
        self.norm = bool(norm)
        self.init = init_name(init)
        linear = functools.partial(Linear, weight_init=init)
        self.features = Sequential(*self._convolutions(init))
        self.avgpool = AdaptiveAvgPool2d(7)
        self.flatten = Flatten()
        self.classifier = Sequential(
            linear(512 * 7 * 7, 4096),
            ReLU(),
            Dropout(dropout),
            linear(4096, 4096),
            ReLU(),
            Dropout(dropout),
            linear(4096, classes),
        )

    def _convolutions(self, init: Init) -> Iterator[Module]:
        before = self.in_shape[0]
        for count, channels in zip(_CONVOLUTIONS[self.depth], _CHANNELS, strict=True):
            for _ in range(count):
                yield Conv2d(before, channels, 3, padding=1, weight_init=init)
                if self.norm:
                    yield BatchNorm(channels)
                yield ReLU()
                before = channels
            yield MaxPool2d(2)

    def options(self) -> dict[str, Any]:
        return {
            "in_shape": self.in_shape,
            "classes": self.classes,
            "depth": self.depth,
            "norm": self.norm,
            "dropout": self.classifier[2].p,
            "init": self.init,
        }

    def forward(self, x: Any) -> Any:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))
