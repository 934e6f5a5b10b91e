"""The shape line of a statement: its formula with shapes in the places of the values."""

import numpy as np

from chainrule.explain.formula import Formula
from chainrule.explain.formula_tree import Atom, Row, is_operator
from chainrule.explain.layout import Move
from chainrule.explain.writing import Writer
from chainrule.grad import latex_form
from chainrule.grad.latex_form import ATOM
from chainrule.graph import Node

_SIGNS = ("+", "-", "·", "∘")


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it is spoken.

    >>> shape_text((25, 784)), shape_text(())
    ('25×784', '1')
    """
    return "1" if set(shape) <= {1} else "×".join(map(str, shape))


class ShapeWriter(Writer):
    """Writes formulas as a `Writer` does, with the shape of each value for its symbol."""

    def line(self, node: Node) -> str:
        """The shapes of a formula, such as 25×1 = 25×784 · 784×1 + 25×1.

        Empty where all shapes are the same but for single numbers: there is nothing to see.
        """
        if node.op is None or node not in self.names:
            return ""
        move = self.layout.move(node)
        if move is not None and move.source.aval.ndim != node.aval.ndim:
            return ""
        own = shape_text(_column(np.shape(self.shown(node))))
        tree = Formula.of(self.definition(node)).tree
        items = tree.items if isinstance(tree, Row) else (tree,)
        words = {item.text for item in items if isinstance(item, Atom) and item.kind == "words"}
        plain = all(_is_shape(item) or is_operator(item, _SIGNS) for item in items)
        if not plain or words <= {own, "1"}:
            return ""
        return f"{own} = {Formula(Row(_with_dots(items))).text}"

    def _flat(self, node: Node, move: Move, flip: bool) -> latex_form.Formula:
        shape = node.aval.shape[::-1] if flip else node.aval.shape
        return latex_form.Formula(rf"\text{{{shape_text(shape)}}}", ATOM)

    def _symbol(self, node: Node, flip: bool) -> latex_form.Formula:
        shape = _column(node.aval.shape)
        if len(node.aval.shape) == 2 and flip:
            shape = shape[::-1]
        return latex_form.Formula(rf"\text{{{shape_text(shape)}}}", ATOM)


def _column(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A vector has one entry a unit, as a column has."""
    return (*shape, 1) if len(shape) == 1 else shape


def _is_shape(item: object) -> bool:
    return isinstance(item, Atom) and item.kind == "words"


def _with_dots(items: tuple) -> tuple:
    """The items with a dot between two shapes that are multiplied."""
    dot = Atom("operator", "·", r"\cdot")
    found: list = []
    for item in items:
        if found and _is_shape(item) and _is_shape(found[-1]):
            found.append(dot)
        found.append(item)
    return tuple(found)
