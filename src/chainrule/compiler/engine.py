"""From LLVM's text to functions that can be called, by way of an object file that may be kept."""

import ctypes
from collections.abc import Callable
from functools import cache, cached_property
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


class Compiled:
    """Machine code, made or found in the cache; `text` is what it was made from."""

    def __init__(self, write: Callable[[], str], code: bytes, target: Target):
        self._write = write
        self.object = code
        self.target = target

    @cached_property
    def text(self) -> str:
        """LLVM's text, as the generator wrote it."""
        return self._write()

    @cached_property
    def llvm(self) -> str:
        """LLVM's text after its passes."""
        return str(optimized(self.text, machine_for(self.target)))

    @cached_property
    def asm(self) -> str:
        """Assembly."""
        machine = machine_for(self.target)
        return machine.emit_assembly(optimized(self.text, machine))

    @cached_property
    def _engine(self) -> tuple:
        machine = machine_for(self.target)
        empty = llvm.parse_assembly("")
        engine = llvm.create_mcjit_compiler(empty, machine)
        file = llvm.ObjectFileRef.from_data(self.object)
        engine.add_object_file(file)
        engine.finalize_object()
        return engine, machine, empty, file

    def function(self, name: str, *arguments: Any) -> Any:
        """A function of the code; it runs without the interpreter's lock."""
        return ctypes.CFUNCTYPE(None, *arguments)(self._engine[0].get_function_address(name))


def build(write: Callable[[], str], key: str, target: Target, cache: Any = None) -> Compiled:
    """Make the object file of what `write` gives, or find it in the cache under its key."""
    found = cache.find(key, target) if cache is not None else None
    if found is None:
        machine = machine_for(target)
        found = machine.emit_object(optimized(write(), machine))
        if cache is not None:
            cache.keep(key, target, found)
    return Compiled(write, found, target)
