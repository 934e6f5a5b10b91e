"""A choice that a trace can hold, with its derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, aval_of
from chainrule.errors import DtypeError, ShapeError
from chainrule.grad.reverse import concrete_leaf
from chainrule.graph.flat import (
    float_positions,
    is_traced,
    jvp_flat,
    output_avals,
    pick,
    placed,
    strong,
    trace_flat,
    truth,
    vjp_flat,
)
from chainrule.graph.graph import Graph, Node
from chainrule.graph.interpret import run_flat
from chainrule.graph.trace import trace_closed
from chainrule.ops.table import make_op, operand, shape_of


def _infer_cond(condition: Aval, *operands: Aval, true: Graph, false: Graph) -> tuple:
    return tuple(node.aval for node in true.outputs)


def _cond(condition: Any, *operands: Any, true: Graph, false: Graph) -> tuple:
    chosen = true if np.asarray(condition).item() else false
    return tuple(map(concrete_leaf, run_flat(chosen, list(operands))))


def _cond_vjp(
    g: list, outs: Any, condition: Any, *operands: Any, true: Graph, false: Graph
) -> tuple:
    avals = [strong(aval_of(value)) for value in operands]
    live = float_positions(avals)
    floats = float_positions([node.aval for node in true.outputs])
    count = len(operands)

    def pull_of(branch: Graph) -> Graph:
        def pull(values: list) -> list:
            return vjp_flat(branch, values[:count], values[count:], live)

        weights = [true.outputs[i].aval for i in floats]
        return trace_flat(pull, [*avals, *weights], f"pull_{branch.name}")

    parts = _cond_op(
        condition, *operands, *pick(g, floats), true=pull_of(true), false=pull_of(false)
    )
    return (None, *placed(parts, live, count))


def _cond_jvp(
    tangents: tuple, outs: tuple, condition: Any, *operands: Any, true: Graph, false: Graph
) -> tuple:
    avals = [strong(aval_of(value)) for value in operands]
    live = float_positions(avals)
    count = len(operands)

    def push_of(branch: Graph) -> Graph:
        def push(values: list) -> list:
            return jvp_flat(branch, values[:count], values[count:], live)[1]

        return trace_flat(push, [*avals, *pick(avals, live)], f"push_{branch.name}")

    slopes = _cond_op(
        condition, *operands, *pick(tangents[1:], live), true=push_of(true), false=push_of(false)
    )
    return tuple(placed(slopes, float_positions([n.aval for n in true.outputs]), len(true.outputs)))


_cond_op = make_op(
    "cond",
    np=_cond,
    infer=_infer_cond,
    vjp=_cond_vjp,
    jvp=_cond_jvp,
    several=True,
    latex=r"\operatorname{{cond}}({0})",
    doc="One of two graphs, chosen by a condition.",
)


def cond(condition: Any, true: Callable, false: Callable, *operands: Any) -> Any:
    """true(*operands) where the condition holds, false(*operands) where not.

    Only the chosen branch is computed, also inside a trace; derivatives follow it. Both branches
    must give the same tree of shapes and dtypes.

    Raises:
        DtypeError: the condition is not one boolean.
        ShapeError: the branches differ in what they give.

    >>> cond(True, lambda x: x * 2.0, lambda x: x, np.float32(3.0))
    np.float32(6.0)
    """
    condition = operand(condition)
    if shape_of(condition) != () or aval_of(condition).dtype.kind != "b":
        raise DtypeError(
            f"cond: the condition is {aval_of(condition)}, expected one boolean. "
            "Compare first, and reduce with .any() or .all()."
        )
    if not is_traced([condition]):
        return (true if truth(condition) else false)(*operands)
    return _cond_traced(condition, (true, false), operands)


def _cond_traced(condition: Any, branches: tuple, operands: tuple) -> Any:
    """Trace both branches and put them into one op; what they capture become operands."""
    leaves, structure = tree.flatten(operands)
    leaves = [concrete_leaf(leaf) for leaf in leaves]
    graphs, captured = [], []
    for branch in branches:
        avals = tree.unflatten(structure, [strong(aval_of(leaf)) for leaf in leaves])
        graph, boxes = trace_closed(branch, avals, lift=True)
        graphs.append(graph)
        captured.append(boxes)
    first, second = (output_avals(graph) for graph in graphs)
    if first != second or graphs[0].out_structure != graphs[1].out_structure:
        raise ShapeError(
            f"cond: the branches give {first} and {second}; both must give the same tree of shapes "
            "and dtypes. Cast with .astype, or reshape one of them."
        )
    own, extra = len(leaves), [[Node(aval_of(box)) for box in boxes] for boxes in captured]
    with_all = [
        Graph([*graphs[0].inputs, *extra[1]], graphs[0].outputs, graphs[0].name),
        Graph(
            [*graphs[1].inputs[:own], *extra[0], *graphs[1].inputs[own:]],
            graphs[1].outputs,
            graphs[1].name,
        ),
    ]
    outs = _cond_op(
        condition, *leaves, *captured[0], *captured[1], true=with_all[0], false=with_all[1]
    )
    return tree.unflatten(graphs[0].out_structure, list(outs))
