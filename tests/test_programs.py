"""Random programs through all modes: they agree with each other, and traced = eager to the bit."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.grad.symbolic import symbolic_gradient
from tests.programs import random_program

QUICK, ALL, BLOCK = 200, 2000, 100
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
"""A longer step is more exact, unless it crosses a kink of relu, a maximum or an absolute value."""
EXACT, NUMERIC, SECOND = 1e-10, 1e-6, 1e-5


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max()) / max(float(np.abs(expected).max()), 1.0)


def along(arrays: list, directions: list, step: float) -> list:
    return [array + step * d for array, d in zip(arrays, directions, strict=True)]


def slope(function, arrays: list, directions: list, step: float) -> np.ndarray:
    """A central difference with the leading error removed (Richardson)."""

    def central(h: float) -> np.ndarray:
        high, low = function(along(arrays, directions, h)), function(along(arrays, directions, -h))
        return (high - low) / (2 * h)

    return (4 * central(step / 2) - central(step)) / 3


def check(seed: int) -> None:
    program, arrays = random_program(seed)
    rng = np.random.default_rng(seed + 1_000_000)
    directions = [rng.normal(size=array.shape) for array in arrays]
    numbers = tuple(range(len(arrays)))
    gradient_of = cr.grad(program, argnums=numbers)
    value, reverse = cr.value_and_grad(program, argnums=numbers)(*arrays)
    expected = sum(float((g * d).sum()) for g, d in zip(reverse, directions, strict=True))
    told = f"seed {seed}: {program}"

    same_value, forward = cr.jvp(program, tuple(arrays), tuple(directions))
    assert same_value == value, told
    assert abs(forward - expected) <= EXACT * max(1.0, abs(expected)), f"forward, {told}"

    symbolic = symbolic_gradient(program, *arrays, argnums=numbers)
    for one, other in zip(symbolic, reverse, strict=True):
        assert relative(np.asarray(one), other) <= EXACT, f"symbolic, {told}"

    values = [slope(lambda xs: np.asarray(program(*xs)), arrays, directions, h) for h in STEPS]
    assert min(relative(v, np.asarray(expected)) for v in values) <= NUMERIC, f"numeric, {told}"

    def flat_gradient(xs: list) -> np.ndarray:
        return np.concatenate([np.ravel(g) for g in gradient_of(*xs)])

    _, curved = cr.jvp(gradient_of, tuple(arrays), tuple(directions))
    second = np.concatenate([np.ravel(c) for c in curved])
    errors = (relative(second, slope(flat_gradient, arrays, directions, h)) for h in STEPS)
    assert any(error <= SECOND for error in errors), f"second order, {told}"
    mixed = cr.grad(
        lambda *xs: sum(
            (cr.sum(g * d) for g, d in zip(gradient_of(*xs), directions, strict=True)), 0.0
        ),
        argnums=numbers,
    )(*arrays)
    twice = np.concatenate([np.ravel(m) for m in mixed])
    assert relative(twice, second) <= EXACT, f"reverse over reverse, {told}"

    for function in (program, gradient_of):
        graph = cr.trace(function)(*arrays)
        eager, interpreted = function(*arrays), cr.interpret(graph, *arrays)
        optimized = cr.interpret(cr.optimize(graph), *arrays)
        for a, b, c in zip(*map(leaves, (eager, interpreted, optimized)), strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), f"traced, {told}"
            assert np.asarray(a).tobytes() == np.asarray(c).tobytes(), f"optimized, {told}"


def leaves(value: object) -> list:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("start", range(0, QUICK, BLOCK))
def test_all_modes_agree(start: int) -> None:
    for seed in range(start, start + BLOCK):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(QUICK, ALL, BLOCK))
def test_all_modes_agree_on_many_more(start: int) -> None:
    for seed in range(start, start + BLOCK):
        check(seed)


def test_programs_are_as_long_as_promised() -> None:
    programs = [random_program(seed)[0] for seed in range(ALL)]
    assert min(len(program.steps) for program in programs) >= 10
    used = {name for program in programs for name, _ in program.steps}
    assert len(used) >= 45
