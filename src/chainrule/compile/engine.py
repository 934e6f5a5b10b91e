"""From LLVM's text to a function that can be called."""

import ctypes
from dataclasses import dataclass
from typing import Any

from llvmlite import binding as llvm

from chainrule.compile.target import Target


def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


_initialize()


def machine_for(target: Target) -> Any:
    """LLVM's description of a processor."""
    found = llvm.Target.from_triple(target.triple)
    return found.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small"
    )


def optimized(text: str, machine: Any) -> Any:
    """The module of a text, after the few passes that the generator leaves work for."""
    module = llvm.parse_assembly(text)
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    passes = llvm.create_pass_builder(machine, options)
    manager = llvm.create_new_function_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, passes)
    return module


@dataclass
class Loaded:
    """Machine code in memory. `keep` holds what must live as long."""

    engine: Any
    keep: tuple

    def function(self, name: str, *arguments: Any) -> Any:
        """A function of the code, called without the GIL."""
        kind = ctypes.CFUNCTYPE(None, *arguments)
        return kind(self.engine.get_function_address(name))


def load_object(code: bytes, machine: Any) -> Loaded:
    """Bring an object file into memory."""
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, machine)
    file = llvm.ObjectFileRef.from_data(code)
    engine.add_object_file(file)
    engine.finalize_object()
    return Loaded(engine, (machine, empty, file))
