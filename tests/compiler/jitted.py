"""Vector functions made callable: a loop over arrays around what they write, compiled here."""

import ctypes
from collections.abc import Callable

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from chainrule.compiler import target

_INDEX = ir.IntType(64)
_ELEMENTS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


class Jitted:
    """`function(b, *vectors, fused=...)` on arrays of a dtype; `lanes=0` hands it scalars."""

    def __init__(
        self,
        function: Callable,
        dtype: str,
        *,
        arguments: int = 1,
        lanes: int | None = None,
        fused: bool | None = None,
    ):
        here = target.host()
        self.dtype = np.dtype(dtype)
        self.arguments = arguments
        self.lanes = here.lanes(self.dtype.itemsize) if lanes is None else lanes
        fused = here.fused if fused is None else fused
        text = loop_around(function, dtype, arguments=arguments, lanes=self.lanes, fused=fused)
        machine = machine_for(here)
        self._engine = llvm.create_mcjit_compiler(optimised(text, machine), machine)
        self._engine.finalize_object()
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arguments + 1), ctypes.c_int64)
        self._call = kind(self._engine.get_function_address("loop"))

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        width = max(self.lanes, 1)
        size = arrays[0].size
        whole = -(-size // width) * width
        padded = [np.ones(whole, self.dtype) for _ in range(self.arguments + 1)]
        for place, array in zip(padded, arrays, strict=False):
            place[:size] = array
        self._call(*[array.ctypes.data for array in padded], whole)
        return padded[-1][:size]


def loop_around(
    function: Callable, dtype: str, *, arguments: int = 1, lanes: int, fused: bool
) -> str:
    """A module whose function `loop` takes the addresses of arrays, the last for the result."""
    element = _ELEMENTS[dtype]
    kind = ir.VectorType(element, lanes) if lanes else element
    pointers = [ir.PointerType()] * (arguments + 1)
    module = ir.Module()
    loop = ir.Function(module, ir.FunctionType(ir.VoidType(), [*pointers, _INDEX]), "loop")
    entry, body, end = (loop.append_basic_block(name) for name in ("entry", "body", "end"))
    b = ir.IRBuilder(entry)
    b.branch(body)
    b.position_at_end(body)
    index = b.phi(_INDEX)
    index.add_incoming(_INDEX(0), entry)
    *inputs, output, size = loop.args
    places = [b.gep(array, [index], source_etype=element) for array in (*inputs, output)]
    align = element.get_abi_size(llvm.create_target_data("e"))
    vectors = [b.load(place, align=align, typ=kind) for place in places[:-1]]
    b.store(function(b, *vectors, fused=fused), places[-1], align=align)
    following = b.add(index, _INDEX(max(lanes, 1)))
    index.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, size), body, end)
    b.position_at_end(end)
    b.ret_void()
    return str(module)


def machine_for(processor: target.Target) -> llvm.TargetMachine:
    """LLVM's code generator for a processor, which need not be this one."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    made = llvm.Target.from_triple(processor.triple)
    return made.create_target_machine(cpu=processor.cpu, features=processor.features, opt=3)


def optimised(text: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """A checked module, passed through LLVM's optimiser."""
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module
