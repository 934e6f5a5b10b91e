"""The code of groups that run over elements: `map` and `rows`."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from chainrule.compiler.body import SCALAR, Body, across
from chainrule.compiler.code import I64, Code, Part, parts_of
from chainrule.compiler.groups import FULL, ROW, levels, stages
from chainrule.compiler.lanes import Value
from chainrule.graph.node import Node
from chainrule.ops.lowering import Fold

_HELD = 4
"""Rows of up to so many vectors are held in registers while they are worked on."""
_NARROW = 16
"""Rows of up to so many elements are worked on side by side, for their folds are short."""


def emit_map(code: Code, body: Body, start: Any, length: Any) -> None:
    """Elementwise ops over all dims; of the first one, `length` elements from start on."""
    dims = body.group.dims
    if not dims:
        _store_at(code, body, (), SCALAR)
    elif len(dims) == 1:
        _along(code, body, (), start, length)
    else:
        with code.loop(start, code.plus(start, length)) as i:
            _nest(code, body, [i], dims[1:])


def _nest(code: Code, body: Body, index: list, dims: tuple[int, ...]) -> None:
    if len(dims) == 1:
        _along(code, body, tuple(index), 0, dims[0])
        return
    with code.loop(0, dims[0]) as i:
        _nest(code, body, [*index, i], dims[1:])


def _along(code: Code, body: Body, index: tuple, start: Any, length: Any) -> None:
    """Vectors along the last axis, and what is left at the end."""
    visit = lambda i, part: _store_at(code, body, (*index, i), part)  # noqa: E731
    in_parts(code, start, length, body.width(), visit)


def in_parts(
    code: Code,
    start: Any,
    length: Any,
    width: int,
    visit: Callable[[Any, Part], None],
    *,
    again: bool = False,
) -> None:
    """visit(i, part) for parts of `width` elements; the last one may have fewer.

    Where some may be visited `again`, it begins earlier instead: one piece of code serves all.
    Where the length is not known yet, what does not fill a part is visited one by one.
    """
    whole = Part(width, width)
    if isinstance(length, int):
        count, rest = parts_of(length, width)
        if again and count and rest is not None:
            with code.loop(0, length, width) as i:
                early = code.ir.icmp_signed("<", i, I64(length - width))
                visit(code.plus(start, code.ir.select(early, i, I64(length - width))), whole)
            return
        if count:
            with code.loop(start, code.plus(start, count * width), width) as i:
                visit(i, whole)
        if rest is not None:
            visit(code.plus(start, count * width), rest)
        return
    stop = code.plus(start, length)
    last = code.ir.sub(stop, code.ir.srem(length, I64(width)))
    with code.loop(start, last, width) as i:
        visit(i, whole)
    with code.loop(last, stop) as i:
        visit(i, SCALAR)


def _store_at(code: Code, body: Body, index: tuple, part: Part) -> None:
    memo: dict = {}
    # All are computed before any is stored, for some may be stored where others are read.
    values = [body.value(node, index, part, memo) for node in body.group.stored]
    for node, value in zip(body.group.stored, values, strict=True):
        code.store(value, body.addresses(node), body.own_place(node, index), part)


def emit_rows(code: Code, body: Body, start: Any, length: Any, *, again: bool = False) -> None:
    """Rows with their folds: short ones side by side, others one after another."""
    if body.group.dims[1] <= _NARROW and body.group.dims[0] > _NARROW:
        visit = lambda row, part: _columns(code, body, row, part)  # noqa: E731
        in_parts(code, start, length, body.widest(), visit, again=again)
        return
    with code.loop(start, code.plus(start, length)) as row:
        _row(code, body, row)


def _columns(code: Code, body: Body, row: Any, part: Part) -> None:
    """Several rows at once, one in each lane: a fold then takes one column after another."""
    group, level = body.group, levels(body.group, body.places)
    body.lane_axis = 0
    known: dict = {}
    columns: list[dict] = [{} for _ in range(group.dims[1])]
    for stage in range(stages(group, body.places) + 1):
        for node, role in group.roles.items():
            if role != ROW or level[node] != stage or node in known:
                continue
            if not _is_fold(node):
                body.value(node, [row], part, known)
                continue
            items = []
            for column, memo in enumerate(columns):
                memo.update({n: v for n, v in known.items() if group.roles[n] == ROW})
                items.append(_item(body, node, [row, column], part, memo))
            known[node] = _folded(code, node, items, part)
    for memo in columns:
        memo.update(known)
    _store_columns(code, body, row, part, columns)


def _folded(code: Code, node: Node, items: list[Value], part: Part) -> Value:
    lanes, dtype, emit = code.lanes(part.width), node.aval.dtype, node.op.emit
    total = lanes.constant(emit.start(dtype), dtype)
    for item in items:
        total = emit.combine(lanes, total, lanes.splat(lanes.cast(item, dtype)))
    return total


def _store_columns(code: Code, body: Body, row: Any, part: Part, columns: list[dict]) -> None:
    """Store what the group leaves behind; all is computed before, as it may be read elsewhere."""
    group, count = body.group, body.group.dims[1]
    full = [node for node in group.stored if group.roles[node] == FULL]
    made = [
        [body.value(node, [row, column], part, memo) for node in full]
        for column, memo in enumerate(columns)
    ]
    for column, values in enumerate(made):
        place = code.plus(code.times(row, count), column)
        for node, value in zip(full, values, strict=True):
            code.store_apart(value, body.addresses(node), place, count, part)
    for node in group.stored:
        if group.roles[node] == ROW:
            code.store(columns[0][node], body.addresses(node), row, part)


def _row(code: Code, body: Body, row: Any) -> None:
    """One row in stages: each stage knows the folds of the one before it."""
    group = body.group
    level = levels(group, body.places)
    width = body.width()
    count, rest = parts_of(group.dims[1], width)
    held = count + (rest is not None) <= _HELD
    known: dict = {}
    kept: dict[int, dict] = {}
    for stage in range(stages(group, body.places)):
        _row_values(body, row, known, level, stage)
        folds = [n for n in group.roles if _is_fold(n) and level[n] == stage + 1]
        shown = [n for n in group.stored if group.roles[n] == FULL and level[n] == stage]
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
        values = [body.value(node, [row, start], part, memo) for node in shown]
        for node, value in zip(shown, values, strict=True):
            place = body.own_place(node, (row, start))
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
