"""A compiled graph: its groups in order, their kernels, the memory plan and the machine code."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.engine import Loaded, load_object, machine_for, optimized
from chainrule.compile.groups import Fusion, Group
from chainrule.compile.kernels import Kernel, emit_kernel
from chainrule.compile.lowered import Places, is_number, simplified
from chainrule.compile.target import Target, host
from chainrule.graph.graph import Graph
from chainrule.graph.node import Node

FAULT = 0
"""The slot of the word that a failed demand sets."""


class Program:
    """A graph as machine code, with the memory that it works in."""

    def __init__(self, graph: Graph, target: Target | None = None):
        self.target = target or host()
        self.graph = simplified(graph)
        self.places = Places(self.graph)
        self.fusion = Fusion(self.places)
        self.groups = ordered(self.fusion)
        self._slots: dict[Node, int] = {}
        self.buffers: dict[Node, np.ndarray] = {}
        self.kernels: list[Kernel] = []
        self.text = self._write()
        self.loaded = self._load()
        self.fault = np.zeros(1, np.int64)
        self.table = np.zeros(len(self._slots) + 1, np.uint64)
        self._fill_table()

    def slot_of(self, root: Node) -> int:
        return self._slots.setdefault(root, len(self._slots) + 1)

    def _write(self) -> str:
        module = ir.Module("chainrule")
        module.triple = self.target.triple
        for number, group in enumerate(self.groups):
            kernel = Kernel(f"k{number}", group, 0, 1, 1)
            self.kernels.append(kernel)
            if group.kind != "call":
                kernel.grain = kernel.rows()
                emit_kernel(kernel, module, self.places, self.slot_of, FAULT, self.target)
        return str(module)

    def _load(self) -> Loaded:
        machine = machine_for(self.target)
        module = optimized(self.text, machine)
        self.llvm = str(module)
        self.asm = machine.emit_assembly(module)
        return load_object(machine.emit_object(module), machine)

    def _fill_table(self) -> None:
        self.table[FAULT] = self.fault.ctypes.data
        for root, slot in self._slots.items():
            if root.is_constant:
                self.buffers[root] = np.ascontiguousarray(root.value)
            elif root.op is not None:
                self.buffers[root] = aligned(root.aval.shape, root.aval.dtype)
            if root in self.buffers:
                self.table[slot] = self.buffers[root].ctypes.data

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for arrays of the inputs' shapes and dtypes."""
        for node, value in zip(self.graph.inputs, inputs, strict=True):
            self.buffers[node] = np.ascontiguousarray(value)
            if node in self._slots:
                self.table[self._slots[node]] = self.buffers[node].ctypes.data
        for kernel in self.kernels:
            if kernel.group.kind == "call":
                self._call(kernel.group.first)
            else:
                function = self.loaded.function(kernel.name, ctypes.c_void_p, ctypes.c_int64)
                function(self.table.ctypes.data, 0)
        return [self.buffers[node].copy() for node in self.places.outputs]

    def _call(self, node: Node) -> None:
        args = [self._value(arg) for arg in node.args]
        made = node.op.np(*args, **node.params)
        self.buffers[node] = np.ascontiguousarray(made, node.aval.dtype)
        if node in self._slots:
            self.table[self._slots[node]] = self.buffers[node].ctypes.data

    def _value(self, node: Node) -> Any:
        root, view = self.places.refs[node]
        if is_number(root):
            return root.value
        whole = self.buffers[root].reshape(-1)[view.offset :]
        strides = tuple(step * whole.itemsize for step in view.strides)
        return np.lib.stride_tricks.as_strided(whole, view.shape, strides)


def ordered(fusion: Fusion) -> list[Group]:
    """The groups, each after those that it needs."""
    done: dict[Group, None] = {}
    for group in fusion.groups:
        for before in [*fusion.groups]:
            if before in fusion.ancestors(group) and before not in done:
                _visit(before, fusion, done)
        done.setdefault(group)
    return list(done)


def _visit(group: Group, fusion: Fusion, done: dict[Group, None]) -> None:
    for before in fusion.groups:
        if before in fusion.ancestors(group) and before not in done:
            _visit(before, fusion, done)
    done.setdefault(group)


def aligned(shape: Sequence[int], dtype: Any, boundary: int = 64) -> np.ndarray:
    """An array of zeros that begins at a multiple of `boundary` bytes."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = np.zeros(size + boundary, np.uint8)
    start = -memory.ctypes.data % boundary
    return memory[start : start + size].view(dtype).reshape(shape)
