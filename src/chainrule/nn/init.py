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
are accepted for "xavier_..." and "kaiming_...".
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from chainrule import rng
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import OptionError, ShapeError, unknown

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
        _check_number("constant", "value", self.value)

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
        _check_number("normal", "std", self.std, least=0)

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
            _check_number("uniform", "bound", self.bound, least=0)

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
        _check_number("scaled", "scale", self.scale, least=0)
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


def _check_number(kind: str, field: str, value: Any, least: float = -math.inf) -> None:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or value < least:
        wanted = f"a number of {least} or more" if least > -math.inf else "a finite number"
        raise OptionError(f"initialiser {kind!r}: {field} is {value!r}; expected {wanted}.")


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
    }
)
"""The initialisers that have a name of their own."""

_MADE: Mapping[str, Callable[..., Initializer]] = MappingProxyType(
    {"constant": Constant, "normal": Normal, "uniform": Uniform, "scaled": Scaled}
)
_OTHER_NAMES = (("glorot_", "xavier_"), ("he_", "kaiming_"))
_CALL = re.compile(r"(\w+)\((.*)\)")


def names() -> tuple[str, ...]:
    """All names that `by_name` knows."""
    return (*NAMED, "constant(0.1)", "normal(0.02)", "uniform(0.1)")


def by_name(name: str) -> Initializer:
    """The initialiser of that name; some take numbers, as in "constant(0.1)".

    Raises:
        OptionError: no initialiser has that name.

    >>> by_name("he_normal").name, by_name("constant(0.1)")
    ('kaiming_normal', Constant(value=0.1))
    """
    plain = str(name).strip().lower()
    for other, own in _OTHER_NAMES:
        if plain.startswith(other):
            plain = own + plain.removeprefix(other)
    if plain in NAMED:
        return NAMED[plain]
    call = _CALL.fullmatch(plain)
    if call is None or call[1] not in _MADE:
        raise unknown("initialiser", name, names())
    try:
        return _MADE[call[1]](*(_argument(part) for part in call[2].split(",")))
    except TypeError as error:
        raise OptionError(f"initialiser {name!r}: wrong number of values ({error}).") from None


def _argument(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()
