"""The code of a matrix product: register tiles, their edges, and what is computed on the result."""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from chainrule.compiler.ahead import Ahead
from chainrule.compiler.body import SCALAR, Body
from chainrule.compiler.code import I64, Part
from chainrule.compiler.lanes import Lanes, Value
from chainrule.compiler.parts import cover, spread
from chainrule.compiler.sums import add_up
from chainrule.compiler.tiles import product_lanes, product_tile, strip_columns
from chainrule.graph.node import Node
from chainrule.ops.lowering import View

I32 = ir.IntType(32)


_BAND = 128
"""Rows whose sums are kept at once where k is gone through part by part."""


class Product:
    """A matrix product of one shape, and the tile that it is made of."""

    def __init__(self, body: Body, ahead: Sequence[Node] = ()):
        self.body = body
        self.ahead = [Ahead(body, node) for node in ahead]
        self.before_band: Callable[[Any, int], None] | None = None
        self.code = body.code
        self.node: Node = body.group.product
        x, y = self.node.args
        self.stack, self.m, self.k = x.aval.shape
        self.n = y.aval.shape[2]
        self.dtype = self.node.aval.dtype
        self.x_root, self.x = body.places.refs[x]
        self.y_root, self.y = body.places.refs[y]
        self.lanes = product_lanes(body.group, self.code.target)
        self.tile = product_tile(body.group, body.places, self.code.target)
        self.plain = body.group.members == [self.node]
        self.panel: ir.Value | None = None
        self.panel_columns = 0

    def x_at(self, b: Any, m: Any, k: Any) -> Any:
        return self.body.place(self.x, (b, m, k))

    def y_at(self, b: Any, k: Any, n: Any) -> Any:
        return self.body.place(self.y, (b, k, n))

    def emit(self, b: Any, first_row: Any, rows: int, first_column: Any, columns: int) -> None:
        """A part of the result: `rows` and `columns` are known now, where they begin later."""
        if self.tile.scheme == "dot":
            self._emit_dots(b, first_row, rows, first_column, columns)
        else:
            self._emit_outer(b, first_row, rows, first_column, columns)

    def _emit_outer(self, b: Any, m0: Any, rows: int, n0: Any, columns: int) -> None:
        code, wide = self.code, self.tile.columns * self.lanes
        if self.tile.depth < self.k:

            def deep(j: Any, width: int) -> None:
                band = lambda i, n: self._deep(  # noqa: E731
                    b, code.plus(m0, i), n, code.plus(n0, j), width
                )
                spread(code, rows, _BAND, band)

            spread(code, columns, wide, deep)
            return

        def strip(j: Any, width: int) -> None:
            if self.tile.pack:
                self._pack(b, code.plus(n0, j), width, 0, self.k)
            tiles = -(-rows // self.tile.rows)
            column = code.plus(n0, j)
            shares = [ahead.listed(column, width, self.n, tiles) for ahead in self.ahead]

            def tile(i: Any, height: int) -> None:
                number = i // self.tile.rows if isinstance(i, int) else None
                if number is None:
                    number = code.ir.sdiv(i, I64(self.tile.rows))

                def ask(k: Any) -> None:
                    for ahead, share in zip(self.ahead, shares, strict=True):
                        ahead.ask(code.plus(code.times(number, share), k))

                asked = (max(shares, default=0), ask)
                self._outer_tile(b, code.plus(m0, i), height, column, width, asked)

            spread(code, rows, self.tile.rows, tile)

        spread(code, columns, wide, strip)

    def _deep(self, b: Any, m: Any, rows: int, n: Any, columns: int) -> None:
        """Some rows, a part of k at a time, whose rows of y stay in the second cache meanwhile.

        The sums are kept in scratch memory from part to part; their order is that of one pass.
        """
        code, pitch = self.code, -(-columns // self.lanes) * self.lanes
        held = code.scratch(self.dtype, rows * pitch)
        zero, whole = code.lanes(self.lanes).constant(0, self.dtype), Part(self.lanes, self.lanes)
        with code.loop(0, rows * pitch, self.lanes) as i:
            code.store(zero, held, i, whole)

        def part(k0: Any, depth: int) -> None:
            if self.tile.pack:
                self._pack(b, n, columns, k0, depth)

            def tile(i: Any, height: int) -> None:
                begin = code.times(i, pitch)
                spots = [
                    code.plus(begin, r * pitch + at)
                    for r in range(height)
                    for at in range(0, pitch, self.lanes)
                ]
                totals = [code.load(held, self.dtype, spot, 1, whole).ir for spot in spots]
                step = self._outer_step(b, code.plus(m, i), height, n, columns, k0)
                totals = code.carried(range(depth), totals, step)
                for spot, total in zip(spots, totals, strict=True):
                    code.store(Value(self.dtype, total), held, spot, whole)

            spread(code, rows, self.tile.rows, tile)

        spread(code, self.k, self.tile.depth, part)
        self.epilogue(b, m, rows, n, columns, held, pitch)

    def _pack(self, b: Any, n0: Any, columns: int, k0: Any, depth: int) -> None:
        """Copy columns of y into scratch memory, where their rows lie behind one another.

        Of y's rows these are `depth` from k0 on.
        """
        code, lanes = self.code, self.lanes
        self.panel, self.panel_columns = code.scratch(self.dtype, depth * columns), columns
        if self.y.strides[2] != 1 and self.y.strides[1] == 1 and lanes > 1:

            def across(k: Any, side: int) -> None:
                turn = lambda j, width: self._turn(b, (k0, k), side, n0, j, width)  # noqa: E731
                cover(code, columns, lanes, turn)

            cover(code, depth, lanes, across)
            return
        runs = self.y.strides[2] == 1
        parts = _parts(columns, lanes) if runs else [SCALAR] * columns
        base = self.body.addresses(self.y_root)
        with code.loop(0, depth) as k:
            for p, part in enumerate(parts):
                j = p * part.width
                place = self.y_at(b, code.plus(k0, k), code.plus(n0, j))
                loaded = code.load(base, self.dtype, place, 1, part)
                code.store(loaded, self.panel, code.plus(code.times(k, columns), j), part)

    def _turn(self, b: Any, at: tuple, depth: int, n0: Any, j: Any, width: int) -> None:
        """Copy a square of y, turned: vectors along k become vectors along the columns.

        Interleaving the first half of the vectors with the second turns the square by one bit of
        their numbers; after as many times as there are bits, rows and columns have changed places.
        """
        code, lanes, (k0, k) = self.code, self.lanes, at
        base, along = self.body.addresses(self.y_root), Part(lanes, depth)
        zero = code.lanes(lanes).constant(0, self.dtype).ir
        vectors = [zero] * lanes
        for i in range(width):
            place = self.y_at(b, code.plus(k0, k), code.plus(n0, code.plus(j, i)))
            vectors[i] = code.load(base, self.dtype, place, 1, along).ir
        half, kind = lanes // 2, ir.VectorType(I32, lanes)
        low = [lane // 2 + lanes * (lane % 2) for lane in range(lanes)]
        first, second = (ir.Constant(kind, [lane + at for lane in low]) for at in (0, half))
        for _ in range(lanes.bit_length() - 1):
            vectors = [
                code.ir.shuffle_vector(vectors[i], vectors[i + half], mask)
                for i in range(half)
                for mask in (first, second)
            ]
        for row in range(depth):
            place = code.plus(code.times(code.plus(k, row), self.panel_columns), j)
            code.store(Value(self.dtype, vectors[row]), self.panel, place, Part(lanes, width))

    def _y_vector(self, b: Any, k0: Any, k: Any, n: Any, j: int, part: Part) -> Value:
        code = self.code
        if self.panel is not None:
            place = code.plus(code.times(k, self.panel_columns), j)
            return code.load(self.panel, self.dtype, place, 1, part)
        place = self.y_at(b, code.plus(k0, k), code.plus(n, j))
        base = self.body.addresses(self.y_root)
        return code.load(base, self.dtype, place, 1, part)

    def _outer_step(
        self, b: Any, m: Any, height: int, n: Any, width: int, k0: Any
    ) -> Callable[[Any, Sequence], list]:
        """What a k, counted from k0, adds to the sums of a tile."""
        code, lanes = self.code, self.code.lanes(self.lanes)
        parts = _parts(width, self.lanes)
        x_base = self.body.addresses(self.x_root)

        def step(k: Any, totals: Sequence) -> list:
            ys = [
                self._y_vector(b, k0, k, n, p * self.lanes, part) for p, part in enumerate(parts)
            ]
            first, before, made = self.x_at(b, m, code.plus(k0, k)), iter(totals), []
            for i in range(height):
                place = code.plus(first, i * self.x.strides[1])
                x = lanes.splat(code.load(x_base, self.dtype, place, 0, SCALAR))
                made += [self._add(lanes, x, y, next(before)) for y in ys]
            return made

        return step

    def _outer_tile(
        self, b: Any, m: Any, height: int, n: Any, width: int, asked: tuple[int, Callable]
    ) -> None:
        code, lanes = self.code, self.code.lanes(self.lanes)
        parts = _parts(width, self.lanes)
        zero = lanes.constant(0, self.dtype).ir
        step = self._outer_step(b, m, height, n, width, 0)

        def asking(k: Any, totals: Sequence) -> list:
            asked[1](k)
            return step(k, totals)

        few = min(asked[0], self.k)
        totals = code.carried(range(few), [zero] * (height * len(parts)), asking)
        totals = code.carried(range(few, self.k), totals, step)
        rows = range(0, len(totals), len(parts))
        values = [[Value(self.dtype, t) for t in totals[i : i + len(parts)]] for i in rows]
        self._finish(b, m, n, width, values, parts)

    def _add(self, lanes: Lanes, x: Value, y: Value, total: ir.Value) -> ir.Value:
        return lanes.add(lanes.multiply(x, y), Value(self.dtype, total)).ir

    def _finish(
        self, b: Any, m: Any, n: Any, width: int, values: list[list[Value]], parts: list[Part]
    ) -> None:
        """Store a tile, or leave it to what is computed on it."""
        code = self.code
        if self.plain:
            whole = View.whole(self.body.group.dims)
            base = self.body.addresses(self.node)
            for i, row in enumerate(values):
                for p, (value, part) in enumerate(zip(row, parts, strict=True)):
                    at = (b, code.plus(m, i), code.plus(n, p * self.lanes))
                    code.store(value, base, self.body.place(whole, at), part)
            return
        held = code.scratch(self.dtype, len(values) * len(parts) * self.lanes)
        pitch = len(parts) * self.lanes
        for i, row in enumerate(values):
            for p, value in enumerate(row):
                code.store(value, held, i * pitch + p * self.lanes, Part(self.lanes, self.lanes))
        self.epilogue(b, m, len(values), n, width, held, pitch)

    def epilogue(
        self, b: Any, m: Any, height: int, n: Any, width: int, held: ir.Value, pitch: int
    ) -> None:
        """The members that follow the product, on a tile that is held in scratch memory."""
        code, body = self.code, self.body
        whole = View.whole(body.group.dims)
        lanes = min(body.width(), self.lanes)

        def visit(i: Any, j: Any, part: Part) -> None:
            place = code.plus(code.times(i, pitch), j)
            memo = {self.node: code.load(held, self.dtype, place, 1, part)}
            at = [b, code.plus(m, i), code.plus(n, j)]
            values = [body.value(node, at, part, memo) for node in body.group.stored]
            for node, value in zip(body.group.stored, values, strict=True):
                code.store(value, body.addresses(node), body.place(whole, at), part)

        with code.loop(0, height) as i:
            full = width - width % lanes
            if full > 2 * lanes:
                with code.loop(0, full, lanes) as j:
                    visit(i, j, Part(lanes, lanes))
            else:
                for j in range(0, full, lanes):
                    visit(i, j, Part(lanes, lanes))
            if width % lanes:
                visit(i, full, Part(lanes, width % lanes))

    def _emit_dots(self, b: Any, m0: Any, rows: int, n0: Any, columns: int) -> None:
        code = self.code
        wide = strip_columns(self.tile, self.k, self.dtype)

        def strip(block: Any, width: int) -> None:
            held = code.scratch(self.dtype, self.tile.rows * width)

            def band(i: Any, height: int) -> None:
                m, n = code.plus(m0, i), code.plus(n0, block)
                if self.before_band is not None:
                    self.before_band(m, height)

                def tile(j: Any, across: int) -> None:
                    sums = self._dot_tile((b, m, code.plus(n, j)), height, across)
                    self._keep_sums(sums, (b, m, code.plus(n, j)), across, (held, width, j))

                spread(code, width, self.tile.columns, tile)
                if not self.plain:
                    self.epilogue(b, m, height, n, width, held, width)

            spread(code, rows, self.tile.rows, band)

        spread(code, columns, wide, strip)

    def _dot_tile(self, at: tuple, height: int, width: int) -> list[Value]:
        """The results of a tile that begins there: a short vector for each of its rows."""
        (b, m, n) = at
        code, lanes = self.code, self.code.lanes(self.lanes)
        zero = lanes.constant(0, self.dtype).ir
        x_base, y_base = self.body.addresses(self.x_root), self.body.addresses(self.y_root)

        def step(k: Any, totals: Sequence, part: Part) -> list:
            x_first, y_first = self.x_at(b, m, k), self.y_at(b, k, n)
            xs = [
                code.load(x_base, self.dtype, code.plus(x_first, i * self.x.strides[1]), 1, part)
                for i in range(height)
            ]
            made = []
            for c in range(width):
                place = code.plus(y_first, c * self.y.strides[2])
                y = code.load(y_base, self.dtype, place, 1, part)
                before = totals[c * height : (c + 1) * height]
                made += [self._add(lanes, x, y, t) for x, t in zip(xs, before, strict=True)]
            return made

        whole, part = self.k - self.k % self.lanes, Part(self.lanes, self.lanes)
        totals = code.carried(
            range(0, whole, self.lanes), [zero] * (height * width), lambda k, t: step(k, t, part)
        )
        if self.k % self.lanes:
            totals = step(whole, totals, Part(self.lanes, self.k % self.lanes))
        rows = [list(totals[i::height]) for i in range(height)]
        return [Value(self.dtype, add_up(code, self.dtype, row, self.lanes)) for row in rows]

    def _keep_sums(self, rows: list[Value], at: tuple, width: int, scratch: tuple) -> None:
        """Store the rows of a tile, or leave them to what is computed on them."""
        code, (b, m, n), (held, pitch, j) = self.code, at, scratch
        whole = View.whole(self.body.group.dims)
        for i, row in enumerate(rows):
            slots = row.ir.type.count if isinstance(row.ir.type, ir.VectorType) else 1
            part = Part(slots, min(width, slots))
            if self.plain:
                place = self.body.place(whole, (b, code.plus(m, i), n))
                code.store(row, self.body.addresses(self.node), place, part)
            else:
                code.store(row, held, code.plus(i * pitch, j), part)


def _parts(width: int, lanes: int) -> list[Part]:
    parts = [Part(lanes, lanes)] * (width // lanes)
    return [*parts, Part(lanes, width % lanes)] if width % lanes else parts
