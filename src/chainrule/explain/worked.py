"""One entry of a value multiplied out: its formula with numbers put in.

The terms of a sum of products are found with the op's own derivative: what an entry of the result
takes from each entry of an argument is the cotangent of that argument. So a matrix product, a
convolution and a mean are all multiplied out by the same lines, and none of them is written here a
second time.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.explain.images import pooled_places
from chainrule.explain.step import is_one_of_several
from chainrule.explain.writing import Writer, options_of
from chainrule.grad.latex_form import ATOM, NEGATIVE, PRODUCT, SUM, Formula, form_of
from chainrule.graph import Node
from chainrule.ops.shape import unbroadcast

MORE = r"\text{@MORE %d@}"
"""Stands in a worked formula for the words about terms left out; see `chainrule.explain.words`."""

_PRODUCT = r"{0} \cdot {1}"
_MANY = 4
_SHOWN = 3
_WINDOW = 9


class Terms(NamedTuple):
    """An entry as a sum: coefficients times the entries of one argument at flat places."""

    position: int
    places: np.ndarray
    coefficients: np.ndarray
    numbers: np.ndarray

    @property
    def products(self) -> np.ndarray:
        return self.coefficients * self.numbers


class Worker:
    """Multiplies out entries of the values of one step."""

    def __init__(self, writer: Writer):
        self.writer = writer
        self.step = writer.step
        self.layout = writer.layout

    def entry(self, node: Node, place: int) -> Formula | None:
        """The formula of a named value with numbers, at a flat place; None where there is none."""
        return self._expand(node, place, top=True)

    def _number(self, node: Node, place: int) -> Formula:
        value = np.asarray(self.step.values[node]).reshape(-1)[place]
        return self.writer.number(value)

    def _expand(self, node: Node, place: int, top: bool = False) -> Formula | None:
        known = node in self.writer.names and not top
        if known or node.op is None or (node.aval.dtype.kind == "b" and not top):
            return self._number(node, place)
        steps = self.step.expansions.get(node)
        if steps is not None and node not in steps.values():
            return self._expand(steps[""], place, steps[""] not in self.writer.names)
        move = self.layout.move(node)
        if move is not None:
            return self._expand(move.source, int(move.places.reshape(-1)[place]))
        if self.writer.roles.of.get(node) == "max_pool" and top:
            return self._largest(node, place)
        if node.op.elementwise:
            parts = [
                self._expand(arg, _broadcast_place(arg, node, place)) or self._number(arg, 0)
                for arg in node.args
            ]
            return form_of(node.op.latex).write(parts, options_of(node))
        several = is_one_of_several(node)
        groups = None if several else terms_of(node, place, self._values(node))
        if groups is None:
            return None if top else self._number(node, place)
        return self._sum(node, groups)

    def _largest(self, node: Node, place: int) -> Formula | None:
        """The largest of a window, where that is small enough to be written out."""
        places = pooled_places(node, place)
        if places.size > _WINDOW:
            return None
        numbers = [(self._expand(node.args[0], int(i)) or self._number(node, 0)) for i in places]
        inside = ", ".join(number.text for number in numbers)
        return Formula(rf"\max({inside})", ATOM)

    def _values(self, node: Node) -> list[np.ndarray]:
        return [in_double(self.step.values[arg]) for arg in node.args]

    def _sum(self, node: Node, groups: list[Terms]) -> Formula:
        """The largest terms of a sum, and what the others come to."""
        pieces: list[str] = []
        for group in groups:
            products = group.products
            order = np.argsort(-np.abs(products), kind="stable")
            order = order[: max(1, np.count_nonzero(products))]
            count = len(order) if len(order) <= _MANY else _SHOWN
            deep = len(order) <= _MANY
            pieces += [self._term(node, group, int(i), deep).text for i in order[:count]]
            if count < len(order):
                rest = self.writer.number(products[order[count:]].sum()).text
                pieces.append(MORE % (len(order) - count) + f" ({rest})")
        text = "".join(_joined(piece, first=i == 0) for i, piece in enumerate(pieces))
        if len(pieces) > 1:
            return Formula(text, SUM)
        return Formula(text, NEGATIVE if text.startswith("-") else PRODUCT)

    def _term(self, node: Node, group: Terms, i: int, deep: bool) -> Formula:
        arg, place = node.args[group.position], int(group.places[i])
        number = self._expand(arg, place) if deep else None
        number = number or self.writer.number(group.numbers[i])
        # In a product even a factor of 1 tells something; what is only added has no factor.
        added = node.op.jointly_linear or node.op.arity == 1 or group.position > 1
        if added and group.coefficients[i] == 1:
            return number
        parts = [self.writer.number(group.coefficients[i]), number]
        return form_of(_PRODUCT).write(parts, {})


def _joined(piece: str, first: bool) -> str:
    if first:
        return piece
    return f" - {piece[1:].lstrip()}" if piece.startswith("-") else f" + {piece}"


def _broadcast_place(arg: Node, node: Node, place: int) -> int:
    """The flat place in an argument that an entry of an elementwise result depends on."""
    if arg.aval.size == 1:
        return 0
    full = np.broadcast_to(np.arange(arg.aval.size).reshape(arg.aval.shape), node.aval.shape)
    return int(full.reshape(-1)[place])


def in_double(value: Any) -> Any:
    """Floats as float64, anything else as it is."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def terms_of(node: Node, place: int, args: list[np.ndarray]) -> list[Terms] | None:
    """An entry of a result as sums over entries of arguments, where the op is such a sum.

    Which arguments make up the sum (of x W + b: x and b, or W and b) is found by adding up.
    """
    op = node.op
    linear = [i for i in range(len(args)) if op.is_linear_in(i) and args[i].dtype.kind == "f"]
    if not linear:
        return None
    out = np.asarray(op.run(args, node.params))
    weight = np.zeros(out.shape)
    weight.reshape(-1)[place] = 1.0
    groups = {}
    for i in linear:
        try:
            pulled = op.pull(i, weight, out, args, dict(node.params))
        except ChainruleError:
            return None
        if pulled is None:
            continue
        pulled = np.asarray(unbroadcast(pulled, args[i].shape)).reshape(-1)
        places = np.flatnonzero(pulled)
        groups[i] = Terms(i, places, pulled[places], args[i].reshape(-1)[places])
    target = float(out.reshape(-1)[place])
    return _subset(list(groups.values()), target)


def _subset(groups: list[Terms], target: float) -> list[Terms] | None:
    """The fewest groups whose terms add up to the target."""
    for count in range(1, len(groups) + 1):
        for chosen in itertools.combinations(groups, count):
            size = sum(float(np.abs(group.products).sum()) for group in chosen)
            total = sum(float(group.products.sum()) for group in chosen)
            if abs(total - target) <= 1e-11 * max(size, abs(target)):
                return list(chosen)
    return None


def index_text(shape: tuple[int, ...], place: int) -> str:
    """The index of a flat place, without axes of one element, such as 3,200.

    >>> index_text((25, 1), 3), index_text((2, 3), 4)
    ('3', '1,1')
    """
    index = np.unravel_index(place, shape) if shape else ()
    kept = [int(i) for i, size in zip(index, shape, strict=True) if size > 1]
    return ",".join(map(str, kept))
