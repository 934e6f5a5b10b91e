"""A compiled graph: its schedule, the memory that it works in, and the machine code."""

import ctypes
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.aval import Aval
from chainrule.compiler.driver import LINE, Driver
from chainrule.compiler.engine import build
from chainrule.compiler.groups import Fusion
from chainrule.compiler.kernels import emit_kernel
from chainrule.compiler.lowered import Places, is_number, memory_dtype, simplified
from chainrule.compiler.memory import aligned, napper
from chainrule.compiler.schedule import Phase, Schedule, plan_memory
from chainrule.compiler.target import Target, host
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node
from chainrule.graph.text import aval_text
from chainrule.ops.table import PROJECT

FAULT = 0
"""The slot of the word that a failed demand sets."""


class Program:
    """A graph as machine code, with the memory that it works in.

    `donated` maps numbers of outputs to numbers of inputs in whose memory they are written;
    `moving` names inputs and outputs (by "in" or "out" and number) whose memory holds one value
    after another, one for each step of `run_steps`. Ids among them that select rows must be there
    for one step more, for these rows are asked for ahead. A program that is not `shared` among
    threads does without the division into tasks; its results are the same, to the bit.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        donated: Mapping[int, int] | None = None,
        moving: Sequence[tuple[str, int]] = (),
        target: Target | None = None,
        cache: Any = None,
        shared: bool = True,
    ):
        self.target = target or host()
        self.graph = simplified(graph)
        self._arrange(donated or {}, shared=shared)
        inputs, outputs = self.graph.inputs, self.places.outputs
        self.plan = plan_memory(self.schedule, outputs)
        self._number_slots()
        self._moving = [(inputs if kind == "in" else outputs)[number] for kind, number in moving]
        self.schedule.ask_ahead(self._moving)
        self.segments = segments(self.schedule.phases)
        strides = {self.slots[n]: _bytes(n) for n in self._moving if n in self.slots}
        self.code = build(lambda: self._write(strides), self._key(strides), self.target, cache)
        self.lock = threading.Lock()
        self._make_memory()

    def _arrange(self, donated: Mapping[int, int], *, shared: bool) -> None:
        """Divide the work, so that every donated output ends in the memory of its input."""
        apart: set[int] = set()
        while True:
            self.places = Places(self.graph, sorted(apart))
            self.fusion = Fusion(self.places)
            inputs, outputs = self.graph.inputs, self.places.outputs
            wanted = {outputs[out]: inputs[given] for out, given in donated.items()}
            self.schedule = Schedule(self.fusion, wanted, self.target, shared=shared)
            # Not so where the group that computes one reads the input elsewhere or later, too.
            granted = self.schedule.donated
            refused = {n for n in donated if granted.get(outputs[n]) is not inputs[donated[n]]}
            if refused <= apart:
                return
            apart |= refused

    def _number_slots(self) -> None:
        """Give each buffer that kernels touch its place in the table of addresses."""
        roots: dict[Node, None] = {}
        for group in self.schedule.when:
            roots.update(dict.fromkeys(self.fusion.needs(group)))
            roots.update(dict.fromkeys(group.stored))
        self.slots = {root: slot for slot, root in enumerate(roots, FAULT + 1)}
        for number, kernel in enumerate(self.schedule.kernels):
            kernel.name = f"kernel{number}"

    def _key(self, strides: dict[int, int]) -> str:
        """All that the machine code depends on, in words."""
        divisions = [
            (k.group.kind, k.group.dims, k.axis, k.grain, len(k.ahead), k.prologue is None)
            for k in self.schedule.kernels
        ]
        donated = [(self.slots[a], self.slots[b]) for a, b in self.schedule.donated.items()]
        return repr((_structure(self.graph), divisions, donated, sorted(strides.items())))

    def _write(self, strides: dict[int, int]) -> str:
        module = ir.Module("chainrule")
        module.triple = self.target.triple
        made = {
            kernel.name: emit_kernel(
                kernel, module, self.places, self.slots.__getitem__, FAULT, self.target
            )
            for kernel in self.schedule.kernels
        }
        driver = Driver(module, made, strides, self.target)
        for number, (phases, _) in enumerate(self.segments):
            driver.write_alone(f"alone{number}", phases)
            driver.write_together(f"together{number}", phases)
        return str(module)

    def _make_memory(self) -> None:
        self.fault = np.zeros(1, np.int64)
        self.arena = aligned((self.plan.size,), np.uint8)
        self.table = np.zeros(len(self.slots) + 1, np.uint64)
        self.bases = np.zeros_like(self.table)
        self.buffers: dict[Node, np.ndarray] = {}
        self.bundles: dict[Node, tuple] = {}
        self.table[FAULT] = self.fault.ctypes.data
        for root in self.slots:
            self._give_memory(root)
        for out, place in self.schedule.donated.items():
            if place in self.buffers:
                self.bind(out, self.buffers[place])
        kinds = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        more = (ctypes.c_void_p, ctypes.c_int64)
        count = range(len(self.segments))
        self._alone = [self.code.function(f"alone{i}", *kinds) for i in count]
        self._together = [self.code.function(f"together{i}", *kinds, *more) for i in count]
        self._nap = napper()

    def _give_memory(self, root: Node) -> None:
        if not isinstance(root.aval, Aval):
            return
        if root in self.plan.offsets:
            start = self.plan.offsets[root]
            memory = self.arena[start : start + _bytes(root)]
            self.bind(root, memory.view(root.aval.dtype).reshape(root.aval.shape))
        elif root.is_constant:
            self.bind(root, np.ascontiguousarray(root.value))
        elif root.op is not None and root not in self.schedule.donated:
            self.bind(root, aligned(root.aval.shape, root.aval.dtype))

    def bind(self, root: Node, memory: np.ndarray) -> None:
        """Let a buffer be this memory from now on."""
        self.buffers[root] = memory
        if root in self.slots:
            self.table[self.slots[root]] = self.bases[self.slots[root]] = memory.ctypes.data

    def bind_input(self, number: int, memory: np.ndarray) -> None:
        """Let an input, and an output that is written in its place, be this memory."""
        node = self.graph.inputs[number]
        self.bind(node, memory)
        for out, place in self.schedule.donated.items():
            if place is node:
                self.bind(out, memory)

    def bind_output(self, number: int, memory: np.ndarray) -> None:
        self.bind(self.places.outputs[number], memory)

    @property
    def native(self) -> bool:
        """Whether no op needs the interpreter."""
        return not any(calls for _, calls in self.segments)

    def run_steps(self, first: int, stop: int, threads: int = 1) -> None:
        """Run the steps from `first` to before `stop`; moving buffers hold one value a step."""
        for number in range(first, stop) if not self.native else (first,):
            after = stop if self.native else number + 1
            for place, (_, calls) in enumerate(self.segments):
                self._run_segment(place, number, after, threads)
                for group in calls:
                    self._call(group.first, number)

    def _run_segment(self, place: int, first: int, stop: int, threads: int) -> None:
        table, bases = self.table.ctypes.data, self.bases.ctypes.data
        if threads == 1:
            self._alone[place](table, bases, first, stop)
            return
        counters = np.zeros(2 * LINE * (1 + len(self.segments[place][0])), np.int64)
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
            self.buffers[root].reshape(node.aval.shape).copy()
            for root, node in zip(self.places.outputs, self.graph.outputs, strict=True)
        ]

    def run(self, inputs: Sequence[np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """The outputs for contiguous arrays of the inputs' shapes and dtypes."""
        with self.lock:
            for number, value in enumerate(inputs):
                self.bind_input(number, value)
            self.fault[0] = 0
            return self.results(threads)

    def _call(self, node: Node, step: int) -> None:
        args = [] if node.op is PROJECT else [self._value(arg, step) for arg in node.args]
        with np.errstate(all="ignore"):
            if node.op is PROJECT:
                made = self.bundles[node.args[0]][node.params["index"]]
            else:
                made = node.op.run(args, node.params)
        if node.op.several:
            self.bundles[node] = made
        else:
            self._now(node, step)[...] = np.reshape(made, -1)

    def _now(self, root: Node, step: int) -> np.ndarray:
        """The elements that a buffer has in a step."""
        first = step * root.aval.size if root in self._moving else 0
        return self.buffers[root].reshape(-1)[first:][: root.aval.size]

    def _value(self, node: Node, step: int) -> Any:
        root, view = self.places.refs[node]
        if is_number(root) or (root.is_constant and root not in self.buffers):
            return root.value
        if root.is_input and root.aval.weak:
            return self._now(root, step).item()
        whole = self._now(root, step)[view.offset :]
        strides = tuple(step * whole.itemsize for step in view.strides)
        return np.lib.stride_tricks.as_strided(whole, view.shape, strides)


def segments(phases: Sequence[Phase]) -> list[tuple[list[Phase], list]]:
    """Runs of phases, each with the ops that the interpreter runs after it."""
    made: list[tuple[list[Phase], list]] = [([], [])]
    for phase in phases:
        made[-1][0].append(phase)
        if phase.calls:
            made[-1][1].extend(phase.calls)
            made.append(([], []))
    return made


def _structure(graph: Graph) -> list:
    """What a graph computes, without names and lines: those of the user's files may change.

    Constant arrays are memory that code is given, and so only their places count.
    """
    places = {node: number for number, node in enumerate(graph.nodes)}
    nodes: list = [
        (
            node.op.name if node.op else "input" if node.is_input else "constant",
            [places[arg] for arg in node.args],
            _exact(node.params),
            aval_text(node.aval),
            isinstance(node.aval, Aval) and node.aval.weak,
            repr(node.value) if is_number(node) else "",
        )
        for node in graph.nodes
    ]
    return [*nodes, [places[node] for node in graph.outputs]]


def _exact(value: Any) -> Any:
    """Options of an op in words that leave nothing out, as those of a long array would."""
    if isinstance(value, Mapping):
        return [(key, _exact(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(_exact, value)]
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    return _structure(value) if isinstance(value, Graph) else repr(value)


def _bytes(node: Node) -> int:
    return node.aval.size * memory_dtype(node).itemsize
