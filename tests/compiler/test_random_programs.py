"""Random programs and their gradients, compiled: the interpreter's and the eager results.

`python -m tests.compiler.test_random_programs 2000` runs as many as it is told.
"""

import sys

import pytest

import chainrule as cr
from tests.compiler.machine import judge
from tests.programs import random_program

SIZES = (3, 1, 15, 16, 17, 31, 33, 100, 7)
"""Below, at and above a vector of each width, primes, and one whose rows are in several parts."""
DTYPES = ("float32", "float64")
QUICK, ALL = 6, 50


def check(seed: int) -> None:
    size = SIZES[seed % len(SIZES)]
    dtype = DTYPES[seed // len(SIZES) % 2]
    program, arrays = random_program(seed, size)
    step = cr.value_and_grad(program, argnums=tuple(range(len(arrays))))
    told = f"seed {seed}, {size} by {size}, {dtype}: {program};"
    judge(step, *[array.astype(dtype) for array in arrays], told=told)


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
