"""A loop over rows that a trace can hold, with its derivatives, which are loops again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, aval_of
from chainrule.errors import ShapeError
from chainrule.grad.reverse import concrete_leaf
from chainrule.graph.flat import (
    float_positions,
    is_traced,
    jvp_flat,
    output_avals,
    pick,
    placed,
    same_carry,
    strong,
    trace_flat,
    vjp_flat,
)
from chainrule.graph.graph import Graph
from chainrule.graph.interpret import run_flat
from chainrule.graph.trace import trace_closed
from chainrule.ops import stack
from chainrule.ops.table import make_op, operand, shape_of


class Loop(NamedTuple):
    """How a scan's arguments split (constants, carry, rows), and how it runs."""

    consts: int
    carry: int
    length: int
    reverse: bool


def _order(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)


def _infer_scan(*values: Aval, body: Graph, loop: Loop) -> tuple:
    outs, carry = output_avals(body), loop.carry
    return (*outs[:carry], *(Aval((loop.length, *y.shape), y.dtype) for y in outs[carry:]))


def _scan(*values: Any, body: Graph, loop: Loop) -> tuple:
    consts, carry, length, reverse = loop
    fixed, state = list(values[:consts]), list(values[consts : consts + carry])
    xs = values[consts + carry :]
    avals = output_avals(body)[carry:]
    ys = [np.empty((length, *aval.shape), aval.dtype) for aval in avals]
    for t in _order(length, reverse):
        outs = run_flat(body, [*fixed, *state, *(x[t] for x in xs)])
        state = outs[:carry]
        for column, y in zip(ys, outs[carry:], strict=True):
            column[t] = y
    return (*map(concrete_leaf, state), *ys)


def _scan_jvp(
    tangents: tuple,
    outs: tuple,
    *values: Any,
    body: Graph,
    loop: Loop,
) -> tuple:
    consts, carry = loop.consts, loop.carry
    avals = [strong(node.aval) for node in body.inputs]
    live = float_positions(avals)
    parts = [_between(live, *limits) for limits in _limits(consts, carry, len(avals))]
    ends = _limits(consts, carry, len(avals))
    out_avals = output_avals(body)
    out_live = float_positions(out_avals)

    def push(given: list) -> list:
        primals, slopes, rest = [], [], list(given)
        for (start, end), floats in zip(ends, parts, strict=True):
            primals += [rest.pop(0) for _ in range(end - start)]
            slopes += [rest.pop(0) for _ in floats]
        results, moved = jvp_flat(body, primals, slopes, live)
        return [*results[:carry], *moved]

    inputs = []
    arguments: list = []
    for (start, end), floats in zip(ends, parts, strict=True):
        inputs += [*avals[start:end], *pick(avals, floats)]
        arguments += [*values[start:end], *pick(tangents, floats)]
    graph = trace_flat(push, inputs, f"push_{body.name}")
    results = _scan_op(
        *arguments,
        body=graph,
        loop=loop._replace(consts=consts + len(parts[0]), carry=carry + len(parts[1])),
    )
    return tuple(placed(results[carry:], out_live, len(out_avals)))


def _limits(consts: int, carry: int, total: int) -> list[tuple[int, int]]:
    return [(0, consts), (consts, consts + carry), (consts + carry, total)]


def _between(positions: list[int], start: int, end: int) -> list[int]:
    return [i for i in positions if start <= i < end]


def _scan_vjp(
    g: list,
    outs: Any,
    *values: Any,
    body: Graph,
    loop: Loop,
) -> tuple:
    """Run the body's pullback from the last step to the first.

    The carries are computed again, not stored by the forward pass: a scan that is not
    differentiated keeps nothing.
    """
    consts, carry = loop.consts, loop.carry
    avals, out_avals = [strong(node.aval) for node in body.inputs], output_avals(body)
    total, live, out_live = len(avals), float_positions(avals), float_positions(out_avals)
    fixed, states, rows = (_between(live, *limits) for limits in _limits(consts, carry, total))
    keeping = Graph(
        body.inputs, [*body.outputs[:carry], *body.inputs[consts : consts + carry]], body.name
    )
    carries = _scan_op(*values, body=keeping, loop=loop)[carry:]
    out_states = [i for i in out_live if i < carry]
    out_rows = [i for i in out_live if i >= carry]

    def pull(given: list) -> list:
        rest = list(given)
        constants = [rest.pop(0) for _ in range(consts)]
        state_g = [rest.pop(0) for _ in out_states]
        sums = [rest.pop(0) for _ in fixed]
        primals = constants + [rest.pop(0) for _ in range(total - consts)]
        parts = dict(zip(live, vjp_flat(body, primals, [*state_g, *rest], live), strict=True))
        added = [total_g + parts[i] for total_g, i in zip(sums, fixed, strict=True)]
        return [*(parts[i] for i in states), *added, *(parts[i] for i in rows)]

    inputs = [
        *avals[:consts],
        *pick(out_avals, out_states),
        *pick(avals, fixed),
        *avals[consts:],
        *pick(out_avals, out_rows),
    ]
    start = [*pick(g, out_states), *(np.zeros(avals[i].shape, avals[i].dtype) for i in fixed)]
    results = _scan_op(
        *values[:consts],
        *start,
        *carries,
        *values[consts + carry :],
        *pick(g, out_rows),
        body=trace_flat(pull, inputs, f"pull_{body.name}"),
        loop=loop._replace(carry=len(states) + len(fixed), reverse=not loop.reverse),
    )
    return tuple(placed(results, [*states, *fixed, *rows], total))


_scan_op = make_op(
    "scan",
    np=_scan,
    infer=_infer_scan,
    vjp=_scan_vjp,
    jvp=_scan_jvp,
    several=True,
    latex=r"\operatorname{{scan}}({0})",
    doc="A graph run step after step, carrying a state.",
)


def scan(
    step: Callable, init: Any, xs: Any = None, *, length: int | None = None, reverse: bool = False
) -> tuple:
    """Run (carry, y) = step(carry, x) over the leading axis of xs; give the last carry and all ys.

    Carry, xs and ys are arrays or trees of arrays. The carry keeps its shapes and dtypes from step
    to step. Inside a trace the whole loop is one op; elsewhere it is a Python loop.

    Raises:
        ShapeError: xs differ in length, or the step changes the carry's shapes or dtypes.

    >>> scan(lambda total, x: (total + x, total + x), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([1., 3., 6.]))
    """
    rows, row_structure = tree.flatten(xs)
    rows = [operand(row) for row in rows]
    count = _scan_length(rows, length)
    state, _ = tree.flatten(init)
    if not is_traced([*rows, *state]):
        eager = _scan_eagerly(step, init, rows, row_structure, _order(count, reverse))
        if eager is not None:
            return eager
    return _scan_traced(step, init, rows, row_structure, Loop(0, len(state), count, bool(reverse)))


def _scan_traced(step: Callable, init: Any, rows: list, row_structure: Any, loop: Loop) -> tuple:
    """Trace the step once; what it captures from outside becomes the loop's constants."""
    state, state_structure = tree.flatten(init)
    slices = [Aval(shape_of(row)[1:], aval_of(row).dtype) for row in rows]
    state = [concrete_leaf(leaf) for leaf in state]
    avals = [strong(aval_of(leaf)) for leaf in state]
    graph, captured = trace_closed(
        step,
        (tree.unflatten(state_structure, avals), tree.unflatten(row_structure, slices)),
        lift=True,
    )
    carry_structure, y_structure = _pair(graph.out_structure)
    same_carry("scan", carry_structure, state_structure, graph, avals)
    own = len(state) + len(rows)
    body = Graph([*graph.inputs[own:], *graph.inputs[:own]], graph.outputs, graph.name)
    outs = _scan_op(
        *captured,
        *state,
        *rows,
        body=body,
        loop=loop._replace(consts=len(captured)),
    )
    last, ys = outs[: len(state)], outs[len(state) :]
    return tree.unflatten(state_structure, last), tree.unflatten(y_structure, ys)


def _scan_length(rows: list, length: int | None) -> int:
    sizes = {shape_of(row)[0] if shape_of(row) else -1 for row in rows}
    if length is not None:
        sizes.add(length)
    if len(sizes) != 1 or -1 in sizes:
        shapes = ", ".join(str(shape_of(row)) for row in rows) or "none"
        raise ShapeError(
            f"scan: xs have shapes {shapes} and length={length}; all leading axes must be equal, "
            "and without xs a length is needed."
        )
    return sizes.pop()


def _scan_eagerly(
    step: Callable, carry: Any, rows: list, structure: Any, order: range
) -> tuple | None:
    """A Python loop; None as soon as a step gives traced values, which it captured from outside."""
    columns: list = []
    for t in order:
        carry, y = step(carry, tree.unflatten(structure, [row[t] for row in rows]))
        if not columns and is_traced(tree.flatten((carry, y))[0]):
            return None
        columns.append(y)
    if order.step < 0:
        columns.reverse()
    if not columns:
        return carry, None
    return carry, tree.map_leaves(lambda *leaves: stack(leaves), *columns)


def _pair(structure: Any) -> tuple[Any, Any]:
    if not isinstance(structure, tuple) or len(structure) != 2:
        raise ShapeError(f"scan: the step gave {structure}; expected a pair (carry, y).")
    return structure
