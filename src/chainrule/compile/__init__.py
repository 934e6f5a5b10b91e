"""The compiler: static graphs as machine code for their shapes, through LLVM.

`compile` makes a function of arrays fast; `chainrule.fit` compiles whole epochs by itself. Needs
llvmlite (the extra `jit`), which is imported here and nowhere else.

The way of a graph: `lowered` brings its ops into a few forms and finds what only moves elements;
`groups` fuses; `schedule` finds the phases, chains and tasks, and plans the memory; `kernels`,
`loops`, `product` and `tiles` write the code of the groups with `lanes` and `vector_math`; `driver`
writes the loop over steps and phases; `engine` has LLVM make machine code; `program` runs it.
"""

from chainrule.compile.cache import Kept, ObjectCache
from chainrule.compile.function import CompiledFunction, compile
from chainrule.compile.memory import aligned
from chainrule.compile.program import Program
from chainrule.compile.report import Report
from chainrule.compile.target import Target, host, named

__all__ = [
    "CompiledFunction",
    "Kept",
    "ObjectCache",
    "Program",
    "Report",
    "Target",
    "aligned",
    "compile",
    "host",
    "named",
]
