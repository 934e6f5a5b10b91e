"""Small convolutional nets for pictures."""

from collections.abc import Sequence

from chainrule.errors import OptionError, ShapeError, unknown
from chainrule.nn import (
    AvgPool2d,
    Conv2d,
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
    channels, height, width = _picture("lenet", in_shape, least=16)
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
    channels, height, width = _picture("cnn", in_shape, least=6)
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


def _picture(model: str, in_shape: Sequence[int], least: int) -> tuple[int, int, int]:
    """Channels, height and width of the pictures that a model is made for.

    Raises:
        ShapeError: they are no pictures, or have a side below `least`.
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
    if min(height, width) < least:
        raise ShapeError(
            f"{model}: pictures have shape {shape}; expected sides of {least} or more, for smaller "
            "ones leave nothing after its convolutions. Enlarge them, or take the model mlp."
        )
    return channels, height, width
