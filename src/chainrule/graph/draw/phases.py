"""Which part of a training step a node belongs to, and in which box it is drawn.

Nodes that the chain rule made are marked by the trace. What comes after them outside of every
module is the update; what the update alone needs, such as Adam's bias correction, belongs to it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chainrule.graph.node import Node

FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"
LOSS = "loss"


class Spot(NamedTuple):
    """Where a node is drawn: its phase (empty in a graph without a backward pass) and boxes."""

    phase: str
    boxes: tuple[str, ...]


def spots(calls: Sequence[Node], outputs: Iterable[Node]) -> dict[Node, Spot]:
    """The phase and the boxes, outermost first, of each op node."""
    if not any(node.place.backward for node in calls):
        return {node: Spot("", _parts(node.scope)) for node in calls}
    phases = _phases(calls, set(outputs))
    updates = [node for node in calls if phases[node] == UPDATE]
    elsewhere = {arg for node in calls if phases[node] != UPDATE for arg in node.args}
    titles = _update_boxes(updates, elsewhere)
    loss = _after_modules(calls)
    result = {}
    for node in calls:
        phase = phases[node]
        if phase == UPDATE:
            boxes = (titles[node],) if titles[node] else ()
        elif node.scope:
            boxes = _parts(node.scope)
        else:
            boxes = (LOSS,) if node in loss or (loss and phase == BACKWARD) else ()
        result[node] = Spot(phase, boxes)
    return result


def _parts(scope: str) -> tuple[str, ...]:
    return tuple(scope.split(".")) if scope else ()


def updates_something(calls: Iterable[Node], where: dict[Node, Spot]) -> bool:
    """Whether what comes after the gradient changes an input that was used before it."""
    late = {arg for node in calls if where[node].phase == UPDATE for arg in node.args}
    early = {arg for node in calls if where[node].phase != UPDATE for arg in node.args}
    return any(node.is_input and node.aval.shape for node in late & early)


def _phases(calls: Sequence[Node], outputs: set[Node]) -> dict[Node, str]:
    phases: dict[Node, str] = {}
    for node in calls:
        late = any(phases.get(arg) in (BACKWARD, UPDATE) for arg in node.args)
        phases[node] = (
            BACKWARD if node.place.backward else UPDATE if late and not node.scope else FORWARD
        )
    users = _users(calls)
    for node in reversed(calls):
        needed_by = users.get(node, [])
        free = phases[node] == FORWARD and not node.scope and node not in outputs
        if free and needed_by and all(phases[user] == UPDATE for user in needed_by):
            phases[node] = UPDATE
    return phases


def _users(calls: Iterable[Node]) -> dict[Node, list[Node]]:
    users: dict[Node, list[Node]] = {}
    for node in calls:
        for arg in node.args:
            users.setdefault(arg, []).append(node)
    return users


def _after_modules(calls: Sequence[Node]) -> set[Node]:
    """The forward nodes outside of all modules that come after one: the loss."""
    after: set[Node] = set()
    for node in calls:
        if node.scope or node.place.backward:
            continue
        if any((arg.scope and not arg.place.backward) or arg in after for arg in node.args):
            after.add(node)
    return after


def _update_boxes(updates: list[Node], elsewhere: set[Node]) -> dict[Node, str]:
    """For each node of the update the parameter that it serves; empty where it serves several.

    Nodes that are connected serve the same parameter, but a single number (a norm to clip by, a
    bias correction) does not connect the arrays that it scales.
    """
    parent = {node: node for node in updates}

    def root(node: Node) -> Node:
        while parent[node] is not node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for node in updates:
        for arg in node.args:
            if arg in parent and (_size(arg) != 1 or _size(node) == 1):
                parent[root(arg)] = root(node)
    users = _users(updates)
    for node in reversed(updates):
        served = {root(user) for user in users.get(node, ())}
        if len(served) == 1 and _size(node) == 1:
            parent[root(node)] = served.pop()
    members: dict[Node, list[Node]] = {}
    for node in updates:
        members.setdefault(root(node), []).append(node)
    titles = {top: _parameter_path(nodes, elsewhere) for top, nodes in members.items()}
    return {node: titles[root(node)] for node in updates}


def _size(node: Node) -> int:
    return getattr(node.aval, "size", 0)


def _parameter_path(nodes: list[Node], elsewhere: set[Node]) -> str:
    """The path of the one array that is used outside of the update too: the parameter.

    Where that is not one, the longest run of path parts that the names of all arrays share.
    """
    arrays = {arg for node in nodes for arg in node.args if arg.is_input and arg.aval.shape}
    known = arrays & elsewhere
    paths = [_own_path(node.name) for node in (known if len(known) == 1 else arrays)]
    return ".".join(_common_run(paths)) if paths else ""


def _own_path(name: str) -> list[str]:
    """The parts of an input's path, without the name of the argument that it came in."""
    return name.split(".")[1:] or [name]


def _common_run(paths: list[list[str]]) -> list[str]:
    first = paths[0]
    for length in range(len(first), 0, -1):
        for start in range(len(first) - length + 1):
            run = first[start : start + length]
            if all(_holds(path, run) for path in paths):
                return run
    return []


def _holds(path: list[str], run: list[str]) -> bool:
    return any(path[i : i + len(run)] == run for i in range(len(path) - len(run) + 1))
