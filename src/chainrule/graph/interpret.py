"""The interpreter: run any graph with NumPy, or on boxes. It is the oracle of the compiler."""

from collections import Counter
from typing import Any

from chainrule import tree
from chainrule.errors import ShapeError
from chainrule.graph.graph import Graph, Node
from chainrule.ops.table import PROJECT


def run_flat(graph: Graph, values: list) -> list:
    """The outputs of a graph for a value an input; frees what is no longer needed."""
    if len(values) != len(graph.inputs):
        raise ShapeError(
            f"{graph.name}: got {len(values)} inputs, expected {len(graph.inputs)}: "
            + ", ".join(f"{node.name}: {node.aval}" for node in graph.inputs)
        )
    environment: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
    uses = Counter(arg for node in graph.nodes for arg in node.args)
    uses.update(graph.outputs)
    for node in graph.nodes:
        if node.op is None:
            environment.setdefault(node, node.value)
            continue
        args = [environment[arg] for arg in node.args]
        if node.op is PROJECT:
            environment[node] = args[0][node.params["index"]]
        else:
            environment[node] = node.op(*args, **node.params)
        for arg in node.args:
            uses[arg] -= 1
            if not uses[arg]:
                del environment[arg]
    return [environment[node] for node in graph.outputs]


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
