"""Settings: declared ranges, which word the errors, and names that carry their options.

A thing is chosen by name, with options in brackets where it takes some: "relu", "leaky_relu(0.2)",
"cross_entropy(label_smoothing=0.1)", "scaled(2, fan_in, normal)".
"""

import ast
import inspect
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chainrule.errors import OptionError, unknown


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may take, such as [0, 1) or (0, inf).

    >>> 1.0 in FRACTION, 1.0 in UNIT
    (False, True)
    """

    low: float
    high: float
    low_included: bool = True
    high_included: bool = False

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.low_included else value > self.low
        return above and (value <= self.high if self.high_included else value < self.high)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "a finite number"
        if self.high == math.inf:
            return f"{self.low:g} or more" if self.low_included else f"a number above {self.low:g}"
        least = f"{self.low:g} or more" if self.low_included else f"above {self.low:g}"
        most = f"{self.high:g} or less" if self.high_included else f"below {self.high:g}"
        return f"a number {least} and {most}"


POSITIVE = Range(0.0, math.inf, low_included=False)
NOT_NEGATIVE = Range(0.0, math.inf)
FRACTION = Range(0.0, 1.0)
UNIT = Range(0.0, 1.0, high_included=True)
FINITE = Range(-math.inf, math.inf, low_included=False)


def setting(default: Any, allowed: Range) -> Any:
    """A dataclass field with a declared range."""
    return field(default=default, metadata={"range": allowed})


def check_ranges(owner: Any) -> None:
    """Check every field of a dataclass that declares a range.

    Raises:
        OptionError: a value is no number, or outside its range.
    """
    for name, entry in owner.__dataclass_fields__.items():
        allowed = entry.metadata.get("range")
        if allowed is not None:
            number(type(owner).__name__, name, getattr(owner, name), allowed)


def number(owner: str, name: str, value: Any, allowed: Range) -> Any:
    """`value`, when it is a number in that range.

    Raises:
        OptionError: it is not.

    >>> number("Dropout", "p", 1.5, FRACTION)
    Traceback (most recent call last):
        ...
    chainrule.errors.OptionError: Dropout: p is 1.5; expected a number 0 or more and below 1.
    """
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or value not in allowed:
        raise OptionError(f"{owner}: {name} is {value!r}; expected {allowed}.")
    return value


def count(owner: str, name: str, value: Any, least: int = 1) -> int:
    """`value` as an int, when it is one of `least` or more.

    Raises:
        OptionError: it is not.

    >>> count("Linear", "in_features", 0)
    Traceback (most recent call last):
        ...
    chainrule.errors.OptionError: Linear: in_features is 0; expected an integer of 1 or more.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise OptionError(f"{owner}: {name} is {value!r}; expected an integer of {least} or more.")
    return operator.index(value)


class Spec(NamedTuple):
    """A name with its options, as it was typed."""

    name: str
    args: tuple
    options: dict[str, Any]


def parse_spec(kind: str, text: str) -> Spec:
    """Read such as "gelu" or "gelu(approximate=tanh)"; words within count as strings.

    Upper case, hyphens and spaces in the name are understood, too.

    Raises:
        OptionError: it is written in another way.

    >>> parse_spec("activation", "Leaky-ReLU(0.2)")
    Spec(name='leaky_relu', args=(0.2,), options={})
    """
    name, bracket, rest = str(text).strip().partition("(")
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if not bracket:
        return Spec(plain, (), {})
    try:
        call: Any = ast.parse(f"f({rest}", mode="eval").body
        args = tuple(_value(part) for part in call.args)
        options = {part.arg: _value(part.value) for part in call.keywords}
        whole = isinstance(call.func, ast.Name) and None not in options
    except (SyntaxError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise OptionError(
            f"{kind} {text!r} cannot be read; expected a name, or a name with options such as "
            "name(0.1) or name(option=0.1)."
        )
    return Spec(plain, args, options)


def _value(part: ast.expr) -> Any:
    is_name = isinstance(part, (ast.Name, ast.Call))
    return ast.unparse(part) if is_name else ast.literal_eval(part)


def make(kind: str, spec: Spec, function: Callable) -> Any:
    """What `function` makes of a spec's options.

    Raises:
        OptionError: an unknown option, one too many, or one that is missing.
    """
    known = inspect.signature(function).parameters
    for option in spec.options:
        if option not in known:
            raise unknown(f"option of {kind} {spec.name}", option, known)
    try:
        inspect.signature(function).bind(*spec.args, **spec.options)
    except TypeError as error:
        raise OptionError(
            f"{kind} {spec.name!r}: {error}. It takes {', '.join(known) or 'no options'}."
        ) from None
    return function(*spec.args, **spec.options)
