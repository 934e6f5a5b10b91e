"""What is computed together, in which order, and what may be written over its own input."""

from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.program import Program
from chainrule.graph.interpret import run_flat
from tests.compiler.bounds import misfit, run_with_bounds
from tests.compiler.machine import compiled
from tests.compiler.steps import w1, w2


def kinds(program: Program) -> list[list[list[str]]]:
    """The kinds of groups: of each phase, of each chain of kernels in it."""
    return [
        [[kernel.group.kind for kernel in chain.kernels] for chain in phase.chains]
        for phase in program.schedule.phases
    ]


def test_a_step_of_w1_is_two_phases():
    program = w1().program()
    forward, update = kinds(program)
    assert program.native
    (through,) = (chain for chain in forward if "product" in chain)
    assert through.count("product") == 5, "rows go through forward and backward pass at once"
    assert through.count("rows") == 1, "softmax, loss and slope in one pass"
    assert sum(chain.count("product") for chain in update) == 3, "the weights' slopes"
    assert len(program.schedule.donated) == 18, "weights, biases and both memories of each"


def test_a_step_of_w2_is_two_phases():
    program = w2().program()
    assert program.native
    assert len(program.schedule.phases) == 2
    assert len(program.schedule.donated) == 4


@pytest.mark.parametrize("make", [w1, pytest.param(w2, marks=pytest.mark.slow)])
def test_many_steps_in_place_are_those_of_the_interpreter(make):
    step = make()
    program, leaves = step.program(), step.leaves
    held = step.fresh()
    program.run(held)
    for _ in range(3):
        results, bounds = run_with_bounds(program.graph, leaves)
        for i in range(step.count):
            assert not misfit(held[i], results[i], 2 * bounds[i])
        leaves = [held[i].copy() if i < step.count else leaf for i, leaf in enumerate(leaves)]
        program.run_steps(0, 1)


X = np.random.default_rng(0).standard_normal((40, 33))
Y = np.random.default_rng(1).standard_normal((40, 33))
SQUARE = np.random.default_rng(2).standard_normal((33, 33))
IDS = np.arange(33)[::-1].copy()
LONG = np.random.default_rng(3).standard_normal((40, 500))


def shifted_rows(x, y):
    """The first result is stored a pass earlier than the second reads x again."""
    a = cr.tanh(y)
    return a + x, (a - cr.sum(a, axis=1, keepdims=True)) * x


IN_PLACE: dict[str, tuple[Callable, list, set[int]]] = {
    "one elementwise op": (lambda x: x + 1.0, [X], {0}),
    "rows over themselves": (lambda x: x / cr.sum(cr.tanh(x), axis=1, keepdims=True), [LONG], {0}),
    "numbers of rows": (lambda s, x: cr.sum(x, axis=1) + s, [X[:, 0].copy(), X], {0}),
    "a residual": (lambda x, w: cr.matmul(w, w.T) + x, [SQUARE, SQUARE], {0}),
    "its slope reads it first": (lambda x, w: (x - 1.0, cr.matmul(x, w)), [X, SQUARE], {0}),
}
NOT_IN_PLACE: dict[str, tuple[Callable, list]] = {
    "a transposed argument": (lambda x: x.T + 1.0, [SQUARE]),
    "a reversed argument": (lambda x: x[::-1] + 1.0, [X]),
    "elements chosen by ids": (lambda x, i: x[:, i] * 2.0, [X, IDS]),
    "a factor of a product": (lambda x, w: cr.matmul(x, w), [X, SQUARE]),
    "read again in a later pass": (shifted_rows, [X, Y]),
    "read again in a later pass of long rows": (shifted_rows, [LONG, LONG * 2.0]),
    "each in the other's place": (lambda x, y: (y[::-1] + 1.0, x[::-1] * 2.0), [X, Y]),
    "read by a column's sum": (lambda x: x * 2.0 - cr.sum(x * 2.0, axis=0), [X]),
}


def run_in_place(function: Callable, args: list) -> Program:
    """Run a program that would write its results over its arguments, and judge the results."""
    graph = cr.trace(function)(*args)
    outputs = min(len(graph.outputs), len(args))
    program = Program(graph, donated={i: i for i in range(outputs)})
    wanted = run_flat(graph, args)
    for threads in (1, 2):
        for got, want in zip(program.run([a.copy() for a in args], threads), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    return program


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_may_be_is_written_in_place(name):
    function, args, places = IN_PLACE[name]
    program = run_in_place(function, args)
    inputs = program.graph.inputs
    assert {inputs.index(place) for place in program.schedule.donated.values()} == places


@pytest.mark.parametrize("name", NOT_IN_PLACE)
def test_what_must_not_be_is_not(name):
    run_in_place(*NOT_IN_PLACE[name])


def orders(x, y):
    """Each group needs the one before; in another order some would read what is not yet there."""
    a = cr.cumsum(cr.tanh(x), axis=0)
    b = cr.matmul(a, y)
    c = cr.sum(b, axis=0) + cr.argsort(b, axis=0)[0]
    return cr.matmul(c * b, y) + cr.sum(a)


def test_groups_run_in_the_order_of_what_they_need():
    args = (X[:33], SQUARE)
    program = compiled(orders).program(*args)
    done: set = set(program.graph.inputs)
    for phase in program.schedule.phases:
        groups = [kernel.group for chain in phase.chains for kernel in chain.kernels]
        for group in (*groups, *phase.calls):
            assert all(root in done or root.is_constant for root in program.fusion.needs(group)), (
                f"{group.kind} reads what is not there yet"
            )
            done.update(group.stored)
    np.testing.assert_allclose(compiled(orders)(*args), orders(*args), rtol=1e-10)


def test_a_product_of_a_matrix_with_itself_waits_for_all_of_it():
    x = np.random.default_rng(4).standard_normal((200, 200)).astype(np.float32)
    function = compiled(lambda x: cr.matmul(cr.tanh(x), cr.tanh(x)), threads=2)
    assert len(function.program(x).schedule.phases) == 2
    np.testing.assert_allclose(function(x), np.tanh(x) @ np.tanh(x), rtol=1e-3, atol=1e-4)
