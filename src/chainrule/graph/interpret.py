"""The interpreter: run any graph with NumPy, or on boxes. It is the oracle of the compiler."""

from typing import Any

from chainrule import tree
from chainrule.errors import ShapeError
from chainrule.graph.graph import Graph
from chainrule.ops.table import PROJECT


def run_flat(graph: Graph, values: list) -> list:
    """The outputs of a graph for a value an input; frees what is no longer needed."""
    if len(values) != len(graph.inputs):
        raise ShapeError(
            f"{graph.name}: got {len(values)} inputs, expected {len(graph.inputs)}: "
            + ", ".join(f"{node.name}: {node.aval}" for node in graph.inputs)
        )
    slots = [*values, *(None for _ in range(len(graph.nodes) - len(values)))]
    for place, value in graph.plan.constants:
        slots[place] = value
    for place, op, args, params, done in graph.plan.steps:
        taken = [slots[arg] for arg in args]
        slots[place] = taken[0][params["index"]] if op is PROJECT else op(*taken, **params)
        for arg in done:
            slots[arg] = None
    return [slots[place] for place in graph.plan.outputs]


def interpret(graph: Graph, *args: Any) -> Any:
    """Run a graph on arguments like those it was traced with (arrays or boxes, in their trees).

    Raises:
        ShapeError: other shapes or another tree than it was traced for.
    """
    leaves, structure = tree.flatten(args)
    if graph.in_structure is not None and structure != graph.in_structure:
        raise ShapeError(
            f"{graph.name}: the arguments' tree is {structure}; it was traced with "
            f"{graph.in_structure}."
        )
    for node, leaf in zip(graph.inputs, leaves, strict=False):
        shape = getattr(leaf, "shape", ())
        if tuple(shape) != node.aval.shape:
            raise ShapeError(
                f"{graph.name}: input {node.name} has shape {tuple(shape)}; the graph was traced "
                f"for {node.aval}. Trace again for other shapes."
            )
    return tree.unflatten(graph.out_structure, run_flat(graph, leaves))
