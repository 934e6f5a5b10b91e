"""Which nodes only move numbers about (reshape, transpose, cast), found out by trying.

A node that moves has no arithmetic to explain, so it gets no statement of its own. Whether a node
moves is not a matter of its name: its record is run on numbers that are all different, and what
the record declares to be an identity (adding 0, dividing by 1) moves as well.
"""

from collections.abc import Container
from typing import NamedTuple

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.graph import Node


class Move(NamedTuple):
    """Where the numbers of a result come from: for each, its flat place in `source`."""

    source: Node
    places: np.ndarray


class Layout:
    """The nodes of one graph that only move numbers, and where each number goes."""

    def __init__(self) -> None:
        self._moves: dict[Node, Move | None] = {}

    def move(self, node: Node) -> Move | None:
        """How a node moves the numbers of one argument, or None where it computes.

        A sum over an axis of one element moves, too.
        """
        if node not in self._moves:
            self._moves[node] = _identity(node) or _moved(node)
        return self._moves[node]

    def transposes(self, move: Move) -> bool:
        """Whether a move exchanges the axes of a matrix."""
        places, shape = move.places, move.source.aval.shape
        if places.ndim != 2 or len(shape) != 2 or 1 in shape:
            return places.ndim == 2 and places.shape == shape[::-1] != shape
        turned = np.arange(places.size).reshape(shape).T
        return turned.shape == places.shape and bool((turned == places).all())

    def flattens(self, node: Node, move: Move) -> bool:
        """Whether a move lays the numbers of each sample side by side, from several axes."""
        before, after = move.source.aval.shape, node.aval.shape
        if len(after) != 2 or len(before) < 3 or before[0] != after[0]:
            return False
        return bool((move.places.reshape(-1) == np.arange(move.places.size)).all())

    def source(self, node: Node, stop: Container[Node]) -> Node:
        """The node whose numbers this one shows, through any moves, up to one in `stop`."""
        while node not in stop:
            move = self.move(node)
            if move is None:
                break
            node = move.source
        return node


def _identity(node: Node) -> Move | None:
    """A call whose other argument is the number that its record says changes nothing."""
    if node.op is None:
        return None
    for position, number in node.op.identity:
        other = node.args[position]
        kept = node.args[1 - position]
        same = kept.aval.shape == node.aval.shape
        if same and other.is_constant and (np.asarray(other.value) == number).all():
            return Move(kept, np.arange(kept.aval.size).reshape(kept.aval.shape))
    return None


def _moved(node: Node) -> Move | None:
    if node.op is None or node.op.several or len(node.args) != 1:
        return None
    arg = node.args[0]
    if isinstance(arg.aval, tuple) or arg.aval.size != node.aval.size or arg.aval.size == 0:
        return None
    # The first is negative and none is whole: no rounding, no max(0, x), no |x| leaves them all.
    places = np.arange(arg.aval.size)
    codes = np.where(places % 2 == 0, -1.0, 1.0) * (places + 1.5)
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(node.op.run([codes.reshape(arg.aval.shape)], node.params))
    except (ChainruleError, ValueError, TypeError):
        return None
    if out.dtype.kind != "f" or out.shape != node.aval.shape or not np.isfinite(out).all():
        return None
    back = np.abs(out) - 1.5
    if (back != np.rint(back)).any() or back.min() < 0 or back.max() >= codes.size:
        return None
    found = back.astype(np.int64)
    same = (codes[found.reshape(-1)] == out.reshape(-1)).all()
    return Move(arg, found) if same and len(np.unique(found)) == codes.size else None
