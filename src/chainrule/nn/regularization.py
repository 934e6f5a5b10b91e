"""Layers that are random in training: dropout and noise; and the keys that they draw from.

A random layer draws from the key that it is given for a while by `keyed`. The key of a layer is
fold_in(key, crc32(path)), so that its numbers depend on the key and its path alone: not on other
layers, the order of calls, or whether the step is compiled. In a trace the key is a traced value,
and so nothing random is baked in. Called twice under one key, a layer draws the same numbers.

`chainrule.fit` gives batch i of step t (there are several where gradients are accumulated) the key
fold_in(fold_in(key of the run, t), i): the masks of a resumed run are those of one that was not
interrupted.
"""

import contextlib
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

from chainrule import ops
from chainrule.aval import float_dtype
from chainrule.errors import DataError, unknown
from chainrule.nn.module import Module
from chainrule.nn.pictures import check_pictures
from chainrule.ops import random
from chainrule.ops.table import dtype_of, operand, shape_of
from chainrule.settings import FRACTION, NOT_NEGATIVE, number


class RandomLayer(Module):
    """A layer that draws random numbers in training. Abstract: a subclass defines `drawn`."""

    _key: Any = None

    @abstractmethod
    def drawn(self, x: Any, key: Any) -> Any:
        """The output in training, from numbers of this key."""

    def settled(self, x: Any) -> Any:
        """The output in evaluation, which is not random."""
        return x

    def forward(self, x: Any) -> Any:
        x = operand(x)
        if not self.training:
            return self.settled(x)
        if self._key is None:
            raise DataError(
                "in training this layer is random, and it has no key to draw from. Call the model "
                "under `with chainrule.nn.keyed(model, chainrule.random.key(seed)):` with another "
                "key for each step, or call model.eval() first."
            )
        return self.drawn(x, self._key)


class Dropout(RandomLayer):
    """Set each number to 0 with probability p in training.

    With scaling="inverted" the others are divided by 1 - p in training, and evaluation leaves all
    as they are. With scaling="classic", as the paper has it, training does not scale and evaluation
    multiplies by 1 - p; weights that were trained so need it.

    Reference: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way
    to prevent neural networks from overfitting", JMLR 15, 2014.

    Shape: any; the output has the same.

    Raises:
        OptionError: p outside [0, 1), or an unknown scaling.
        DataError: (when called) training without a key: see `keyed`.

    >>> from chainrule import random
    >>> layer = Dropout(0.5)
    >>> with keyed(layer, random.key(0)):
    ...     print(layer([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    [0. 2. 0. 0. 0. 2.]
    >>> layer.eval()([1.0, 1.0])
    array([1., 1.], dtype=float32)
    """

    def __init__(self, p: float = 0.5, scaling: Literal["inverted", "classic"] = "inverted"):
        self.p = number("Dropout", "p", p, FRACTION)
        if scaling not in ("inverted", "classic"):
            raise unknown("scaling of Dropout", scaling, ("inverted", "classic"))
        self.scaling = scaling

    def options(self) -> dict[str, Any]:
        return {"p": self.p, "scaling": self.scaling}

    def drawn(self, x: Any, key: Any) -> Any:
        kept = random.bernoulli(key, 1.0 - self.p, shape_of(x))
        # Chosen and not multiplied, so that an infinite number can be dropped, too.
        return ops.where(kept, x / (1.0 - self.p) if self.scaling == "inverted" else x, 0.0)

    def settled(self, x: Any) -> Any:
        return x if self.scaling == "inverted" else x * (1.0 - self.p)


class ChannelDropout(RandomLayer):
    """What dropouts of whole channels have in common. Abstract: a subclass says how many axes."""

    axes: int

    def __init__(self, p: float = 0.5):
        self.p = number(type(self).__name__, "p", p, FRACTION)

    def options(self) -> dict[str, Any]:
        return {"p": self.p}

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), self.axes)
        return super().forward(x)

    def drawn(self, x: Any, key: Any) -> Any:
        kept = random.bernoulli(key, 1.0 - self.p, (*shape_of(x)[:2], *(1,) * self.axes))
        return ops.where(kept, x / (1.0 - self.p), 0.0)


class Dropout1d(ChannelDropout):
    """Set each channel of a series to 0 with probability p in training; see `Dropout2d`.

    Shape: (N, C, L); the output has the same.

    Raises:
        OptionError: p outside [0, 1).
        ShapeError: (when called) another number of axes.
        DataError: (when called) training without a key: see `keyed`.

    >>> from chainrule import random
    >>> layer = Dropout1d(0.5)
    >>> with keyed(layer, random.key(0)):
    ...     print(layer([[[1.0, 2.0], [3.0, 4.0]]]))
    [[[0. 0.]
      [6. 8.]]]
    """

    axes = 1


class Dropout2d(ChannelDropout):
    """Set each channel of a picture to 0 with probability p in training.

    The others are divided by 1 - p; evaluation leaves all as they are. Neighbours in a picture say
    nearly the same, so that to drop single numbers hides little from the next layer.

    Reference: Tompson, Goroshin, Jain, LeCun and Bregler, "Efficient object localization using
    convolutional networks", CVPR 2015.

    Shape: (N, C, H, W); the output has the same.

    Raises:
        OptionError: p outside [0, 1).
        ShapeError: (when called) another number of axes.
        DataError: (when called) training without a key: see `keyed`.

    >>> from chainrule import random
    >>> layer = Dropout2d(0.5)
    >>> with keyed(layer, random.key(0)):
    ...     print(layer(ops.ones((1, 6, 2, 2)))[0, :, 0, 0])
    [0. 2. 0. 0. 0. 2.]
    """

    axes = 2


class Dropout3d(ChannelDropout):
    """Set each channel of a volume to 0 with probability p in training; see `Dropout2d`.

    Shape: (N, C, D, H, W); the output has the same.

    Raises:
        OptionError: p outside [0, 1).
        ShapeError: (when called) another number of axes.
        DataError: (when called) training without a key: see `keyed`.

    >>> Dropout3d(0.5).eval()(ops.ones((1, 2, 3, 4, 5))).shape
    (1, 2, 3, 4, 5)
    """

    axes = 3


class GaussianNoise(RandomLayer):
    """Add normal noise of standard deviation `std` in training.

    Of small noise on the inputs it is known that it acts as a penalty on the derivative (Bishop,
    "Training with noise is equivalent to Tikhonov regularization", Neural Computation 7, 1995).

    Shape: any; the output has the same.

    Raises:
        OptionError: std is negative.
        DataError: (when called) training without a key: see `keyed`.

    >>> GaussianNoise(0.1).eval()([1.0, 2.0])
    array([1., 2.], dtype=float32)
    """

    def __init__(self, std: float = 0.1):
        self.std = number("GaussianNoise", "std", std, NOT_NEGATIVE)

    def options(self) -> dict[str, Any]:
        return {"std": self.std}

    def drawn(self, x: Any, key: Any) -> Any:
        noise = random.normal(key, shape=shape_of(x), dtype=float_dtype(dtype_of(x)))
        return x + noise * self.std


def random_layers(model: Module) -> list[tuple[int, RandomLayer]]:
    """The random layers of a model, each with the number that stands for its path.

    >>> from chainrule.nn import Linear, Sequential
    >>> random_layers(Sequential(Linear(2, 2), Dropout()))
    [(2212294583, Dropout(p=0.5, scaling='inverted'))]
    """
    return [
        (zlib.crc32(path.encode()), module)
        for path, module in model.named_modules()
        if isinstance(module, RandomLayer)
    ]


@contextlib.contextmanager
def keyed(model: Module, key: Any) -> Iterator[None]:
    """Let the random layers of a model draw from keys made of this one, for a while.

    `key` is one of `chainrule.random`, or a traced one.

    >>> from chainrule import nn, random
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5))
    >>> for step in range(2):
    ...     with keyed(model, random.fold_in(random.key(0), step)):
    ...         outputs = model([[1.0, 2.0]])
    """
    layers = random_layers(model)
    before = [layer._key for _, layer in layers]
    for place, layer in layers:
        layer._key = random.fold_in(key, place)
    try:
        yield
    finally:
        for (_, layer), old in zip(layers, before, strict=True):
            layer._key = old
