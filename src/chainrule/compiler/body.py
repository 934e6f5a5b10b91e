"""Computing members of a group at one place: loads, ops, and the loops of folds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.code import I64, Code, Part, parts_of
from chainrule.compiler.groups import FULL, Group
from chainrule.compiler.lanes import Lanes, Value
from chainrule.compiler.lowered import Places, Selection, is_number, memory_dtype
from chainrule.graph.node import Node
from chainrule.ops.lowering import Fold, Gather, View

SCALAR = Part(1, 1)
_TOGETHER = 4
"""Running totals of a fold over leading axes, so that one addition need not wait for the last."""


class Body:
    """Computes the members of one group, element by element or vector by vector.

    `addresses(root)` is where a buffer begins; `fault` where a demand that fails is noted.
    """

    def __init__(
        self,
        code: Code,
        group: Group,
        places: Places,
        addresses: Callable[[Node], ir.Value],
        fault: Callable[[], ir.Value],
    ):
        self.code = code
        self.group = group
        self.places = places
        self.addresses = addresses
        self.fault = fault
        self.lane_axis = -1

    def width(self) -> int:
        """Lanes for the widest float among what is computed; the length of a row where shorter."""
        lanes = self.widest()
        length = self.group.dims[-1] if self.group.dims else 1
        while lanes >= 2 * length:
            lanes //= 2
        return lanes

    def widest(self) -> int:
        """Lanes for the widest float among what is computed."""
        dtypes = [node.aval.dtype for node in self.group.roles]
        sizes = [dtype.itemsize for dtype in dtypes if dtype.kind == "f"]
        return self.code.target.lanes(max(sizes, default=4))

    def value(self, node: Node, index: Sequence, part: Part, memo: dict) -> Value:
        """A member or an argument of one, from `index` on; `memo` holds what is known there."""
        for member in self._unknown(node, memo):
            memo[member] = self._compute(member, index, part, memo)
        return memo[node]

    def _unknown(self, node: Node, memo: dict) -> list[Node]:
        """A member and what it needs of the others, in order. No recursion: chains may be long."""
        order: dict[Node, None] = {}
        waiting = [(node, False)]
        while waiting:
            member, ready = waiting.pop()
            if member in memo or member in order:
                continue
            if ready or not callable(member.op.emit):
                order[member] = None
                continue
            waiting.append((member, True))
            roots = [self.places.refs[arg].root for arg in member.args]
            waiting += [(root, False) for root in reversed(roots) if root in self.group.roles]
        return list(order)

    def _compute(self, node: Node, index: Sequence, part: Part, memo: dict) -> Value:
        lanes = self.code.lanes(part.width)
        emit = node.op.emit
        if isinstance(emit, Gather):
            return gathered(self, node, index, part)
        if isinstance(emit, Fold):
            return self._folded_ahead(node, index, part)
        args = [self.argument(arg, node, index, part, memo) for arg in node.args]
        made = emit(Demanding(lanes, self, part), *args, **node.params)
        return lanes.splat(lanes.cast(made, node.aval.dtype))

    def argument(self, arg: Node, node: Node, index: Sequence, part: Part, memo: dict) -> Value:
        """An argument of a member at the member's place."""
        lanes = self.code.lanes(part.width)
        root, _ = self.places.refs[arg]
        if is_number(root):
            return number(lanes, root.value, root.aval.weak)
        if root in self.group.roles:
            return lanes.splat(memo[root])
        view = self.places.on(arg, node.aval.shape, self.group.dims[: len(index)])
        return self.load(root, view, index, part)

    def load(self, root: Node, view: Any, index: Sequence, part: Part) -> Value:
        place = self.place(view, index)
        stride = view.strides[self.lane_axis] if view.strides else 0
        loaded = self.code.load(self.addresses(root), memory_dtype(root), place, stride, part)
        if root.aval.weak:
            loaded = Value(loaded.dtype, loaded.ir, weak=True)
        return self.code.lanes(part.width).splat(loaded)

    def place(self, view: View, index: Sequence) -> Any:
        """The number of the element of a buffer that stands at an index of a view."""
        place: Any = view.offset
        for i, step in zip(index, view.strides, strict=True):
            place = self.code.plus(place, self.code.times(i, step))
        return place

    def own_place(self, node: Node, index: Sequence) -> Any:
        """The number of the element of a member's own buffer that stands at an index."""
        return self.place(self.places.own(node, self.group.dims), index)

    def _folded_ahead(self, node: Node, index: Sequence, part: Part) -> Value:
        """A fold of the middle axis of three, at a place of the two others."""
        x = node.args[0]
        outer, length, inner = x.aval.shape
        view = self.places.on(x, x.aval.shape, (outer, length, inner))
        dims = self.group.dims
        full = index if len(dims) == 2 else [0, *index] if outer == 1 else [*index, 0]
        if not dims:
            full = [0, 0]
        at = lambda r, i: self._fold_item(node, x, view, (i[0], r, i[1]), part)  # noqa: E731
        return running_fold(self.code, node, length, part, lambda r: at(r, full))

    def _fold_item(self, node: Node, x: Node, view: Any, index: Sequence, part: Part) -> Value:
        lanes = self.code.lanes(part.width)
        root = self.places.refs[x].root
        return lanes.splat(lanes.cast(self.load(root, view, index, part), node.aval.dtype))


def running_fold(
    code: Code, node: Node, length: int, part: Part, item: Callable[[Any], Value]
) -> Value:
    """Fold item(0), item(1), ...: several totals side by side, joined at the end in one order."""
    lanes, emit, dtype = code.lanes(part.width), node.op.emit, node.aval.dtype
    start = lanes.constant(emit.start(dtype), dtype)
    count = min(_TOGETHER, length)
    totals = [code.variable(start.ir.type) for _ in range(count)]
    for total in totals:
        code.ir.store(start.ir, total)

    def add(r: Any, total: ir.Value) -> None:
        before = Value(dtype, code.ir.load(total, typ=start.ir.type))
        code.ir.store(emit.combine(lanes, before, item(r)).ir, total)

    whole = length - length % count
    if whole > count:
        with code.loop(0, whole, count) as r:
            for k, total in enumerate(totals):
                add(code.plus(r, k), total)
    else:
        for k in range(whole):
            add(k, totals[k])
    for k in range(length - whole):
        add(whole + k, totals[k])
    values = [Value(dtype, code.ir.load(total, typ=start.ir.type)) for total in totals]
    while len(values) > 1:
        values = [
            emit.combine(lanes, *values[i : i + 2]) if len(values[i : i + 2]) == 2 else values[i]
            for i in range(0, len(values), 2)
        ]
    return values[0]


def across(code: Code, emit: Fold, value: Value) -> Value:
    """Fold the lanes of a vector into one number, half by half."""
    while isinstance(value.ir.type, ir.VectorType):
        half = value.ir.type.count // 2
        low, high = _half(code, value, 0), _half(code, value, half)
        value = emit.combine(code.lanes(half), low, high)
    return value


def _half(code: Code, value: Value, start: int) -> Value:
    half = value.ir.type.count // 2
    if half == 1:
        return Value(value.dtype, code.ir.extract_element(value.ir, ir.IntType(32)(start)))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(start, start + half)))
    return Value(value.dtype, code.ir.shuffle_vector(value.ir, value.ir, mask))


def number(lanes: Lanes, value: Any, weak: bool) -> Value:
    """A constant: a Python number that yields, or a number of a dtype of its own."""
    if weak:
        return lanes.number(value.item() if isinstance(value, np.generic) else value)
    array = np.asarray(value)
    return lanes.constant(array[()], array.dtype)


class Demanding(Lanes):
    """Lanes that note a fault where a demand is not met."""

    def __init__(self, lanes: Lanes, body: Body, part: Part):
        super().__init__(lanes.ir, lanes.width, lanes.target)
        self._body = body
        self._part = part

    def refuse(self, wrong: Value) -> None:
        """A fault where something is wrong."""
        note_fault(self._body, wrong, self._part)

    def demand(self, x: Value, low: int, high: int) -> Value:
        """x, and a fault where it is not from `low` to below `high`."""
        x = self.concrete(x)
        wide = self.cast(x, np.dtype(np.int64))
        lowest, highest = self.number(low), self.number(high)
        self.refuse(self.logical_or(self.less(wide, lowest), self.greater_equal(wide, highest)))
        return x


def note_fault(body: Body, wrong: Value, part: Part) -> None:
    """Remember that something was wrong in one of the real lanes."""
    code = body.code
    bits = wrong.ir
    if part.width > 1:
        bits = code.ir.and_(bits, code.mask(part))
        whole = ir.IntType(part.width)
        bits = code.ir.icmp_unsigned("!=", code.ir.bitcast(bits, whole), whole(0))
    with code.ir.if_then(bits, likely=False):
        code.ir.store(I64(1), body.fault())


def gathered(body: Body, node: Node, index: Sequence, part: Part) -> Value:
    """Elements of a buffer at places that arrays of ids name.

    Ids below zero count from the end; one outside its axis is a fault, and reads element 0.
    """
    code = body.code
    chosen = body.places.selection(node, body.group.dims)
    if part.width > 1 and any(view.strides[-1] for view in chosen.ids):
        lanes = [
            gathered(body, node, [*index[:-1], code.plus(index[-1], lane)], SCALAR)
            for lane in range(part.count)
        ]
        vector = ir.Constant(code.lanes(part.width).type_of(node.aval.dtype), None)
        for lane, one in enumerate(lanes):
            vector = code.ir.insert_element(vector, one.ir, ir.IntType(32)(lane))
        return Value(node.aval.dtype, vector)
    place = chosen_place(body, node, chosen, index)
    stride = chosen.view.strides[-1] if chosen.view.strides else 0
    root = body.places.refs[node.args[0]].root
    loaded = code.load(body.addresses(root), node.aval.dtype, place, stride, part)
    return code.lanes(part.width).splat(loaded)


def chosen_place(body: Body, node: Node, chosen: Selection, index: Sequence) -> Any:
    """The number of the element that ids choose at an index; a wrong id chooses the first."""
    code = body.code
    place = body.place(chosen.view, index)
    rows = zip(node.args[1:], chosen.ids, chosen.steps, chosen.sizes, strict=True)
    for arg, view, step, size in rows:
        row = _inside(body, code.lanes(1), _id_at(body, arg, view, index), size)
        place = code.plus(place, code.times(row, step))
    return place


def _id_at(body: Body, arg: Node, view: View, index: Sequence) -> Value:
    root = body.places.refs[arg].root
    if is_number(root):
        return number(body.code.lanes(1), root.value, root.aval.weak)
    return body.code.load(body.addresses(root), arg.aval.dtype, body.place(view, index), 0, SCALAR)


def _inside(body: Body, lanes: Lanes, chosen: Value, size: int) -> ir.Value:
    wide = lanes.cast(chosen, np.dtype(np.int64))
    zero = lanes.number(0)
    wide = lanes.where(lanes.less(wide, zero), lanes.add(wide, lanes.number(size)), wide)
    low = lanes.less(wide, zero)
    wrong = lanes.logical_or(low, lanes.greater_equal(wide, lanes.number(size)))
    note_fault(body, wrong, SCALAR)
    return lanes.where(wrong, zero, wide).ir


__all__ = ["FULL", "Body", "across", "parts_of", "running_fold"]
