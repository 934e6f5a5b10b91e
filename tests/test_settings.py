"""Declared ranges and their words; names that carry options."""

import math
from dataclasses import dataclass
from typing import Any

import pytest

from chainrule.errors import OptionError
from chainrule.settings import (
    FINITE,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    UNIT,
    Range,
    Spec,
    check_ranges,
    count,
    make,
    number,
    parse_spec,
    setting,
)


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "words"),
    [
        (POSITIVE, (1e-300, 1e300), (0.0, -1.0, math.inf), "a number above 0"),
        (NOT_NEGATIVE, (0.0, 5), (-1e-300,), "0 or more"),
        (FRACTION, (0.0, 0.999), (1.0, -0.1), "a number 0 or more and below 1"),
        (UNIT, (0, 1), (1.0001,), "a number 0 or more and 1 or less"),
        (FINITE, (-1e300, 0, 1e300), (math.inf, -math.inf, math.nan), "a finite number"),
        (Range(1.0, 2.0, False, True), (1.5, 2.0), (1.0,), "a number above 1 and 2 or less"),
    ],
)
def test_ranges_hold_what_their_words_say(
    allowed: Range, inside: tuple, outside: tuple, words: str
) -> None:
    assert str(allowed) == words
    for value in inside:
        assert number("Owner", "name", value, allowed) == value
    for value in (*outside, "1", None, True, math.nan):
        with pytest.raises(OptionError) as caught:
            number("Owner", "name", value, allowed)
        assert str(caught.value) == f"Owner: name is {value!r}; expected {words}."


def test_fields_declare_their_ranges() -> None:
    @dataclass(frozen=True)
    class Thing:
        rate: float = setting(0.1, FRACTION)
        free: Any = None

        def __post_init__(self) -> None:
            check_ranges(self)

    assert Thing(0.5, "anything").free == "anything"
    with pytest.raises(OptionError, match=r"Thing: rate is 1; expected a number 0 or more"):
        Thing(1)


@pytest.mark.parametrize("value", [0, -3, 1.0, "2", None, True])
def test_counts_are_integers_of_their_least_or_more(value: Any) -> None:
    with pytest.raises(OptionError, match=r"Owner: size is .*expected an integer of 1 or more"):
        count("Owner", "size", value)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("relu", Spec("relu", (), {})),
        (" Leaky-ReLU ( 0.2 ) ", Spec("leaky_relu", (0.2,), {})),
        ("f()", Spec("f", (), {})),
        ("f(-1, x=[1, 2.5], y=None)", Spec("f", (-1,), {"x": [1, 2.5], "y": None})),
        ("f(word, other(0.5), 'text')", Spec("f", ("word", "other(0.5)", "text"), {})),
    ],
)
def test_names_are_read_with_their_options(text: str, spec: Spec) -> None:
    assert parse_spec("thing", text) == spec


@pytest.mark.parametrize(
    "text",
    [
        "f(",
        "f(1",
        "f)(",
        "f(1)(2",
        "f(1)(2)",
        "f(1) + 2",
        "f(__import__('os').name)",
        "f(**x)",
        "f(*x)",
    ],
)
def test_nothing_else_is_read_and_nothing_is_run(text: str) -> None:
    with pytest.raises(OptionError, match=r"thing .* cannot be read; expected a name"):
        parse_spec("thing", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f(1, 2, 3)", "thing 'f': too many positional.*It takes low, high"),
        ("f()", "thing 'f': missing a required argument: 'low'.*It takes low, high"),
        ("f(1, lwo=2)", "unknown option of thing f 'lwo'. Did you mean 'low'"),
        ("f(1, low=2)", "thing 'f': multiple values for argument 'low'"),
    ],
)
def test_options_must_be_those_that_it_takes(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make("thing", parse_spec("thing", text), lambda low, high=1: (low, high))
    assert make("thing", parse_spec("thing", "f(3)"), lambda low, high=1: (low, high)) == (3, 1)
