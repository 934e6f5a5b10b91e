"""A graph brought to the forms that the code generator knows, and each value as a part of a buffer.

What is left after `simplified`: elementwise ops, folds of the middle axis of three, products of
matrices or of stacks of them, selections by ids, assemblies, and calls that the interpreter runs.
Values that only move elements are views of the buffer that they come from.
"""

import math
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from chainrule.aval import Aval, aval_of
from chainrule.compiler.batch_last import Direct, Windowed, batch_last, side_by_side
from chainrule.compiler.lanes import supported
from chainrule.compiler.nodes import COPY, call, moves, spliced
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node
from chainrule.graph.passes import optimize
from chainrule.ops import broadcast_to, cast, reshape, transpose
from chainrule.ops.axes import several_axes
from chainrule.ops.lowering import (
    Assemble,
    Contract,
    Convolve,
    Expand,
    Fold,
    IntoWindows,
    OnFloats,
    OverWindows,
    ScatterAdd,
    View,
)
from chainrule.ops.table import Op

_PAGE = 4096
"""Bytes after which lines meet in the same set of the first cache."""
_APART = 5 * 64
"""Bytes by which channels then lie further apart: some lines, so that they spread over the sets."""
WORDS = 4
"""64-bit words that Philox makes at once."""


class Ref(NamedTuple):
    """A value as a regular part of the buffer that belongs to a node."""

    root: Node
    view: View


def simplified(graph: Graph) -> Graph:
    """Put composed ops into simpler ones, and folds and products into one form each."""
    while any(isinstance(node.op.emit, Expand) for node in graph.calls):
        graph = optimize(graph.rebuilt(_expanded))
    graph = optimize(batch_last(graph))
    return optimize(side_by_side(optimize(graph.rebuilt(_in_one_form))))


def _expanded(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
    if not isinstance(op.emit, Expand):
        return node.with_args(args)
    rule: Callable = op.emit.rule
    return spliced(lambda *xs: rule(*xs, **node.params), args, node)


def _in_one_form(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
    if isinstance(op.emit, Fold):
        return _fold(node, op, args[0])
    if isinstance(op.emit, Contract):
        return _product(node, op, args)
    return node.with_args(args)


def _fold(node: Node, op: Op, x: Node) -> Node:
    """A fold of the middle one of three axes; axes that are apart are brought together."""
    shape = x.aval.shape
    if len(shape) == 3 and node.params["axis"] == 1 and not node.params["keepdims"]:
        return node.with_args((x,))
    axes = sorted(several_axes(op.name, node.params["axis"], shape))
    gone = [axis for axis in axes if shape[axis] != 1]
    kept = [axis for axis in range(len(shape)) if axis not in gone]
    if gone and [*range(gone[0], gone[-1] + 1)] == gone:
        outer, inner = math.prod(shape[: gone[0]]), math.prod(shape[gone[-1] + 1 :])
    else:
        x = call(transpose, x, like=node, axes=(*kept, *gone))
        outer, inner = math.prod(shape[axis] for axis in kept), 1
    length = math.prod(shape[axis] for axis in gone)
    x = call(reshape, x, like=node, shape=(outer, length, inner))
    folded = call(op, x, like=node, axis=1)
    return call(reshape, folded, like=node, shape=node.aval.shape)


def _product(node: Node, op: Op, args: tuple[Node, ...]) -> Node:
    """A product of two stacks of matrices of equal depth; of one dtype."""
    shape = node.aval.shape
    lead = shape[:-2]
    stacks = []
    for arg in args:
        sizes = arg.aval.shape[-2:]
        if arg.aval.dtype != node.aval.dtype:
            arg = call(cast, arg, like=node, dtype=node.aval.dtype)
        if arg.aval.shape[:-2] != lead:
            arg = call(broadcast_to, arg, like=node, shape=(*lead, *sizes))
        stack = (math.prod(lead), *sizes)
        stacks.append(arg if len(lead) == 1 else call(reshape, arg, like=node, shape=stack))
    product = call(op, *stacks, like=node)
    return product if len(lead) == 1 else call(reshape, product, like=node, shape=shape)


class Piece(NamedTuple):
    """A part of an array that is written part by part: what goes there, its shape, its place.

    The source is the number of an argument, or a float that fills; the view has no axes of size 1.
    """

    source: int | float
    shape: tuple[int, ...]
    view: View


class Selection(NamedTuple):
    """How ids choose: along some dims, what the view shows is chosen where every id is 0.

    For each array of ids: how it runs along the dims, how many elements further the next id is, and
    how many ids there are.
    """

    view: View
    ids: tuple[View, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]


def spaced(graph: Graph) -> dict[Node, int]:
    """For arrays of channels that would lie whole pages apart, how far apart they are put instead.

    A processor keeps lines with equal places in their pages in the same few places of its caches:
    there the channels of a convolution would push one another out.
    """
    kinds = (Direct, Windowed)
    around = [node for node in graph.calls if isinstance(node.op.emit, kinds)]
    shapes = {part.aval.shape for node in around for part in (node, *node.args)}
    users: dict[Node, list[Node]] = {}
    for node in graph.calls:
        for arg in node.args:
            users.setdefault(arg, []).append(node)

    def seen(node: Node) -> bool:
        """Whether only code that is made here reads it."""
        return all(seen(user) if moves(user) else computable(user) for user in users.get(node, ()))

    found = {}
    for node in graph.calls:
        emit = node.op.emit
        if isinstance(emit, Direct) and emit.side == "weight":
            continue
        if not (callable(emit) or isinstance(emit, kinds)) or node in graph.outputs:
            continue
        shape = node.aval.shape
        if shape not in shapes or len(shape) < 3 or not computable(node):
            continue
        plane = math.prod(shape[1:])
        if shape[0] > 1 and plane * node.aval.dtype.itemsize % _PAGE == 0 and seen(node):
            found[node] = plane + _APART // node.aval.dtype.itemsize
    return found


class Places:
    """Where the value of each node lies: a node of its own buffer, and the part of it.

    `apart` are numbers of outputs that are copied at the end, when all else has been computed.
    """

    def __init__(self, graph: Graph, apart: Collection[int] = ()):
        self.refs: dict[Node, Ref] = {}
        self.computed: list[Node] = []
        self._copies: dict[Node, Node] = {}
        self._pitches = spaced(graph)
        for node in graph.nodes:
            if node.op is not None and moves(node):
                self.refs[node] = self._view(node)
            else:
                self.refs[node] = Ref(node, self._own_view(node))
                if node.op is not None:
                    self.computed.append(node)
        self.outputs = [self._own(node) for node in graph.outputs]
        self.apart: set[Node] = set()
        for number in apart:
            self.outputs[number] = self._copied_apart(self.outputs[number])
        self._users: dict[Node, list[Node]] = {}
        for node in (*graph.calls, *self._copies.values(), *self.apart):
            for arg in node.args:
                self._users.setdefault(arg, []).append(node)

    def _own_view(self, node: Node) -> View:
        whole = View.whole(node.aval.shape if isinstance(node.aval, Aval) else ())
        if node not in self._pitches:
            return whole
        return whole._replace(strides=(self._pitches[node], *whole.strides[1:]))

    def own(self, node: Node, dims: tuple[int, ...]) -> View:
        """How a node's own buffer is written along the dims of its group."""
        if node not in self._pitches:
            return View.whole(dims)
        return self.refs[node].view.of(lambda array: array.reshape(dims))

    def room(self, node: Node) -> tuple[int, ...]:
        """The shape of a buffer, in one run where parts of it lie further apart."""
        if node not in self._pitches:
            return node.aval.shape
        return (node.aval.shape[0] * self._pitches[node],)

    def pitch(self, node: Node, rows: int) -> int:
        """Elements from one of so many rows of a buffer to the next."""
        return math.prod(self.room(node)) // rows

    def users(self, node: Node) -> list[Node]:
        """The nodes that take a node as an argument."""
        return self._users.get(node, [])

    def _view(self, node: Node) -> Ref:
        root, view = self.refs[node.args[0]]
        seen = view.apply(lambda array: node.op.emit.view(array, node.params))
        if seen is None:
            root = self._copy(node.args[0])
            whole = View.whole(root.aval.shape)
            seen = whole.of(lambda array: node.op.emit.view(array, node.params))
        return Ref(root, seen)

    def _copy(self, node: Node) -> Node:
        if node not in self._copies:
            copy = call(COPY, node, like=node)
            self._copies[node] = copy
            self.refs[copy] = Ref(copy, View.whole(copy.aval.shape))
            self.computed.append(copy)
        return self._copies[node]

    def _copied_apart(self, node: Node) -> Node:
        copy = call(COPY, node, like=node)
        self.refs[copy] = Ref(copy, View.whole(copy.aval.shape))
        self.computed.append(copy)
        self.apart.add(copy)
        return copy

    def _own(self, node: Node) -> Node:
        """A result has a buffer of its own, all of it, in row-major order."""
        root, view = self.refs[node]
        whole = root.aval.size == node.aval.size and view == View.whole(node.aval.shape)
        if root.op is None or not whole:
            return self._copy(node)
        return root

    def on(self, node: Node, shape: tuple[int, ...], dims: tuple[int, ...]) -> View | None:
        """How a value, spread over a shape, runs along `dims`; None where it takes a copy."""
        return self.refs[node].view.apply(lambda a: np.broadcast_to(a, shape).reshape(dims))


    def selection(self, node: Node, dims: tuple[int, ...]) -> Selection:
        """How a gather reads the buffers of its arguments, or a scatter writes its own."""
        x, *ids = node.args
        if isinstance(node.op.emit, ScatterAdd):
            source, shape, whole = View.whole(node.aval.shape), x.aval.shape, node.aval.shape
        else:
            source, shape, whole = self.refs[x].view, node.aval.shape, x.aval.shape
        axes, first = node.op.emit.chosen(**node.params)
        count = len(np.broadcast_shapes(*(arg.aval.shape for arg in ids)))
        last = len(shape) - first - count

        def spread(array: np.ndarray) -> np.ndarray:
            array = node.op.emit.view(array, node.params)
            array = array.reshape(array.shape[:first] + (1,) * count + array.shape[first:])
            return np.broadcast_to(array, shape).reshape(dims)

        def along(array: np.ndarray) -> np.ndarray:
            array = array.reshape(array.shape + (1,) * last)
            return np.broadcast_to(array, shape).reshape(dims)

        return Selection(
            source.of(spread),
            tuple(self.refs[arg].view.of(along) for arg in ids),
            tuple(source.strides[axis] for axis in axes),
            tuple(whole[axis] for axis in axes),
        )

    def pieces(self, node: Node) -> list[Piece]:
        """The parts of an array that is written part by part, in their order."""
        return [piece for piece in _pieces(node) if math.prod(piece.shape)]


def _pieces(node: Node) -> list[Piece]:
    """All parts, also those of no elements; none where the interpreter computes the call."""
    shapes = [arg.aval.shape for arg in node.args]

    def parts(out: np.ndarray) -> list:
        return node.op.emit.parts(out, *shapes, **node.params)

    whole = View.whole(node.aval.shape)
    found = []
    for number, (source, part) in enumerate(parts(np.broadcast_to(False, node.aval.shape))):
        view = whole.of(lambda out, number=number: np.squeeze(parts(out)[number][1]))
        found.append(Piece(source, part.shape, view))
    return found


def per_block(aval: Aval) -> int:
    """How many numbers a block of random words makes: eight of 32 bits, or four of 64."""
    return 8 * WORDS // aval.dtype.itemsize


def blocks(aval: Aval) -> int:
    """How many blocks of random words an array takes.

    >>> blocks(Aval((3, 3), np.dtype(np.float32)))
    2
    """
    return math.ceil(aval.size / per_block(aval))


def is_number(node: Node) -> bool:
    """Whether a node is one number that is known now."""
    return node.is_constant and aval_of(node.value).size == 1 and aval_of(node.value).ndim == 0


def memory_dtype(node: Node) -> np.dtype:
    """The dtype in which a buffer is kept: a Python number's widest, for it yields only later."""
    if not node.aval.weak:
        return node.aval.dtype
    return np.dtype({"f": np.float64, "i": np.int64, "b": np.bool_}[node.aval.dtype.kind])


def computable(node: Node) -> bool:
    """Whether the code generator can compute a node."""
    if node.op.several or 0 in (node.aval.size, *(_size(arg) for arg in node.args)):
        return False
    if node.op.emit is None or not supported(node.aval.dtype):
        return False
    if isinstance(node.op.emit, Assemble) and not _pieces(node):
        return False
    if isinstance(node.op.emit, (Convolve, OverWindows, IntoWindows)):
        return False  # those with the batch last are computed; these stayed as they were
    if isinstance(node.op.emit, OnFloats) and node.aval.dtype.kind != "f":
        return False
    return all(supported(arg.aval.dtype) and _fits(arg, node) for arg in node.args)


def _size(node: Node) -> int:
    """Elements; 0 for the bundle that an op with several results gives."""
    return node.aval.size if isinstance(node.aval, Aval) else 0


def _fits(arg: Node, node: Node) -> bool:
    """Whether a Python number can be held in the dtypes that it meets."""
    if not (arg.is_constant and arg.aval.weak):
        return True
    dtypes = {other.aval.dtype for other in node.args if not other.aval.weak}
    number = arg.value
    return not isinstance(number, int) or all(
        dtype.kind not in "iu" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max
        for dtype in dtypes
    )
