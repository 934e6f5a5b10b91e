"""Network in network."""

from collections.abc import Iterator, Sequence

from chainrule.models.parts import HE, Init, picture_shape
from chainrule.nn import (
    AvgPool2d,
    Conv2d,
    Dropout,
    GlobalAvgPool,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)


def nin(in_shape: Sequence[int], classes: int, dropout: float = 0.5, init: Init = HE) -> Sequential:
    """Network in network, the paper's net for CIFAR-10: convolutions of 1x1 and no full layers.

    Each convolution is followed by two of 1x1, a small perceptron that slides over the picture, and
    each class is the mean of one map. No ReLU follows the last, for the outputs are logits.

    Reference: Lin, Chen and Yan, "Network in network", ICLR 2014.

    Shape: in_shape is (channels, height, width); (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures.
        OptionError: an unknown initialiser, or a dropout outside [0, 1).

    >>> nin((3, 32, 32), 10).parameter_count
    966986
    """
    channels, _, _ = picture_shape("nin", in_shape, least=1)

    def convolutions(before: int, kernel: int, *widths: int) -> Iterator[Module]:
        for width in widths:
            yield Conv2d(before, width, kernel, padding=kernel // 2, weight_init=init)
            yield ReLU()
            before, kernel = width, 1

    steps = [
        *convolutions(channels, 5, 192, 160, 96),
        MaxPool2d(3, stride=2, padding=1),
        Dropout(dropout),
        *convolutions(96, 5, 192, 192, 192),
        AvgPool2d(3, stride=2, padding=1),
        Dropout(dropout),
        *convolutions(192, 3, 192, 192, classes),
    ]
    return Sequential(*steps[:-1], GlobalAvgPool())
