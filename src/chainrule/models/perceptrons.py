"""Perceptron nets: full layers alone."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from chainrule.errors import OptionError, unknown
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


def norms() -> tuple[str, ...]:
    """The names of the norms that models take.

    >>> norms()
    ('batch', 'layer', 'rms')
    """
    return tuple(_NORMS)
