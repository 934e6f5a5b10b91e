"""Any function of arrays as machine code: traced once for each shape, then run."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import as_operand, aval_of
from chainrule.compile.report import Report
from chainrule.compile.program import Program
from chainrule.errors import OptionError
from chainrule.graph.interpret import run_flat
from chainrule.graph.trace import trace
from chainrule.ops.table import Box


class CompiledFunction:
    """A function as machine code, made when it is first called with arrays of new shapes or dtypes.

    It takes and gives what the function itself takes and gives. Inside a derivative or a trace the
    function itself runs, so that both compose.
    """

    def __init__(self, function: Callable, threads: int, cache: Any, target: Any):
        functools.update_wrapper(self, function)
        self._function = function
        self._threads = threads
        self._cache = cache
        self._target = target
        self._made: dict[Any, tuple[Program, Any]] = {}

    def __call__(self, *args: Any) -> Any:
        leaves, structure = tree.flatten(args)
        if any(isinstance(leaf, Box) for leaf in leaves):
            return self._function(*args)
        values = [as_operand(leaf) for leaf in leaves]
        program, out = self._program(values, structure, args)
        given = [_in_memory(value) for value in values]
        results = program.run(given, self._threads)
        if program.fault[0]:
            # A demand of an op was not met: its own words say which.
            results = run_flat(program.graph, values)
        return tree.unflatten(out, [_as_eager(result) for result in results])

    def _program(self, values: list, structure: Any, args: tuple) -> tuple[Program, Any]:
        key = (structure, tuple(aval_of(value) for value in values))
        if key not in self._made:
            graph = trace(self._function)(*args)
            program = Program(graph, target=self._target, cache=self._cache)
            self._made[key] = (program, graph.out_structure)
        return self._made[key]

    def program(self, *args: Any) -> Program:
        """The compiled program for arguments of these shapes and dtypes."""
        leaves, structure = tree.flatten(args)
        return self._program([as_operand(leaf) for leaf in leaves], structure, args)[0]

    def explain(self, *args: Any) -> Report:
        """What the program for such arguments consists of: groups, tiles, buffers, work, bounds."""
        return Report(self.program(*args))


def _in_memory(value: Any) -> np.ndarray:
    """An argument as kernels read it; Python numbers in their widest form."""
    aval = aval_of(value)
    if aval.weak:
        return np.asarray(value, {"f": np.float64, "i": np.int64, "b": np.bool_}[aval.dtype.kind])
    return np.ascontiguousarray(value)


def _as_eager(result: Any) -> Any:
    """A result of shape () as the NumPy scalar that an eager op gives."""
    return result[()] if isinstance(result, np.ndarray) else result


def compile(  # noqa: A001 - the field's word; the built-in compiles Python's own text
    function: Callable, *, threads: int = 1, cache: Any = None, target: Any = None
) -> CompiledFunction:
    """Compile a function of arrays (or trees of arrays) for the shapes that it is called with.

    The function is traced, so that it must not branch on values; ops that the compiler does not
    know are run by the interpreter in between. Results agree with the eager ones up to rounding.

    Args:
        function: takes arrays, Python numbers and trees of them, gives arrays or a tree of them.
        threads: how many threads share the work; the bits of the result do not depend on it.
        cache: an ObjectCache in which machine code is kept between processes.
        target: a processor, as `chainrule.compile.target.named` gives it, to make code for.

    Raises:
        OptionError: threads is not 1 or more.
        TraceError: the function asks for numbers that a trace has not.

    >>> import chainrule as cr
    >>> square = cr.compile(lambda x: x * x)
    >>> square(np.array([1.0, 2.0, 3.0]))
    array([1., 4., 9.])
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise OptionError(f"threads is {threads!r}; expected an integer of 1 or more.")
    return CompiledFunction(function, threads, cache, target)


