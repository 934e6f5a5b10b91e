"""What every form of a report shares: worked entries, values and checks in words."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chainrule.explain.formula import Formula
from chainrule.explain.formula_tree import Row, is_operator
from chainrule.explain.report import Checks, Content, Message, Statement, Worked
from chainrule.explain.shapes import shape_text
from chainrule.explain.words import Words
from chainrule.explain.writing import number_text

_MORE = re.compile(r"@MORE (\d+)@")
PRINTED = 32
"""Values of at most so many numbers are printed whole; others by their range."""


class Line(NamedTuple):
    """One entry multiplied out, as formulas: what it is, what goes in, what comes out."""

    left: Formula
    middle: Formula
    right: Formula


def worked_line(symbol: str, worked: Worked, words: Words) -> Line:
    """The worked entry with the words for terms left out put in."""

    def spoken(match: re.Match) -> str:
        return words["more"].format(count=match[1])

    expression = _MORE.sub(spoken, worked.expression).replace("@REST@", words["weight.rest"])
    name = Formula.of(symbol)
    several = isinstance(name.tree, Row) and any(map(is_operator, name.tree.items))
    base = rf"\left({symbol}\right)" if several else f"{{{symbol}}}"
    left = rf"{base}[\text{{{worked.index}}}]" if worked.index else symbol
    return Line(Formula.of(left), Formula.of(expression), Formula.of(worked.value))


def summary(value: np.ndarray, digits: int, words: Words) -> str:
    """The shape and the range of an array."""
    numbers = np.asarray(value, np.float64)
    if not numbers.size:
        return shape_text(value.shape)
    short = min(digits, 4)
    facts = {"low": numbers.min(), "high": numbers.max(), "mean": numbers.mean()}
    written = {name: number_text(number, short) for name, number in facts.items()}
    return words["value.summary"].format(shape=shape_text(value.shape), **written)


def is_printed(value: np.ndarray) -> bool:
    """Whether a value is short enough to be printed whole."""
    return 0 < value.size <= PRINTED


def printed(value: np.ndarray, digits: int) -> list[list[str]]:
    """The numbers of an array in rows; a column becomes one row, for it is read alike."""
    array = np.asarray(value)
    if array.ndim < 2 or 1 in array.shape[-2:]:
        return [[number_text(number, digits) for number in array.reshape(-1)]]
    rows = array.reshape(-1, array.shape[-1])
    return [[number_text(number, digits) for number in row] for row in rows]


def blank_line(statement: Statement) -> str:
    """What stands where a value is to be filled in."""
    return f"= ______________  ({shape_text(np.shape(statement.value))})"


def verdict(content: Content, words: Words) -> Iterator[str]:
    """What the checks came to, in sentences; of a worksheet nothing, for it is not filled in."""
    if content.blanks:
        return
    checks: Checks = content.checks
    facts = {
        "statements": checks.statements,
        "derivatives": checks.derivatives,
        "recomputed": f"{checks.recomputed:.1e}",
        "numeric": f"{checks.numeric:.1e}",
        "framework": f"{checks.framework:.1e}",
        "failures": ", ".join(checks.failures),
    }
    yield words.say(Message("check.failed" if checks.failures else "check.passed", facts))
    first = next((s for s in content.statements() if not s.right), None)
    if first is not None:
        yield words.say(_first_failure(first, words))


def _first_failure(statement: Statement, words: Words) -> Message:
    own = statement.residual or 0.0
    recomputed = not own <= statement.tolerance[0]
    residual = own if recomputed else statement.numeric
    return Message(
        "check.failed_first",
        {
            "symbol": Formula.of(statement.symbol).text,
            "formula": Formula.of(statement.formula).text,
            "against": words["check.recomputed" if recomputed else "check.numeric"],
            "residual": f"{residual:.1e}",
        },
    )
