"""Grading a learner's numbers: which step is the first that is wrong, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import DataError, DtypeError, unknown
from chainrule.explain.builder import Builder
from chainrule.explain.formula import Formula
from chainrule.explain.mistakes import Mistakes
from chainrule.explain.report import Message
from chainrule.explain.shapes import shape_text
from chainrule.explain.words import Words
from chainrule.graph import Node
from chainrule.nn.parameter import as_numbers

CLOSE = 1e-4
"""Answers are right up to so much of the largest number: learners round."""


@dataclass(frozen=True)
class Finding:
    """What is to be said about one answer; `mistake` is empty where it is right."""

    key: str
    right: bool
    mistake: str
    message: Message


@dataclass(frozen=True)
class Grade:
    """The findings about all answers, in the order of the computation; print it."""

    findings: tuple[Finding, ...]
    lang: str = "en"

    @property
    def right(self) -> bool:
        """Whether every answer is right."""
        return all(finding.right for finding in self.findings)

    @property
    def first(self) -> Finding | None:
        """The first answer that is wrong."""
        return next((finding for finding in self.findings if not finding.right), None)

    def text(self, *, lang: str | None = None) -> str:
        """A line for each answer."""
        words = Words(lang or self.lang)
        marks = {True: "+", False: "-"}
        lines = [f"{marks[f.right]} {f.key}: {words.say(f.message)}" for f in self.findings]
        right = sum(finding.right for finding in self.findings)
        total = Message("grade.total", {"right": right, "all": len(self.findings)})
        return "\n".join([*lines, words.say(total)])

    def __str__(self) -> str:
        return self.text()


def grade_answers(builder: Builder, answers: Mapping[str, Any], lang: str) -> Grade:
    """Compare answers with the statements of their keys, or with gradients by parameter path.

    Samples may be rows or columns, and an axis of one element may be missing.

    Raises:
        OptionError: a key that no statement has.
        DtypeError: an answer that holds no numbers.
        DataError: no answers.
    """
    if not answers:
        raise DataError("grade: no answers came; give arrays by key, such as {'z1': [...]}.")
    numbers = {key: _numbers(key, answer) for key, answer in answers.items()}
    known = dict(builder.nodes) | dict(builder.step.gradients)
    for key in numbers:
        if key not in known:
            raise unknown("statement", key, known)
    order = {key: i for i, key in enumerate(builder.nodes)}
    names = {node: key for key, node in builder.nodes.items()}
    keys = sorted(numbers, key=lambda key: order.get(names.get(known[key], ""), len(order)))
    mistakes, given = Mistakes(builder), {}
    turned = _turns_weights(builder, numbers, known)
    findings = []
    for key in keys:
        node = known[key]
        finding, value = _judge(builder, mistakes, key, node, numbers[key], given, turned)
        findings.append(finding)
        if value is not None:
            given[node] = value
    return Grade(tuple(findings), lang)


def _numbers(key: str, answer: Any) -> np.ndarray:
    array = as_numbers(answer)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"grade: the answer {key!r} has dtype {array.dtype}; expected numbers.")
    return array.astype(np.float64)


def _turns_weights(
    builder: Builder, numbers: Mapping[str, np.ndarray], known: Mapping[str, Node]
) -> bool:
    """Whether the learner holds weights as (in, out): a matrix that is not square tells."""
    for key, answer in numbers.items():
        shape = known[key].aval.shape
        if known[key] in builder.step.gradients.values() and len(set(shape)) == 2:
            return answer.shape == shape[::-1]
    return False


def _judge(
    builder: Builder,
    mistakes: Mistakes,
    key: str,
    node: Node,
    answer: np.ndarray,
    given: Mapping[Node, np.ndarray],
    turned: bool,
) -> tuple[Finding, np.ndarray | None]:
    """What is to be said about one answer, and the answer as the framework would hold it."""
    value = np.asarray(builder.step.values[node], np.float64)
    weights = node in builder.step.gradients.values() or node in builder.step.moved.values()
    readings = list(_readings(answer, value.shape, builder.writer.turned(node), weights and turned))
    if not readings:
        expected = shape_text(builder.writer.shown(node).shape)
        facts = {"came": shape_text(answer.shape), "expected": expected}
        return Finding(key, False, "shape", Message("grade.shape", facts)), None
    for reading in readings:
        if _close(reading, value):
            return Finding(key, True, "", Message("grade.right")), reading
    for reading in readings:
        for name, wrong in mistakes.of(node, given):
            if wrong.shape == reading.shape and _close(reading, wrong):
                message = Message(f"grade.{name}", {"formula": _formula(builder, key, node)})
                return Finding(key, name == "carried", name, message), reading
    place = int(np.abs(readings[0] - value).argmax())
    facts = {
        "formula": _formula(builder, key, node),
        "came": f"{readings[0].reshape(-1)[place]:.6g}",
        "expected": f"{value.reshape(-1)[place]:.6g}",
    }
    return Finding(key, False, "unknown", Message("grade.unknown", facts)), readings[0]


def _formula(builder: Builder, key: str, node: Node) -> str:
    """The right formula as text."""
    symbol = builder.names.get(node, "")
    left = Formula.of(symbol).text if symbol else key
    return f"{left} = {Formula.of(builder.writer.definition(node)).text}"


def _readings(
    answer: np.ndarray, shape: tuple[int, ...], samples: bool, turned: bool
) -> list[np.ndarray]:
    """The answer as the framework would hold it: samples as rows or columns, axes of 1 left out."""
    found = []
    if not turned and answer.shape == shape:
        found.append(answer)
    other = samples or turned or answer.shape != shape
    if other and answer.ndim == 2 and answer.T.shape == shape:
        found.append(answer.T)
    plain = tuple(size for size in shape if size != 1)
    short = tuple(size for size in answer.shape if size != 1)
    if not found and plain == short:
        found.append(answer.reshape(shape))
    if not found and samples and plain == short[::-1] and answer.ndim == 2:
        found.append(answer.T.reshape(shape))
    return found


def _close(answer: np.ndarray, value: np.ndarray) -> bool:
    largest = float(np.abs(value).max()) if value.size else 0.0
    if not np.isfinite(answer).all():
        return False
    return bool(np.abs(answer - value).max(initial=0.0) <= CLOSE * (largest or 1.0))
