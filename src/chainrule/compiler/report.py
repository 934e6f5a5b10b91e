"""What a program consists of, for people: groups, tiles, buffers, work, and what bounds it."""

import math
from typing import NamedTuple

from chainrule.compiler.groups import Group
from chainrule.compiler.kernels import Kernel
from chainrule.compiler.program import Program
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
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.flops / max(1, self.bytes)


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
        lines = [
            f"{self.program.graph.name} for {target.cpu} ({8 * target.vector_bytes}-bit vectors, "
            f"{target.registers} registers)",
            f"{'phase':>5} {'group':<9} {'kind':<8} {'elements':<16} {'tile':<16} "
            f"{'tasks':>5} {'kFLOP':>9} {'KiB':>8} {'FLOP/B':>7}  bound     ops",
        ]
        for entry in self.entries:
            dims = " x ".join(map(str, entry.dims)) or "1"
            lines.append(
                f"{entry.phase:>5} {entry.name:<9} {entry.kind:<8} {dims:<16} {entry.tile:<16} "
                f"{entry.tasks:>5} {entry.flops / 1e3:>9.1f} {entry.bytes / 1024:>8.1f} "
                f"{entry.intensity:>7.1f}  {_bound(entry):<8}  {', '.join(entry.ops)}"
            )
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
    tile = ""
    if group.kind == "product":
        chosen = product_tile(group, program.places, program.target)
        tile = f"{chosen.scheme} {chosen.rows} x {chosen.columns}"
        tile += " packed" if chosen.pack else ""
    return Entry(
        phase,
        kernel.name,
        group.kind,
        group.dims,
        tuple(node.op.name for node in group.roles),
        tuple(dict.fromkeys(node.place.heading for node in group.roles if node.place.heading)),
        tile,
        kernel.tasks,
        sum(_flops(node) for node in group.roles),
        sum(_touched(node, group) for node in (*read, *stored)),
    )


def _flops(node: Node) -> int:
    """Multiplications and additions of a product; one operation for each element otherwise."""
    if isinstance(node.op.emit, Fold):
        return node.args[0].aval.size
    if isinstance(node.op.emit, Contract):
        stack, m, k = node.args[0].aval.shape
        return 2 * stack * m * k * node.args[1].aval.shape[2]
    return node.aval.size if node.aval.dtype.kind == "f" else 0


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
