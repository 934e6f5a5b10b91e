"""Passes: functions from graph to graph that leave every result as it was, to the bit."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.aval import aval_of
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node, constant
from chainrule.ops.table import Box, Op

Pass = Callable[[Graph], Graph]

_LARGEST_FOLD = 4096
"""Constants are folded while the result has at most so many elements, or fewer than its parts."""


def remove_dead_code(graph: Graph) -> Graph:
    """Keep only what the outputs need (a graph rebuilt from its outputs holds no more)."""
    return graph.rebuilt(lambda node, op, args: node if args == node.args else node.with_args(args))


def share_common_subexpressions(graph: Graph) -> Graph:
    """Compute what is the same once: equal ops with equal params on the same arguments."""
    seen: dict[Any, Node] = {}
    constants: dict[Any, Node] = {}

    def known(node: Node) -> Node:
        if not node.is_constant:
            return node
        key = _constant_key(node.value)
        return node if key is None else constants.setdefault(key, node)

    def replace(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
        args = tuple(known(arg) for arg in args)
        order = tuple(sorted(map(id, args))) if op.commutative else tuple(map(id, args))
        key = (op, order, _hashable(node.params))
        return seen.setdefault(key, node.with_args(args))

    return graph.rebuilt(replace)


def _constant_key(value: Any) -> Any:
    if isinstance(value, Box):
        return ("box", id(value))
    array = np.asarray(value)
    if array.size > _LARGEST_FOLD:
        return ("array", id(value))
    weak = type(value) if not hasattr(value, "dtype") else None
    return (weak, array.dtype, array.shape, array.tobytes())


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return (value.dtype, value.shape, value.tobytes())
    try:
        hash(value)
    except TypeError:
        return ("id", id(value))
    # As keys 1, 1.0 and True are equal, and 0.0 and -0.0; as params they are not.
    return (type(value), repr(value) if isinstance(value, float) else value)


def fold_constants(graph: Graph) -> Graph:
    """Compute what depends on constants alone, unless that would store more than it saves."""

    def replace(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
        fresh = node.with_args(args)
        if not all(arg.is_constant and not isinstance(arg.value, Box) for arg in args):
            return fresh
        if op.several or _grows(node, args):
            return fresh
        with np.errstate(all="ignore"):
            return constant(op(*(arg.value for arg in args), **node.params))

    return graph.rebuilt(replace)


def _grows(node: Node, args: tuple[Node, ...]) -> bool:
    largest = max((arg.aval.size for arg in args), default=0)
    return node.aval.size > max(_LARGEST_FOLD, largest)


def simplify_algebra(graph: Graph) -> Graph:
    """Drop what changes nothing: x * 1, x - 0, -(-x), a reshape to the same shape, and so on.

    What an op allows stands in its record (`identity`, `involution`, `idempotent`, `unchanged`).
    Only rewrites that keep every bit are made: x + 0 stays, for it turns -0 into 0.
    """

    def replace(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
        first = args[0] if args else None
        fresh = node.with_args(args)
        for position, value in op.identity:
            other = args[1 - position]
            if other.aval == node.aval and _is_number(args[position], value):
                return other
        if first is None:
            return fresh
        same_op = first.op is op and len(args) == 1 and first.params == node.params
        if op.involution and same_op and first.args[0].aval == node.aval:
            return first.args[0]
        if op.idempotent and same_op and first.aval == node.aval:
            return first
        if op.unchanged is not None and op.unchanged(first.aval, **node.params):
            return first
        return fresh

    return graph.rebuilt(replace)


def _is_number(node: Node, value: float) -> bool:
    if not node.is_constant or isinstance(node.value, Box) or aval_of(node.value).shape != ():
        return False
    number = np.asarray(node.value).item()
    return number == value and np.signbit(number) == np.signbit(value)


STANDARD: tuple[Pass, ...] = (
    fold_constants,
    simplify_algebra,
    share_common_subexpressions,
    remove_dead_code,
)


def optimize(graph: Graph, passes: Sequence[Pass] = STANDARD) -> Graph:
    """Run passes until none of them makes the graph smaller."""
    while True:
        before = len(graph)
        for transform in passes:
            graph = transform(graph)
        if len(graph) >= before:
            return graph
