"""Machine code to call, and what it was made from."""

import ctypes
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chainrule import compiler
from chainrule.compiler import linking

if TYPE_CHECKING:
    from chainrule.compiler.target import Target


class MachineCode:
    """An object file, made or found in the cache; `write` gives the text that it was made from.

    `target` is None for the processor that this program runs on: LLVM is asked for it only where
    someone wants to read the code, or where LLVM must put it into memory.
    """

    def __init__(self, code: bytes, target: "Target | None", write: Callable[[], str]):
        self.object = code
        self._target = target
        self._write = write

    @cached_property
    def target(self) -> "Target":
        return self._target or compiler.host()

    @cached_property
    def text(self) -> str:
        """LLVM's text, as the generator wrote it."""
        return self._write()

    @cached_property
    def llvm(self) -> str:
        """LLVM's text after its passes."""
        return compiler.engine.optimized_text(self.text, self.target)

    @cached_property
    def asm(self) -> str:
        """Assembly."""
        return compiler.engine.assembly(self.text, self.target)

    @cached_property
    def _loaded(self) -> Any:
        return linking.load(self.object) or compiler.engine.Loaded(self.object, self.target)

    def function(self, name: str, *arguments: Any) -> Any:
        """A function of the code; it runs without the interpreter's lock."""
        return ctypes.CFUNCTYPE(None, *arguments)(self._loaded.address(name))
