"""From the nodes of a traced step to statements."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from chainrule import rng
from chainrule.explain.checks import (
    Differences,
    Recomputer,
    tolerances,
)
from chainrule.explain.expansions import WRITTEN
from chainrule.explain.formula import Formula
from chainrule.explain.layout import Layout
from chainrule.explain.naming import Naming
from chainrule.explain.report import Message, Statement, Worked
from chainrule.explain.shapes import ShapeWriter
from chainrule.explain.step import Step, Task, trace_step
from chainrule.explain.worked import Worker, index_text
from chainrule.explain.writing import Writer, number_text
from chainrule.graph import Node

DIGITS = {"f4": 6, "f8": 9}.__getitem__
"""Significant digits that are printed, by dtype."""


class Origin(NamedTuple):
    """Where the inputs come from: the samples as the data set holds them, and their scaling."""

    raw: np.ndarray | None = None
    scale: Any = 1.0
    shift: Any = 0.0
    image_shape: tuple[int, int] | None = None
    classes: tuple[str, ...] = ()


class Builder:
    """Makes the statements of one step."""

    def __init__(self, task: Task, origin: Origin):
        self.task = task
        self.origin = origin
        self.step: Step = trace_step(task)
        self.layout = Layout()
        self.naming = Naming(self.step, task.model, self.layout)
        self.names = self.naming.names
        floats = [leaf.dtype for leaf in task.leaves.values()]
        dtype = np.dtype(np.float32) if np.dtype(np.float32) in floats else np.dtype(np.float64)
        self.digits = DIGITS(dtype.str[1:])
        self.tolerance = tolerances(dtype)
        told = (self.step, self.names, self.layout, self.digits, self.naming.roles)
        self.writer = Writer(*told)
        self.shapes = ShapeWriter(*told)
        self.worker = Worker(self.writer)
        self.recomputer = Recomputer(self.step, self.names)
        self.differences = Differences(self.step)
        self.keys: dict[Node, str] = {}
        self.nodes: dict[str, Node] = {}
        self.used: Counter[str] = Counter()

    def numeric(self, node: Node, slope: Node, key: rng.Key) -> float:
        """How far a derivative is from central differences.

        Where its terms cancel, relative to these: see `Recomputer.residual`. Where that is not
        enough, at a point beside this one: see `Differences.beside`.
        """
        found = self.differences.residual(node, slope, key)
        if found <= self.tolerance[1]:
            return found
        found = self.differences.residual(node, slope, key, self.recomputer.shown(slope))
        if found <= self.tolerance[1]:
            return found
        return self.differences.beside(node, rng.fold_in(key, 1)).residual(node, slope, key)

    def key_for(self, symbol: str) -> str:
        """A key that no other statement has."""
        text = Formula.of(symbol).text.replace(" ", "")
        self.used[text] += 1
        return text if self.used[text] == 1 else f"{text}.{self.used[text]}"

    def given(self, node: Node, words: Iterable[Message], **more: Any) -> Statement:
        """A statement about a value that is given, not computed."""
        key = self.keys[node] = self.key_for(self.names[node])
        self.nodes[key] = node
        return Statement(
            key, self.names[node], "", "", self.writer.shown(node), words=tuple(words), **more
        )

    def statements(
        self, node: Node, words: Iterable[Message], *, symbol: str = "", **more: Any
    ) -> list[Statement]:
        """The statement about a computed value, after those about pieces of its formula."""
        pieces = [] if "formula" in more else self.naming.pieces_of(node)
        level = {name: more[name] for name in ("level", "place") if name in more}
        found = [self._one(piece, self.names[piece], (), **level) for piece in pieces]
        return [*found, self._one(node, symbol or self.names[node], tuple(words), **more)]

    def _one(self, node: Node, symbol: str, words: tuple[Message, ...], **more: Any) -> Statement:
        key = self.key_for(symbol)
        self.nodes[key] = node
        same = self.names.get(node) not in (None, symbol)
        formula = self.names[node] if same else WRITTEN.get(symbol) or self.writer.definition(node)
        override, place = more.pop("formula", None), more.pop("place", None)
        formula = formula if override is None else override
        sources = [node] if same else self.recomputer.sources(node)
        if not same:
            self.keys[node] = key
        if formula == symbol:
            formula = ""
        return Statement(
            key,
            symbol,
            formula,
            self.shapes.line(node),
            self.writer.shown(node),
            tuple((self.names[s], self.keys[s]) for s in sources if s in self.keys),
            None if same or override is not None else self.worked(node, place),
            words,
            residual=self.recomputer.residual(node),
            tolerance=self.tolerance,
            **more,
        )

    def worked(self, node: Node, place: int | None = None) -> Worked | None:
        """An entry multiplied out: the largest, or the one at a flat place."""
        value = np.asarray(self.step.values[node])
        if not value.size or not np.isfinite(value).all():
            return None
        place = None if place is not None and place >= value.size else place
        place = int(np.abs(value).argmax()) if place is None else place
        found = self.worker.entry(node, place)
        number = number_text(value.reshape(-1)[place], self.digits)
        if found is None or found.text == number:
            return None
        shown = shown_place(value, place) if self.writer.turned(node) else place
        index = index_text(self.writer.shown(node).shape, shown)
        return Worked(index, found.text, number)

    def about(self, node: Node, role: str, **more: Any) -> Message:
        """The words about a value: those of its op in this role, with its counts."""
        value = np.asarray(self.step.values[node])
        inner = self.layout.source(node, ())
        op = self.naming.roles.of.get(node) or getattr(inner.op, "name", "any")
        facts = {
            "op": op,
            "size": value.size,
            "zeros": int(np.count_nonzero(value == 0)),
            "samples": self.step.x.aval.shape[0],
            "units": value.shape[-1] if value.ndim else 1,
        }
        batch = ".batch" if facts["samples"] > 1 else ""
        return Message(f"{role}.{op}{batch}", {**facts, **more})


def shown_place(value: np.ndarray, place: int) -> int:
    """The flat place in the transpose."""
    row, column = divmod(place, value.shape[1])
    return column * value.shape[0] + row
