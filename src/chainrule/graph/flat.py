"""What cond, scan and while_loop share: graphs as functions of flat lists, differentiated."""

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.aval import Aval
from chainrule.errors import ShapeError
from chainrule.grad.forward import Dual, jvp
from chainrule.grad.reverse import vjp
from chainrule.graph.graph import Graph
from chainrule.graph.interpret import run_flat
from chainrule.graph.trace import Traced, bottom, trace_closed
from chainrule.tensor import Tensor


def is_traced(values: Sequence) -> bool:
    """Whether a traced value lies at the bottom of one of these."""
    return any(isinstance(bottom(value), Traced) for value in values)


def truth(value: Any) -> bool:
    """Whether a condition holds; a batch or an expression, which has no single answer, says so."""
    while isinstance(value, (Tensor, Dual)):
        value = value.data if isinstance(value, Tensor) else value.primal
    return bool(value)


def float_positions(avals: Sequence[Aval]) -> list[int]:
    """The positions of the values that have derivatives."""
    return [i for i, aval in enumerate(avals) if aval.dtype.kind in "fc"]


def pick(values: Sequence, positions: list[int]) -> list:
    """The values at these positions."""
    return [values[i] for i in positions]


def placed(values: Sequence, positions: list[int], count: int) -> list:
    """Values at their positions, None elsewhere."""
    result: list = [None] * count
    for i, value in zip(positions, values, strict=True):
        result[i] = value
    return result


def jvp_flat(graph: Graph, primals: list, tangents: list, live: list[int]) -> tuple[list, list]:
    """Outputs of a graph and the tangents of its float outputs, from those of inputs `live`."""

    def of_live(*values: Any) -> list:
        full = list(primals)
        for i, value in zip(live, values, strict=True):
            full[i] = value
        return run_flat(graph, full)

    outs, slopes = jvp(of_live, tuple(pick(primals, live)), tuple(tangents))
    return outs, pick(slopes, float_positions([node.aval for node in graph.outputs]))


def vjp_flat(graph: Graph, primals: list, cotangents: list, live: list[int]) -> list:
    """Cotangents of the inputs `live`, from those of a graph's float outputs."""
    floats = float_positions([node.aval for node in graph.outputs])

    def of_live(*values: Any) -> list:
        full = list(primals)
        for i, value in zip(live, values, strict=True):
            full[i] = value
        return pick(run_flat(graph, full), floats)

    _, pull = vjp(of_live, *pick(primals, live))
    return list(pull(list(cotangents)))


def trace_flat(function: Callable, avals: Sequence[Aval], name: str) -> Graph:
    """The graph of a function of a flat list of values."""
    graph, _ = trace_closed(function, (list(avals),))
    return Graph(graph.inputs, graph.outputs, name)


def strong(aval: Aval) -> Aval:
    """The aval that a Python number has once it is an array."""
    return Aval(aval.shape, aval.dtype)


def output_avals(graph: Graph) -> list[Aval]:
    """What a graph gives, as arrays."""
    return [strong(node.aval) for node in graph.outputs]


def same_carry(name: str, out: Any, structure: Any, graph: Graph, avals: list[Aval]) -> None:
    """Refuse a body that changes the tree, shapes or dtypes of what it carries."""
    got = output_avals(graph)[: len(avals)]
    if out != structure or got != avals:
        raise ShapeError(
            f"{name}: the carry begins as {avals} and comes out as {got}; its tree, shapes and "
            "dtypes must stay. Cast or reshape inside the step, or begin with what it gives."
        )
