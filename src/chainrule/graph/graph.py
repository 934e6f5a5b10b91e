"""The static graph: nodes in static single assignment, arguments before results."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from chainrule import tree
from chainrule.graph.drawable import Drawable
from chainrule.graph.node import Node
from chainrule.graph.text import aval_text, call_text, constant_text, leaf_paths
from chainrule.ops.table import Op


class Plan(NamedTuple):
    """How to run a graph: places in a list of values, and which to forget after each step."""

    constants: list[tuple[int, Any]]
    steps: list[tuple[int, Op, tuple[int, ...], Mapping[str, Any], tuple[int, ...]]]
    outputs: list[int]


class Graph(Drawable):
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
        out_structure: Any = tree.LEAF,
    ):
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.name = name
        self.in_structure = in_structure
        self.out_structure = out_structure
        self.nodes = _in_order(self.inputs, self.outputs)

    def rebuilt(self, replace: Callable[[Node, Op, tuple[Node, ...]], Node]) -> "Graph":
        """A new graph in which `replace(node, its op, new arguments)` stands for each op node."""
        new: dict[Node, Node] = {}
        for node in self.nodes:
            if node.op is None:
                new[node] = node
                continue
            new[node] = replace(node, node.op, tuple(new[arg] for arg in node.args))
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
                result[node] = constant_text(node.value)
            elif node.is_input and node.name:
                result[node] = node.name
            else:
                result[node] = f"%{count}"
                count += 1
        return result

    @property
    def output_names(self) -> list[str]:
        """A name for each output: its path in what the function returned."""
        paths = leaf_paths(self.out_structure)
        if len(paths) != len(self.outputs):
            paths = leaf_paths(list(self.outputs))
        return [path.lstrip(".") if path.startswith(".") else f"output{path}" for path in paths]

    def show(self) -> str:
        """The graph as readable text, one line an op, grouped by module."""
        names = self.names()
        heads = [f"{names[node]}: {node.aval}" for node in self.inputs]
        lines = [f"{self.name}({', '.join(heads)})"]
        heading = ""
        width = max((len(call_text(node, names)) for node in self.calls), default=0)
        for node in self.calls:
            if node.place.heading != heading:
                heading = node.place.heading
                lines.append(f"  [{heading}]")
            text = call_text(node, names)
            lines.append(
                f"    {text:<{min(width, 72)}}  {aval_text(node.aval)}  {node.line}".rstrip()
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
        ends = f"{len(self.inputs)} inputs, {ops} ops, {len(self.outputs)} outputs"
        return f"<graph {self.name}: {ends}>"

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
