"""Adding up the lanes of vectors."""

from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.code import Code
from chainrule.compiler.lanes import Value

I32 = ir.IntType(32)


def add_up(code: Code, dtype: np.dtype, vectors: list[ir.Value], lanes: int) -> ir.Value:
    """The sum of the lanes of each vector, side by side in one short vector.

    Pairs are joined so that each step adds as many lanes as a register has; every sum is taken in
    the same order, whatever its place.
    """
    if lanes == 1:
        return vectors[0]
    slots = 1
    while slots < len(vectors):
        slots *= 2
    level: list[ir.Value | None] = [*vectors, *[None] * (slots - len(vectors))]
    span = lanes
    while len(level) > 1:
        level = [
            _joined(code, dtype, level[i], level[i + 1], lanes, span)
            for i in range(0, len(level), 2)
        ]
        span //= 2
    (total,) = level
    while span > 1:
        total = _folded(code, dtype, total, lanes, span)
        span //= 2
    mask = ir.Constant(
        ir.VectorType(I32, slots), [slot * (lanes // slots) for slot in range(slots)]
    )
    if slots == 1:
        return code.ir.extract_element(total, I32(0))
    return code.ir.shuffle_vector(total, total, mask)


def _joined(code: Code, dtype: np.dtype, x: Any, y: Any, lanes: int, span: int) -> Any:
    """Two vectors of sums, each in runs of `span` lanes, as one with runs of half the length."""
    if x is None:
        return None
    half, runs = span // 2, lanes // span
    other = x if y is None else y
    low, high = [], []
    for source in (0, lanes):
        for run in range(runs):
            start = source + run * span
            low += range(start, start + half)
            high += range(start + half, start + span)
    kind = ir.VectorType(I32, lanes)
    first = code.ir.shuffle_vector(x, other, ir.Constant(kind, low))
    second = code.ir.shuffle_vector(x, other, ir.Constant(kind, high))
    return _added(code, dtype, first, second)


def _folded(code: Code, dtype: np.dtype, x: ir.Value, lanes: int, span: int) -> ir.Value:
    """Add the upper half of each run of lanes to the lower."""
    half = span // 2
    picks = [
        run * span + (lane + half) % span if lane < half else run * span + lane
        for run in range(lanes // span)
        for lane in range(span)
    ]
    kind = ir.VectorType(I32, lanes)
    moved = code.ir.shuffle_vector(x, x, ir.Constant(kind, picks))
    return _added(code, dtype, x, moved)


def _added(code: Code, dtype: np.dtype, x: ir.Value, y: ir.Value) -> ir.Value:
    """The sum of two vectors of floats, of integers, or of bools."""
    return code.lanes(x.type.count).add(Value(dtype, x), Value(dtype, y)).ir
