"""The code of direct convolutions, forward and back to the input, with the batch last.

A tile is some channels of the result times some vectors along a row of it, pictures side by side.
For each channel and each place of the kernel that meets it (see `segments`), whole vectors of the
argument are multiplied by one weight each and added up in registers. No window is ever copied out,
and nothing is padded.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from chainrule.compiler.body import SCALAR, Body
from chainrule.compiler.code import I64, Code, Part
from chainrule.compiler.geometry import Geometry, convolution_tile
from chainrule.compiler.lanes import Value
from chainrule.compiler.parts import spread
from chainrule.compiler.segments import Segment

_UNROLLED = 11
"""Places of a kernel along a row that are written out one after another."""

Inner = Callable[[str, Sequence[ir.Type]], Body]
"""Begins a function of its own for a part of a kernel: (table, *arguments)."""


class Row(NamedTuple):
    """What a row of the result depends on: where its tile and its sums begin."""

    channel: Any
    source: Any
    weight: Any
    at: tuple
    counts: tuple


class DirectConvolution:
    """Some channels of a convolution's result, or of its transpose's."""

    def __init__(self, body: Body, inner: Inner):
        self.body = body
        self.inner = inner
        self.code: Code = body.code
        self.shape = Geometry.of(body.group.product, body.places)
        self.node = body.group.product
        self.dtype: np.dtype = self.node.aval.dtype
        target, size = self.code.target, self.dtype.itemsize
        self.lanes = self.shape.vector(target, size)
        self.tile = convolution_tile(self.shape, target, size)
        self._rows: dict[int, ir.Function] = {}
        self._edges: dict[tuple[int, int], ir.Function] = {}

    def emit(self, start: Any, length: int) -> None:
        """The channels from `start` on; whole groups of them, where there are several."""
        code, each = self.code, self.shape.results
        if self.shape.groups == 1:
            block = lambda a, rows: self._block(0, code.plus(start, a), rows)  # noqa: E731
            spread(code, length, self.tile.rows, block)
            return
        first = start // each if isinstance(start, int) else code.ir.sdiv(start, I64(each))
        with code.loop(first, code.plus(first, length // each)) as group:
            spread(code, each, self.tile.rows, lambda a, rows: self._block(group, a, rows))

    def _block(self, group: Any, local: Any, rows: int) -> None:
        """All places of some channels of a group."""
        code, shape = self.code, self.shape
        source = code.plus(shape.x.offset, code.times(group, shape.terms * shape.x.strides[0]))
        weight = code.plus(
            code.plus(shape.w.offset, code.times(group, shape.group_step)),
            code.times(local, shape.result_step),
        )
        channel = code.plus(code.times(group, shape.results), local)
        self._places(Row(channel, source, weight, (), ()), rows)

    def _places(self, row: Row, rows: int) -> None:
        """Loops over the axes before the last: segment by segment."""
        code, axis = self.code, len(row.at)
        if axis == len(self.shape.axes):
            self._call(row, rows)
            return
        x_step, w_step = self.shape.x.strides[1 + axis], self.shape.w.strides[2 + axis]
        for part in self.shape.axes[axis]:
            with code.loop(0, part.count) as q:
                meets = code.plus(part.source, code.times(q, part.move))
                self._places(
                    Row(
                        row.channel,
                        code.plus(row.source, code.times(meets, x_step)),
                        code.plus(row.weight, part.tap * w_step),
                        (*row.at, code.plus(part.first, code.times(q, part.step))),
                        (*row.counts, part.taps),
                    ),
                    rows,
                )

    def _call(self, row: Row, rows: int) -> None:
        code = self.code
        if rows not in self._rows:
            self._rows[rows] = self._row_function(rows)
        given = [row.channel, row.source, row.weight, *row.at, *row.counts]
        code.ir.call(self._rows[rows], [code.arguments[0], *map(code.index, given)])

    def _row_function(self, rows: int) -> ir.Function:
        """The function that computes a row of `rows` channels."""
        axes = len(self.shape.axes)
        body = self.inner(f"rows{rows}", [I64] * (3 + 2 * axes))
        code = body.code
        channel, source, weight, *rest = code.arguments[1:]
        row = Row(channel, source, weight, tuple(rest[:axes]), tuple(rest[axes:]))
        main = max(self.shape.runs, key=lambda run: run.count * run.taps)
        _RowOfTiles(self, body, row, rows, main).emit()
        for run in self.shape.runs:
            if run is not main:
                edge = [run.first, run.tap, run.taps, run.source]
                code.ir.call(
                    self._edge_function(rows, run), [*code.arguments, *map(code.index, edge)]
                )
        return code.finish()

    def _edge_function(self, rows: int, run: Segment) -> ir.Function:
        """As the function of a row, for any of the short runs at its ends."""
        if (rows, run.count) not in self._edges:
            axes = len(self.shape.axes)
            body = self.inner(f"edge{rows}_{run.count}", [I64] * (7 + 2 * axes))
            channel, source, weight, *rest = body.code.arguments[1:-4]
            row = Row(channel, source, weight, tuple(rest[:axes]), tuple(rest[axes:]))
            first, tap, taps, begin = body.code.arguments[-4:]
            some = run._replace(first=first, tap=tap, taps=taps, source=begin)
            _RowOfTiles(self, body, row, rows, some).emit()
            self._edges[rows, run.count] = body.code.finish()
        return self._edges[rows, run.count]


class _RowOfTiles:
    """The tiles along a run of lanes that see the same places of the kernel."""

    def __init__(self, whole: DirectConvolution, body: Body, row: Row, rows: int, run: Segment):
        self.shape, self.dtype = whole.shape, whole.dtype
        self.lanes, self.wide = whole.lanes, whole.tile.columns * whole.lanes
        self.body, self.code = body, body.code
        self.row, self.rows, self.run = row, rows, run
        self.node = whole.node
        x, w = self.node.args
        self.x_base = body.addresses(body.places.refs[x].root)
        self.w_base = body.addresses(body.places.refs[w].root)

    def emit(self) -> None:
        """Whole tiles; the last one begins earlier, rather than to be a smaller one."""
        count, wide = self.run.count, self.wide
        if count < wide:
            whole, rest = divmod(count, self.lanes)
            parts = [Part(self.lanes, self.lanes)] * whole
            self._tile(0, [*parts, Part(self.lanes, rest)] if rest else parts)
            return
        parts = [Part(self.lanes, self.lanes)] * (wide // self.lanes)
        if count == wide:
            self._tile(0, parts)
            return
        with self.code.loop(0, count, wide) as j:
            last = I64(count - wide)
            smaller = self.code.ir.icmp_signed("<", j, last)
            self._tile(self.code.ir.select(smaller, j, last), parts)

    def _tile(self, j: Any, parts: list[Part]) -> None:
        code, shape, row = self.code, self.shape, self.row
        zero = code.lanes(self.lanes).constant(0, self.dtype).ir
        start = code.plus(row.source, code.plus(self.run.source, j))
        weight = code.plus(row.weight, code.times(self.run.tap, shape.run_step))

        def channel(b: Any, totals: Sequence[ir.Value]) -> Sequence[ir.Value]:
            source = code.plus(start, code.times(b, shape.x.strides[0]))
            place = code.plus(weight, code.times(b, shape.term_step))
            return self._taps(0, source, place, totals, parts)

        totals = code.carried(range(shape.terms), [zero] * (self.rows * len(parts)), channel)
        self._finish(j, totals, parts)

    def _taps(
        self, axis: int, source: Any, weight: Any, totals: Sequence, parts: list[Part]
    ) -> Sequence:
        """The places of the kernel along the axes before the last, and then along the last."""
        code, shape = self.code, self.shape
        if axis == len(shape.axes):
            return self._along(source, weight, totals, parts)
        tap_step, tap_move = shape.tap_steps[axis]
        x_step = tap_move * shape.x.strides[1 + axis]
        w_step = tap_step * shape.w.strides[2 + axis]

        def step(t: Any, held: Sequence) -> Sequence:
            further = code.plus(source, code.times(t, x_step))
            place = code.plus(weight, code.times(t, w_step))
            return self._taps(axis + 1, further, place, held, parts)

        if max(part.taps for part in shape.axes[axis]) == 1 and shape.always[axis]:
            return step(0, totals)
        return code.repeated(self.row.counts[axis], totals, step)

    def _along(self, source: Any, weight: Any, totals: Sequence, parts: list[Part]) -> Sequence:
        code, run, shape = self.code, self.run, self.shape

        def step(t: Any, held: Sequence) -> Sequence:
            further = code.plus(source, code.times(t, shape.tap_move))
            place = code.plus(weight, code.times(t, shape.tap_step * shape.run_step))
            return self._multiplied(further, place, held, parts)

        if not isinstance(run.taps, int) or run.taps > _UNROLLED:
            return code.repeated(run.taps, totals, step)
        for t in range(run.taps):
            totals = step(t, totals)
        return totals

    def _multiplied(
        self, source: Any, weight: Any, totals: Sequence, parts: list[Part]
    ) -> Sequence:
        """One place of the kernel: each vector times each channel's weight."""
        code, lanes = self.code, self.code.lanes(self.lanes)
        xs = [
            code.load(self.x_base, self.dtype, code.plus(source, v * self.lanes), 1, part)
            for v, part in enumerate(parts)
        ]
        made, before = [], iter(totals)
        for i in range(self.rows):
            place = code.plus(weight, i * self.shape.result_step)
            w = lanes.splat(code.load(self.w_base, self.dtype, place, 0, SCALAR))
            made += [
                lanes.add(lanes.multiply(w, x), Value(self.dtype, next(before))).ir for x in xs
            ]
        return made

    def _finish(self, j: Any, totals: Sequence, parts: list[Part]) -> None:
        """What follows the sums, still in registers, and the stores."""
        code, body = self.code, self.body
        before = iter(totals)
        lane = code.plus(self.run.first, j)
        for i in range(self.rows):
            for v, part in enumerate(parts):
                at = [
                    code.plus(self.row.channel, i),
                    *self.row.at,
                    code.plus(lane, v * self.lanes),
                ]
                memo = {self.node: Value(self.dtype, next(before))}
                values = [body.value(node, at, part, memo) for node in body.group.stored]
                for node, value in zip(body.group.stored, values, strict=True):
                    code.store(value, body.addresses(node), body.own_place(node, at), part)
