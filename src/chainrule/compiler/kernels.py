"""One function for each group, which computes one task of it: a fixed part of its elements."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from chainrule.compiler import loops
from chainrule.compiler.assembly import emit_assembly
from chainrule.compiler.body import Body
from chainrule.compiler.code import I64, PTR, Code
from chainrule.compiler.convolution import DirectConvolution, Inner
from chainrule.compiler.convolution_weight import WeightConvolution
from chainrule.compiler.groups import Group
from chainrule.compiler.lowered import Places
from chainrule.compiler.product import Product
from chainrule.compiler.random_bits import emit_draw
from chainrule.compiler.target import Target
from chainrule.compiler.windows import emit_windows
from chainrule.graph.node import Node

_CONVOLUTIONS = {"convolution": DirectConvolution, "slope": WeightConvolution}


@dataclass(eq=False)
class Kernel:
    """The code of a group; task t computes `grain` elements of axis `axis` from t * grain on.

    The division depends on shapes alone, never on the number of threads. `ahead` are selections of
    rows that the next step begins with: their memory is asked for in the course of this one.
    `prologue` makes the rows of a product's first argument, band by band, just before their use.
    Where nothing is written over what is read, elements may be computed `again`.
    """

    name: str
    group: Group
    axis: int
    grain: int
    tasks: int
    ahead: tuple[Node, ...] = ()
    prologue: Group | None = None
    again: bool = False

    def rows(self) -> int:
        return self.group.dims[self.axis] if self.group.dims else 1


def emit_kernel(
    kernel: Kernel,
    module: ir.Module,
    places: Places,
    slot_of: Callable[[Node], int],
    fault_slot: int,
    target: Target,
) -> ir.Function:
    """Write a kernel's function: (table, task)."""
    code = Code(module, kernel.name, [PTR, I64], target)
    task = code.arguments[1]

    def body_of(group: Group, within: Code) -> Body:
        table = within.arguments[0]
        return Body(
            within,
            group,
            places,
            lambda root: within.address(table, slot_of(root)),
            lambda: within.address(table, fault_slot),
        )

    def inner(part: str, kinds: Sequence[ir.Type]) -> Body:
        own = Code(module, f"{kernel.name}_{part}", [PTR, *kinds], target)
        own.function.linkage = "internal"
        own.function.attributes.add("noinline")
        return body_of(kernel.group, own)

    _emit_group(kernel, body_of(kernel.group, code), task, body_of, inner)
    return code.finish()


def _emit_group(
    kernel: Kernel, body: Body, task: ir.Value, body_of: Callable[[Group, Code], Body], inner: Inner
) -> None:
    """Write a task of a group, as its kind wants it."""
    code = body.code
    if kernel.group.kind == "product":
        product = Product(body, kernel.ahead)
        if kernel.prologue is not None:
            before = body_of(kernel.prologue, code)
            product.before_band = lambda first, count: loops.emit_map(code, before, first, count)
        _emit_product(code, product, kernel, task)
    elif kernel.group.kind == "assemble":
        emit_assembly(code, body)
    elif kernel.group.kind == "draw":
        emit_draw(code, body, *_bounds(code, kernel, task))
    elif kernel.group.kind in _CONVOLUTIONS:
        convolution = _CONVOLUTIONS[kernel.group.kind](body, inner)
        _in_tasks(code, kernel, task, convolution.emit)
    elif kernel.group.kind == "rows":
        loops.emit_rows(code, body, *_bounds(code, kernel, task), again=kernel.again)
    elif kernel.group.kind == "windows":
        emit_windows(code, body, *_bounds(code, kernel, task))
    else:
        loops.emit_map(code, body, *_bounds(code, kernel, task))


def _bounds(code: Code, kernel: Kernel, task: ir.Value) -> tuple[Any, Any]:
    """Where a task begins and how long it is; a number where all tasks are as long."""
    size = kernel.rows()
    if kernel.tasks == 1:
        return 0, size
    start = code.times(task, kernel.grain)
    if size % kernel.grain == 0:
        return start, kernel.grain
    last = code.ir.icmp_signed("==", task, I64(kernel.tasks - 1))
    return start, code.ir.select(last, I64(size % kernel.grain), I64(kernel.grain))


def _emit_product(code: Code, product: Product, kernel: Kernel, task: ir.Value) -> None:
    """The tasks of a product divide its stack, its rows or its columns."""

    def part(start: Any, length: int) -> None:
        if kernel.axis == 0:
            with code.loop(start, code.plus(start, length)) as b:
                product.emit(b, 0, product.m, 0, product.n)
        elif kernel.axis == 1:
            product.emit(0, start, length, 0, product.n)
        else:
            product.emit(0, 0, product.m, start, length)

    _in_tasks(code, kernel, task, part)


def _in_tasks(
    code: Code, kernel: Kernel, task: ir.Value, part: Callable[[Any, int], None]
) -> None:
    """part(start, length) for the task at hand; all but the last are equally long."""
    size = kernel.rows()
    if kernel.tasks == 1:
        part(0, size)
        return
    start, rest = code.times(task, kernel.grain), size % kernel.grain
    if not rest:
        part(start, kernel.grain)
        return
    last = code.ir.icmp_signed("==", task, I64(kernel.tasks - 1))
    with code.ir.if_else(last) as (then, otherwise):
        with then:
            part((kernel.tasks - 1) * kernel.grain, rest)
        with otherwise:
            part(start, kernel.grain)


def divided(size: int, cost: float, least: float, unit: int, most: int = 8) -> tuple[int, int]:
    """(grain, tasks) for `size` elements that cost so much together: none is worth too little."""
    tasks = max(1, min(most, int(cost // least), size // unit))
    grain = math.ceil(math.ceil(size / tasks) / unit) * unit
    return grain, math.ceil(size / grain)
