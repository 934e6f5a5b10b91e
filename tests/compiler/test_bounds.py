"""The bounds by which compiled results are judged: they hold, and they are not far too wide."""

import numpy as np
import pytest

import chainrule as cr
from tests.compiler.bounds import misfit, run_with_bounds
from tests.programs import random_program


def bounded(function, *args):
    results, bounds = run_with_bounds(cr.trace(function)(*args), list(args))
    return results[0], bounds[0]


@pytest.mark.parametrize("depth", [1, 16, 97, 1000])
def test_a_product_is_within_the_bound_of_its_depth(depth):
    random = np.random.default_rng(depth)
    x, y = (random.standard_normal(shape).astype("f4") for shape in ((5, depth), (depth, 7)))
    result, bound = bounded(cr.matmul, x, y)
    true = x.astype(float) @ y.astype(float)
    share = (depth + 2) * np.finfo("f4").eps / 2
    assert (np.abs(result - true) <= bound).all()
    assert (bound <= 1.01 * share * (np.abs(x).astype(float) @ np.abs(y)) + 1e-12).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_bounds_of_float32_hold_against_float64(seed):
    program, arrays = random_program(seed, 16)
    single = [array.astype("f4") for array in arrays]
    result, bound = bounded(program, *single)
    true = program(*[array.astype(float) for array in single])
    assert abs(result - true) <= bound < 0.1 * max(1.0, abs(true))


def test_what_is_off_by_more_than_a_bound_is_told():
    want, bound = np.array([1.0, 2.0, np.nan, np.inf]), np.full(4, 1e-6)
    assert not misfit(want + np.array([1e-7, -9e-7, 0.0, 0.0]), want, bound)
    assert "at (1,): " in misfit(want + np.array([0.0, 2e-6, 0.0, 0.0]), want, bound)
    assert "at (2,): " in misfit(np.array([1.0, 2.0, 3.0, np.inf]), want, bound)
    assert "at (3,): " in misfit(np.array([1.0, 2.0, np.nan, -np.inf]), want, bound)
    assert "float32" in misfit(want.astype("f4"), want, bound)
    assert misfit(np.array([1, 2]), np.array([1, 3]), np.zeros(2))
