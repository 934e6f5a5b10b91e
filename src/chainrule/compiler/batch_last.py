"""The layout of nets with convolutions: the batch as the last axis, so that it fills vectors.

In memory an array (N, C, H, W) becomes (C, H, W, N). Then every place of a kernel meets whole
vectors, a row of a picture with all its samples is one long run, and kernels of any size, stride
and dilation, and any number of channels, are as quick as others. All nodes between convolutions
follow, poolings and elementwise ops, and so does a matrix product that reads or feeds them; where
the batch must be first again, the value is a view.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.aval import Aval
from chainrule.compiler.nodes import COPY, call, moves, spliced
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node
from chainrule.ops import cast, pad, reshape, transpose
from chainrule.ops.axes import several_axes
from chainrule.ops.lowering import (
    Assemble,
    Contract,
    Convolve,
    Fold,
    IntoWindows,
    OverWindows,
    View,
)
from chainrule.ops.table import Op, make_op
from chainrule.ops.window import Frame

_WIDE = 32
"""Columns of a product from which on it is worth having the batch last."""
_FEW = 16
"""Samples below which the borders of pictures are written out; else each is a vector by itself."""

_KINDS = (Convolve, OverWindows, IntoWindows)


class Direct(NamedTuple):
    """How a convolution of arrays with the batch last is compiled; `side` is what it gives."""

    side: str


class Windowed(NamedTuple):
    """How numbers are put into windows of an array with the batch last."""

    rule: IntoWindows


def _last(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, 0, -1)


def _first(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, -1, 0)


@functools.cache
def convolution(op: Op) -> Op:
    """The op of a convolution for arrays with the batch last; a weight stays as it is."""
    side = op.emit.side

    def run(x: Any, y: Any, *, plan: Any, options: tuple) -> np.ndarray:
        other = y if side != "weight" else _first(y)
        made = op.np(np.ascontiguousarray(_first(x)), other, **dict(options))
        return made if side == "weight" else np.ascontiguousarray(_last(made))

    def infer(x: Aval, y: Aval, *, plan: Any, options: tuple) -> Aval:
        if side == "weight":
            return Aval(plan.weight, x.dtype)
        shape = plan.output if side == "output" else plan.input
        return Aval((*shape[1:], shape[0]), x.dtype)

    return make_op(
        f"{op.name}_batch_last",
        np=run,
        infer=infer,
        emit=Direct(side),
        latex=op.latex,
        doc=f"""As {op.name}, with the batch last; stands in compiled graphs only.""",
    )


@functools.cache
def into_windows(op: Op) -> Op:
    """The op that puts numbers into windows, for arrays with the batch last."""

    def run(g: Any, by: Any, *, slide: Any, options: tuple) -> np.ndarray:
        return np.ascontiguousarray(_last(op.np(_first(g), _first(by), **dict(options))))

    def infer(g: Aval, by: Aval, *, slide: Any, options: tuple) -> Aval:
        return Aval(by.shape, g.dtype)

    return make_op(
        f"{op.name}_batch_last",
        np=run,
        infer=infer,
        emit=Windowed(op.emit),
        latex=op.latex,
        doc=f"""As {op.name}, with the batch last; stands in compiled graphs only.""",
    )


def batch_last(graph: Graph) -> Graph:
    """The same graph with the batch last wherever convolutions and poolings want it so."""
    if not any(_starts(node) for node in graph.calls):
        return graph
    return _Rewrite(graph, _marked(graph)).result()


def side_by_side(graph: Graph) -> Graph:
    """Copies between convolutions and arguments whose samples do not lie next to each other.

    A view of an input, which has the batch first, is one; so this comes after all that may make a
    node a view of another.
    """
    return graph.rebuilt(_with_lanes)


def _with_lanes(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
    if isinstance(op.emit, (Direct, Windowed)):
        weighted = isinstance(op.emit, Direct) and op.emit.side != "weight"
        batches = args[:1] if weighted else args
        copied = [arg if _together(arg) else call(COPY, arg, like=node) for arg in batches]
        args = (*copied, *args[len(batches) :])
    return node.with_args(args)


def _together(node: Node) -> bool:
    """Whether samples, which come last, lie next to each other in the buffer that shows them."""
    path = []
    while node.op is not None and moves(node):
        path.append(node)
        node = node.args[0]
    view: View | None = View.whole(node.aval.shape)
    for move in reversed(path):
        view = view.apply(lambda array, move=move: move.op.emit.view(array, move.params))
        if view is None:
            return False
    return view.shape[-1] == 1 or view.strides[-1] == 1


def _starts(node: Node) -> bool:
    """Whether a node is one of those that want the batch last."""
    if node.op is None or not isinstance(node.op.emit, _KINDS) or node.aval.dtype.kind != "f":
        return False
    if 0 in (node.aval.size, *(arg.aval.size for arg in node.args)):
        return False
    if isinstance(node.op.emit, Convolve):
        return True
    slide = node.op.emit.slide(*(arg.aval for arg in node.args), **node.params)
    return len(node.aval.shape) > len(slide.kernel)


def _marked(graph: Graph) -> set[Node]:
    """The nodes whose results have the batch last."""
    users: dict[Node, list[Node]] = {}
    for node in graph.calls:
        for arg in node.args:
            users.setdefault(arg, []).append(node)
    marked = {node for node in graph.calls if _starts(node) and not _gives_weight(node)}
    for node in graph.calls:
        if node not in marked and any(arg in marked and _follows(node, arg) for arg in node.args):
            marked.add(node)
    for node in reversed(graph.nodes):
        if node.op is None or node in marked or node in graph.outputs:
            continue
        wanted = any(_wants(user, node, user in marked) for user in users.get(node, ()))
        if wanted and _can_turn(node):
            marked.add(node)
    return marked


def _gives_weight(node: Node) -> bool:
    return isinstance(node.op.emit, Convolve) and node.op.emit.side == "weight"


def _follows(node: Node, arg: Node) -> bool:
    """Whether a node has the batch last because an argument has."""
    shape, emit = node.aval.shape, node.op.emit
    if not isinstance(arg.aval, Aval) or not shape or shape[0] != arg.aval.shape[0]:
        return False
    if moves(node):
        return _keeps_first(node)
    if isinstance(emit, Fold):
        return 0 not in several_axes(node.op.name, node.params["axis"], arg.aval.shape)
    if isinstance(emit, Contract):
        return arg is node.args[0] and _is_matrix(node) and shape[1] >= _WIDE
    if isinstance(emit, Assemble):
        return emit.turned(node.params, len(shape)) is not None
    return callable(emit) and len(shape) == len(arg.aval.shape) > 1


def _is_matrix(node: Node) -> bool:
    return all(len(part.aval.shape) == 2 for part in (node, *node.args))


def _can_turn(node: Node) -> bool:
    """Whether a node could as well be computed with the batch last."""
    emit = node.op.emit
    if not isinstance(node.aval, Aval) or len(node.aval.shape) < 2:
        return False
    if moves(node):
        return len(node.args) == 1 and _keeps_first(node)
    return (callable(emit) and len(node.aval.shape) > 1) or (
        isinstance(emit, Contract) and _is_matrix(node)
    )


def _wants(user: Node, node: Node, marked: bool) -> bool:
    """Whether a user of a node reads it with the batch last."""
    emit = user.op.emit
    if isinstance(emit, Convolve):
        # A weight is no batch.
        return node is user.args[0] or (node is user.args[1] and emit.side == "weight")
    if isinstance(emit, Contract) or not marked or user.aval.shape[:1] != node.aval.shape[:1]:
        return isinstance(emit, _KINDS)
    return not isinstance(emit, Fold)


def _keeps_first(node: Node) -> bool:
    """Whether a move leaves each sample's elements with that sample."""
    (arg,) = node.args
    if not isinstance(arg.aval, Aval) or not arg.aval.shape or not node.aval.shape:
        return False
    count = arg.aval.shape[0]
    if node.aval.shape[0] != count:
        return False
    if count == 1:
        return True
    whole = View.whole(arg.aval.shape)
    seen = whole.apply(lambda array: node.op.emit.view(array, node.params))
    if seen is None or seen.strides[0] != whole.strides[0]:
        return False
    pairs = list(zip(seen.shape, seen.strides, strict=True))[1:]
    inside = sum((size - 1) * step for size, step in pairs)
    return min((s for _, s in pairs), default=0) >= 0 and seen.offset + inside < whole.strides[0]


class _Rewrite:
    """Builds the graph in which marked nodes have the batch last."""

    def __init__(self, graph: Graph, marked: set[Node]):
        self.graph = graph
        self.marked = marked
        self._first: dict[Node, Node] = {}
        self._last: dict[Node, Node] = {}

    def result(self) -> Graph:
        graph = self.graph
        for node in graph.nodes:
            if node.op is None:
                self._first[node] = node
            elif node in self.marked:
                self._last[node] = self._turned(node)
            elif _starts(node):
                self._first[node] = self._convolved(node)
            else:
                self._first[node] = self._in_order(node)
        outputs = [self.first(node) for node in graph.outputs]
        return Graph(graph.inputs, outputs, graph.name, graph.in_structure, graph.out_structure)

    def first(self, node: Node) -> Node:
        """A value with the batch where the user has it."""
        if node not in self._first:
            axes = (len(node.aval.shape) - 1, *range(len(node.aval.shape) - 1))
            self._first[node] = call(transpose, self._last[node], like=node, axes=axes)
        return self._first[node]

    def last(self, node: Node) -> Node:
        """A value with the batch last."""
        if node not in self._last:
            axes = (*range(1, len(node.aval.shape)), 0)
            self._last[node] = call(transpose, self._first[node], like=node, axes=axes)
        return self._last[node]

    def _in_order(self, node: Node) -> Node:
        if isinstance(node.op.emit, Fold) and node.args[0] in self.marked:
            return self._folded(node)
        return node.with_args(tuple(self.first(arg) for arg in node.args))

    def _folded(self, node: Node) -> Node:
        """A fold over the batch and other axes, which takes them in the order of memory."""
        (x,) = node.args
        count = len(x.aval.shape)
        axes = several_axes(node.op.name, node.params["axis"], x.aval.shape)
        turned = tuple(sorted((axis - 1) % count for axis in axes))
        params = {**node.params, "axis": turned, "keepdims": False}
        made = call(node.op, self.last(x), like=node, **params)
        return call(reshape, made, like=node, shape=node.aval.shape)

    def _turned(self, node: Node) -> Node:
        """A marked node, computed with the batch last."""
        emit = node.op.emit
        if isinstance(emit, Convolve):
            return self._convolved(node)
        if isinstance(emit, OverWindows):
            return self._over_windows(node)
        if isinstance(emit, IntoWindows):
            return self._into_windows(node)
        if isinstance(emit, Contract):
            x, y = node.args
            turned = call(transpose, self.first(y), like=node, axes=(1, 0))
            return call(node.op, turned, self.last(x), like=node)
        if moves(node):
            return self._moved(node)
        if isinstance(emit, Fold):
            axes = several_axes(node.op.name, node.params["axis"], node.args[0].aval.shape)
            turned = tuple(axis - 1 for axis in axes)
            return call(
                node.op, self.last(node.args[0]), like=node, **{**node.params, "axis": turned}
            )
        if isinstance(emit, Assemble):
            params = emit.turned(node.params, len(node.aval.shape)) or node.params
            return call(node.op, *map(self.last, node.args), like=node, **params)
        args = [self._spread(arg, len(node.aval.shape)) for arg in node.args]
        return call(node.op, *args, like=node, **node.params)

    def _spread(self, arg: Node, count: int) -> Node:
        """An argument of an elementwise op, turned as the result is."""
        shape = arg.aval.shape
        if len(shape) == count:
            return self.last(arg)
        if not shape:
            return self.first(arg)
        wide = (1,) * (count - len(shape)) + shape
        raised = call(reshape, self.first(arg), like=arg, shape=wide)
        return call(transpose, raised, like=arg, axes=(*range(1, count), 0))

    def _moved(self, node: Node) -> Node:
        """A move of each sample's elements: a view of how they lie now."""
        (arg,) = node.args
        made = node.with_args((self.first(arg),))
        axes = (*range(1, len(node.aval.shape)), 0)
        return call(transpose, made, like=node, axes=axes)

    def _convolved(self, node: Node) -> Node:
        x, y = node.args
        emit, params = node.op.emit, dict(node.params)
        plan = emit.plan(x.aval, y.aval, **params)
        first = _as(node, self.last(x))
        second = _as(node, self.last(y) if emit.side == "weight" else self.first(y))
        if emit.side == "output" and plan.batch < _FEW and plan.slide.around != plan.slide.inside:
            slide = plan.slide
            width = ((0, 0), *slide.padding, (0, 0))
            first = call(pad, first, like=node, width=width)
            bare = tuple((0, 0) for _ in slide.padding)
            plan = plan._replace(slide=slide._replace(inside=slide.around, padding=bare))
            params["padding"] = bare
        options = tuple(sorted(params.items()))
        return call(convolution(node.op), first, second, like=node, plan=plan, options=options)

    def _over_windows(self, node: Node) -> Node:
        slide = node.op.emit.slide(*(arg.aval for arg in node.args), **node.params)
        args = list(dict.fromkeys(node.args))

        def rule(*arrays: Any) -> Any:
            found = {arg: _cuts(array, slide) for arg, array in zip(args, arrays, strict=True)}
            return node.op.emit.rule(*(found[arg] for arg in node.args))

        return spliced(rule, [self.last(arg) for arg in args], node)

    def _into_windows(self, node: Node) -> Node:
        slide = node.op.emit.slide(*(arg.aval for arg in node.args), **node.params)
        options = tuple(sorted(node.params.items()))
        args = [self.last(arg) for arg in node.args]
        return call(into_windows(node.op), *args, like=node, slide=slide, options=options)


def _as(node: Node, arg: Node) -> Node:
    """An argument in the dtype of the result."""
    dtype = node.aval.dtype
    return arg if arg.aval.dtype == dtype else call(cast, arg, like=node, dtype=dtype)


def _cuts(array: Any, slide: Frame) -> list[Any]:
    """What stands at each place of the kernel in all windows of an array with the batch last."""
    lead: Sequence[slice] = (slice(None),) * (len(array.shape) - len(slide.kernel) - 1)
    return [array[(*lead, *cut, slice(None))] for cut in slide.cuts()]
