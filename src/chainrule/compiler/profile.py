"""How long each group of a program takes, beside what this machine could do at best."""

import ctypes
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule.compiler.function import compile
from chainrule.compiler.program import Program
from chainrule.compiler.report import Entry, Report, widths

_SIDE = 384
"""Of the matrices whose product shows the peak; three of them stay in a core's own cache."""
_SIZES = (1 << 14, 1 << 17, 1 << 20, 1 << 23, 1 << 26)
"""Bytes that are read and written to show how fast each cache, and the memory, moves them."""
_BATCH_SECONDS = 2e-4
"""A kernel is called so long at a time, for a clock to see it well."""


_FINEST = 2e-8
"""Seconds below which a group's own time cannot be told from that of calling it."""


class Machine(NamedTuple):
    """What one core does at best: operations a second, and bytes a second by how many they are."""

    flops: float
    bandwidths: dict[int, float]

    def bound(self, flops: int, size: int) -> tuple[float, str]:
        """The least seconds that such work takes, and what for."""
        widest = next((n for n in self.bandwidths if n >= size), max(self.bandwidths))
        compute, memory = flops / self.flops, size / self.bandwidths[widest]
        return max(compute, memory), "compute" if compute > memory else "memory"


class Timing(NamedTuple):
    """A group with the seconds that it takes on one core, and the least that it could."""

    entry: Entry
    seconds: float
    least: float
    bound: str

    @property
    def share(self) -> float:
        """How much of what is possible it reaches, from 0 to about 1."""
        return self.least / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        entry = self.entry
        return {
            "group": entry.name,
            "phase": entry.phase,
            "kind": entry.kind,
            "dims": list(entry.dims),
            "ops": list(entry.ops),
            "scopes": list(entry.scopes),
            "seconds": self.seconds,
            "flops": entry.flops,
            "bytes": entry.bytes,
            "gflops_per_second": entry.flops / self.seconds / 1e9,
            "gigabytes_per_second": entry.bytes / self.seconds / 1e9,
            "bound": self.bound,
            "share_of_bound": self.share,
        }


class Profile:
    """The groups of a program with their times, and those of a whole step. Prints as a table.

    Each group is timed alone, over and over, with what it works on in the caches: their sum is less
    than a step, in which they take it from one another. All on one core.

    Attributes:
        groups: a Timing for each, the slowest first; ops that the interpreter runs are left out.
        machine: what was measured beside them.
        seconds: a whole step.
    """

    def __init__(self, program: Program, seconds: float, repeats: int = 15):
        self.seconds = seconds
        self.machine = measure_machine(program.target)
        clock = _Clock(program, repeats)
        found = []
        for entry in _merged(Report(program).entries):
            taken = clock.seconds(entry)
            found.append(Timing(entry, taken, *self.machine.bound(entry.flops, entry.bytes)))
        self.groups = sorted(found, key=lambda timing: -timing.seconds)

    def to_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        bandwidths = {str(size): speed / 1e9 for size, speed in self.machine.bandwidths.items()}
        return {
            "seconds_per_step": self.seconds,
            "seconds_of_groups": sum(timing.seconds for timing in self.groups),
            "peak_gflops_per_second": self.machine.flops / 1e9,
            "peak_gigabytes_per_second": bandwidths,
            "groups": [timing.to_dict() for timing in self.groups],
        }

    def __str__(self) -> str:
        total = sum(timing.seconds for timing in self.groups)
        kind, wide = widths(timing.entry for timing in self.groups)
        speeds = ", ".join(
            f"{speed / 1e9:.0f} up to {_size(size)}"
            for size, speed in self.machine.bandwidths.items()
        )
        lines = [
            f"a step takes {self.seconds * 1e6:.1f} us, its groups alone {total * 1e6:.1f} us",
            f"this core at best: {self.machine.flops / 1e9:.0f} GFLOP/s; GB/s: {speeds}",
            f"{'us':>8} {'share':>6} {'GFLOP/s':>8} {'GB/s':>7} {'of bound':>8}  {'bound':<8} "
            f"{'kind':<{kind}} {'elements':<{wide}} ops",
        ]
        for timing in self.groups:
            entry, seconds = timing.entry, timing.seconds
            lines.append(
                f"{seconds * 1e6:>8.2f} {seconds / total:>6.1%} "
                f"{entry.flops / seconds / 1e9:>8.1f} {entry.bytes / seconds / 1e9:>7.1f} "
                f"{timing.share:>8.1%}  {timing.bound:<8} {entry.kind:<{kind}} "
                f"{entry.shape:<{wide}} {', '.join(entry.ops)}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def _merged(entries: list[Entry]) -> list[Entry]:
    """One entry for each kernel: what is computed as it is read stands with its reader."""
    by_name: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "call":
            continue
        before = by_name.get(entry.name)
        if before is not None:
            entry = entry._replace(
                ops=before.ops + entry.ops,
                scopes=tuple(dict.fromkeys(before.scopes + entry.scopes)),
                flops=before.flops + entry.flops,
                bytes=before.bytes + entry.bytes,
            )
        by_name[entry.name] = entry
    return list(by_name.values())


class _Clock:
    """Times the kernels of a program, which must have run a step: they work on what that left."""

    def __init__(self, program: Program, repeats: int):
        self.program = program
        self.repeats = repeats
        self.table = ctypes.c_void_p(program.table.ctypes.data)
        nothing = program.alone(0, steps=0)
        self.overhead = self._each(nothing, 1)

    def seconds(self, entry: Entry) -> float:
        """One pass over all tasks of a group."""
        run = self.program.code.function(entry.name, ctypes.c_void_p, ctypes.c_int64)
        table, tasks = self.table, [ctypes.c_int64(task) for task in range(entry.tasks)]

        def all_tasks() -> None:
            for task in tasks:
                run(table, task)

        return max(self._each(all_tasks, 1) - entry.tasks * self.overhead, _FINEST)

    def _each(self, run: Callable[[], object], count: int) -> float:
        """The median over many batches, of which each calls `run` often enough."""
        while (taken := _batch(run, count)) < _BATCH_SECONDS:
            count = math.ceil(count * min(10.0, 1.5 * _BATCH_SECONDS / max(taken, 1e-7)))
        return median(_batch(run, count) for _ in range(self.repeats)) / count


def _batch(run: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - began


def measure_machine(target: Any = None) -> Machine:
    """The best that one core does now, of a matrix product and of reading and writing memory."""
    square = np.ones((_SIDE, _SIDE), np.float32)
    product = compile(ops.matmul, target=target).program(square, square)
    for number in range(2):
        product.bind_input(number, square)
    fastest = min(_steps(product, 1), *(_batch(lambda: square @ square, 1) for _ in range(5)))
    bandwidths = {}
    for size in _SIZES:
        x = np.zeros(size // 8, np.float32)  # half is read and half is written
        copied = compile(lambda x: x + 1.0, target=target).program(x)
        copied.bind_input(0, x)
        count = max(1, (1 << 22) // size)
        bandwidths[size] = size / (_steps(copied, count) / count)
    return Machine(2 * _SIDE**3 / fastest, bandwidths)


def _steps(program: Program, count: int) -> float:
    """The least seconds for so many steps in one call."""
    return min(_batch(lambda: program.run_steps(0, count), 1) for _ in range(8))
