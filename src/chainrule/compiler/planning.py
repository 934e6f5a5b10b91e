"""How a graph will be computed: its groups, their order, their memory, and the code for them."""

from collections.abc import Mapping, Sequence

import numpy as np
from llvmlite import ir

from chainrule.aval import Aval
from chainrule.compiler.arena import plan_memory
from chainrule.compiler.driver import Driver
from chainrule.compiler.groups import Fusion
from chainrule.compiler.kernels import emit_kernel
from chainrule.compiler.layout import FAULT, Layout, Slot
from chainrule.compiler.lowered import Places, memory_dtype, simplified
from chainrule.compiler.schedule import Phase, Schedule
from chainrule.compiler.target import Target
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node


class Planning:
    """All that is decided about a graph before code is written for it; see `Program`.

    Attributes:
        graph: what is computed, in a few forms.
        places: the buffer in which each value lies.
        fusion: the groups.
        schedule: their order, and how they divide into tasks.
        plan: the memory that they work in.
        segments: runs of phases, each with the ops that the interpreter runs after it.
        slots: the place of each buffer in the table of addresses that kernels read.
        moving: buffers that hold one value for each step.
    """

    def __init__(
        self,
        graph: Graph,
        donated: Mapping[int, int],
        moving: Sequence[tuple[str, int]],
        target: Target,
        *,
        shared: bool,
    ):
        self.target = target
        self.graph = simplified(graph)
        self._arrange(donated, shared=shared)
        inputs, outputs = self.graph.inputs, self.places.outputs
        self.plan = plan_memory(self.schedule, outputs)
        self._number_slots()
        self.moving = [(inputs if kind == "in" else outputs)[number] for kind, number in moving]
        self.schedule.ask_ahead(self.moving)
        self.segments = segments(self.schedule.phases)

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

    @property
    def calls(self) -> bool:
        """Whether an op needs the interpreter."""
        return any(calls for _, calls in self.segments)

    def layout(self) -> Layout:
        """What a program must know to run the code."""
        numbers = {node: number for number, node in enumerate(self.graph.inputs)}
        donated = self.schedule.donated.items()
        return Layout(
            tuple(self._slot(root) for root in self.slots),
            self.plan.size,
            tuple(self.slots.get(node, -1) for node in self.graph.inputs),
            tuple(self.slots[node] for node in self.places.outputs),
            tuple((self.slots[out], numbers[place]) for out, place in donated),
            tuple(len(phases) for phases, _ in self.segments),
        )

    def _slot(self, root: Node) -> Slot:
        if not isinstance(root.aval, Aval):
            return Slot("bundle")
        kind = (self.places.room(root), root.aval.dtype.str)
        if root in self.plan.offsets:
            return Slot("arena", *kind, start=self.plan.offsets[root])
        if root.is_constant:
            value = np.ascontiguousarray(root.value)
            return Slot("constant", value.shape, value.dtype.str, value=value)
        own = root.op is not None and root not in self.schedule.donated
        return Slot("own" if own else "given", *kind)

    def write(self) -> str:
        """The code of all kernels, and of what runs them, as LLVM's text."""
        module = ir.Module("chainrule")
        module.triple = self.target.triple
        made = {
            kernel.name: emit_kernel(
                kernel, module, self.places, self.slots.__getitem__, FAULT, self.target
            )
            for kernel in self.schedule.kernels
        }
        driver = Driver(module, made, self._strides(), self.target)
        for number, (phases, _) in enumerate(self.segments):
            driver.write_alone(f"alone{number}", phases)
            driver.write_together(f"together{number}", phases)
        return str(module)

    def _strides(self) -> dict[int, int]:
        """By how many bytes the slots move on that hold one value for each step."""
        return {
            self.slots[node]: node.aval.size * memory_dtype(node).itemsize
            for node in self.moving
            if node in self.slots
        }


def segments(phases: Sequence[Phase]) -> list[tuple[list[Phase], list]]:
    """Runs of phases, each with the ops that the interpreter runs after it."""
    made: list[tuple[list[Phase], list]] = [([], [])]
    for phase in phases:
        made[-1][0].append(phase)
        if phase.calls:
            made[-1][1].extend(phase.calls)
            made.append(([], []))
    return made
