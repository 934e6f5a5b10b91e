"""The chain rule backwards over a traced forward pass, with the name of every contribution.

The rules are those of the op records, as in `Tensor.backward`; what is added is the record of
which value each cotangent belongs to and over which paths it came. The report compares the
gradients with those that `Tensor.backward` gives.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.graph.graph import Node
from chainrule.graph.trace import Traced
from chainrule.ops.elementwise import cast
from chainrule.ops.shape import unbroadcast
from chainrule.ops.table import PROJECT, shape_of


class Path(NamedTuple):
    """What one use of a value adds to its cotangent: argument `position` of `user`."""

    user: Node
    position: int
    term: Any


class Cotangent(NamedTuple):
    """The derivative of the loss by one value: the sum over the paths."""

    of: Node
    total: Any
    paths: tuple[Path, ...]


def pull_back(loss: Traced, order: Sequence[Node], wanted: Sequence[Node]) -> list[Cotangent]:
    """The cotangents of every value between `wanted` and the loss, in the order of backprop.

    `order` holds the nodes that lead to the loss, arguments before results.
    """
    live = _live(order, wanted)
    seed = np.ones(loss.shape, loss.dtype)
    terms: dict[Node, list[Path]] = {loss.node: [Path(loss.node, -1, seed)]}
    found: list[Cotangent] = []
    for node in reversed(order):
        paths = terms.pop(node, None)
        if paths is None or node not in live:
            continue
        total = _sum(paths)
        if not isinstance(total, dict):
            found.append(Cotangent(node, total, tuple(paths)))
        if node.op is not None:
            for path, arg in _contributions(node, total, live, loss.level):
                terms.setdefault(arg, []).append(path)
    return found


def _live(order: Sequence[Node], wanted: Sequence[Node]) -> set[Node]:
    """The values that depend on what is wanted and can carry a derivative."""
    live = set(wanted)
    for node in order:
        if node.op is None or not (node.op is PROJECT or node.op.differentiable):
            continue
        floats = node.op.several or node.aval.dtype.kind in "fc"
        if floats and any(arg in live for arg in node.args):
            live.add(node)
    return live


def _sum(paths: list[Path]) -> Any:
    """The sum of the contributions; of the results of an op with several, each its own."""
    first = paths[0].term
    if isinstance(first, dict):
        merged: dict[int, Any] = {}
        for path in paths:
            for index, term in path.term.items():
                merged[index] = merged[index] + term if index in merged else term
        return merged
    total = first
    for path in paths[1:]:
        total = total + path.term
    return total


def _contributions(node: Node, g: Any, live: set[Node], level: int) -> list[tuple[Path, Node]]:
    """What one op passes on to each of its arguments that carries a derivative."""
    op, params = node.op, dict(node.params)
    if op is PROJECT:
        return [(Path(node, 0, {params["index"]: g}), node.args[0])]
    values = [arg.value if arg.is_constant else Traced(arg, level) for arg in node.args]
    out: Any
    if op.several:
        parts = [
            Traced(Node(a, PROJECT, (node,), {"index": i}), level) for i, a in enumerate(node.aval)
        ]
        g = [g[i] if i in g else np.zeros(p.shape, p.dtype) for i, p in enumerate(parts)]
        out = tuple(parts)
    else:
        out = Traced(node, level)
    whole = op.vjp(g, out, *values, **params) if op.vjp else ()
    found = []
    for i, arg in enumerate(node.args):
        if arg not in live:
            continue
        part = whole[i] if whole else op.pull(i, g, out, values, params)
        if part is not None:
            found.append((Path(node, i, _like(part, arg)), arg))
    return found


def _like(part: Any, arg: Node) -> Any:
    """A contribution in the shape and dtype of what it belongs to."""
    if shape_of(part) != arg.aval.shape:
        part = unbroadcast(part, arg.aval.shape)
    if part.dtype != arg.aval.dtype:
        part = cast(part, dtype=arg.aval.dtype)
    return part
