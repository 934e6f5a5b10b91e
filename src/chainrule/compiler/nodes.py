"""Making nodes of a graph that is being compiled."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.aval import Aval
from chainrule.graph.node import Node
from chainrule.graph.trace import trace
from chainrule.ops import cast
from chainrule.ops.lowering import Gather, Move
from chainrule.ops.table import Op, make_op

COPY = make_op(
    "copy",
    np=lambda x: np.array(x),
    infer=lambda x: Aval(x.shape, x.dtype),
    emit=lambda b, x: b.concrete(x),
    latex="{0}",
    domain=((-3.0, 3.0),),
    doc="""The same elements in a buffer of their own; stands in compiled graphs only.""",
)


def call(op: Op, *args: Node, like: Node, **params: Any) -> Node:
    """A node of `op` at the place of another one."""
    params = {**op.defaults, **params}
    aval = op.infer(*(arg.aval for arg in args), **params)
    return Node(aval, op, args, params, place=like.place)


def spliced(rule: Callable[..., Any], args: Sequence[Node], node: Node) -> Node:
    """The nodes of a function of some arguments, in the place of a node whose dtype they keep."""
    small = trace(rule)(*(arg.aval for arg in args))
    new: dict[Node, Node] = dict(zip(small.inputs, args, strict=True))
    for inner in small.nodes:
        if inner not in new:
            new[inner] = inner if inner.op is None else _moved(inner, new, node)
    (result,) = (new[out] for out in small.outputs)
    same = result.aval.dtype == node.aval.dtype
    return result if same else call(cast, result, like=node, dtype=node.aval.dtype)


def _moved(inner: Node, new: dict[Node, Node], node: Node) -> Node:
    args = tuple(new[arg] for arg in inner.args)
    return Node(inner.aval, inner.op, args, inner.params, place=node.place)


def moves(node: Node) -> bool:
    """Whether a node only moves elements of its argument."""
    emit = node.op.emit if node.op else None
    return isinstance(emit, Move) or (isinstance(emit, Gather) and len(node.args) == 1)
