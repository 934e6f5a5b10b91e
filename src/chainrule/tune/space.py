"""What a search looks through: for each parameter a range or choices, also as text.

1e-4..1e-1       any number between, both ends included
log:1e-4..1e-1   the same, each power of ten as likely as the next
8..256           whole numbers, where both ends are whole; log:8..256 too
0.1..0.9/5       the same; a grid takes five points of it
relu|tanh|gelu   one of these
"""

import itertools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import OptionError

_RANGE = re.compile(r"(?P<log>log:)?(?P<low>[^/]+?)\.\.(?P<high>[^/]+?)(?:/(?P<points>\d+))?")


class Domain(ABC):
    """The values that a parameter may take. Abstract.

    What is stored of a value is a number or a text; `value` gives the value itself.
    """

    @abstractmethod
    def at(self, share: float) -> Any:
        """What is stored of the value at a place in [0, 1)."""

    @abstractmethod
    def grid(self) -> list[Any]:
        """What is stored of the values that a grid takes."""

    @abstractmethod
    def suggest(self, trial: Any, name: str) -> Any:
        """Ask an Optuna trial for what is stored."""

    def value(self, stored: Any) -> Any:
        """The value itself."""
        return stored


@dataclass(frozen=True)
class Real(Domain):
    """A number between `low` and `high`, even in it or, with `log`, in its logarithm.

    Raises:
        OptionError: low is not below high, or with `log` not above 0.

    >>> Real(1e-4, 1e-2, log=True, points=3).grid()
    [0.0001, 0.001, 0.01]
    """

    low: float
    high: float
    log: bool = False
    points: int | None = None

    def __post_init__(self) -> None:
        _check_range(self)

    def at(self, share: float) -> float:
        if self.log:
            return min(self.low * (self.high / self.low) ** share, self.high)
        return min(self.low + (self.high - self.low) * share, self.high)

    def grid(self) -> list[float]:
        if self.points is None:
            raise OptionError(
                f"a grid takes points of the range {self}, and there is no telling how many. Give "
                f"their number: {self}/5, or choices: 0.1|0.2|0.3."
            )
        # Digits that nobody asked for would come back as another number from storage.
        shares = np.linspace(0, 1, self.points).tolist()
        return [float(f"{self.at(share):.12g}") for share in shares]

    def suggest(self, trial: Any, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        return _shown(self)


@dataclass(frozen=True)
class Whole(Domain):
    """A whole number from `low` to `high`, both included.

    Raises:
        OptionError: low is not below high, or with `log` not above 0.

    >>> Whole(8, 128, log=True, points=3).grid()
    [8, 32, 128]
    """

    low: int
    high: int
    log: bool = False
    points: int | None = None

    def __post_init__(self) -> None:
        _check_range(self)

    def at(self, share: float) -> int:
        if self.log:
            return min(int(self.low * ((self.high + 1) / self.low) ** share), self.high)
        return min(self.low + int((self.high - self.low + 1) * share), self.high)

    def grid(self) -> list[int]:
        if self.points is None:
            return list(range(self.low, self.high + 1))
        space = np.geomspace if self.log else np.linspace
        numbers = np.rint(space(self.low, self.high, self.points)).astype(int).tolist()
        return list(dict.fromkeys(numbers))

    def suggest(self, trial: Any, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def __str__(self) -> str:
        return _shown(self)


@dataclass(frozen=True)
class Choice(Domain):
    """One of some values, of any kind; they are stored as text.

    Raises:
        OptionError: there is none, or two have the same text.

    >>> Choice(((25, 25), (100,))).grid()
    ['(25, 25)', '(100,)']
    """

    options: tuple

    def __post_init__(self) -> None:
        if not self.options or len(set(self.labels)) < len(self.options):
            raise OptionError(
                f"choices: got {', '.join(self.labels) or 'none'}; expected some, each once."
            )

    @property
    def labels(self) -> list[str]:
        return [str(option) for option in self.options]

    def at(self, share: float) -> str:
        return self.labels[int(len(self.options) * share)]

    def grid(self) -> list[str]:
        return self.labels

    def suggest(self, trial: Any, name: str) -> str:
        return trial.suggest_categorical(name, self.labels)

    def value(self, stored: Any) -> Any:
        return self.options[self.labels.index(stored)]

    def __str__(self) -> str:
        return "|".join(self.labels)


Space = Mapping[str, Domain]


def _check_range(domain: Real | Whole) -> None:
    low, high = domain.low, domain.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"range {domain}: expected two numbers, the first smaller.")
    if domain.log and low <= 0:
        raise OptionError(f"range {domain}: with log: both ends must be above 0.")
    if domain.points is not None and domain.points < 2:
        raise OptionError(f"range {domain}: expected 2 points or more.")


def _shown(domain: Real | Whole) -> str:
    points = "" if domain.points is None else f"/{domain.points}"
    return f"{'log:' if domain.log else ''}{domain.low}..{domain.high}{points}"


def read_domain(value: Any) -> Domain | None:
    """The domain that a text or a list means; None for a single value.

    Raises:
        OptionError: a range that cannot be read, or has no numbers in it.

    >>> read_domain("log:1e-4..1e-1")
    Real(low=0.0001, high=0.1, log=True, points=None)
    >>> read_domain("8..256/3"), read_domain("relu|tanh"), read_domain("relu")
    (Whole(low=8, high=256, log=False, points=3), Choice(options=('relu', 'tanh')), None)
    """
    if isinstance(value, Domain):
        return value
    if isinstance(value, list):
        return Choice(tuple(tuple(v) if isinstance(v, list) else v for v in value))
    if not isinstance(value, str):
        return None
    if "|" in value:
        return Choice(tuple(part.strip() for part in value.split("|")))
    if ".." not in value:
        return None
    found = _RANGE.fullmatch(value.replace(" ", ""))
    try:
        if found is None:
            raise ValueError
        low, high = _number(found["low"]), _number(found["high"])
    except ValueError:
        raise OptionError(
            f"range {value!r} cannot be read; expected such as 0.1..0.9, log:1e-4..1e-1, 8..256, "
            "or 0.1..0.9/5 for the five points of a grid."
        ) from None
    points = None if found["points"] is None else int(found["points"])
    if isinstance(low, int) and isinstance(high, int):
        return Whole(low, high, found["log"] is not None, points)
    return Real(float(low), float(high), found["log"] is not None, points)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def grid_points(space: Space) -> Iterator[dict[str, Any]]:
    """All combinations of the grids of a space.

    >>> len(list(grid_points({"a": Whole(1, 3), "b": Choice(("x", "y"))})))
    6
    """
    for values in itertools.product(*(domain.grid() for domain in space.values())):
        yield dict(zip(space, values, strict=True))
