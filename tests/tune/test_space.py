"""What a search looks through, as text and drawn from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.errors import OptionError
from chainrule.tune import Choice, Real, Whole, read_domain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1..0.9", Real(0.1, 0.9)),
        ("log:1e-4..1e-1", Real(1e-4, 1e-1, log=True)),
        ("log: 1e-4 .. 1", Real(1e-4, 1.0, log=True)),
        ("-2..2.5/7", Real(-2.0, 2.5, points=7)),
        ("8..256", Whole(8, 256)),
        ("log:8..256/6", Whole(8, 256, log=True, points=6)),
        ("25,25|100", Choice(("25,25", "100"))),
        ("leaky_relu(0.2) | relu", Choice(("leaky_relu(0.2)", "relu"))),
        (["a", 3, [25, 25]], Choice(("a", 3, (25, 25)))),
        ("relu", None),
        (0.5, None),
        ((25, 25), None),
    ],
)
def test_texts_are_read(text: Any, expected: Any) -> None:
    assert read_domain(text) == expected
    if expected is not None and not isinstance(expected, Choice):
        assert read_domain(str(expected)) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read_domain("a..b"), r"range 'a\.\.b' cannot be read; expected such as 0\.1\.\."),
        (lambda: read_domain("1..2/"), "cannot be read"),
        (lambda: read_domain("2..1"), r"range 2\.\.1: expected two numbers, the first smaller"),
        (lambda: read_domain("log:0..1"), r"range log:0\.\.1: with log: both ends must be above 0"),
        (lambda: read_domain("0..nan"), "expected two numbers"),
        (lambda: read_domain("0..1/1"), r"range 0\.\.1/1: expected 2 points or more"),
        (lambda: read_domain("a|a"), "choices: got a, a; expected some, each once"),
        (lambda: read_domain([]), "choices: got none; expected some"),
        (lambda: Real(0.0, 1.0).grid(), r"Give their number: 0\.0\.\.1\.0/5, or choices"),
    ],
)
def test_what_cannot_be_read(call: Callable, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call()


def test_grids() -> None:
    assert Real(0.0, 1.0, points=3).grid() == [0.0, 0.5, 1.0]
    assert Whole(1, 4).grid() == [1, 2, 3, 4]
    assert Whole(1, 3, points=5).grid() == [1, 2, 3]


@pytest.mark.parametrize(
    "domain", [Real(1e-4, 1e-1, log=True), Real(-1.0, 2.0), Whole(3, 9), Whole(2, 64, log=True)]
)
def test_draws_fill_the_range_and_stay_in_it(domain: Any) -> None:
    values = np.array([domain.at(share) for share in np.linspace(0, 1, 4001)[:-1]])
    assert values.min() == domain.low
    assert values.max() <= domain.high
    assert values.max() > domain.high * (1 - 1e-2)
    if domain.log:
        middle = np.mean(values < np.sqrt(domain.low * domain.high))
        assert abs(middle - 0.5) < 0.05
    elif isinstance(domain, Whole):
        counts = np.bincount(values.astype(int))[3:]
        assert counts.max() - counts.min() <= 2
