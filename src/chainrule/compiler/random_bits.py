"""The code of groups that draw: Philox4x64-10, word for word the streams of chainrule.rng.

Block number i of a stream is the counter (i + 1, 0, 0, 0) after ten rounds: four words of 64 bits.
No block depends on another, so that tasks divide them. (Salmon, Moraes, Dror and Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC 2011.)
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from chainrule.compiler.body import SCALAR, Body
from chainrule.compiler.code import I32, I64, Code, Part
from chainrule.compiler.lanes import Value, element_type
from chainrule.compiler.lowered import WORDS, is_number, memory_dtype, per_block
from chainrule.graph.node import Node
from chainrule.ops.lowering import DeriveKey

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_WIDE = ir.IntType(128)


def emit_draw(code: Code, body: Body, start: Any, length: Any) -> None:
    """The numbers of so many blocks from start on."""
    node, stop = body.group.first, code.plus(start, length)
    if isinstance(node.op.emit, DeriveKey):
        _emit_key(code, body, node)
        return
    key, size = _key(code, body, node.args[0]), per_block(node.aval)
    whole, rest = divmod(node.aval.size, size)
    with code.loop(start, _least(code, stop, whole) if rest else stop) as block:
        _store(code, body, _block(code, key, block), block, size)
    if rest:
        # Entered by the task that has the last block.
        with code.loop(whole, stop) as block:
            _store(code, body, _block(code, key, block), block, rest)


def _least(code: Code, stop: Any, whole: int) -> Any:
    if isinstance(stop, int):
        return min(stop, whole)
    return code.ir.select(code.ir.icmp_signed("<", stop, I64(whole)), stop, I64(whole))


def _key(code: Code, body: Body, arg: Node) -> list[ir.Value]:
    root, view = body.places.refs[arg]
    words = (view.offset + k * view.strides[0] for k in range(2))
    base = body.addresses(root)
    return [code.load(base, root.aval.dtype, word, 1, SCALAR).ir for word in words]


def _block(code: Code, key: Sequence[ir.Value], number: ir.Value) -> list[ir.Value]:
    return _philox(code, key, [code.ir.add(number, I64(1)), I64(0), I64(0), I64(0)])


def _philox(code: Code, key: Sequence[ir.Value], counter: Sequence[ir.Value]) -> list[ir.Value]:
    """Four words, from a key and a counter."""
    b, (first, second) = code.ir, key
    c0, c1, c2, c3 = counter
    for turn in range(_ROUNDS):
        if turn:
            first, second = b.add(first, I64(_STEPS[0])), b.add(second, I64(_STEPS[1]))
        high0, low0 = _product(code, c0, _MULTIPLIERS[0])
        high1, low1 = _product(code, c2, _MULTIPLIERS[1])
        c0, c1 = b.xor(b.xor(high1, c1), first), low1
        c2, c3 = b.xor(b.xor(high0, c3), second), low0
    return [c0, c1, c2, c3]


def _product(code: Code, x: ir.Value, factor: int) -> tuple[ir.Value, ir.Value]:
    """The upper and the lower word of a product."""
    b = code.ir
    wide = b.mul(b.zext(x, _WIDE), _WIDE(factor))
    return b.trunc(b.lshr(wide, _WIDE(64)), I64), b.trunc(wide, I64)


def _store(code: Code, body: Body, words: Sequence[ir.Value], block: Any, count: int) -> None:
    """The first numbers of a block, spread over [0, 1): 24 bits each in float32, 53 in float64."""
    b, node = code.ir, body.group.first
    dtype, size = node.aval.dtype, per_block(node.aval)
    vector = ir.Constant(ir.VectorType(I64, WORDS), None)
    for k, word in enumerate(words):
        vector = b.insert_element(vector, word, I32(k))
    kind, bits = (I64, 53) if dtype.itemsize == 8 else (I32, 24)
    whole = ir.VectorType(kind, size)
    taken = b.lshr(b.bitcast(vector, whole), _all(whole, kind.width - bits))
    floats = ir.VectorType(element_type(dtype), size)
    numbers = b.fmul(b.sitofp(taken, floats), _all(floats, 2.0**-bits))
    place = code.times(block, size)
    code.store(Value(dtype, numbers), body.addresses(node), place, Part(size, count))


def _all(kind: ir.VectorType, number: float) -> ir.Constant:
    return ir.Constant(kind, [ir.Constant(kind.element, number)] * kind.count)


def _emit_key(code: Code, body: Body, node: Node) -> None:
    """The key of a number: the first two words at the counter (1, number, 1, 0)."""
    parent, arg = node.args
    root, view = body.places.refs[arg]
    dtype = memory_dtype(root)
    if is_number(root):
        number, negative = I64(int(root.value)), ir.IntType(1)(int(root.value) < 0)
    else:
        loaded = code.load(body.addresses(root), dtype, view.offset, 1, SCALAR).ir
        if loaded.type.width < I64.width:
            widen = code.ir.sext if dtype.kind == "i" else code.ir.zext
            loaded = widen(loaded, I64)
        number = loaded
        negative = code.ir.icmp_signed("<", number, I64(0))
    if dtype.kind == "i":
        with code.ir.if_then(negative, likely=False):
            code.ir.store(I64(1), body.fault())
    words = _philox(code, _key(code, body, parent), [I64(1), number, I64(1), I64(0)])
    for k in range(2):
        code.store(Value(node.aval.dtype, words[k]), body.addresses(node), k, SCALAR)
