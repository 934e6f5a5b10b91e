"""The chain rule backwards over what the tensors of a traced forward pass remember, with names.

The rules are those of the op records, in the order of `Tensor.backward`; what is added is a note
of which value each cotangent belongs to, and over which paths it came. The report compares the
gradients with those that an eager backward pass gives.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.graph.graph import Node
from chainrule.graph.trace import Traced
from chainrule.ops.elementwise import cast
from chainrule.ops.shape import unbroadcast
from chainrule.ops.table import PROJECT
from chainrule.tensor import Tensor, made_before


class Path(NamedTuple):
    """What one use of a value adds to its cotangent; `user` is what was made of it."""

    user: Node | None
    term: Any


class Cotangent(NamedTuple):
    """The derivative of the loss by one value: the sum over the paths."""

    of: Node
    total: Any
    paths: tuple[Path, ...]


def pull_back(loss: Tensor, leaves: Sequence[Tensor]) -> list[Cotangent]:
    """The cotangents of every value between the leaves and the loss, in the order of backprop."""
    seed = np.ones(loss.shape, loss.dtype)
    paths: dict[int, list[Path]] = {id(loss): [Path(None, seed)]}
    by_leaf = {id(leaf): leaf for leaf in leaves}
    found: list[Cotangent] = []
    # A leaf comes after the last of its paths, which each lead behind what they begin with.
    arrived: dict[int, int] = {}
    for tensor in reversed(made_before([loss])):
        own = paths.pop(id(tensor), None)
        if own is None:
            continue
        total, node = _sum(own), node_of(tensor)
        if node is not None:
            found.append(Cotangent(node, total, tuple(own)))
        for arg, term in _contributions(tensor, total):
            paths.setdefault(id(arg), []).append(Path(node, term))
            if id(arg) in by_leaf:
                arrived[id(arg)] = len(found)
    for key, place in sorted(arrived.items(), key=lambda item: -item[1]):
        node = by_leaf[key].data.node
        found.insert(place, Cotangent(node, _sum(paths[key]), tuple(paths[key])))
    return found


def node_of(value: Any) -> Node | None:
    """The node of a traced value, also inside a tensor; None of an op that gives several."""
    inside = value.data if isinstance(value, Tensor) else value
    return inside.node if isinstance(inside, Traced) else None


def _sum(paths: Sequence[Path]) -> Any:
    """The sum of the contributions; of the results of an op with several, each its own."""
    total = paths[0].term
    if not isinstance(total, dict):
        for path in paths[1:]:
            total = total + path.term
        return total
    merged: dict[int, Any] = {}
    for path in paths:
        for index, term in path.term.items():
            merged[index] = merged[index] + term if index in merged else term
    return merged


def _contributions(tensor: Tensor, g: Any) -> list[tuple[Tensor, Any]]:
    """What one op passes on to each of its arguments that carries a derivative."""
    op, params = tensor.op, tensor.params
    if op is PROJECT:
        return [(tensor.args[0], {params["index"]: g})]
    if op.several:
        g = [
            g[i] if i in g else np.zeros(out.shape, out.dtype) for i, out in enumerate(tensor.data)
        ]
    whole = op.vjp(g, tensor.data, *tensor.values, **params) if op.vjp else ()
    found = []
    for i, arg in enumerate(tensor.args):
        if not (isinstance(arg, Tensor) and arg.level == tensor.level and arg.requires_grad):
            continue
        term = whole[i] if whole else op.pull(i, g, tensor.data, tensor.values, params)
        if term is not None:
            found.append((arg, _like(term, arg.data)))
    return found


def _like(term: Any, value: Any) -> Any:
    """A contribution in the shape and dtype of what it belongs to."""
    if term.shape != value.shape:
        term = unbroadcast(term, value.shape)
    return term if term.dtype == value.dtype else cast(term, dtype=value.dtype)
