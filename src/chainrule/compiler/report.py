"""What a program consists of, for people: groups, tiles, buffers, work, and what bounds it."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from chainrule.compiler.batch_last import Direct
from chainrule.compiler.geometry import (
    Geometry,
    WeightGeometry,
    convolution_tile,
    weight_tile,
)
from chainrule.compiler.groups import Group
from chainrule.compiler.kernels import Kernel
from chainrule.compiler.program import Program
from chainrule.compiler.segments import of_output
from chainrule.compiler.tiles import product_tile
from chainrule.graph.node import Node
from chainrule.ops.lowering import Contract, Fold, Gather


class Entry(NamedTuple):
    """One group: its work in floating-point operations and bytes from or to memory."""

    phase: int
    name: str
    kind: str
    dims: tuple[int, ...]
    ops: tuple[str, ...]
    scopes: tuple[str, ...]
    tile: str
    tasks: int
    flops: int
    bytes: int

    @property
    def shape(self) -> str:
        """The sizes of its axes, as people write them."""
        return " x ".join(map(str, self.dims)) or "1"

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.flops / max(1, self.bytes)


def widths(entries: Iterable[Entry]) -> tuple[int, int]:
    """How wide the columns of kinds and of shapes are in a table of groups."""
    found = list(entries)
    kinds, shapes = ([len(getattr(e, name)) for e in found] for name in ("kind", "shape"))
    return max([8, *kinds]), max([16, *shapes])


class Report:
    """The groups of a program in order, and its memory. Prints itself as a table."""

    def __init__(self, program: Program):
        self.program = program
        self.entries = [
            _entry(program, number, kernel, group)
            for number, phase in enumerate(program.schedule.phases)
            for chain in phase.chains
            for kernel in chain.kernels
            for group in (kernel.prologue, kernel.group)
            if group is not None
        ]
        self.entries += [
            Entry(number, "", "call", (), (group.first.op.name,), (), "", 1, 0, 0)
            for number, phase in enumerate(program.schedule.phases)
            for group in phase.calls
        ]
        self.entries.sort(key=lambda entry: entry.phase)

    @property
    def graph(self) -> str:
        """The graph after its passes, as text."""
        return self.program.graph.show()

    @property
    def llvm(self) -> str:
        """The code as LLVM's text, after its passes."""
        return self.program.code.llvm

    @property
    def asm(self) -> str:
        """The code as assembly."""
        return self.program.code.asm

    def __str__(self) -> str:
        plan, target = self.program.plan, self.program.target
        kind, wide = widths(self.entries)
        lines = [
            f"{self.program.graph.name} for {target.cpu} ({8 * target.vector_bytes}-bit vectors, "
            f"{target.registers} registers)",
            f"{'phase':>5} {'group':<9} {'kind':<{kind}} {'elements':<{wide}} {'tile':<16} "
            f"{'tasks':>5} {'kFLOP':>9} {'KiB':>8} {'FLOP/B':>7}  bound     ops",
        ]
        lines += [
            f"{entry.phase:>5} {entry.name:<9} {entry.kind:<{kind}} {entry.shape:<{wide}} "
            f"{entry.tile:<16} {entry.tasks:>5} {entry.flops / 1e3:>9.1f} "
            f"{entry.bytes / 1024:>8.1f} {entry.intensity:>7.1f}  {_bound(entry):<8}  "
            f"{', '.join(entry.ops)}"
            for entry in self.entries
        ]
        lines.append(
            f"memory: {len(plan.offsets)} buffers in one arena of {plan.size:,} bytes; no plan "
            f"can do with less than {plan.least:,}"
        )
        total = sum(entry.flops for entry in self.entries)
        lines.append(f"work: {total:,} floating-point operations")
        return "\n".join(lines)

    __repr__ = __str__


def _entry(program: Program, phase: int, kernel: Kernel, group: Group) -> Entry:
    stored = list(group.stored)
    read = program.fusion.needs(group)
    return Entry(
        phase,
        kernel.name,
        group.kind,
        group.dims,
        tuple(node.op.name for node in group.roles),
        tuple(dict.fromkeys(node.place.heading for node in group.roles if node.place.heading)),
        _tile(program, group),
        kernel.tasks,
        sum(_flops(node) for node in group.roles),
        sum(_touched(node, group) for node in (*read, *stored)),
    )


def _tile(program: Program, group: Group) -> str:
    """What is computed at once of a product or a convolution: channels first, vectors last."""
    places, target = program.places, program.target
    if group.kind == "product":
        chosen = product_tile(group, places, target)
        packed = " packed" if chosen.pack else ""
        return f"{chosen.scheme} {chosen.rows} x {chosen.columns}{packed}"
    if group.kind == "convolution":
        shape = Geometry.of(group.product, places)
        tile = convolution_tile(shape, target, group.product.aval.dtype.itemsize)
        return f"{tile.rows} x {tile.columns}"
    if group.kind == "slope":
        shape = WeightGeometry.of(group.product, places)
        made = weight_tile(shape, target, group.product.aval.dtype.itemsize)
        return f"{made.rows} x {made.channels} x {made.taps}"
    return ""


def _flops(node: Node) -> int:
    """Multiplications and additions of products and convolutions; else one for each element."""
    if isinstance(node.op.emit, Direct):
        return _convolved(node.params["plan"])
    if isinstance(node.op.emit, Fold):
        return node.args[0].aval.size
    if isinstance(node.op.emit, Contract):
        stack, m, k = node.args[0].aval.shape
        return 2 * stack * m * k * node.args[1].aval.shape[2]
    return node.aval.size if node.aval.dtype.kind == "f" else 0


def _convolved(plan: Any) -> int:
    """Twice the products of a convolution, which are those of its transposes: none with padding."""
    met = [
        sum(part.count * part.taps for part in of_output(plan.slide, axis))
        for axis in range(len(plan.slide.kernel))
    ]
    return 2 * plan.batch * plan.features * (plan.channels // plan.groups) * math.prod(met)


def _touched(node: Node, group: Group) -> int:
    """Bytes of a buffer that a group reads or writes: of a selection by ids, what is selected."""
    for member in group.roles:
        if isinstance(member.op.emit, Gather) and member.args[0] is node:
            return member.aval.size * node.aval.dtype.itemsize
    return math.prod(node.aval.shape) * node.aval.dtype.itemsize


def _bound(entry: Entry) -> str:
    """What an AVX-512 core of today runs out of first, at 64 operations and 32 bytes a cycle."""
    if entry.kind == "call":
        return "Python"
    return "compute" if entry.flops / 64 > entry.bytes / 32 else "memory"
