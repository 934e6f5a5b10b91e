"""Values as they are typed: each function reads a text, or says what it expected."""

import argparse
import math
from typing import Any

from chainrule.errors import OptionError
from chainrule.settings import parse_spec


def widths(text: str) -> tuple[int, ...]:
    """Widths of hidden layers, such as 25,25.

    >>> widths("100,25")
    (100, 25)
    """
    try:
        return tuple(positive_count(part.strip()) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of widths; expected integers of 1 or more, such as 25,25"
        ) from None


def group(text: str) -> tuple[str, dict[str, Any]]:
    """A pattern of parameters' names, and settings for them.

    >>> group("*.bias: lr=0.1, weight_decay=0")
    ('*.bias', {'lr': 0.1, 'weight_decay': 0})
    """
    pattern, colon, rest = text.partition(":")
    if not (pattern.strip() and colon and rest.strip()):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a pattern and settings, such as '*.bias: lr=0.01'"
        )
    try:
        spec = parse_spec("group", f"settings({rest})")
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if spec.args:
        raise argparse.ArgumentTypeError(f"{text!r}: each setting needs its name, such as lr=0.01")
    return pattern.strip(), spec.options


def entries(text: str) -> int | str:
    """A number of entries, or all of them.

    >>> entries("all"), entries("8")
    ('all', 8)
    """
    return text if text == "all" else positive_count(text)


def column(text: str) -> str | int:
    """A column by its place, or by its name.

    >>> column("kind"), column("0")
    ('kind', 0)
    """
    try:
        return int(text)
    except ValueError:
        return text


def count(text: str) -> int:
    """An integer of 0 or more."""
    return _integer(text, 0)


def positive_count(text: str) -> int:
    """An integer of 1 or more."""
    return _integer(text, 1)


def _integer(text: str, lowest: int) -> int:
    # Other alphabets' digits and 1_000 are integers to Python, and hardly meant.
    if text.isascii() and text.isdigit() and int(text) >= lowest:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected an integer of {lowest} or more")


def positive(text: str) -> float:
    """A number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def not_negative(text: str) -> float:
    """A number of 0 or more."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of 0 or more")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
