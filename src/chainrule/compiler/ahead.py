"""Asking for memory that the next step will read, a cache line at a time between other work."""

from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.body import SCALAR, Body
from chainrule.compiler.code import I64, Code
from chainrule.graph.node import Node

_LINE = 64
_ADDRESS = np.dtype(np.uint64)


class Ahead:
    """The rows that a selection takes in the next step; their ids lie behind those of this one.

    Asked for all at once, they would keep the processor from reading anything else; so they are
    listed, and asked for one by one in the course of the innermost loops.
    """

    def __init__(self, body: Body, node: Node):
        self.body = body
        self.code: Code = body.code
        self.x, self.ids = node.args
        self.pitch = self.x.aval.size // self.x.aval.shape[0] * self.x.aval.dtype.itemsize
        self.lines = -(-(self.pitch + _LINE - 1) // _LINE)
        self.table: ir.Value | None = None

    def listed(self, part: Any, size: int, whole: int, shares: int) -> int:
        """List the rows that are to the batch as `size` elements from `part` on are to `whole`.

        Gives how many lines each of so many shares has.
        """
        code, count = self.code, self.ids.aval.size
        rows = -(-size * count // whole)
        share = -(-rows * self.lines // shares)
        self.table = code.scratch(_ADDRESS, share * shares)
        first = code.ir.sdiv(code.ir.mul(code.index(part), I64(count)), I64(whole))
        base = code.ir.ptrtoint(self.body.addresses(self.x), I64)
        with code.loop(0, rows) as r:
            place = code.plus(first, code.plus(r, count))
            ids = self.body.addresses(self.ids)
            row = code.load(ids, self.ids.aval.dtype, place, 0, SCALAR)
            start = code.times(code.lanes(1).cast(row, np.dtype(np.int64)).ir, self.pitch)
            for line in range(self.lines):
                at = code.plus(code.times(r, self.lines), line)
                self._list(at, code.plus(base, code.plus(start, line * _LINE)))
        for left in range(rows * self.lines, share * shares):
            self._list(left, base)
        return share

    def _list(self, place: Any, address: ir.Value) -> None:
        self.code.ir.store(address, self.code.at(self.table, _ADDRESS, place))

    def ask(self, place: Any) -> None:
        """Ask for a line of the list."""
        code = self.code
        address = code.ir.load(code.at(self.table, _ADDRESS, place), typ=I64)
        code.prefetch(code.ir.inttoptr(address, ir.PointerType()))
