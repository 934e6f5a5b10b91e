"""The code of a convolution's derivative for its weight, with the batch last.

For some channels of the slope, some of the argument and the places of the kernel along a row, whole
rows of both are multiplied and added up, lane by lane. The lanes' totals of every weight are kept
in scratch memory from row to row, and added up at the end.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from chainrule.compiler.body import Body
from chainrule.compiler.code import I64, PTR, Code, Part
from chainrule.compiler.convolution import Inner
from chainrule.compiler.geometry import WeightGeometry, WeightTile, weight_tile
from chainrule.compiler.lanes import Value
from chainrule.compiler.parts import spread
from chainrule.compiler.segments import Segment
from chainrule.compiler.sums import add_up
from chainrule.ops.lowering import View

_FIRST = 24 * 1024
"""Bytes of the slope that are gone through for all places before the next are read."""

class Line(NamedTuple):
    """A row of the slope with what it meets: where both begin, and the first total."""

    slope: Any
    source: Any
    total: Any
    counts: tuple


class Span(NamedTuple):
    """Some lanes of a run: `length` of them from `start` on, and the first `head` of the run."""

    start: Any
    length: int
    head: int


class WeightConvolution:
    """The derivative for some channels of a convolution's weight."""

    def __init__(self, body: Body, inner: Inner):
        self.body = body
        self.inner = inner
        self.code: Code = body.code
        self.node = body.group.product
        self.dtype: np.dtype = self.node.aval.dtype
        self.shape = WeightGeometry.of(self.node, body.places)
        target, size = self.code.target, self.dtype.itemsize
        self.lanes = self.shape.vector(target, size)
        self.tile: WeightTile = weight_tile(self.shape, target, size)
        room = self.tile.rows * self.tile.chunk * self.shape.places * self.lanes
        self.totals = self.code.scratch(self.dtype, room)
        self._lines: dict[tuple[int, int], ir.Function] = {}
        self._edges: dict[tuple[int, int, int], ir.Function] = {}

    def emit(self, start: Any, length: int) -> None:
        """The weights of the channels from `start` on; whole groups, where there are several."""
        code, each = self.code, self.shape.results
        if self.shape.groups == 1:
            block = lambda o, rows: self._block(0, code.plus(start, o), rows)  # noqa: E731
            spread(code, length, self.tile.rows, block)
            return
        first = start // each if isinstance(start, int) else code.ir.sdiv(start, I64(each))
        with code.loop(first, code.plus(first, length // each)) as group:
            spread(code, each, self.tile.rows, lambda o, rows: self._block(group, o, rows))

    def _block(self, group: Any, local: Any, rows: int) -> None:
        code, shape = self.code, self.shape
        channel = code.plus(code.times(group, shape.results), local)
        slope = code.plus(shape.g.offset, code.times(channel, shape.g.strides[0]))
        first = code.plus(shape.x.offset, code.times(group, shape.terms * shape.x.strides[0]))

        def chunk(c: Any, count: int) -> None:
            self._clear(rows * count * shape.places)
            source = code.plus(first, code.times(c, shape.x.strides[0]))
            self._places(Line(slope, source, 0, ()), rows, count, 0)
            self._finish(channel, rows, c, count)

        spread(code, shape.terms, self.tile.chunk, chunk)

    def _clear(self, count: int) -> None:
        zero = self.code.lanes(self.lanes).constant(0, self.dtype)
        with self.code.loop(0, count) as i:
            place = self.code.times(i, self.lanes)
            self.code.store(zero, self.totals, place, Part(self.lanes, self.lanes))

    def _places(self, line: Line, rows: int, count: int, axis: int) -> None:
        """Loops over the axes before the last: segment by segment."""
        code, shape = self.code, self.shape
        if axis == len(shape.axes):
            if (rows, count) not in self._lines:
                self._lines[rows, count] = self._line_function(rows, count)
            given = [line.slope, line.source, line.total, *line.counts]
            code.ir.call(
                self._lines[rows, count],
                [code.arguments[0], self.totals, *map(code.index, given)],
            )
            return
        g_step, x_step = shape.g.strides[1 + axis], shape.x.strides[1 + axis]
        for part in shape.axes[axis]:
            with code.loop(0, part.count) as q:
                row = code.plus(part.first, code.times(q, part.step))
                meets = code.plus(part.source, code.times(q, part.move))
                self._places(
                    Line(
                        code.plus(line.slope, code.times(row, g_step)),
                        code.plus(line.source, code.times(meets, x_step)),
                        code.plus(line.total, part.tap * shape.steps[axis]),
                        (*line.counts, part.taps),
                    ),
                    rows,
                    count,
                    axis + 1,
                )

    def _line_function(self, rows: int, count: int) -> ir.Function:
        """The function that takes in a row of the slope, for `count` channels of the argument."""
        body = self.inner(f"line{rows}_{count}", [PTR, *[I64] * (3 + len(self.shape.axes))])
        code = body.code
        totals, slope, source, total, *counts = code.arguments[1:]
        line = Line(slope, source, total, tuple(counts))
        main = max(self.shape.runs, key=lambda run: run.count * run.taps)
        _Lines(self, body, totals, line, rows, count).emit(main)
        for run in self.shape.runs:
            if run is not main:
                edge = [run.first, run.tap, run.taps, run.source]
                code.ir.call(
                    self._edge_function(rows, count, run),
                    [*code.arguments, *map(code.index, edge)],
                )
        return code.finish()

    def _edge_function(self, rows: int, count: int, run: Segment) -> ir.Function:
        """As the function of a line, for any of the short runs at its ends."""
        if (rows, count, run.count) not in self._edges:
            kinds = [PTR, *[I64] * (7 + len(self.shape.axes))]
            body = self.inner(f"edge{rows}_{count}_{run.count}", kinds)
            totals, slope, source, total, *counts = body.code.arguments[1:-4]
            first, tap, taps, begin = body.code.arguments[-4:]
            some = run._replace(first=first, tap=tap, taps=taps, source=begin)
            line = Line(slope, source, total, tuple(counts))
            _Lines(self, body, totals, line, rows, count).emit(some)
            self._edges[rows, count, run.count] = body.code.finish()
        return self._edges[rows, count, run.count]

    def _finish(self, channel: Any, rows: int, c: Any, count: int) -> None:
        """Add up the lanes of the totals, and do what follows with the sums."""
        code, places = self.code, self.shape.places
        first, size = code.times(c, places), count * places
        whole = Part(self.lanes, self.lanes)

        def group(i: Any, at: Any, length: int) -> None:
            begin = code.plus(code.times(i, size), at)
            vectors = [
                code.load(
                    self.totals,
                    self.dtype,
                    code.times(code.plus(begin, k), self.lanes),
                    1,
                    whole,
                ).ir
                for k in range(length)
            ]
            sums = Value(self.dtype, add_up(code, self.dtype, vectors, self.lanes))
            self._store([code.plus(channel, i), code.plus(first, at)], sums, length)

        with code.loop(0, rows) as i:
            spread(code, size, self.lanes, lambda at, length: group(i, at, length))

    def _store(self, at: list, sums: Value, length: int) -> None:
        code, body, whole = self.code, self.body, View.whole(self.body.group.dims)
        slots = sums.ir.type.count if isinstance(sums.ir.type, ir.VectorType) else 1
        part = Part(slots, length)
        memo = {self.node: sums}
        values = [body.value(node, at, part, memo) for node in body.group.stored]
        for node, value in zip(body.group.stored, values, strict=True):
            code.store(value, body.addresses(node), body.place(whole, at), part)


class _Lines:
    """A row of the slope, with all rows of the argument that it meets."""

    def __init__(
        self,
        whole: WeightConvolution,
        body: Body,
        totals: ir.Value,
        line: Line,
        rows: int,
        count: int,
    ):
        self.shape, self.dtype, self.lanes = whole.shape, whole.dtype, whole.lanes
        self.tile = whole.tile
        self.code, self.totals, self.line = body.code, totals, line
        self.rows, self.count = rows, count
        x, g = whole.node.args
        self.x_base = body.addresses(body.places.refs[x].root)
        self.g_base = body.addresses(body.places.refs[g].root)

    def emit(self, run: Segment) -> None:
        """A run, a part of it at a time that stays in the first cache."""
        code, lanes = self.code, self.lanes
        if not self.shape.flat:
            self._channels(run, Span(0, self.shape.batch, 0))
            return
        # Vectors that lie within a cache line are quicker; what is before them comes last.
        known = isinstance(run.first, int) and self.shape.aligned(lanes)
        head = min(run.count, -run.first % lanes) if known else 0
        vectors = (run.count - head) // lanes
        most = max(1, _FIRST // (self.tile.rows * lanes * self.dtype.itemsize))
        blocks = max(1, math.ceil(vectors / most))
        each = math.ceil(vectors / blocks) * lanes
        last = head + each * (blocks - 1)
        with code.loop(head, last, each) as j:
            self._channels(run, Span(j, each, 0))
        self._channels(run, Span(last, run.count - last, head))

    def _channels(self, run: Segment, span: Span) -> None:
        """Some lanes of a run, for all channels of the argument."""

        def some(first: Any, taps: int, channels: int) -> None:
            rows = lambda c, n: self._rows(run, span, (c, n), (first, taps))  # noqa: E731
            spread(self.code, self.count, channels, rows)

        tile = self.tile
        if isinstance(run.taps, int):
            spread(self.code, run.taps, tile.taps, lambda t, n: some(t, n, tile.channels))
        else:
            with self.code.loop(0, run.taps) as t:
                some(t, 1, min(self.count, tile.channels * tile.taps))

    def _rows(self, run: Segment, span: Span, channels: tuple, taps: tuple) -> None:
        """Loops over the places of the kernel along the axes before the last."""
        c, n = channels
        code, shape, line = self.code, self.shape, self.line
        source = code.plus(line.source, code.times(c, shape.x.strides[0]))
        total = code.plus(line.total, code.times(c, shape.places))

        def along(axis: int, source: Any, total: Any) -> None:
            if axis == len(shape.axes):
                self._tile(run, span, source, total, n, taps)
                return
            move = shape.moves[axis] * shape.x.strides[1 + axis]
            with code.loop(0, line.counts[axis]) as t:
                further = code.plus(source, code.times(t, move))
                along(axis + 1, further, code.plus(total, code.times(t, shape.steps[axis])))

        along(0, source, total)

    def _tile(
        self, run: Segment, span: Span, source: Any, total: Any, n: int, taps: tuple
    ) -> None:
        """Totals of some rows, channels and places in registers, for a part of a row."""
        code, whole = self.code, Part(self.lanes, self.lanes)
        total = code.plus(total, code.plus(run.tap, taps[0]))
        spots = [
            code.times(code.plus(total, (i * self.count + c) * self.shape.places + t), self.lanes)
            for c in range(n)
            for t in range(taps[1])
            for i in range(self.rows)
        ]
        held = [code.load(self.totals, self.dtype, spot, 1, whole).ir for spot in spots]
        made = self._along(run, span, source, held, (n, taps))
        for spot, value in zip(spots, made, strict=True):
            code.store(Value(self.dtype, value), self.totals, spot, whole)

    def _along(
        self, run: Segment, span: Span, source: Any, held: Sequence, tile: tuple
    ) -> Sequence:
        code, shape = self.code, self.shape
        if shape.flat:
            slope, begin = code.plus(self.line.slope, run.first), code.plus(source, run.source)
            return self._vectors(slope, begin, span, held, tile)
        g_step, x_step = shape.g.strides[-2], shape.x.strides[-2]

        def place(q: Any, before: Sequence) -> Sequence:
            at = code.plus(run.first, code.times(q, run.step))
            meets = code.plus(run.source, code.times(q, run.move))
            slope = code.plus(self.line.slope, code.times(at, g_step))
            begin = code.plus(source, code.times(meets, x_step))
            return self._vectors(slope, begin, span, before, tile)

        return code.carried(range(run.count), held, place)

    def _vectors(
        self, slope: Any, source: Any, span: Span, held: Sequence, tile: tuple
    ) -> Sequence:
        """Whole vectors of some lanes, and then what is left."""
        code, lanes = self.code, self.lanes
        whole, rest = span.length - span.length % lanes, span.length % lanes

        def step(j: Any, before: Sequence, part: Part) -> Sequence:
            return self._multiplied(code.plus(slope, j), code.plus(source, j), before, tile, part)

        def vector(j: Any, before: Sequence) -> Sequence:
            return step(code.plus(span.start, j), before, Part(lanes, lanes))

        held = code.carried(range(0, whole, lanes), held, vector)
        if rest:
            held = step(code.plus(span.start, whole), held, Part(lanes, rest))
        return step(0, held, Part(lanes, span.head)) if span.head else held

    def _multiplied(
        self, slope: Any, source: Any, held: Sequence, tile: tuple, part: Part
    ) -> Sequence:
        """Each vector of the argument times the vector of each row of the slope."""
        code, lanes, shape = self.code, self.code.lanes(self.lanes), self.shape
        n, taps = tile
        move = shape.tap_move if shape.flat else shape.tap_move * shape.x.strides[-2]
        gs = [
            code.load(self.g_base, self.dtype, code.plus(slope, i * shape.g.strides[0]), 1, part)
            for i in range(self.rows)
        ]
        made, before = [], iter(held)
        source = code.plus(source, code.times(taps[0], move))
        for c in range(n):
            for t in range(taps[1]):
                place = code.plus(source, c * shape.x.strides[0] + t * move)
                x = code.load(self.x_base, self.dtype, place, 1, part)
                made += [
                    lanes.add(lanes.multiply(g, x), Value(self.dtype, next(before))).ir for g in gs
                ]
        return made
