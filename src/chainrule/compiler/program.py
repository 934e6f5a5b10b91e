"""A compiled graph: the machine code, and the memory that it works in."""

import ctypes
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import compiler
from chainrule.compiler.keys import structure
from chainrule.compiler.layout import FAULT, LINE, Layout, packed, unpacked
from chainrule.compiler.machine_code import MachineCode
from chainrule.compiler.memory import aligned, napper
from chainrule.graph.graph import Graph
from chainrule.ops.table import PROJECT

if TYPE_CHECKING:
    from chainrule.compiler.arena import Plan
    from chainrule.compiler.groups import Fusion
    from chainrule.compiler.lowered import Places
    from chainrule.compiler.planning import Planning
    from chainrule.compiler.schedule import Schedule
    from chainrule.compiler.target import Target
    from chainrule.graph.node import Node

_LARGE = 1 << 16
"""Bytes of constants beyond which they are not kept beside the code."""


class Program:
    """A graph as machine code, with the memory that it works in.

    `donated` maps numbers of outputs to numbers of inputs in whose memory they are written;
    `moving` names inputs and outputs (by "in" or "out" and number) whose memory holds one value
    after another, one for each step of `run_steps`. Ids among them that select rows must be there
    for one step more, for these rows are asked for ahead. A program that is not `shared` among
    threads does without the division into tasks; its results are the same, to the bit.

    What the cache has is run as it is: nothing is planned, and LLVM is not even loaded. How the
    graph is computed (`planning`) is then worked out only where someone asks.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        donated: Mapping[int, int] | None = None,
        moving: Sequence[tuple[str, int]] = (),
        target: "Target | None" = None,
        cache: Any = None,
        shared: bool = True,
    ):
        self._traced = graph
        self._donated = dict(donated or {})
        self._moving = tuple(moving)
        self._target = target
        self._shared = shared
        self.layout, self.code = self._kept(cache)
        self.lock = threading.Lock()
        self._make_memory()

    def _kept(self, cache: Any) -> tuple[Layout, MachineCode]:
        """The code and its layout: from the cache, or made and put there."""
        nodes = None if cache is None else structure(self._traced)
        if cache is None or nodes is None:
            return self.planning.layout(), self._made()
        key = repr((nodes, self._donated, self._moving, self._shared))
        found = cache.find(key, self._target)
        if found is not None:
            layout, code = unpacked(found)
            made = MachineCode(code, self._target, self._write)
            return layout or self.planning.layout(), made
        layout, made = self.planning.layout(), self._made()
        plain = None if self._is_bound(layout) else layout
        cache.keep(key, packed(plain, made.object), self._target)
        return layout, made

    def _made(self) -> MachineCode:
        code = compiler.engine.object_code(self._write(), self.planning.target)
        return MachineCode(code, self._target, self._write)

    def _write(self) -> str:
        return self.planning.write()

    def _is_bound(self, layout: Layout) -> bool:
        """Whether a layout says too little without its planning, or holds much."""
        constants = sum(slot.value.nbytes for slot in layout.slots if slot.value is not None)
        return self.planning.calls or constants > _LARGE

    @cached_property
    def planning(self) -> "Planning":
        """How the graph is computed: its groups, their order, their memory."""
        target = self._target or compiler.host()
        return compiler.planning.Planning(
            self._traced, self._donated, self._moving, target, shared=self._shared
        )

    @property
    def target(self) -> "Target":
        return self.planning.target

    @property
    def graph(self) -> Graph:
        return self.planning.graph

    @property
    def places(self) -> "Places":
        return self.planning.places

    @property
    def fusion(self) -> "Fusion":
        return self.planning.fusion

    @property
    def schedule(self) -> "Schedule":
        return self.planning.schedule

    @property
    def plan(self) -> "Plan":
        return self.planning.plan

    @property
    def buffers(self) -> "dict[Node, np.ndarray]":
        """The memory of each buffer that has any now."""
        slots = self.planning.slots.items()
        return {root: self._memory[slot] for root, slot in slots if slot in self._memory}

    def _make_memory(self) -> None:
        slots = self.layout.slots
        self.fault = np.zeros(1, np.int64)
        self.arena = aligned((self.layout.arena,), np.uint8)
        self.table = np.zeros(len(slots) + 1, np.uint64)
        self.bases = np.zeros_like(self.table)
        self.table[FAULT] = self.fault.ctypes.data
        self._memory: dict[int, np.ndarray] = {}
        self._bundles: dict[Node, tuple] = {}
        for number, slot in enumerate(slots, FAULT + 1):
            if slot.kind == "arena":
                memory = self.arena[slot.start : slot.start + slot.nbytes]
                self._bind(number, memory.view(slot.dtype).reshape(slot.shape))
            elif slot.kind == "own":
                self._bind(number, aligned(slot.shape, slot.dtype))
            elif slot.value is not None:
                self._bind(number, slot.value)
        kinds = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        more = (ctypes.c_void_p, ctypes.c_int64)
        count = range(len(self.layout.phases))
        self._alone = [self.code.function(f"alone{i}", *kinds) for i in count]
        self._together = [self.code.function(f"together{i}", *kinds, *more) for i in count]
        self._nap = napper()

    def _bind(self, slot: int, memory: np.ndarray) -> None:
        """Let a buffer be this memory from now on."""
        self._memory[slot] = memory
        self.table[slot] = self.bases[slot] = memory.ctypes.data

    def bind_input(self, number: int, memory: np.ndarray) -> None:
        """Let an input, and an output that is written in its place, be this memory."""
        slot = self.layout.inputs[number]
        if slot > FAULT:
            self._bind(slot, memory)
        for out, place in self.layout.donated:
            if place == number:
                self._bind(out, memory)

    def bind_output(self, number: int, memory: np.ndarray) -> None:
        self._bind(self.layout.outputs[number], memory)

    @property
    def native(self) -> bool:
        """Whether no op needs the interpreter."""
        return len(self.layout.phases) == 1

    def run_steps(self, first: int, stop: int, threads: int = 1) -> None:
        """Run the steps from `first` to before `stop`; moving buffers hold one value a step."""
        if self.native:
            self._run_segment(0, first, stop, threads)
            return
        for number in range(first, stop):
            for place, (_, calls) in enumerate(self.planning.segments):
                self._run_segment(place, number, number + 1, threads)
                for group in calls:
                    self._call(group.first, number)

    def _run_segment(self, place: int, first: int, stop: int, threads: int) -> None:
        table, bases = self.table.ctypes.data, self.bases.ctypes.data
        if threads == 1:
            self._alone[place](table, bases, first, stop)
            return
        counters = np.zeros(2 * LINE * (1 + self.layout.phases[place]), np.int64)
        args = (table, bases, first, stop, counters.ctypes.data, self._nap)
        others = [
            threading.Thread(target=self._together[place], args=args, daemon=True)
            for _ in range(threads - 1)
        ]
        try:
            for thread in others:
                thread.start()
            self._together[place](*args)
        finally:
            # Also after a second Ctrl-C, for they work in memory that is given back after this.
            for thread in others:
                if thread.ident is not None:
                    thread.join()

    def alone(self, place: int, steps: int = 1) -> Callable[[], None]:
        """A segment as a function of nothing, for one step on one thread: quick to call."""
        function = self._alone[place]
        args = tuple(ctypes.c_void_p(memory.ctypes.data) for memory in (self.table, self.bases))
        return functools.partial(function, *args, ctypes.c_int64(0), ctypes.c_int64(steps))

    def results(self, threads: int = 1) -> list[np.ndarray]:
        """Run one step on what is bound; gives copies of the outputs."""
        self.run_steps(0, 1, threads)
        return [
            self._memory[slot].reshape(node.aval.shape).copy()
            for slot, node in zip(self.layout.outputs, self._traced.outputs, strict=True)
        ]

    def run(self, inputs: Sequence[np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """The outputs for contiguous arrays of the inputs' shapes and dtypes."""
        with self.lock:
            for number, value in enumerate(inputs):
                self.bind_input(number, value)
            self.fault[0] = 0
            return self.results(threads)

    def _call(self, node: "Node", step: int) -> None:
        args = [] if node.op is PROJECT else [self._value(arg, step) for arg in node.args]
        with np.errstate(all="ignore"):
            if node.op is PROJECT:
                made = self._bundles[node.args[0]][node.params["index"]]
            else:
                made = node.op.run(args, node.params)
        if node.op.several:
            self._bundles[node] = made
        else:
            self._now(node, step)[...] = np.reshape(made, -1)

    def _now(self, root: "Node", step: int) -> np.ndarray:
        """The elements that a buffer has in a step."""
        first = step * root.aval.size if root in self.planning.moving else 0
        return self._memory[self.planning.slots[root]].reshape(-1)[first:][: root.aval.size]

    def _value(self, node: "Node", step: int) -> Any:
        root, view = self.places.refs[node]
        if root.is_constant and root not in self.planning.slots:
            return root.value
        if root.is_input and root.aval.weak:
            return self._now(root, step).item()
        whole = self._now(root, step)[view.offset :]
        strides = tuple(step * whole.itemsize for step in view.strides)
        return np.lib.stride_tricks.as_strided(whole, view.shape, strides)
