r"""From nodes to formulas: a named value is its symbol, any other node its record's template.

Samples are written as columns, as on a blackboard: a value that the framework holds as a batch of
rows (N, features) is shown as its transpose. `TRANSPOSED` says how an op is written when its
result is turned; an op that is not in it is written by its own template. Which axis holds the
samples is not assumed: it is the one that grows when the step is traced with one sample more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.explain.layout import Layout, Move
from chainrule.explain.roles import Roles
from chainrule.explain.step import Step
from chainrule.grad.latex_form import ATOM, NEGATIVE, POWER, Formula, form_of, parenthesised
from chainrule.graph import Node
from chainrule.ops.arithmetic import multiply
from chainrule.ops.linalg import linear, matmul_op
from chainrule.ops.shape import broadcast_to
from chainrule.ops.table import Op

TRANSPOSED: Mapping[Op, tuple[str, tuple[bool, ...]]] = MappingProxyType(
    {
        matmul_op: ("{1} {0}", (True, True)),
        linear: ("{1} {0} + {2}", (True, False, False)),
    }
)
"""How the transpose of an op's result is written: a template, and which arguments are turned."""

_ARRAYS: Mapping[Op, str] = MappingProxyType({multiply: r"{0} \odot {1}"})
"""How ops on single numbers are written between arrays, where another sign is usual."""

_UNSEEN: Mapping[Op, str] = MappingProxyType({broadcast_to: "{0}"})
"""Ops that a formula leaves out, because everyone repeats numbers without saying so."""


class Writer:
    """Writes the nodes of one step. `names` gives the symbols (LaTeX) of the named values."""

    def __init__(
        self, step: Step, names: Mapping[Node, str], layout: Layout, digits: int, roles: Roles
    ):
        self.step = step
        self.names = names
        self.layout = layout
        self.digits = digits
        self.roles = roles

    def turned(self, node: Node) -> bool:
        """Whether a value is shown as the transpose of what the framework holds."""
        axes = self.step.sample_axes.get(node, ())
        return not isinstance(node.aval, tuple) and node.aval.ndim == 2 and axes == (0,)

    def shown(self, node: Node) -> np.ndarray:
        """The value as it is shown."""
        value = np.asarray(self.step.values[node])
        return value.T if self.turned(node) else value

    def definition(self, node: Node) -> str:
        """The right-hand side of a named value's formula."""
        return self._call(node, self.turned(node)).text

    def part(self, node: Node, flip: bool) -> Formula:
        """A value inside a formula; `flip` asks for its transpose."""
        if node in self.names:
            return self._symbol(node, flip)
        if node.op is None:
            return self._constant(node)
        return self._call(node, flip)

    def _symbol(self, node: Node, flip: bool) -> Formula:
        name = self.names[node]
        binds = POWER if name.startswith((r"\frac", r"{\frac")) else ATOM
        shape = node.aval.shape
        if len(shape) != 2 or flip == self.turned(node) or shape == (1, 1):
            return Formula(name, binds)
        base = parenthesised(name) if binds < ATOM else f"{{{name}}}"
        return Formula(f"{base}^T", POWER)

    def _flat(self, node: Node, move: Move, flip: bool) -> Formula:
        """Each sample as one column."""
        text = rf"\operatorname{{flat}}({self.part(move.source, False).text})"
        if flip == self.turned(node):
            return Formula(text, ATOM)
        return Formula(f"{{{text}}}^T", POWER)

    def _constant(self, node: Node) -> Formula:
        if node.value is None:
            return Formula(rf"\text{{{node.name}}}", ATOM)
        array = np.asarray(node.value)
        if array.size and (array == array.reshape(-1)[0]).all():
            return self.number(array.reshape(-1)[0])
        return Formula(r"\text{const}", ATOM)

    def number(self, value: Any) -> Formula:
        """A number as a part of a formula."""
        text = number_text(value, self.digits)
        return Formula(text, NEGATIVE if text.startswith("-") else ATOM)

    def _call(self, node: Node, flip: bool) -> Formula:
        if node.op is None:
            return self.part(node, flip) if node not in self.names else self._constant(node)
        if node in self.step.expansions and node not in self.step.expansions[node].values():
            return self._call(self.step.expansions[node][""], flip)
        move = self.layout.move(node)
        if move is not None:
            if self.layout.flattens(node, move):
                return self._flat(node, move, flip)
            if self.layout.transposes(move):
                return self.part(move.source, not flip)
            same = move.source.aval.ndim == node.aval.ndim
            return self.part(move.source, flip if same else self.turned(move.source))
        template, flips = node.op.latex or rf"\operatorname{{{node.op.name}}}({{all}})", None
        if flip and node.op in TRANSPOSED:
            template, flips = TRANSPOSED[node.op]
        elif node in self.roles.written:
            template = self.roles.written[node]
        elif node.op in _UNSEEN:
            template = _UNSEEN[node.op]
        elif node.op in _ARRAYS and sum(arg.aval.size > 1 for arg in node.args) > 1:
            template = _ARRAYS[node.op]
        flips = flips or tuple(
            flip if _axes(arg) == _axes(node) else self.turned(arg) for arg in node.args
        )
        parts = [self.part(arg, f) for arg, f in zip(node.args, flips, strict=True)]
        return form_of(template).write(parts, options_of(node))


def _axes(node: Node) -> int:
    """How many axes a value has; of an op that gives several, -1."""
    return -1 if isinstance(node.aval, tuple) else node.aval.ndim


def options_of(node: Node) -> dict[str, str]:
    """The options of a call as LaTeX; axes stay unwritten, for values are shown turned."""
    return {
        name: "" if name in ("axis", "axes") or value is None else _option(name, value)
        for name, value in node.params.items()
    }


def size_text(size: Any) -> str:
    r"""The size of a window as LaTeX, such as 2 \times 2."""
    return r" \times ".join(map(str, np.atleast_1d(size)))


def _option(name: str, value: Any) -> str:
    if name in ("size", "kernel"):
        return size_text(value)
    if isinstance(value, (bool, int, float, tuple, list)):
        return str(value).replace(" ", "")
    return rf"\text{{{getattr(value, 'name', value)}}}".replace("_", " ")


def number_text(value: Any, digits: int) -> str:
    """A number with so many significant digits, as it is printed everywhere.

    >>> number_text(np.float32(0.1), 6), number_text(True, 6), number_text(-0.0, 6)
    ('0.1', '1', '0')
    """
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    number = float(value)
    if not np.isfinite(number):
        return rf"\text{{{number}}}"
    text = f"{number:.{digits}g}"
    return "0" if float(text) == 0 else text
