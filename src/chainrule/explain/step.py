"""One training step as one graph: forward, loss, backward, update, and the loss after it.

The graph is traced from the model, the loss and the optimizer as they are; nothing is hooked into.
What each node means (a value of the forward pass, the derivative by it, the contribution of one
path, a parameter after the update) is noted as the trace makes it.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops, tree
from chainrule.errors import ChainruleError, TraceError
from chainrule.explain.expansions import ASIDES, EXPANSIONS
from chainrule.explain.reverse import Cotangent, node_of, pull_back
from chainrule.graph import Graph, Node, share_common_subexpressions
from chainrule.graph.trace import Traced, trace_closed
from chainrule.nn import Module, swapped
from chainrule.ops.table import new_level
from chainrule.optim import Optimizer
from chainrule.tensor import Tensor


class Pass(NamedTuple):
    """What a forward pass gives: the output, the loss, and what it assigned to buffers, by path."""

    output: Any
    loss: Any
    buffers: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What is explained: a step of an optimizer on a model, from samples and their targets.

    `x` and `y` have a batch axis. `memory` is the optimizer's state by path and name; `count` the
    number of the step, from 1. `keyed` gives random layers their key; `penalties` are added to the
    loss, `hold` keeps gradients within bounds, and `limit` parameters.
    """

    model: Module
    x: np.ndarray
    y: np.ndarray
    loss: Callable
    optimizer: Optimizer
    memory: Mapping[str, Mapping[str, np.ndarray]]
    count: int
    lr: float
    keyed: Callable[[], AbstractContextManager] = nullcontext
    penalties: Sequence[Callable] = ()
    hold: Callable[[Any], Any] | None = None
    limit: Callable[[Any], Any] | None = None

    @property
    def leaves(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by path, each once."""
        parameters = {path: leaf.data for path, leaf in self.model.named_parameters()}
        return parameters | {path: leaf.data for path, leaf in self.model.named_buffers()}

    @cached_property
    def parts(self) -> dict[str, Optimizer]:
        """The optimizer of each parameter that is trained, by path."""
        named = self.model.named_parameters()
        return self.optimizer.assign({p: leaf.shape for p, leaf in named if leaf.requires_grad})

    def rate(self, path: str, lr: Any) -> Any:
        """The learning rate of one parameter, from that of the whole step."""
        share = self.parts[path].lr / self.optimizer.lr
        return lr if share == 1 else lr * share

    def losses(self, leaves: Mapping[str, Any], x: Any, y: Any) -> Pass:
        """A forward pass with these parameters and buffers."""
        with swapped(self.model, leaves) as held, self.keyed():
            output = self.model(x)
            loss = self.loss(output, y)
            kept = dict(zip(held.paths, held.read(), strict=True))
        trained = [leaves[path] for path in self.parts]
        for penalty in self.penalties:
            loss = loss + penalty(trained)
        assigned = {path: kept[path] for path in leaves if kept[path] is not leaves[path]}
        return Pass(output, loss, assigned)

    def update(
        self,
        leaves: Mapping[str, Any],
        gradients: Mapping[str, Any],
        memory: Any,
        step: Any,
        lr: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and the optimizer's state after the step, by path."""
        used = gradients if self.hold is None else self.hold(dict(gradients))
        moved, kept = {}, {}
        for path, part in self.parts.items():
            state = {name: memory[path][name] for name in memory[path]}
            rate = self.rate(path, lr)
            value, kept[path] = part.update(leaves[path], used[path], state, step, rate)
            moved[path] = value if self.limit is None else self.limit(value)
        return moved, kept


class PathNode(NamedTuple):
    """What one use of a value contributes to the derivative by it."""

    user: Node
    term: Node


class Slope(NamedTuple):
    """The derivative of the loss by one value."""

    of: Node
    total: Node
    paths: tuple[PathNode, ...]


@dataclass(frozen=True)
class Step:
    """The traced step and its values.

    `forward` are the calls that lead to the loss, in order; `slopes` the derivatives in the order
    of backpropagation; `expansions` the steps of fused ops, by the fused node; `sample_axes` the
    axes that grow with the batch; `asides` the textbook's form of each parameter's update; `again`
    the calls of the forward pass after the update, by those before it; `buffers` what the
    forward pass left in buffers.
    """

    graph: Graph
    values: dict[Node, Any]
    x: Node
    y: Node
    lr: Node
    count: Node
    output: Node
    loss: Node
    forward: tuple[Node, ...]
    slopes: tuple[Slope, ...]
    leaves: dict[str, Node]
    gradients: dict[str, Node]
    moved: dict[str, Node]
    buffers: dict[str, Node]
    memory: dict[str, dict[str, Node]]
    memory_after: dict[str, dict[str, Node]]
    after: Node
    predicted: Node
    expansions: dict[Node, dict[str, Node]] = field(default_factory=dict)
    asides: dict[str, dict[str, Node]] = field(default_factory=dict)
    again: dict[Node, Node] = field(default_factory=dict)
    sample_axes: dict[Node, tuple[int, ...]] = field(default_factory=dict)

    def owner(self) -> dict[Node, str]:
        """The path of each parameter and buffer by its node."""
        return {node: path for path, node in self.leaves.items()}


class _Notes:
    """The values that a trace is asked for, by what they mean."""

    def __init__(self) -> None:
        self.outputs: list[Any] = []

    def note(self, value: Any) -> int:
        self.outputs.append(value)
        return len(self.outputs) - 1

    def all(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Note every leaf of nested dicts, and give where each stands."""
        return {
            key: self.all(value) if isinstance(value, Mapping) else self.note(value)
            for key, value in values.items()
        }


def trace_step(task: Task) -> Step:
    """Trace a step, compute all its values, and find the axes that hold samples."""
    graph, found = _trace(task, task.x, task.y)
    values = evaluate(graph, _inputs(task))
    wider = _wider(task)
    axes = {} if wider is None else _growing_axes(graph, wider)
    return _assemble(graph, found, values, axes)


def _inputs(task: Task) -> list:
    arguments = (task.leaves, task.memory, task.x, task.y, *_numbers(task))
    return tree.flatten(arguments)[0]


def _numbers(task: Task) -> tuple[np.ndarray, np.ndarray]:
    # As arrays of the width that Python computes in, so that both enter the graph as inputs.
    return np.asarray(task.count, np.int64), np.asarray(task.lr, np.float64)


def _trace(task: Task, x: np.ndarray, y: np.ndarray) -> tuple[Graph, dict[str, Any]]:
    """The graph with every noted value as an output, and where each note stands in it."""
    notes = _Notes()
    found: dict[str, Any] = {}

    def training_step(parameters: Any, memory: Any, x: Any, y: Any, step: Any, lr: Any) -> list:
        level = new_level()
        tensors = {path: Tensor(parameters[path], level, True) for path in task.parts}
        output, loss, buffers = task.losses({**parameters, **tensors}, x, y)
        result = node_of(output)
        if not isinstance(loss, Tensor) or node_of(loss) is None or result is None:
            raise TraceError(
                "explain: the loss does not depend on the model's inputs and parameters through "
                "chainrule's ops. Compute the output and the loss with ops alone."
            )
        slopes = pull_back(loss, list(tensors.values()))
        loss = loss.data
        order = leading_to(loss.node)
        trained = {path: parameters[path] for path in task.parts}
        by_node = {slope.of: slope.total for slope in slopes}
        gradients = {
            path: by_node.get(leaf.node, np.zeros(leaf.shape, leaf.dtype))
            for path, leaf in trained.items()
        }
        moved, kept = task.update(parameters, gradients, memory, step, lr)
        asides = {}
        for path, state in kept.items():
            part = task.parts[path]
            written = ASIDES.get(type(part), lambda *_: {})
            asides[path] = written(part, state, step, task.rate(path, lr))
        after = task.losses({**parameters, **moved}, x, y).loss
        predicted: Any = 0.0
        for path, leaf in trained.items():
            predicted = predicted + ops.sum(gradients[path] * (moved[path] - leaf))
        stop = {value.node for value in moved.values()}
        again = [node for node in leading_to(after.node, stop) if node not in stop]
        found.update(_noted(notes, order, slopes, again, loss.level))
        single = {"x": x, "y": y, "count": step, "lr": lr, "loss": loss}
        single["output"] = Traced(result, loss.level)
        single |= {"after": after, "predicted": predicted}
        by_path = {"leaves": parameters, "gradients": gradients, "moved": moved, "buffers": buffers}
        by_name = {"memory": memory, "memory_after": kept, "asides": asides}
        found.update(notes.all({**single, **by_path, **by_name}))
        return notes.outputs

    arguments = (task.leaves, task.memory, x, y, *_numbers(task))
    graph, _ = trace_closed(training_step, arguments)
    return share_common_subexpressions(graph), found


def _noted(
    notes: _Notes,
    order: Sequence[Node],
    slopes: Sequence[Cotangent],
    again: Sequence[Node],
    level: int,
) -> dict[str, Any]:
    """Note the forward values, the slopes with their paths, and the steps of fused ops."""
    calls = [node for node in order if node.op is not None and not node.op.several]
    places = {node: notes.note(Traced(node, level)) for node in calls}
    places |= {node: notes.note(Traced(node, level)) for node in order if node.op is None}
    later = {node: notes.note(Traced(node, level)) for node in again}
    written = []
    expansions = {node: places[node] for node in calls if node.op in EXPANSIONS}
    for slope in slopes:
        paths = []
        for path in slope.paths:
            term = notes.note(path.term)
            node = getattr(path.term, "node", None)
            if node is not None and node.op in EXPANSIONS:
                expansions[node] = term
            paths.append((None if path.user is None else places.get(path.user), term))
        written.append((places[slope.of], notes.note(slope.total), paths))
    expansions |= {node: later[node] for node in again if node.op in EXPANSIONS}
    steps = {}
    for node, place in expansions.items():
        values = [arg.value if arg.is_constant else Traced(arg, level) for arg in node.args]
        parts = EXPANSIONS[node.op](*values, **node.params)
        steps[place] = {name: notes.note(value) for name, value in parts.items()}
    return {
        "forward": [places[node] for node in calls],
        "slopes": written,
        "expansions": steps,
        "again": {places[a]: later[b] for a, b in _paired(calls, again)},
    }


def leading_to(node: Node, stop: Container[Node] = ()) -> list[Node]:
    """A node and all that it depends on, arguments first, not looking behind those in `stop`."""
    order: dict[Node, None] = {}
    stack = [(node, False)]
    while stack:
        top, ready = stack.pop()
        if top in order:
            continue
        if ready:
            order[top] = None
            continue
        stack.append((top, True))
        stack += [(arg, False) for arg in reversed(top.args) if top not in stop]
    return list(order)


def _paired(calls: Sequence[Node], again: Sequence[Node]) -> list[tuple[Node, Node]]:
    """The calls of the forward pass with those of the pass after the update."""
    later = [node for node in again if node.op is not None and not node.op.several]
    if [node.op for node in calls] != [node.op for node in later]:
        return []
    return list(zip(calls, later, strict=True))


def evaluate(graph: Graph, inputs: Sequence[Any]) -> dict[Node, Any]:
    """Every value of a graph, by its node."""
    values: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.is_constant:
                values[node] = node.value
            elif node.op is not None:
                values[node] = apply(node, [values[arg] for arg in node.args])
    return values


def is_one_of_several(node: Node) -> bool:
    """Whether a node picks one of the results of an op that gives several, such as a loop."""
    return bool(node.args) and node.args[0].op is not None and node.args[0].op.several


def apply(node: Node, args: Sequence[Any], params: Mapping[str, Any] | None = None) -> Any:
    """The value of one node from those of its arguments, by its record."""
    params = node.params if params is None else params
    if is_one_of_several(node):
        return args[0][params["index"]]
    return node.op(*args, **params)


def _wider(task: Task) -> Graph | None:
    """The same step on one sample more, or None where the model does not allow that."""
    try:
        x, y = (np.concatenate([part, part[-1:]]) for part in (task.x, task.y))
        return _trace(task, x, y)[0]
    except (ChainruleError, ValueError):
        return None


def _growing_axes(graph: Graph, wider: Graph) -> dict[Node, tuple[int, ...]]:
    """The axes of each value that hold samples: those that are longer in the wider graph.

    Where the two graphs differ in their ops, only the values that were noted can be paired.
    """
    pairs = list(zip(graph.outputs, wider.outputs, strict=True))
    calls = [[n for n in g.nodes if not n.is_constant] for g in (graph, wider)]
    if [node.op for node in calls[0]] == [node.op for node in calls[1]]:
        pairs += zip(*calls, strict=True)
    axes = {}
    for node, other in pairs:
        if not isinstance(node.aval, tuple) and node.aval.ndim == other.aval.ndim:
            sizes = zip(node.aval.shape, other.aval.shape, strict=True)
            axes[node] = tuple(i for i, (a, b) in enumerate(sizes) if a != b)
    return axes


def _assemble(graph: Graph, found: dict[str, Any], values: dict[Node, Any], axes: dict) -> Step:
    at = graph.outputs

    def nodes(places: Any) -> Any:
        return {key: nodes(p) if isinstance(p, dict) else at[p] for key, p in places.items()}

    slopes = tuple(
        Slope(
            at[of],
            at[total],
            tuple(PathNode(at[user], at[term]) for user, term in paths if user is not None),
        )
        for of, total, paths in found["slopes"]
    )
    names = ("x", "y", "lr", "count", "output", "loss", "after", "predicted")
    groups = ("leaves", "gradients", "moved", "buffers", "memory", "memory_after", "asides")
    return Step(
        graph=graph,
        values=values,
        forward=tuple(dict.fromkeys(at[place] for place in found["forward"])),
        slopes=slopes,
        expansions={at[place]: nodes(steps) for place, steps in found["expansions"].items()},
        sample_axes=axes,
        again={at[a]: at[b] for a, b in found["again"].items() if at[a] is not at[b]},
        **{name: at[found[name]] for name in names},
        **{name: nodes(found[name]) for name in groups},
    )
