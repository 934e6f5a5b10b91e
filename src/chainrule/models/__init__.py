"""Models by name."""

import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from chainrule.data import Dataset
from chainrule.errors import OptionError, unknown
from chainrule.models.convolutional import cnn, lenet
from chainrule.models.gates import Xor, gate
from chainrule.nn import (
    BatchNorm,
    Dropout,
    LayerNorm,
    Linear,
    Module,
    RMSNorm,
    Sequential,
    catalogue,
)
from chainrule.nn.init import Initializer

__all__ = [
    "Xor",
    "activations",
    "by_name",
    "cnn",
    "fitting",
    "gate",
    "lenet",
    "mlp",
    "names",
    "norms",
    "perceptron",
    "takes_pictures",
]


_NORMS: Mapping[str, Callable[[int], Module]] = MappingProxyType(
    {"batch": BatchNorm, "layer": LayerNorm, "rms": RMSNorm}
)


def mlp(
    in_features: int,
    classes: int,
    hidden: Sequence[int] = (25, 25),
    activation: str = "relu",
    init: str | Initializer | None = None,
    norm: str | None = None,
    dropout: float = 0.0,
) -> Sequential:
    """A multilayer perceptron: Linear layers with an activation between each two.

    `activation` is a name, with options in brackets where it takes some: "leaky_relu(0.2)"; see
    `chainrule.nn.catalogue`. `init` draws the weights; left out, as the activation needs it:
    `kaiming_uniform` for relu and its kin, `xavier_uniform` for sigmoid and tanh, `lecun_normal`
    for selu. `norm` ("batch", "layer" or "rms") normalises before each activation; `dropout` is the
    probability with which each number after one is dropped in training.

    Shape: (n, in_features) to (n, classes), logits.

    Raises:
        OptionError: an unknown activation, initialiser or norm, a width below 1, or a dropout
            outside [0, 1).

    >>> mlp(784, 10, hidden=(25,))
    Sequential(
      (0): Linear(in_features=784, out_features=25, bias=True)
      (1): ReLU()
      (2): Linear(in_features=25, out_features=10, bias=True)
    )
    """
    if norm is not None and norm not in _NORMS:
        raise unknown("norm", norm, _NORMS)
    usual = catalogue.find(activation).init
    if isinstance(hidden, (str, bytes)) or not isinstance(hidden, Sequence):
        raise OptionError(f"mlp: hidden is {hidden!r}; expected widths such as (25, 25) or (100,).")
    steps: list[Module] = []
    for inputs, outputs in itertools.pairwise((in_features, *hidden)):
        steps.append(Linear(inputs, outputs, weight_init=init or usual))
        if norm is not None:
            steps.append(_NORMS[norm](outputs))
        steps.append(catalogue.by_name(activation, outputs))
        if dropout:
            steps.append(Dropout(dropout))
    last = (in_features, *hidden)[-1]
    return Sequential(*steps, Linear(last, classes, weight_init=init or usual))


def perceptron(
    in_features: int, classes: int, init: str | Initializer = "xavier_uniform"
) -> Sequential:
    """One Linear layer: softmax regression when trained with cross-entropy.

    Shape: (n, in_features) to (n, classes), logits.

    Raises:
        OptionError: an unknown initialiser, or a width below 1.

    >>> perceptron(2, 3)
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
    )
    """
    return mlp(in_features, classes, hidden=(), init=init)


_MODELS: MappingProxyType[str, Callable[..., Sequential]] = MappingProxyType(
    {"mlp": mlp, "perceptron": perceptron, "cnn": cnn, "lenet": lenet}
)


def names() -> tuple[str, ...]:
    """The names of the models.

    >>> names()
    ('mlp', 'perceptron', 'cnn', 'lenet')
    """
    return tuple(_MODELS)


def norms() -> tuple[str, ...]:
    """The names of the norms that models take.

    >>> norms()
    ('batch', 'layer', 'rms')
    """
    return tuple(_NORMS)


def activations() -> tuple[str, ...]:
    """The names of the activations that models take.

    >>> "relu" in activations()
    True
    """
    return catalogue.names()


def takes_pictures(name: str) -> bool:
    """Whether a model takes pictures (n, channels, height, width), and not rows of numbers.

    Raises:
        OptionError: no model has that name.

    >>> takes_pictures("lenet"), takes_pictures("mlp")
    (True, False)
    """
    return "in_shape" in inspect.signature(_find(name)).parameters


def _find(name: str) -> Callable[..., Sequential]:
    make = _MODELS.get(str(name).lower())
    if make is None:
        raise unknown("model", name, _MODELS)
    return make


def fitting(name: str, data: Dataset, **options: Any) -> Sequential:
    """Make a model with the inputs and outputs that a data set needs.

    Raises:
        ShapeError: the model takes pictures, and the data has none.
        OptionError: an unknown name or option, or an option outside its range.

    >>> from chainrule import data
    >>> fitting("perceptron", data.moons(10))
    Sequential(
      (0): Linear(in_features=2, out_features=2, bias=True)
    )
    """
    shape = data.x.shape[1:]
    inputs = {"in_shape": shape} if takes_pictures(name) else {"in_features": math.prod(shape)}
    return by_name(name, classes=len(data.classes) or data.y.shape[1], **inputs, **options)


def by_name(name: str, **options: Any) -> Sequential:
    """Make a model from its name and options.

    Raises:
        OptionError: an unknown name or option, or an option that is missing or outside its range.

    >>> len(by_name("mlp", in_features=4, classes=3, hidden=(5,)))
    3
    """
    make = _find(name)
    known = inspect.signature(make).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    missing = [o for o, p in known.items() if p.default is p.empty and o not in options]
    if missing:
        example = "(1, 28, 28)" if missing[0] == "in_shape" else "10"
        raise OptionError(f"model {name!r} needs {missing[0]}, such as {missing[0]}={example}.")
    return make(**options)
