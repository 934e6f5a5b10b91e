"""Random programs and their gradients, compiled: the interpreter's and the eager results.

`python -m tests.compiler.test_random_programs 2000` runs as many as it is told.
"""

import sys
from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from tests.compiler.machine import compiled, judge
from tests.programs import random_program

SIZES = (3, 1, 15, 16, 17, 31, 33, 100, 7)
"""Below, at and above a vector of each width, primes, and one whose rows are in several parts."""
DTYPES = ("float32", "float64")
WORSE = 4
"""How many times larger than the eager run's an error may be: both are sums of random ones."""
QUICK, ALL = 6, 30


def check(seed: int) -> None:
    size = SIZES[seed % len(SIZES)]
    dtype = DTYPES[seed // len(SIZES) % 2]
    program, arrays = random_program(seed, size)
    step = cr.value_and_grad(program, argnums=tuple(range(len(arrays))))
    told = f"seed {seed}, {size} by {size}, {dtype}: {program};"
    arrays = [array.astype(dtype) for array in arrays]
    judge(step, *arrays, told=told)
    if dtype == "float32":
        judge_by_float64(step, arrays, told)


def judge_by_float64(step: Callable, arrays: list[np.ndarray], told: str) -> None:
    """The errors of a compiled program are of the size of the eager one's.

    The bounds hold for the worst case, which grows with each step; the errors hardly do.
    """
    true, plain, made = (
        cr.tree.flatten(results)[0]
        for results in (
            step(*[array.astype(np.float64) for array in arrays]),
            step(*arrays),
            compiled(step)(*arrays),
        )
    )
    for number, (want, eager, got) in enumerate(zip(true, plain, made, strict=True)):
        rounding = np.finfo(np.float32).eps * np.abs(want).max()
        off, allowed = np.abs(got - want).max(), np.abs(eager - want).max() + 16 * rounding
        assert off <= WORSE * allowed, f"{told} output {number} is off by {off}, eager {allowed}"


@pytest.mark.parametrize("seed", range(QUICK))
def test_compiled_is_eager(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(QUICK, ALL))
def test_many_more_compiled_are_eager(seed):
    check(seed)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        check(number)
    print(f"{sys.argv[1]} random programs and their gradients agree")
