"""Writing one function: loops, counters, loads and stores, whole vectors and masked ends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.ir._utils import NameScope

from chainrule.compiler.lanes import Lanes, Value, element_type, memory_type
from chainrule.compiler.target import Target

I1, I8, I32, I64 = (ir.IntType(size) for size in (1, 8, 32, 64))
PTR = ir.PointerType()
_BOOL = np.dtype(np.bool_)


@dataclass(frozen=True)
class Part:
    """Some elements next to each other: `width` lanes, of which the first `count` are real."""

    width: int
    count: int

    @property
    def whole(self) -> bool:
        return self.count == self.width


class _Names(NameScope):
    """Numbers for the many values without a name of their own, in a fraction of the time."""

    def __init__(self):
        super().__init__()
        self._numbered = 0

    def register(self, name: str, deduplicate: bool = False) -> str:
        if name:
            return super().register(name, deduplicate)
        self._numbered += 1
        return f"v{self._numbered}"


class Code:
    """One function in the making. `table` points to the addresses of all buffers."""

    def __init__(self, module: ir.Module, name: str, arguments: Sequence[ir.Type], target: Target):
        kind = ir.FunctionType(ir.VoidType(), arguments)
        self.function = ir.Function(module, kind, name)
        self.function.scope = _Names()
        self.function.attributes.add("nounwind")
        self.target = target
        entry = self.function.append_basic_block("entry")
        self.entry = ir.IRBuilder(entry)
        start = self.function.append_basic_block("start")
        self.end_of_entry = self.entry.branch(start)
        self.entry.position_before(self.end_of_entry)
        self.ir = ir.IRBuilder(start)
        self._addresses: dict[int, ir.Value] = {}

    @property
    def arguments(self) -> tuple:
        return self.function.args

    def lanes(self, width: int) -> Lanes:
        return Lanes(self.ir, width, self.target)

    def address(self, table: ir.Value, slot: int) -> ir.Value:
        """The address in a slot of the table, loaded once, at the top."""
        if slot not in self._addresses:
            place = self.entry.gep(table, [I64(slot)], source_etype=PTR)
            loaded = self.entry.load(place, typ=PTR)
            self._addresses[slot] = loaded
        return self._addresses[slot]

    def scratch(self, dtype: np.dtype, count: int) -> ir.Value:
        """Memory on the stack, for the time of the call."""
        made = self.entry.alloca(ir.ArrayType(memory_type(dtype), count))
        made.align = 64
        made.type = PTR  # not the array's own type, so that elements and vectors may be stored
        return made

    def variable(self, kind: ir.Type) -> ir.Value:
        """A place for a value that changes in a loop; LLVM turns it into a register."""
        return self.entry.alloca(kind)

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[ir.Value]:
        """for i in range(start, stop, step); not entered where start >= stop."""
        start, stop = self.index(start), self.index(stop)
        before = self.ir.block
        head = self.ir.append_basic_block("loop")
        after = self.ir.append_basic_block("after")
        if isinstance(start, ir.Constant) and isinstance(stop, ir.Constant):
            self.ir.branch(head if start.constant < stop.constant else after)
        else:
            self.ir.cbranch(self.ir.icmp_signed("<", start, stop), head, after)
        self.ir.position_at_end(head)
        i = self.ir.phi(I64)
        i.add_incoming(start, before)
        yield i
        following = self.ir.add(i, I64(step), flags=("nsw",))
        i.add_incoming(following, self.ir.block)
        self.ir.cbranch(self.ir.icmp_signed("<", following, stop), head, after)
        self.ir.position_at_end(after)

    def carried(
        self,
        steps: range,
        values: Sequence[ir.Value],
        step: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
    ) -> Sequence[ir.Value]:
        """What the values have become after values = step(i, values) for each i."""
        if not steps:
            return values
        before = self.ir.block
        head = self.ir.append_basic_block("loop")
        after = self.ir.append_basic_block("after")
        self.ir.branch(head)
        self.ir.position_at_end(head)
        i = self.ir.phi(I64)
        i.add_incoming(I64(steps.start), before)
        held = [self.ir.phi(value.type) for value in values]
        made = step(i, held)
        following = self.ir.add(i, I64(steps.step), flags=("nsw",))
        i.add_incoming(following, self.ir.block)
        for phi, first, value in zip(held, values, made, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(value, self.ir.block)
        self.ir.cbranch(self.ir.icmp_signed("<", following, I64(steps.stop)), head, after)
        self.ir.position_at_end(after)
        return made

    def repeated(
        self,
        count: Any,
        values: Sequence[ir.Value],
        step: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
    ) -> Sequence[ir.Value]:
        """As `carried`, for i below a count that is known later and may be 0."""
        count = self.index(count)
        before = self.ir.block
        head = self.ir.append_basic_block("loop")
        after = self.ir.append_basic_block("after")
        self.ir.cbranch(self.ir.icmp_signed("<", I64(0), count), head, after)
        self.ir.position_at_end(head)
        i = self.ir.phi(I64)
        i.add_incoming(I64(0), before)
        held = [self.ir.phi(value.type) for value in values]
        made = step(i, held)
        following, end = self.ir.add(i, I64(1), flags=("nsw",)), self.ir.block
        i.add_incoming(following, end)
        self.ir.cbranch(self.ir.icmp_signed("<", following, count), head, after)
        self.ir.position_at_end(after)
        results = [self.ir.phi(value.type) for value in values]
        for phi, result, first, value in zip(held, results, values, made, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(value, end)
            result.add_incoming(first, before)
            result.add_incoming(value, end)
        return results

    def index(self, value: Any) -> ir.Value:
        return I64(value) if isinstance(value, int) else value

    def times(self, index: Any, factor: int) -> Any:
        """index * factor, worked out now where both are numbers."""
        if isinstance(index, int):
            return index * factor
        if factor == 0:
            return 0
        return index if factor == 1 else self.ir.mul(index, I64(factor), flags=("nsw",))

    def plus(self, x: Any, y: Any) -> Any:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0 and isinstance(x, int):
            return y
        if y == 0 and isinstance(y, int):
            return x
        return self.ir.add(self.index(x), self.index(y), flags=("nsw",))

    def at(self, base: ir.Value, dtype: np.dtype, index: Any) -> ir.Value:
        """The address of an element."""
        if isinstance(index, int) and index == 0:
            return base
        kind = memory_type(dtype)
        return self.ir.gep(base, [self.index(index)], inbounds=True, source_etype=kind)

    def mask(self, part: Part) -> ir.Constant:
        return _mask(part)

    def load(self, base: ir.Value, dtype: np.dtype, index: Any, stride: int, part: Part) -> Value:
        """The elements from `index` on, `stride` apart; the lanes beyond the count hold zeros."""
        if part.width == 1 or stride == 0:
            place = self.at(base, dtype, index)
            return self._from_memory(self.ir.load(place, typ=memory_type(dtype)), dtype)
        if stride != 1:
            return self._load_apart(base, dtype, index, stride, part)
        place = self.at(base, dtype, index)
        kind = ir.VectorType(memory_type(dtype), part.width)
        if part.whole:
            loaded = self.ir.load(place, typ=kind)
            loaded.align = dtype.itemsize
        else:
            loaded = self._masked_load(place, kind, dtype.itemsize, part)
        return self._from_memory(loaded, dtype)

    def _load_apart(
        self, base: ir.Value, dtype: np.dtype, index: Any, stride: int, part: Part
    ) -> Value:
        kind = ir.VectorType(memory_type(dtype), part.width)
        vector = ir.Constant(kind, None)
        for lane in range(part.count):
            place = self.at(base, dtype, self.plus(index, lane * stride))
            one = self.ir.load(place, typ=memory_type(dtype))
            vector = self.ir.insert_element(vector, one, I32(lane))
        return self._from_memory(vector, dtype)

    def _masked_load(self, place: ir.Value, kind: ir.Type, align: int, part: Part) -> ir.Value:
        if not self.target.masked:
            vector = ir.Constant(kind, None)
            for lane in range(part.count):
                one = self.ir.gep(place, [I64(lane)], source_etype=kind.element)
                vector = self.ir.insert_element(
                    vector, self.ir.load(one, typ=kind.element), I32(lane)
                )
            return vector
        name = f"llvm.masked.load.v{kind.count}{_name(kind.element)}.p0"
        mask = self.mask(part)
        function = self._declare(name, kind, [PTR, I32, mask.type, kind])
        return self.ir.call(function, [place, I32(align), mask, ir.Constant(kind, None)])

    def _declare(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
        module = self.ir.module
        found = module.globals.get(name)
        return found or ir.Function(module, ir.FunctionType(result, arguments), name)

    def _from_memory(self, loaded: ir.Value, dtype: np.dtype) -> Value:
        if dtype.kind == "b":
            loaded = self.ir.trunc(loaded, _like(I1, loaded.type))
        return Value(dtype, loaded)

    def store(self, value: Value, base: ir.Value, index: Any, part: Part) -> None:
        """Put elements next to each other."""
        place, stored = self.at(base, value.dtype, index), value.ir
        if value.dtype.kind == "b":
            stored = self.ir.zext(stored, _like(I8, stored.type))
        if part.whole:
            self.ir.store(stored, place).align = value.dtype.itemsize
        elif self.target.masked:
            name = f"llvm.masked.store.v{part.width}{_name(stored.type.element)}.p0"
            mask = self.mask(part)
            function = self._declare(
                name, ir.VoidType(), [stored.type, PTR, I32, mask.type]
            )
            self.ir.call(function, [stored, place, I32(value.dtype.itemsize), mask])
        else:
            for lane in range(part.count):
                one = self.ir.extract_element(stored, I32(lane))
                self.ir.store(one, self.ir.gep(place, [I64(lane)], source_etype=one.type))

    def store_apart(
        self, value: Value, base: ir.Value, index: Any, stride: int, part: Part
    ) -> None:
        """Put elements `stride` apart."""
        if stride == 1 or part.width == 1:
            self.store(value, base, index, part)
            return
        for lane in range(part.count):
            one = Value(value.dtype, self.ir.extract_element(value.ir, I32(lane)))
            self.store(one, base, self.plus(index, lane * stride), Part(1, 1))

    def prefetch(self, place: ir.Value) -> None:
        """Ask for a cache line that will be read soon."""
        function = self._declare("llvm.prefetch.p0", ir.VoidType(), [PTR, I32, I32, I32])
        self.ir.call(function, [place, I32(0), I32(2), I32(1)])

    def finish(self) -> ir.Function:
        self.ir.ret_void()
        return self.function


@cache
def _mask(part: Part) -> ir.Constant:
    bits = [I1(lane < part.count) for lane in range(part.width)]
    return ir.Constant(ir.VectorType(I1, part.width), bits)


def _like(element: ir.Type, kind: ir.Type) -> ir.Type:
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _name(kind: ir.Type) -> str:
    if isinstance(kind, ir.IntType):
        return f"i{kind.width}"
    return "f64" if isinstance(kind, ir.DoubleType) else "f32"


def parts_of(count: int, width: int) -> tuple[int, Part | None]:
    """How many whole vectors cover `count` elements, and the part that is left."""
    rest = count % width
    return count // width, Part(width, rest) if rest else None


__all__ = ["I64", "PTR", "Code", "Part", "element_type", "parts_of"]
