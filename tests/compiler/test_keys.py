"""Under which key machine code is kept: all that it depends on, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import compiler

pytest.importorskip("llvmlite")

FIRST, SECOND = np.arange(5.0), np.arange(5.0) ** 2


def kept(folder: Path) -> int:
    return len(list(folder.iterdir()))


def test_a_constant_that_stands_twice_is_not_two_constants(tmp_path: Path) -> None:
    cache = compiler.ObjectCache(tmp_path)
    x = np.linspace(1.0, 2.0, 5)
    for first, second in ((FIRST, SECOND), (FIRST, FIRST), (SECOND, FIRST)):
        made = cr.compile(lambda x, a=first, b=second: x * a + b, cache=cache)(x)
        np.testing.assert_allclose(made, x * first + second, rtol=1e-15)


def test_the_line_and_the_names_of_a_function_do_not_count(tmp_path: Path) -> None:
    cache = compiler.ObjectCache(tmp_path)
    x = np.linspace(1.0, 2.0, 5)

    def one(x):
        return cr.exp(x) * 2.0

    def other(another):
        made = cr.exp(another)
        return made * 2.0

    assert np.array_equal(cr.compile(one, cache=cache)(x), cr.compile(other, cache=cache)(x))
    assert kept(tmp_path) == 1
    cr.compile(lambda x: cr.exp(x) * 3.0, cache=cache)(x)
    assert kept(tmp_path) == 2


def test_options_count_to_their_last_element(tmp_path: Path) -> None:
    cache = compiler.ObjectCache(tmp_path)
    x = np.arange(5000.0)
    ids = np.arange(4000)
    moved = ids.copy()
    moved[2000] = 7
    for chosen in (ids, moved):
        made = cr.compile(lambda x, chosen=chosen: x[chosen] + 1.0, cache=cache)(x)
        assert np.array_equal(made, x[chosen] + 1.0)


def test_weak_numbers_and_shapes_count(tmp_path: Path) -> None:
    cache = compiler.ObjectCache(tmp_path)
    x = np.ones(3, np.float32)
    assert cr.compile(lambda x: x * 0.1, cache=cache)(x).dtype == np.float32
    assert cr.compile(lambda x: x * np.float64(0.1), cache=cache)(x).dtype == np.float64
    assert kept(tmp_path) == 2
