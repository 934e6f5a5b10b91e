"""Models by name."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

from chainrule.errors import OptionError, unknown
from chainrule.nn import Linear, Module, ReLU, Sequential, Sigmoid, Tanh

_ACTIVATIONS = MappingProxyType({"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh})


def mlp(
    in_features: int,
    classes: int,
    hidden: Sequence[int] = (25, 25),
    activation: str = "relu",
) -> Sequential:
    """A multilayer perceptron: Linear layers with an activation between each two.

    Shape: (n, in_features) to (n, classes), logits.

    Raises:
        OptionError: an unknown activation, or a width below 1.

    >>> mlp(784, 10, hidden=(25,))
    Sequential(
      (0): Linear(in_features=784, out_features=25, bias=True)
      (1): ReLU()
      (2): Linear(in_features=25, out_features=10, bias=True)
    )
    """
    if activation not in _ACTIVATIONS:
        raise unknown("activation", activation, _ACTIVATIONS)
    widths = [in_features, *hidden, classes]
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int) or width < 1:
            raise OptionError(
                f"mlp: layer widths are {widths}; expected integers of 1 or more, got {width!r}."
            )
    steps: list[Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        steps += [Linear(inputs, outputs), _ACTIVATIONS[activation]()]
    return Sequential(*steps[:-1])


def perceptron(in_features: int, classes: int) -> Sequential:
    """One Linear layer: softmax regression when trained with cross-entropy.

    >>> perceptron(2, 3)
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
    )
    """
    return mlp(in_features, classes, hidden=())


_MODELS: MappingProxyType[str, Callable[..., Sequential]] = MappingProxyType(
    {"mlp": mlp, "perceptron": perceptron}
)


def names() -> tuple[str, ...]:
    """The names of the models.

    >>> names()
    ('mlp', 'perceptron')
    """
    return tuple(_MODELS)


def activations() -> tuple[str, ...]:
    """The names of the activations that models take.

    >>> activations()
    ('relu', 'sigmoid', 'tanh')
    """
    return tuple(_ACTIVATIONS)


def by_name(name: str, **options: object) -> Sequential:
    """Make a model from its name and options.

    Raises:
        OptionError: an unknown name or option, or an option outside its range.

    >>> len(by_name("mlp", in_features=4, classes=3, hidden=(5,)))
    3
    """
    make = _MODELS.get(name)
    if make is None:
        raise unknown("model", name, _MODELS)
    known = make.__code__.co_varnames[: make.__code__.co_argcount]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    return make(**options)
