"""The memory of a program: planned ahead, near the least possible, never allocated in a step."""

import itertools
import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.program import Program
from tests.compiler.machine import compiled
from tests.compiler.steps import STEPS
from tests.programs import random_program

SLACK = 1.3
"""A plan may take so much more than what is alive at once."""


def overlaps(program: Program) -> list[tuple]:
    """Buffers that share memory while both are needed; there must be none."""
    lives: dict = {}
    for group, when in program.schedule.when.items():
        for root in (*group.stored, *program.fusion.needs(group)):
            if root in program.plan.offsets:
                lives.setdefault(root, []).append(when)
    found = []
    for one, other in itertools.combinations(lives, 2):
        at_once = min(lives[one]) <= max(lives[other]) and min(lives[other]) <= max(lives[one])
        first, second = (program.plan.offsets[root] for root in (one, other))
        apart = (
            first + program.buffers[one].nbytes <= second
            or second + program.buffers[other].nbytes <= first
        )
        if at_once and not apart:
            found.append((one, other))
    return found


@pytest.mark.parametrize(
    "name", ["W1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("W2", "deep"))]
)
def test_a_step_takes_little_more_than_is_alive_at_once(name):
    program = STEPS[name]().program()
    assert program.plan.size <= SLACK * program.plan.least
    assert not overlaps(program)


@pytest.mark.parametrize("seed", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_so_does_a_random_program(seed):
    function, arrays = random_program(seed, 33)
    program = compiled(cr.value_and_grad(function)).program(*arrays)
    assert program.plan.size <= SLACK * program.plan.least
    assert not overlaps(program)


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_allocate_nothing(threads):
    step = STEPS["W1"]()
    program = step.program()
    program.run(step.fresh(), threads)
    before = {node: buffer.ctypes.data for node, buffer in program.buffers.items()}
    table = program.table.copy()
    program.run_steps(0, 3, threads)
    tracemalloc.start()
    try:
        program.run_steps(0, 10, threads)
        few = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        program.run_steps(0, 200, threads)
        many = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    smallest = min(leaf.nbytes for leaf in step.leaves[: step.count])
    assert many - few < smallest + 4096, "memory grows with the number of steps"
    assert {node: buffer.ctypes.data for node, buffer in program.buffers.items()} == before
    assert (program.table == table).all()


def test_a_result_is_not_the_memory_of_the_next_one():
    square = compiled(lambda x: (x * x, x + 1.0))
    first = square(np.array([1.0, 2.0]))
    square(np.array([3.0, 4.0]))
    assert (first[0] == [1.0, 4.0]).all()
    assert (first[1] == [2.0, 3.0]).all()


def test_arguments_are_not_written_to():
    x = np.arange(6.0).reshape(2, 3)
    x.flags.writeable = False
    made = compiled(lambda x: cr.index_set(x * 2.0, 0, 5.0))(x)
    assert (x == np.arange(6.0).reshape(2, 3)).all()
    assert (made == [[5.0, 5.0, 5.0], [6.0, 8.0, 10.0]]).all()
