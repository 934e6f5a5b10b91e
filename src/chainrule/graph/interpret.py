"""The interpreter: run any graph with NumPy, or on boxes. It is the oracle of the compiler."""

from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import aval_of, result_dtype
from chainrule.errors import DtypeError, ShapeError
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node
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

    Python numbers become arrays where the graph was traced for arrays.

    Raises:
        ShapeError: other shapes or another tree than it was traced for.
        DtypeError: other dtypes.

    >>> from chainrule.graph.trace import trace
    >>> interpret(trace(lambda x: x * 2.0)(np.zeros(2)), np.array([1.0, 3.0]))
    array([2., 6.])
    """
    leaves, structure = tree.flatten(args)
    if graph.in_structure is not None and structure != graph.in_structure:
        raise ShapeError(
            f"{graph.name}: the arguments' tree is {structure}; it was traced with "
            f"{graph.in_structure}."
        )
    values = [
        _fitting(graph.name, node, leaf) for node, leaf in zip(graph.inputs, leaves, strict=False)
    ]
    return tree.unflatten(graph.out_structure, run_flat(graph, values))


def _fitting(name: str, node: Node, leaf: Any) -> Any:
    """One argument, if it is like the input that it is for."""
    aval, expected = aval_of(leaf), node.aval
    if aval.shape != expected.shape:
        raise ShapeError(
            f"{name}: input {node.name} has shape {aval.shape}; the graph was traced for "
            f"{expected}. Trace again for other shapes."
        )
    if aval.weak and result_dtype(aval, expected.dtype) == expected.dtype:
        return leaf if expected.weak else np.asarray(leaf, expected.dtype)
    if aval.dtype != expected.dtype:
        raise DtypeError(
            f"{name}: input {node.name} has dtype {aval.dtype}; the graph was traced for "
            f"{expected}. Convert it with .astype('{expected.dtype}'), or trace again."
        )
    return leaf
