"""The code of arrays that are written part by part, and of values added up where ids choose."""

from collections.abc import Callable

from chainrule.compiler.body import SCALAR, Body, chosen_place, number
from chainrule.compiler.code import Code, Part
from chainrule.compiler.groups import squeezed
from chainrule.compiler.lanes import Value
from chainrule.compiler.loops import in_parts
from chainrule.compiler.lowered import Piece, is_number
from chainrule.graph.node import Node
from chainrule.ops.lowering import ScatterAdd

Visit = Callable[[tuple, Part], None]


def emit_assembly(code: Code, body: Body) -> None:
    """Write the one member of a group, all in one task: later parts may lie over earlier ones."""
    node = body.group.first
    if isinstance(node.op.emit, ScatterAdd):
        _emit_scatter(code, body, node)
        return
    for piece in body.places.pieces(node):
        _emit_piece(code, body, node, piece)


def _emit_piece(code: Code, body: Body, node: Node, piece: Piece) -> None:
    base, dims = body.addresses(node), piece.view.shape
    stride = piece.view.strides[-1] if dims else 0

    def visit(index: tuple, part: Part) -> None:
        lanes = code.lanes(part.width)
        if isinstance(piece.source, float):
            value = lanes.constant(piece.source, node.aval.dtype)
        else:
            value = _taken(code, body, node.args[piece.source], piece, index, part)
            value = lanes.splat(lanes.cast(value, node.aval.dtype))
        code.store_apart(value, base, body.place(piece.view, index), stride, part)

    _each(code, dims, body.widest(), visit)


def _taken(code: Code, body: Body, arg: Node, piece: Piece, index: tuple, part: Part) -> Value:
    """What of an argument goes to a place of a part."""
    root = body.places.refs[arg].root
    if is_number(root):
        return number(code.lanes(part.width), root.value, root.aval.weak)
    return body.load(root, body.places.on(arg, piece.shape, piece.view.shape), index, part)


def _emit_scatter(code: Code, body: Body, node: Node) -> None:
    """Zeros, and then each value added in the order in which they stand, as NumPy adds them."""
    base, dtype = body.addresses(node), node.aval.dtype

    def clear(index: tuple, part: Part) -> None:
        code.store(code.lanes(part.width).constant(0, dtype), base, index[0], part)

    _each(code, (node.aval.size,), body.widest(), clear)
    values = node.args[0]
    root, dims = body.places.refs[values].root, squeezed(values.aval.shape)
    view = body.places.on(values, values.aval.shape, dims)
    chosen = body.places.selection(node, dims)
    stride = chosen.view.strides[-1] if dims else 0
    # Places that ids choose one by one may be the same ones.
    one_by_one = any(ids.strides[-1:] not in ((), (0,)) for ids in chosen.ids)

    def add(index: tuple, part: Part) -> None:
        lanes = code.lanes(part.width)
        place = chosen_place(body, node, chosen, index)
        if is_number(root):
            value = lanes.splat(lanes.cast(number(lanes, root.value, root.aval.weak), dtype))
        else:
            value = body.load(root, view, index, part)
        before = lanes.splat(code.load(base, dtype, place, stride, part))
        code.store_apart(lanes.add(before, value), base, place, stride, part)

    _each(code, dims, 1 if one_by_one else body.widest(), add)


def _each(code: Code, dims: tuple[int, ...], width: int, visit: Visit) -> None:
    """visit(index, part) for all places of some dims, in vectors along the last one."""
    if not dims:
        visit((), SCALAR)
        return
    while width >= 2 * dims[-1]:
        width //= 2

    def nest(index: tuple, rest: tuple[int, ...]) -> None:
        if len(rest) == 1:
            in_parts(code, 0, rest[0], width, lambda i, part: visit((*index, i), part))
            return
        with code.loop(0, rest[0]) as i:
            nest((*index, i), rest[1:])

    nest((), dims)
