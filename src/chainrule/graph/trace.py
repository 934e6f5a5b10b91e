"""Tracing: run a function once on values without numbers, and keep what it did as a graph."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import TraceError
from chainrule.grad.reverse import check_escaped
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node, Place, constant
from chainrule.graph.text import leaf_paths
from chainrule.operators import ArrayBox
from chainrule.ops.table import PROJECT, Box, Op, new_level
from chainrule.tensor import leaf_cotangents

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Traced(ArrayBox):
    """A value without numbers: its shape and dtype, and the node that makes it."""

    __slots__ = ("level", "node")

    def __init__(self, node: Node, level: int):
        self.node = node
        self.level = level

    @property
    def aval(self) -> Aval:
        return self.node.aval

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        level = self.level
        avals = op.infer(*map(aval_of, args), **params)
        place = _place()
        nodes = tuple(
            arg.node if isinstance(arg, Traced) and arg.level == level else constant(_plain(arg))
            for arg in args
        )
        node = Node(avals, op, nodes, params, place=place)
        if not op.several:
            return Traced(node, level)
        return tuple(
            Traced(Node(aval, PROJECT, (node,), {"index": i}, place=place), level)
            for i, aval in enumerate(avals)
        )

    def _refuse(self, what: str, instead: str) -> TraceError:
        return TraceError(
            f"{_place().line}: {what} needs the numbers of a traced value ({self.aval}), and a "
            f"trace has none: it runs once for all inputs. {instead}"
        )

    def __bool__(self) -> bool:
        raise self._refuse(
            "a branch or a truth test",
            "Choose with chainrule.where(condition, x, y) or chainrule.cond(condition, f, g, x), "
            "and loop with chainrule.scan or chainrule.while_loop.",
        )

    def __float__(self) -> float:
        raise self._refuse("float()", "Keep it an array, or pass it in as a Python number.")

    def __int__(self) -> int:
        raise self._refuse("int()", "Keep it an array, or pass it in as a Python number.")

    def __index__(self) -> int:
        raise self._refuse("a Python index or range()", "Index with chainrule.take.")

    def item(self) -> float:
        raise self._refuse("item()", "Return the value from the traced function instead.")

    def tolist(self) -> list:
        raise self._refuse("tolist()", "Return the value from the traced function instead.")

    def numpy(self) -> np.ndarray:
        if self.dtype.kind == "b":
            raise self._refuse(
                "an index by a mask, or numpy(),",
                "How much a mask picks depends on them: choose with chainrule.where(mask, x, 0.0).",
            )
        raise self._refuse("numpy()", "Use the function of that name in chainrule.")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise self._refuse("a NumPy function", "Use the function of that name in chainrule.")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self._refuse(
            "an assignment in place", "Write x = chainrule.index_set(x, key, value)."
        )

    def __format__(self, spec: str) -> str:
        if spec:
            raise self._refuse(f"the format {spec!r}", "Print the result after the graph has run.")
        return str(self)

    def __repr__(self) -> str:
        return f"traced({self.aval})"


def _plain(value: Any) -> Any:
    return value if isinstance(value, ArrayBox) else as_operand(value)


def bottom(value: Any) -> Any:
    """What lies under tensors, dual numbers and batches: a plain or traced value, an expression."""
    while isinstance(value, Box) and not isinstance(value, Traced):
        inside = getattr(value, "data", getattr(value, "primal", None))
        if inside is None:
            return value
        value = inside
    return value


def _place() -> Place:
    """Where the user's code that is being traced stands.

    Read off the call stack, so that neither modules nor the reverse pass need to know of traces.
    """
    frame: FrameType | None = sys._getframe(2)
    line, modules = "", []
    while frame is not None:
        code = frame.f_code
        if code is leaf_cotangents.__code__:
            forward = bottom(frame.f_locals.get("tensor"))
            if isinstance(forward, tuple):
                forward = bottom(forward[0])
            if isinstance(forward, Traced):
                return forward.node.place._replace(backward=True)
        if not line and not code.co_filename.startswith(_PACKAGE):
            line = f"{os.path.basename(code.co_filename)}:{frame.f_lineno}"
        if code.co_name == "__call__" and code is not Op.__call__.__code__:
            owner = frame.f_locals.get("self")
            if hasattr(owner, "named_modules"):
                modules.append(owner)
        frame = frame.f_back
    modules.reverse()
    module = type(modules[-1]).__name__ if modules else ""
    return Place(_scope(modules), line, module)


def _scope(modules: list) -> str:
    """The dotted path from the outermost module to the innermost."""
    parts = []
    for outer, inner in pairwise(modules):
        names = [path for path, module in outer.named_modules() if module is inner and path]
        parts.append(min(names, key=len) if names else type(inner).__name__)
    return ".".join(parts)


def trace(function: Callable) -> Callable[..., Graph]:
    """A function that takes arguments as `function` does and gives its graph.

    Arguments are arrays, trees of arrays, or avals; only their shapes and dtypes count. Whatever
    Python does on the way (loops, modules, derivatives) is run once and leaves its ops.

    Raises:
        TraceError: the function asks for numbers that a trace has not, such as a branch on a
            value; the message names the line and the way out.

    >>> print(trace(lambda x: x * 2.0 + 1.0)(np.ones(3)).show().splitlines()[0])
    <lambda>(x: float64[3])
    """

    @functools.wraps(function)
    def run(*args: Any) -> Graph:
        return trace_closed(function, args)[0]

    return run


def trace_closed(function: Callable, args: tuple, lift: bool = False) -> tuple[Graph, list]:
    """The graph of a function, and the boxes from outside that it captured.

    With `lift`, these become further inputs, after the function's own.
    """
    level = new_level()
    leaves, structure = tree.flatten(args)
    names = _input_names(function, args)
    inputs = [
        Node(leaf if isinstance(leaf, Aval) else aval_of(leaf), name=name)
        for leaf, name in zip(leaves, names, strict=True)
    ]
    result = function(*tree.unflatten(structure, [Traced(node, level) for node in inputs]))
    results, out_structure = tree.flatten(result)
    for out in results:
        check_escaped(out, level)
    outputs = [
        out.node if isinstance(out, Traced) and out.level == level else constant(_plain(out))
        for out in results
    ]
    name = getattr(function, "__name__", type(function).__name__)
    graph = Graph(inputs, outputs, name, structure, out_structure)
    return _lift_boxes(graph) if lift else (graph, [])


def _lift_boxes(graph: Graph) -> tuple[Graph, list]:
    """Make inputs of the constants that are boxes."""
    boxes: dict[int, tuple[Any, Node]] = {}
    swapped: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.is_constant and isinstance(node.value, ArrayBox):
            key = id(node.value)
            if key not in boxes:
                boxes[key] = (node.value, Node(node.aval, name=f"captured{len(boxes)}"))
            swapped[node] = boxes[key][1]
    if not boxes:
        return graph, []
    inputs = [*graph.inputs, *(node for _, node in boxes.values())]
    new: dict[Node, Node] = dict(swapped)
    for node in graph.nodes:
        if node not in new:
            new[node] = node.with_args(tuple(new[a] for a in node.args)) if node.op else node
    outputs = [new[node] for node in graph.outputs]
    lifted = Graph(inputs, outputs, graph.name, None, graph.out_structure)
    return lifted, [value for value, _ in boxes.values()]


def _input_names(function: Callable, args: tuple) -> list[str]:
    """Names for the leaves: the parameter's own, with the path inside its tree."""
    given = _positional(function)
    if len(given) < len(args):
        given = [f"x{i}" for i in range(len(args))] if len(args) > 1 else ["x"]
    names: list[str] = []
    for name, arg in zip(given, args, strict=False):
        names += [f"{name}{path}" for path in leaf_paths(arg)]
    return names


def _positional(function: Callable) -> list[str]:
    """The names of the parameters that take positional arguments; none where that is unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
