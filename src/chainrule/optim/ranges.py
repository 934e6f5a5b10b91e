"""Declared ranges of settings: one place that checks them and words the error."""

import math
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import OptionError


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may take, such as [0, 1) or (0, inf)."""

    low: float
    high: float
    low_included: bool = True

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.low_included else value > self.low
        return above and value < self.high

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{self.low:g} or more" if self.low_included else f"a number above {self.low:g}"
        least = f"{self.low:g} or more" if self.low_included else f"above {self.low:g}"
        return f"a number {least} and below {self.high:g}"


POSITIVE = Range(0.0, math.inf, low_included=False)
NOT_NEGATIVE = Range(0.0, math.inf)
FRACTION = Range(0.0, 1.0)


def setting(default: Any, allowed: Range) -> Any:
    """A dataclass field with a declared range."""
    return field(default=default, metadata={"range": allowed})


def check_ranges(owner: Any) -> None:
    """Check every field of a dataclass that declares a range.

    Raises:
        OptionError: a value is no number, or outside its range.
    """
    for name, entry in owner.__dataclass_fields__.items():
        allowed, value = entry.metadata.get("range"), getattr(owner, name)
        if allowed is None:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value not in allowed:
            raise OptionError(f"{type(owner).__name__}: {name} is {value!r}; expected {allowed}.")
