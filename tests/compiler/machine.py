"""Compiled functions, judged by the interpreter and by the eager run."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import as_operand
from chainrule.compiler.function import compile as compiled
from chainrule.compiler.program import Program
from tests.compiler.bounds import misfit, run_with_bounds

COMPOSED = 2.0
"""How much more than the simpler ops that an op is composed of, its own NumPy code may be off."""


def judge(function: Callable, *args: Any, told: Any = "", **options: Any) -> Program:
    """Compile a function, run it, and hold it to the interpreter's and the eager results.

    Both run the same numbers in the same dtypes, so each result is within its bound of the true
    one, and two of them are within twice of it from each other.
    """
    machine = compiled(function, **options)
    made = tree.flatten(machine(*args))[0]
    program = machine.program(*args)
    values = [as_operand(leaf) for leaf in tree.flatten(args)[0]]
    interpreted, bounds = run_with_bounds(program.graph, values)
    with np.errstate(all="ignore"):
        eager = tree.flatten(function(*args))[0]
        near = [2 * bound for bound in bounds]
        wide = [2 * COMPOSED * bound for bound in bounds]
    for number, got in enumerate(made):
        # A constant may still be a Python number, which has no dtype of its own.
        want = interpreted[number]
        want = want if hasattr(want, "dtype") else np.asarray(want, np.asarray(got).dtype)
        wrong = misfit(got, want, near[number])
        assert not wrong, f"{told} output {number}: {wrong} from the interpreter"
        wrong = misfit(got, eager[number], wide[number])
        assert not wrong, f"{told} output {number}: {wrong} from the eager run"
    return program


def same_bits(got: Any, want: Any) -> bool:
    """Whether two trees of results agree to the bit."""
    pairs = zip(tree.flatten(got)[0], tree.flatten(want)[0], strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)
