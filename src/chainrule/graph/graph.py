"""The static graph: nodes in static single assignment, arguments before results."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, aval_of
from chainrule.ops.table import Box, Op, shape_of


class Node:
    """One value of a graph: an input, a constant, or the result of an op.

    `op` is None for inputs and constants; `value` holds a constant. `args` are nodes; `params` the
    op's options. `scope` is the path of the module that made it, `line` the source line.
    """

    __slots__ = ("args", "aval", "line", "name", "op", "params", "scope", "value")

    def __init__(
        self,
        aval: Any,
        op: Op | None = None,
        args: tuple["Node", ...] = (),
        params: Mapping[str, Any] | None = None,
        *,
        value: Any = None,
        name: str = "",
        place: tuple[str, str] = ("", ""),
    ):
        self.aval = aval
        self.op = op
        self.args = args
        self.params = params or {}
        self.value = value
        self.name = name
        self.scope, self.line = place

    @property
    def is_constant(self) -> bool:
        return self.op is None and self.value is not None

    @property
    def is_input(self) -> bool:
        return self.op is None and self.value is None

    def with_args(self, args: tuple["Node", ...]) -> "Node":
        """The same op on other arguments."""
        place = (self.scope, self.line)
        return Node(self.aval, self.op, args, self.params, name=self.name, place=place)

    def __repr__(self) -> str:
        kind = self.op.name if self.op else "constant" if self.is_constant else "input"
        return f"<node {kind} {self.aval}>"


def constant(value: Any) -> Node:
    """A node that holds a value (a plain array or number, or a box from outside the trace)."""
    return Node(aval_of(value), value=value)


class Plan(NamedTuple):
    """How to run a graph: places in a list of values, and which to forget after each step."""

    constants: list[tuple[int, Any]]
    steps: list[tuple[int, Op, tuple[int, ...], Mapping[str, Any], tuple[int, ...]]]
    outputs: list[int]


class Graph:
    """A function as a graph: inputs, nodes, outputs, and the trees that these came in.

    `nodes` holds every node that the outputs need, arguments before results, the inputs (used or
    not) first. A graph is never changed; passes make new ones.
    """

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        name: str = "graph",
        in_structure: Any = None,
        out_structure: Any = None,
    ):
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.name = name
        self.in_structure = in_structure
        self.out_structure = tree.LEAF if out_structure is None else out_structure
        self.nodes = _in_order(self.inputs, self.outputs)

    def rebuilt(self, replace: Callable[[Node, tuple[Node, ...]], Node]) -> "Graph":
        """A new graph in which `replace(node, new arguments)` stands for each op node."""
        new: dict[Node, Node] = {}
        for node in self.nodes:
            if node.op is None:
                new[node] = node
                continue
            new[node] = replace(node, tuple(new[arg] for arg in node.args))
        outputs = [new[node] for node in self.outputs]
        return Graph(self.inputs, outputs, self.name, self.in_structure, self.out_structure)

    @cached_property
    def plan(self) -> Plan:
        """The graph as numbered steps, for the interpreter."""
        places = {node: i for i, node in enumerate(self.nodes)}
        kept = {places[node] for node in (*self.outputs, *self.inputs)}
        last: dict[int, int] = {}
        for i, node in enumerate(self.nodes):
            last.update((places[arg], i) for arg in node.args)
        steps = []
        for i, node in enumerate(self.nodes):
            if node.op is not None:
                args = tuple(places[arg] for arg in node.args)
                done = tuple(a for a in set(args) if last[a] == i and a not in kept)
                steps.append((i, node.op, args, node.params, done))
        constants = [(places[node], node.value) for node in self.nodes if node.is_constant]
        return Plan(constants, steps, [places[node] for node in self.outputs])

    @property
    def calls(self) -> Iterator[Node]:
        """The nodes that are results of ops."""
        return (node for node in self.nodes if node.op is not None)

    def names(self) -> dict[Node, str]:
        """A short name for each node: inputs by their own, results as %0, %1, ..."""
        result: dict[Node, str] = {}
        count = 0
        for node in self.nodes:
            if node.is_constant:
                result[node] = _constant_text(node.value)
            elif node.is_input and node.name:
                result[node] = node.name
            else:
                result[node] = f"%{count}"
                count += 1
        return result

    def show(self) -> str:
        """The graph as readable text, one line an op, grouped by module."""
        names = self.names()
        heads = [f"{names[node]}: {node.aval}" for node in self.inputs]
        lines = [f"{self.name}({', '.join(heads)})"]
        scope = ""
        width = max((len(_call_text(node, names)) for node in self.calls), default=0)
        for node in self.calls:
            if node.scope != scope:
                scope = node.scope
                lines.append(f"  [{scope}]" if scope else "  []")
            text = _call_text(node, names)
            lines.append(
                f"    {text:<{min(width, 72)}}  {_aval_text(node.aval)}  {node.line}".rstrip()
            )
            for key, inner in node.params.items():
                if isinstance(inner, Graph):
                    lines.append(f"      {key}:")
                    lines += [f"        {line}" for line in inner.show().splitlines()]
        lines.append(f"  return {', '.join(names[node] for node in self.outputs)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.show()

    def __repr__(self) -> str:
        ops = sum(1 for _ in self.calls)
        return f"<graph {self.name}: {len(self.inputs)} inputs, {ops} ops, {len(self.outputs)} outputs>"

    def __len__(self) -> int:
        return len(self.nodes)


def _in_order(inputs: tuple[Node, ...], outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """Inputs first, then what the outputs need, arguments before results; no recursion."""
    order = dict.fromkeys(inputs)
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(outputs)]
    while stack:
        node, ready = stack.pop()
        if node in order:
            continue
        if ready:
            order[node] = None
        else:
            stack.append((node, True))
            stack += [(arg, False) for arg in reversed(node.args) if arg not in order]
    return tuple(order)


def _constant_text(value: Any) -> str:
    if isinstance(value, Box):
        return f"<{type(value).__name__.lower()} {value.aval}>"
    if shape_of(value) == ():
        return f"{np.asarray(value).item():.6g}" if not isinstance(value, bool) else str(value)
    return f"<{aval_of(value)}>"


def _aval_text(aval: Any) -> str:
    if isinstance(aval, Aval):
        return repr(aval)
    return "(" + ", ".join(map(repr, aval)) + ")"


def _call_text(node: Node, names: dict[Node, str]) -> str:
    args = [names[arg] for arg in node.args]
    defaults = node.op.defaults if node.op else {}
    options = [
        f"{key}={_param_text(value)}"
        for key, value in node.params.items()
        if not (key in defaults and defaults[key] == value)
    ]
    return f"{names[node]} = {node.op.name if node.op else ''}({', '.join(args + options)})"


def _param_text(value: Any) -> str:
    return f"<{value.name}>" if isinstance(value, Graph) else repr(value)
