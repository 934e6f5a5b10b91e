"""The compiler: static graphs as machine code for their shapes, through LLVM.

`compile` makes a function of arrays fast; `chainrule.fit` compiles whole epochs by itself. Needs
llvmlite (the extra `jit`), which is imported in this folder and nowhere else; LLVM itself is loaded
when code must be made.

The way of a graph: `lowered` brings its ops into a few forms and finds what only moves elements;
`groups` fuses; `schedule` finds the phases, chains and tasks, and plans the memory; `kernels`,
`loops`, `product` and `tiles` write the code of the groups with `lanes` and `vector_math`; `driver`
writes the loop over steps and phases; `engine` has LLVM make machine code. `planning` leads through
all this. `program` runs the code by its `layout`; what `cache` has, it runs without the rest.
"""

import importlib
import importlib.util
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.errors import import_extra

if TYPE_CHECKING:
    from chainrule.compiler import engine as engine
    from chainrule.compiler import planning as planning
    from chainrule.compiler.cache import Kept, ObjectCache
    from chainrule.compiler.function import CompiledFunction, compile
    from chainrule.compiler.memory import aligned
    from chainrule.compiler.profile import Profile
    from chainrule.compiler.program import Program
    from chainrule.compiler.report import Report
    from chainrule.compiler.target import Target, host, named

_HOMES = MappingProxyType(
    {
        **dict.fromkeys(("Kept", "ObjectCache"), "cache"),
        **dict.fromkeys(("CompiledFunction", "compile"), "function"),
        **dict.fromkeys(("Target", "host", "named"), "target"),
        "Profile": "profile",
        "Program": "program",
        "Report": "report",
        "aligned": "memory",
    }
)

_GENERATOR = ("engine", "planning")
"""What takes LLVM: a program that is found in the cache does without."""

__all__ = [
    "CompiledFunction",
    "Kept",
    "ObjectCache",
    "Profile",
    "Program",
    "Report",
    "Target",
    "aligned",
    "available",
    "compile",
    "host",
    "named",
]


def available() -> bool:
    """Whether llvmlite is installed.

    >>> available()
    True
    """
    return importlib.util.find_spec("llvmlite") is not None


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _GENERATOR:
        raise AttributeError(f"module 'chainrule.compiler' has no attribute {name!r}")
    # Without llvmlite nothing here is of use, also where a program would be in the cache.
    import_extra("llvmlite", extra="jit", purpose="the compiler")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, name)}")
    return module if name in _GENERATOR else getattr(module, name)
