"""The activations by name: what each is, for people and for the models that are made by name.

`print(table())` shows formula, derivative, range and where each saturates. The formulas are
written so that they can be computed as they stand, and the tests do so: sigma is the logistic
function, Phi and phi are the distribution function and the density of the standard normal
distribution.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chainrule import ops
from chainrule.errors import unknown
from chainrule.nn.activations import (
    ELU,
    GELU,
    SELU,
    DyT,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Swish,
    Tanh,
)
from chainrule.nn.layers import Identity
from chainrule.nn.module import Module
from chainrule.settings import make, parse_spec


@dataclass(frozen=True)
class Activation:
    """One activation: its layer, and what a course says about it.

    `formula` and `derivative` are of the layer with its usual options, `range` is an interval, and
    `init` the initialiser that suits weights before it. `sized` says that the layer's first option
    is the number of features.
    """

    layer: type[Module]
    formula: str
    derivative: str
    range: str
    saturates: str
    init: str = "kaiming_uniform"
    sized: bool = False


_SMOOTH = "xavier_uniform"
_LEFT = "left, at 0"

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "identity": Activation(Identity, "x", "1", "(-inf, inf)", "nowhere", _SMOOTH),
        "step": Activation(Step, "1 if x >= 0 else 0", "0", "[0, 1]", "everywhere", _SMOOTH),
        "sigmoid": Activation(
            Sigmoid, "1/(1 + exp(-x))", "sigma(x)*(1 - sigma(x))", "(0, 1)", "both sides", _SMOOTH
        ),
        "tanh": Activation(Tanh, "tanh(x)", "1 - tanh(x)**2", "(-1, 1)", "both sides", _SMOOTH),
        "hard_sigmoid": Activation(
            Hardsigmoid,
            "max(min(0.25*x + 0.5, 1), 0)",
            "0.25 if abs(x) <= 2 else 0",
            "[0, 1]",
            "both sides, wholly",
            _SMOOTH,
        ),
        "hard_tanh": Activation(
            Hardtanh,
            "max(min(x, 1), -1)",
            "1 if abs(x) <= 1 else 0",
            "[-1, 1]",
            "both sides, wholly",
            _SMOOTH,
        ),
        "relu": Activation(ReLU, "max(0, x)", "1 if x > 0 else 0", "[0, inf)", _LEFT + ", wholly"),
        "leaky_relu": Activation(
            LeakyReLU, "x if x > 0 else 0.01*x", "1 if x > 0 else 0.01", "(-inf, inf)", "nowhere"
        ),
        "prelu": Activation(
            PReLU,
            "x if x > 0 else a*x  # a is learnt, first 0.25",
            "1 if x > 0 else a",
            "(-inf, inf)",
            "nowhere",
        ),
        "elu": Activation(
            ELU, "x if x > 0 else exp(x) - 1", "1 if x > 0 else exp(x)", "(-1, inf)", "left, at -1"
        ),
        "selu": Activation(
            SELU,
            "1.0507*(x if x > 0 else 1.6733*(exp(x) - 1))",
            "1.0507*(1 if x > 0 else 1.6733*exp(x))",
            "(-1.7581, inf)",
            "left, at -1.758",
            "lecun_normal",
        ),
        "softplus": Activation(Softplus, "log(1 + exp(x))", "sigma(x)", "(0, inf)", _LEFT),
        "silu": Activation(
            SiLU,
            "x*sigma(x)",
            "sigma(x)*(1 + x*(1 - sigma(x)))",
            "[-0.2785, inf)",
            _LEFT,
        ),
        "swish": Activation(
            Swish,
            "x*sigma(b*x)  # b is learnt, first 1",
            "sigma(b*x)*(1 + b*x*(1 - sigma(b*x)))",
            "[-0.2785, inf)",
            _LEFT,
        ),
        "gelu": Activation(GELU, "x*Phi(x)", "Phi(x) + x*phi(x)", "[-0.17, inf)", _LEFT),
        "dyt": Activation(
            DyT,
            "w*tanh(a*x) + b  # all learnt, first a = 0.5, w = 1, b = 0",
            "a*w*(1 - tanh(a*x)**2)",
            "(-1, 1)",
            "both sides",
            _SMOOTH,
            sized=True,
        ),
        "softmax": Activation(
            Softmax,
            "exp(x[i])/sum(exp(x))",
            "p[i]*((i == j) - p[j])",
            "(0, 1)",
            "where one x is far above the others",
            _SMOOTH,
        ),
        "log_softmax": Activation(
            LogSoftmax,
            "x[i] - log(sum(exp(x)))",
            "(i == j) - p[j]",
            "(-inf, 0)",
            "where one x is far above the others",
            _SMOOTH,
        ),
    }
)
"""The activations by name. Maxout is not among them: it takes the place of the layer before it."""

_OTHER_NAMES = MappingProxyType(
    {"logistic": "sigmoid", "hardsigmoid": "hard_sigmoid", "hard_logistic": "hard_sigmoid"}
    | {"hardtanh": "hard_tanh", "leakyrelu": "leaky_relu", "logsoftmax": "log_softmax"}
    | {"linear": "identity", "none": "identity"}
)


def names() -> tuple[str, ...]:
    """The names of the activations.

    >>> "gelu" in names()
    True
    """
    return tuple(ACTIVATIONS)


def find(name: str) -> Activation:
    """The record of an activation; options in the name are passed over.

    Raises:
        OptionError: no activation has that name.

    >>> find("leaky_relu(0.2)").init
    'kaiming_uniform'
    """
    plain = parse_spec("activation", name).name
    plain = _OTHER_NAMES.get(plain, plain)
    if plain not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[plain]


def by_name(name: str, features: int = 1) -> Module:
    """A new layer of that activation, with options in brackets.

    `features` is the width of the layer before it, for those that have parameters for each.

    Raises:
        OptionError: no activation has that name, or it has no such option.

    >>> by_name("leaky_relu(0.2)"), by_name("gelu(approximate=tanh)")
    (LeakyReLU(slope=0.2), GELU(approximate='tanh'))
    """
    known, spec = find(name), parse_spec("activation", name)
    if known.sized:
        spec = spec._replace(args=(features, *spec.args))
    return make("activation", spec, known.layer)


def table(markdown: bool = False) -> str:
    """All activations as a table: name, formula, derivative, range, where it saturates.

    >>> print(table().splitlines()[0])
    name          formula ...
    """
    rows = [("name", "formula", "derivative", "range", "saturates")]
    rows += [
        (name, known.formula, known.derivative, known.range, known.saturates)
        for name, known in ACTIVATIONS.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines.insert(1, ["-" * width for width in widths])
    if markdown:
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def curve(name: str) -> Callable:
    """The activation as a function of an array (n,) of numbers, each on its own: to draw it.

    Of softmax and log_softmax it is the first of two numbers, the second of which is 0.

    >>> curve("softmax")([0.0])
    array([0.5], dtype=float32)
    """
    layer = by_name(name)

    def at(x: Any) -> Any:
        column = ops.reshape(x, shape=(-1, 1))
        if isinstance(layer, (Softmax, LogSoftmax)):
            column = ops.concatenate([column, ops.zeros_like(column)], axis=1)
        return layer(column)[:, 0]

    return at
