"""From LLVM's text to an object file, and from there to code in memory where it takes LLVM."""

from functools import cache
from typing import Any

from llvmlite import binding as llvm

from chainrule.compiler.target import Target


@cache
def _native_is_ready() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _all_are_ready() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _described(triple: str) -> Any:
    """What LLVM knows of a kind of processor; all kinds together take 10 MB, so this one first."""
    _native_is_ready()
    try:
        return llvm.Target.from_triple(triple)
    except RuntimeError:
        _all_are_ready()
        return llvm.Target.from_triple(triple)


def machine_for(target: Target) -> Any:
    """LLVM's description of a processor."""
    found = _described(target.triple)
    return found.create_target_machine(
        cpu=target.cpu, features=target.features, opt=2, reloc="pic", codemodel="small"
    )


def optimized(text: str, machine: Any) -> Any:
    """The module of a text, after the few passes that the generator leaves work for."""
    module = llvm.parse_assembly(text)
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    passes = llvm.create_pass_builder(machine, options)
    manager = llvm.create_new_function_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, passes)
    return module


def object_code(text: str, target: Target) -> bytes:
    """The object file of LLVM's text."""
    machine = machine_for(target)
    return machine.emit_object(optimized(text, machine))


def optimized_text(text: str, target: Target) -> str:
    """LLVM's text after its passes."""
    return str(optimized(text, machine_for(target)))


def assembly(text: str, target: Target) -> str:
    """The assembly of LLVM's text."""
    machine = machine_for(target)
    return machine.emit_assembly(optimized(text, machine))


class Loaded:
    """An object file in memory, as LLVM puts it there."""

    def __init__(self, code: bytes, target: Target):
        self._machine = machine_for(target)
        self._empty = llvm.parse_assembly("")
        self._file = llvm.ObjectFileRef.from_data(code)
        self._engine = llvm.create_mcjit_compiler(self._empty, self._machine)
        self._engine.add_object_file(self._file)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        return self._engine.get_function_address(name)
