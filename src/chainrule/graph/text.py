"""How values and calls are written, in the text and in the drawing of a graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.aval import Aval, aval_of
from chainrule.graph.node import Node
from chainrule.ops.table import Box, shape_of


def constant_text(value: Any) -> str:
    """A constant: a number as it is, an array by its shape."""
    if isinstance(value, Box):
        return f"<{type(value).__name__.lower()} {value.aval}>"
    if shape_of(value) == ():
        return f"{np.asarray(value).item():.6g}" if not isinstance(value, bool) else str(value)
    return f"<{aval_of(value)}>"


def aval_text(aval: Any) -> str:
    """The shape and dtype of a value; several of an op that gives a tuple."""
    if isinstance(aval, Aval):
        return repr(aval)
    return "(" + ", ".join(map(repr, aval)) + ")"


def call_text(node: Node, names: dict[Node, str]) -> str:
    """A line of the printed graph, such as `%2 = sum(%1, axis=0)`."""
    op = node.op.name if node.op else ""
    return f"{names[node]} = {op}({', '.join([names[arg] for arg in node.args] + options(node))})"


def options(node: Node) -> list[str]:
    """The params of a call that differ from the op's defaults."""
    defaults = node.op.defaults if node.op else {}
    return [
        f"{key}={_option_text(value)}"
        for key, value in node.params.items()
        if not (key in defaults and defaults[key] == value)
    ]


def _option_text(value: Any) -> str:
    if hasattr(value, "nodes"):  # a graph, which is shown or drawn by itself
        return value.name
    return str(np.dtype(value)) if isinstance(value, (np.dtype, type)) else repr(value)


def leaf_paths(value: Any) -> list[str]:
    """The path of each leaf in a tree, such as .weight or [0].

    >>> leaf_paths({"w": 1.0, "b": (2.0, 3.0)})
    ['.w', '.b[0]', '.b[1]']
    """
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f".{key}{path}" for key, item in value.items() for path in leaf_paths(item)]
    if isinstance(value, (list, tuple)):
        return [f"[{i}]{path}" for i, item in enumerate(value) for path in leaf_paths(item)]
    return [""]
