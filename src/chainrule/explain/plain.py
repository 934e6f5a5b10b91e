"""A report as data: dicts, lists, numbers and words, for JSON."""

import json
import math
from typing import Any

import numpy as np

from chainrule.explain.formula import Formula
from chainrule.explain.mathml import write_mathml
from chainrule.explain.report import Content, Statement
from chainrule.explain.wording import verdict, worked_line
from chainrule.explain.words import Words

FORMAT = 1
_WHOLE = 1024
"""Values of more numbers are given whole at full detail only."""


def to_dict(content: Content, words: Words, detail: str) -> dict[str, Any]:
    """The report as JSON can hold it."""
    return {
        "format": FORMAT,
        "language": words.language,
        "title": words.say(content.title),
        "sections": [
            {
                "key": section.key,
                "title": words.say(section.title),
                "words": [words.say(message) for message in section.words],
                "statements": [_statement(s, words, detail) for s in statements],
            }
            for section, statements in content.shown(detail)
        ],
        "checks": {
            **vars(content.checks),
            "failures": list(content.checks.failures),
            "right": not content.checks.failures,
            "words": list(verdict(content, words)),
        },
    }


def write_json(content: Content, words: Words, detail: str) -> str:
    """The report as JSON; what is not finite becomes null."""
    return json.dumps(_strict(to_dict(content, words, detail)), ensure_ascii=False, indent=1) + "\n"


def _statement(statement: Statement, words: Words, detail: str) -> dict[str, Any]:
    worked = None
    if statement.worked:
        line = worked_line(statement.symbol, statement.worked, words)
        worked = {
            "index": statement.worked.index,
            "text": f"{line.left.text} = {line.middle.text} = {line.right.text}",
            "latex": f"{line.left.latex} = {line.middle.latex} = {line.right.latex}",
        }
    value = np.asarray(statement.value)
    whole = not statement.blank and (detail == "full" or value.size <= _WHOLE)
    return {
        "key": statement.key,
        "symbol": _formula(statement.symbol),
        "formula": _formula(statement.formula),
        "shapes": statement.shapes,
        "where": statement.where,
        "words": [words.say(message) for message in statement.words],
        "sources": [key for _, key in statement.sources],
        "shape": list(value.shape),
        "value": value.tolist() if whole else None,
        "worked": worked,
        "residual": statement.residual,
        "numeric": statement.numeric,
        "right": statement.right,
    }


def _formula(latex: str) -> dict[str, str] | None:
    if not latex:
        return None
    formula = Formula.of(latex)
    return {"text": formula.text, "latex": formula.latex, "mathml": write_mathml(formula)}


def _strict(value: Any) -> Any:
    """The same with null for NaN and infinities, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
