"""Small convolutional nets for pictures."""

from collections.abc import Sequence

from chainrule.errors import OptionError, unknown
from chainrule.models.parts import picture_shape
from chainrule.nn import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    catalogue,
)
from chainrule.nn.init import Initializer

_POOLINGS = ("max", "average")


def lenet(
    in_shape: Sequence[int],
    classes: int,
    activation: str = "relu",
    init: str | Initializer | None = None,
    pooling: str = "max",
) -> Sequential:
    """LeNet-5 as it is built today: two convolutions, each with a pooling, and three full layers.

    Conv 6 of 5x5, pool 2, conv 16 of 5x5, pool 2, then 120, 84 and one output a class. Pictures of
    28x28 are padded by 2 to the paper's 32x32; others are not padded. Against the paper: every
    feature map of the second convolution sees all of the first, poolings have no weights, and the
    outputs are logits. With activation="tanh" and pooling="average" it is closest to it.

    Reference: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86, 1998.

    Shape: in_shape is (channels, height, width), 16x16 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown activation, initialiser or pooling.

    >>> lenet((1, 28, 28), 10).parameter_count
    61706
    """
    channels, height, width = picture_shape("lenet", in_shape, least=16)
    if pooling not in _POOLINGS:
        raise unknown("pooling of lenet", pooling, _POOLINGS)
    drawn = init or catalogue.find(activation).init
    border = 2 if (height, width) == (28, 28) else 0
    sides = ((side + 2 * border - 4) // 2 for side in (height, width))
    tall, wide = ((side - 4) // 2 for side in sides)

    def pool() -> Module:
        return MaxPool2d(2) if pooling == "max" else AvgPool2d(2)

    def bend(features: int) -> Module:
        return catalogue.by_name(activation, features)

    return Sequential(
        Conv2d(channels, 6, 5, padding=border, weight_init=drawn),
        bend(6),
        pool(),
        Conv2d(6, 16, 5, weight_init=drawn),
        bend(16),
        pool(),
        Flatten(),
        Linear(16 * tall * wide, 120, weight_init=drawn),
        bend(120),
        Linear(120, 84, weight_init=drawn),
        bend(84),
        Linear(84, classes, weight_init=drawn),
    )


def cnn(
    in_shape: Sequence[int],
    classes: int,
    filters: int = 30,
    hidden: Sequence[int] = (100,),
    activation: str = "relu",
    init: str | Initializer | None = None,
) -> Sequential:
    """A simple convolutional net: one convolution of 5x5, an activation, pooling by 2, full layers.

    Shape: in_shape is (channels, height, width), 6x6 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown activation or initialiser, or a width below 1.

    >>> cnn((1, 28, 28), 10)
    Sequential(
      (0): Conv2d(1, 30, kernel_size=(5, 5))
      (1): ReLU()
      (2): MaxPool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1))
      (3): Flatten(start_axis=1)
      (4): Linear(in_features=4320, out_features=100, bias=True)
      (5): ReLU()
      (6): Linear(in_features=100, out_features=10, bias=True)
    )
    """
    channels, height, width = picture_shape("cnn", in_shape, least=6)
    drawn = init or catalogue.find(activation).init
    if isinstance(hidden, (str, bytes)) or not isinstance(hidden, Sequence):
        raise OptionError(f"cnn: hidden is {hidden!r}; expected widths such as (100,).")
    steps: list[Module] = [
        Conv2d(channels, filters, 5, weight_init=drawn),
        catalogue.by_name(activation, filters),
        MaxPool2d(2),
        Flatten(),
    ]
    features = filters * ((height - 4) // 2) * ((width - 4) // 2)
    for size in hidden:
        steps += [
            Linear(features, size, weight_init=drawn),
            catalogue.by_name(activation, size),
        ]
        features = size
    return Sequential(*steps, Linear(features, classes, weight_init=drawn))


def deep(
    in_shape: Sequence[int],
    classes: int,
    activation: str = "relu",
    init: str | Initializer | None = None,
    dropout: float = 0.5,
) -> Sequential:
    """A deep net of small kernels: three pairs of 3x3 convolutions, each with a pooling.

    Conv 16, 16, pool 2, conv 32, 32, pool 2, conv 64, 64, pool 2, then 50, dropout and one output a
    class. All convolutions are padded by 1, but the second of 32 by 2, so that 28x28 becomes 14x14,
    8x8 and 4x4. The book's net has a dropout after the last layer, too; this one has not, for it
    would drop logits.

    Reference: Saitoh, "Deep learning from scratch", 2016, section 8.1.

    Shape: in_shape is (channels, height, width), 4x4 or larger; (n, *in_shape) to (n, classes).

    Raises:
        ShapeError: in_shape is no shape of pictures, or too small.
        OptionError: an unknown activation or initialiser, or a dropout outside [0, 1).

    >>> deep((1, 28, 28), 10).parameter_count
    123552
    """
    channels, height, width = picture_shape("deep", in_shape, least=4)
    drawn = init or catalogue.find(activation).init
    steps: list[Module] = []
    for wide, padding in ((16, 1), (32, 2), (64, 1)):
        for inputs, border in ((channels, 1), (wide, padding)):
            steps.append(Conv2d(inputs, wide, 3, padding=border, weight_init=drawn))
            steps.append(catalogue.by_name(activation, wide))
        steps.append(MaxPool2d(2))
        channels = wide
    tall, across = ((side // 2 + 2) // 4 for side in (height, width))
    return Sequential(
        *steps,
        Flatten(),
        Linear(64 * tall * across, 50, weight_init=drawn),
        catalogue.by_name(activation, 50),
        Dropout(dropout),
        Linear(50, classes, weight_init=drawn),
    )
