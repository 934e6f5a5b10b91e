"""How the numbers of a new model are drawn.

Signals keep their size from layer to layer when a weight's variance is about one over the number
of inputs of a unit (`fan_in`); gradients when it is one over the number of outputs (`fan_out`). For
a weight of shape (out, in, *kernel), fan_in = in * prod(kernel) and fan_out = out * prod(kernel).

    name                                variance             paper
    xavier_uniform,  xavier_normal      2 / (fan_in + fan_out)   Glorot and Bengio, AISTATS 2010
    kaiming_uniform, kaiming_normal     2 / fan_in           He, Zhang, Ren and Sun, ICCV 2015
    lecun_uniform,   lecun_normal       1 / fan_in           LeCun, Bottou, Orr and Mueller, 1998
    uniform                             1 / (3 fan_in)       what PyTorch's layers begin with

A uniform distribution of variance s reaches from -sqrt(3 s) to sqrt(3 s). "glorot_..." and "he_..."
are accepted for "xavier_..." and "kaiming_...". A gain g, or the activation that follows, sets the
variance to g^2 / fan: "xavier_normal(tanh)", "kaiming_uniform(leaky_relu)", "lecun_normal(1.2)".
"orthogonal" keeps the length of every vector (Saxe, McClelland and Ganguli, ICLR 2014).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from chainrule import rng
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import OptionError, ShapeError, suggestion, unknown
from chainrule.settings import FINITE, NOT_NEGATIVE, POSITIVE, Spec, make, number, parse_spec

Fan = Literal["fan_in", "fan_out", "fan_average"]
Fans = tuple[int, int]
"""fan_in and fan_out."""


class Initializer(ABC):
    """A way to draw numbers. Abstract; the subclasses are frozen and compare by value."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What `by_name` makes an equal initialiser from."""

    @abstractmethod
    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        """Numbers of this shape and dtype; the same key gives the same numbers.

        `fans` are fan_in and fan_out where the shape does not tell them, as that of a bias.
        """


@dataclass(frozen=True)
class Constant(Initializer):
    """One value everywhere; "zeros" and "ones" are names of two of them.

    >>> Constant(0.1).draw(rng.key(0), (2,))
    array([0.1, 0.1], dtype=float32)
    """

    value: float

    def __post_init__(self) -> None:
        number("initialiser 'constant'", "value", self.value, FINITE)

    @property
    def name(self) -> str:
        if self.value in (0, 1):
            return "ones" if self.value else "zeros"
        return f"constant({self.value})"

    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        return np.full(shape, self.value, dtype)


@dataclass(frozen=True)
class Normal(Initializer):
    """The normal distribution around 0 with standard deviation `std` (0.05 as in Keras).

    >>> Normal(0.1).name
    'normal(0.1)'
    """

    std: float = 0.05

    def __post_init__(self) -> None:
        number("initialiser 'normal'", "std", self.std, NOT_NEGATIVE)

    @property
    def name(self) -> str:
        return f"normal({self.std})"

    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        return _normal(key, shape, dtype, self.std)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Evenly from -bound to bound; without a bound, 1 / sqrt(fan_in), as PyTorch's layers begin.

    >>> Uniform(0.1).name
    'uniform(0.1)'
    """

    bound: float | None = None

    def __post_init__(self) -> None:
        if self.bound is not None:
            number("initialiser 'uniform'", "bound", self.bound, NOT_NEGATIVE)

    @property
    def name(self) -> str:
        return "uniform" if self.bound is None else f"uniform({self.bound})"

    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        bound = self.bound
        if bound is None:
            fan_in, _ = fans or fans_of(shape, self.name)
            bound = 1 / math.sqrt(max(1, fan_in))
        return _uniform(key, shape, dtype, bound)


@dataclass(frozen=True)
class Scaled(Initializer):
    """Numbers around 0 of variance scale / fan, as the papers above derive it.

    Raises:
        ShapeError: (when drawn) the shape has fewer than two axes, so it has no fan.

    >>> Scaled(2.0, "fan_in", "uniform").name
    'kaiming_uniform'
    """

    scale: float
    fan: Fan
    distribution: Literal["uniform", "normal"]

    def __post_init__(self) -> None:
        number("initialiser 'scaled'", "scale", self.scale, NOT_NEGATIVE)
        if self.fan not in ("fan_in", "fan_out", "fan_average"):
            raise unknown("fan", self.fan, ("fan_in", "fan_out", "fan_average"))
        if self.distribution not in ("uniform", "normal"):
            raise unknown("distribution", self.distribution, ("uniform", "normal"))

    @property
    def name(self) -> str:
        for name, known in NAMED.items():
            if known == self:
                return name
        return f"scaled({self.scale}, {self.fan}, {self.distribution})"

    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        fan_in, fan_out = fans or fans_of(shape, self.name)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_average": (fan_in + fan_out) / 2}
        std = math.sqrt(self.scale / max(1, count[self.fan]))
        if self.distribution == "normal":
            return _normal(key, shape, dtype, std)
        return _uniform(key, shape, dtype, math.sqrt(3) * std)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A matrix with orthogonal rows or columns of length `gain`, each as likely as any other.

    The Q of the QR decomposition of a normal matrix, its columns signed as the diagonal of R
    (Mezzadri, "How to generate random matrices from the classical compact groups", 2007). A weight
    of shape (out, in, *kernel) counts as a matrix (out, in * prod(kernel)).

    Raises:
        ShapeError: (when drawn) the shape has fewer than two axes.

    >>> weight = Orthogonal().draw(rng.key(0), (2, 3), np.float64)
    >>> bool(np.allclose(weight @ weight.T, np.eye(2)))
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        number("initialiser 'orthogonal'", "gain", self.gain, POSITIVE)

    @property
    def name(self) -> str:
        return "orthogonal" if self.gain == 1 else f"orthogonal({self.gain})"

    def draw(
        self,
        key: rng.Key,
        shape: tuple[int, ...],
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ) -> np.ndarray:
        fans_of(shape, self.name)
        rows, columns = shape[0], math.prod(shape[1:])
        tall = rng.normal(key, (max(rows, columns), min(rows, columns)), np.float64)
        q, r = np.linalg.qr(tall)
        q *= np.where(np.diagonal(r) < 0, -self.gain, self.gain)
        return np.ascontiguousarray(q if rows >= columns else q.T, dtype).reshape(shape)


def fans_of(shape: tuple[int, ...], name: str = "fans_of") -> Fans:
    """fan_in and fan_out of a weight of shape (out, in, *kernel).

    Raises:
        ShapeError: fewer than two axes.

    >>> fans_of((25, 784)), fans_of((16, 3, 5, 5))
    ((784, 25), (75, 400))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"initialiser {name!r} needs a weight of shape (out, in, ...), got {shape}. For a bias "
            "choose 'zeros', 'normal(0.01)' or 'uniform(0.1)'."
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _normal(key: rng.Key, shape: tuple[int, ...], dtype: Any, std: float) -> np.ndarray:
    return rng.normal(key, shape, dtype) * np.dtype(dtype).type(std)


def _uniform(key: rng.Key, shape: tuple[int, ...], dtype: Any, bound: float) -> np.ndarray:
    number = np.dtype(dtype).type
    return (rng.uniform(key, shape, dtype) * number(2) - number(1)) * number(bound)


NAMED: Mapping[str, Initializer] = MappingProxyType(
    {
        "zeros": Constant(0.0),
        "ones": Constant(1.0),
        "uniform": Uniform(),
        "normal": Normal(),
        "xavier_uniform": Scaled(1.0, "fan_average", "uniform"),
        "xavier_normal": Scaled(1.0, "fan_average", "normal"),
        "kaiming_uniform": Scaled(2.0, "fan_in", "uniform"),
        "kaiming_normal": Scaled(2.0, "fan_in", "normal"),
        "lecun_uniform": Scaled(1.0, "fan_in", "uniform"),
        "lecun_normal": Scaled(1.0, "fan_in", "normal"),
        "orthogonal": Orthogonal(),
    }
)
"""The initialisers that have a name of their own."""

_MADE: Mapping[str, Callable[..., Initializer]] = MappingProxyType(
    {
        "constant": Constant,
        "normal": Normal,
        "uniform": Uniform,
        "scaled": Scaled,
        "orthogonal": Orthogonal,
    }
)
_OTHER_NAMES = (("glorot_", "xavier_"), ("he_", "kaiming_"))
_GAINS: Mapping[str, float] = MappingProxyType(
    {
        "identity": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "selu": 3 / 4,
        "elu": 1.24519830070,
        "gelu": 1.53353044120,
        "silu": 1.67653247033,
    }
)


def gain(activation: str) -> float:
    """By how much weights before an activation are enlarged, so that signals keep their size.

    PyTorch's numbers: 1 for identity and sigmoid, 5/3 for tanh, sqrt(2) for relu,
    sqrt(2 / (1 + slope^2)) for leaky_relu, 3/4 for selu. For elu, gelu and silu, which PyTorch does
    not have, 1 / sqrt(E[f(z)^2]) with z of the standard normal distribution, which also gives
    relu's sqrt(2).

    Raises:
        OptionError: no gain is known for that name.

    >>> f"{gain('relu'):.4f}", f"{gain('leaky_relu(0.2)'):.4f}"
    ('1.4142', '1.3868')
    """
    spec = parse_spec("gain", activation)
    if spec.name == "leaky_relu":
        return make("gain", spec, _leaky_gain)
    if spec.name not in _GAINS or spec.args or spec.options:
        known = (*_GAINS, "leaky_relu", "leaky_relu(0.2)")
        raise unknown("gain of an activation", activation, known)
    return _GAINS[spec.name]


def _leaky_gain(slope: float = 0.01) -> float:
    return math.sqrt(2 / (1 + number("gain 'leaky_relu'", "slope", slope, FINITE) ** 2))


def names() -> tuple[str, ...]:
    """All names that `by_name` knows."""
    return (
        *NAMED,
        *("constant(0.1)", "normal(0.02)", "uniform(0.1)"),
        *("orthogonal(relu)", "xavier_normal(tanh)"),
    )


def by_name(name: str) -> Initializer:
    """The initialiser of that name; some take a number or an activation, as in "constant(0.1)".

    Raises:
        OptionError: no initialiser has that name.

    >>> by_name("he_normal").name, by_name("constant(0.1)")
    ('kaiming_normal', Constant(value=0.1))
    """
    spec = parse_spec("initialiser", name)
    plain = spec.name
    for other, own in _OTHER_NAMES:
        if plain.startswith(other):
            plain = own + plain.removeprefix(other)
    spec = spec._replace(name=plain)
    if not (spec.args or spec.options) and plain in NAMED:
        return NAMED[plain]
    known = NAMED.get(plain)
    if isinstance(known, Scaled):
        factor = make("initialiser", _numeric(spec), _only_gain)
        return Scaled(factor**2, known.fan, known.distribution)
    if plain not in _MADE:
        raise OptionError(f"unknown initialiser {name!r}. {suggestion(plain, names())}")
    return make("initialiser", _numeric(spec) if plain == "orthogonal" else spec, _MADE[plain])


def _only_gain(gain: float) -> float:
    return number("initialiser", "gain", gain, POSITIVE)


def _numeric(spec: Spec) -> Spec:
    """A spec whose gain, if it is the name of an activation, is that one's number."""

    def as_number(value: Any) -> Any:
        return gain(value) if isinstance(value, str) else value

    options = {name: as_number(value) for name, value in spec.options.items()}
    return spec._replace(args=tuple(map(as_number, spec.args)), options=options)
