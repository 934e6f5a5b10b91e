"""Under what machine code is kept: all that it depends on, in words."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import compiler
from chainrule.aval import Aval, aval_of
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node
from chainrule.graph.text import aval_text
from chainrule.ops.table import Op

if TYPE_CHECKING:
    from chainrule.compiler.target import Target

_PROCESSOR = ("vendor_id", "cpu family", "model", "flags", "CPU ", "Features")
"""Beginnings of the lines of /proc/cpuinfo that say what a processor can do."""
_ENOUGH = 1 << 14
"""Bytes of it that describe one processor; on a large machine all of them take long to write."""


def structure(graph: Graph) -> list | None:
    """What a graph computes, without names and lines: those of the user's files may change.

    None where that cannot be told, for an op of the user's own says no more than its name.
    """
    places = {node: number for number, node in enumerate(graph.nodes)}
    nodes: list = []
    for node in graph.nodes:
        if node.op is not None and not _is_ours(node.op):
            return None
        weak = isinstance(node.aval, Aval) and node.aval.weak
        inputs = [places[arg] for arg in node.args]
        nodes.append((_kind(node), inputs, _exact(node.params), aval_text(node.aval), weak))
    return [*nodes, [places[node] for node in graph.outputs]]


def _kind(node: Node) -> Any:
    if node.op is not None:
        return node.op.name
    if node.is_input:
        return "input"
    return "constant", _exact(node.value) if aval_of(node.value).ndim else repr(node.value)


def _exact(value: Any) -> Any:
    """A value in words that leave nothing out, as those of a long array would."""
    if isinstance(value, Mapping):
        return [(key, _exact(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(_exact, value)]
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value)
        return (str(value.dtype), value.shape, hashlib.sha256(content.data).hexdigest())
    return structure(value) if isinstance(value, Graph) else repr(value)


def _is_ours(op: Op) -> bool:
    """Whether the code that lowers an op is this package's, whose files count for the key."""
    rules = [op.emit, *(vars(op.emit).values() if hasattr(op.emit, "__dict__") else ())]
    functions = [rule for rule in rules if isinstance(rule, Callable)]
    return all(str(getattr(f, "__module__", "")).startswith("chainrule.") for f in functions)


def processor(target: "Target | None") -> str:
    """A processor in words; that of this machine without LLVM where the system describes it."""
    if target is None:
        try:
            with open("/proc/cpuinfo") as file:
                first = file.read(_ENOUGH).partition("\n\n")[0]
        except OSError:
            first = ""
        lines = [line for line in first.splitlines() if line.startswith(_PROCESSOR)]
        if lines:
            return "\n".join(lines)
    return repr(target or compiler.host())


@cache
def generator() -> str:
    """A hash of the code generator's own text: what it makes changes with it."""
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for folder in (package, *(package / part for part in ("compiler", "graph", "ops"))):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
