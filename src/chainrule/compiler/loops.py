"""The code of groups that run over elements: `map` and `rows`."""

from typing import Any

from llvmlite import ir

from chainrule.compiler.body import SCALAR, Body, across
from chainrule.compiler.code import I64, Code, Part, parts_of
from chainrule.compiler.groups import FULL, ROW, levels, stages
from chainrule.compiler.lanes import Value
from chainrule.graph.node import Node
from chainrule.ops.lowering import Fold, View

_HELD = 4
"""Rows of up to so many vectors are held in registers while they are worked on."""


def emit_map(code: Code, body: Body, start: Any, stop: Any) -> None:
    """Elementwise ops over all dims; of the first one, the part from start to stop."""
    dims = body.group.dims
    if not dims:
        _store_at(code, body, (), SCALAR)
    elif len(dims) == 1:
        _along(code, body, (), start, stop)
    else:
        with code.loop(start, stop) as i:
            _nest(code, body, [i], dims[1:])


def _nest(code: Code, body: Body, index: list, dims: tuple[int, ...]) -> None:
    if len(dims) == 1:
        _along(code, body, tuple(index), 0, dims[0])
        return
    with code.loop(0, dims[0]) as i:
        _nest(code, body, [*index, i], dims[1:])


def _along(code: Code, body: Body, index: tuple, start: Any, stop: Any) -> None:
    """Vectors along the last axis, from start to stop, and what is left at the end."""
    width = body.width()
    if isinstance(stop, int):
        count, rest = parts_of(stop - start, width)
        if count:
            with code.loop(start, start + count * width, width) as i:
                _store_at(code, body, (*index, i), Part(width, width))
        if rest is not None:
            _store_at(code, body, (*index, stop - rest.count), rest)
        return
    length = code.ir.sub(stop, start)
    last = code.ir.sub(stop, code.ir.srem(length, I64(width)))
    with code.loop(start, last, width) as i:
        _store_at(code, body, (*index, i), Part(width, width))
    with code.loop(last, stop) as i:
        _store_at(code, body, (*index, i), SCALAR)


def _store_at(code: Code, body: Body, index: tuple, part: Part) -> None:
    memo: dict = {}
    place = body.place(View.whole(body.group.dims), index)
    # All are computed before any is stored, for some may be stored where others are read.
    values = [body.value(node, index, part, memo) for node in body.group.stored]
    for node, value in zip(body.group.stored, values, strict=True):
        code.store(value, body.addresses(node), place, part)


def emit_rows(code: Code, body: Body, start: Any, stop: Any) -> None:
    """Rows with their folds, in stages: each stage knows the folds of the one before it."""
    group = body.group
    level = levels(group, body.places)
    width = body.width()
    count, rest = parts_of(group.dims[1], width)
    held = count + (rest is not None) <= _HELD
    with code.loop(start, stop) as row:
        known: dict = {}
        kept: dict[int, dict] = {}
        for stage in range(stages(group, body.places)):
            _row_values(body, row, known, level, stage)
            folds = [n for n in group.roles if _is_fold(n) and level[n] == stage + 1]
            shown = [
                n for n in group.stored if group.roles[n] == FULL and level[n] == stage
            ]
            if folds or shown:
                _stage(code, body, row, known, kept if held else None, folds, shown)
        _row_values(body, row, known, level, stages(group, body.places))
        for node in group.stored:
            if group.roles[node] == ROW:
                code.store(known[node], body.addresses(node), row, SCALAR)


def _is_fold(node: Node) -> bool:
    return isinstance(node.op.emit, Fold)


def _row_values(body: Body, row: ir.Value, known: dict, level: dict, stage: int) -> None:
    """Compute the members that have one value for the row, as soon as they can be."""
    for node, role in body.group.roles.items():
        if role == ROW and node not in known and not _is_fold(node) and level[node] <= stage:
            body.value(node, [row], SCALAR, known)


def _stage(
    code: Code,
    body: Body,
    row: ir.Value,
    known: dict,
    kept: dict[int, dict] | None,
    folds: list[Node],
    shown: list[Node],
) -> None:
    """One pass along the row: add up the folds, store what is complete."""
    width, length = body.width(), body.group.dims[1]
    count, rest = parts_of(length, width)
    totals = {node: _total(code, node, width) for node in folds}
    rows = {n: v for n, v in known.items() if body.group.roles[n] == ROW}

    def visit(start: Any, part: Part, memo: dict) -> None:
        memo.update(rows)
        for node, total in totals.items():
            _add(code, body, node, total, [row, start], part, memo)
        place = code.plus(code.times(row, length), start)
        values = [body.value(node, [row, start], part, memo) for node in shown]
        for node, value in zip(shown, values, strict=True):
            code.store(value, body.addresses(node), place, part)

    if kept is not None:
        for k in range(count):
            visit(k * width, Part(width, width), kept.setdefault(k, {}))
    elif count:
        with code.loop(0, count * width, width) as start:
            visit(start, Part(width, width), {})
    if rest is not None:
        visit(count * width, rest, {} if kept is None else kept.setdefault(count, {}))
    for node, total in totals.items():
        vector = code.lanes(width).type_of(node.aval.dtype)
        whole = Value(node.aval.dtype, code.ir.load(total, typ=vector))
        known[node] = across(code, node.op.emit, whole)


def _total(code: Code, node: Node, width: int) -> ir.Value:
    dtype = node.aval.dtype
    start = code.lanes(width).constant(node.op.emit.start(dtype), dtype)
    total = code.variable(start.ir.type)
    code.ir.store(start.ir, total)
    return total


def _add(
    code: Code, body: Body, node: Node, total: ir.Value, index: list, part: Part, memo: dict
) -> None:
    lanes, dtype = code.lanes(part.width), node.aval.dtype
    item = lanes.splat(lanes.cast(_item(body, node, index, part, memo), dtype))
    if not part.whole:
        start = lanes.constant(node.op.emit.start(dtype), dtype)
        item = Value(dtype, code.ir.select(code.mask(part), item.ir, start.ir))
    before = Value(dtype, code.ir.load(total, typ=item.ir.type))
    code.ir.store(node.op.emit.combine(lanes, before, item).ir, total)


def _item(body: Body, node: Node, index: list, part: Part, memo: dict) -> Value:
    """The element of a row that a fold takes in."""
    x = node.args[0]
    root = body.places.refs[x].root
    if root in body.group.roles:
        return body.value(root, index, part, memo)
    view = body.places.on(x, x.aval.shape, body.group.dims)
    return body.load(root, view, index, part)

