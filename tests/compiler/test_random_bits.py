"""Random numbers as machine code: word for word those of chainrule.random and of NumPy's Philox."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError
from chainrule.ops import random

pytest.importorskip("llvmlite")

KEYS = [random.fold_in(cr.random.key(seed), 3) for seed in (0, 7, 2**64 - 1)]
SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (4,), (7,), (8,), (9,), (3, 5), (40, 33)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_uniform_numbers(shape: tuple[int, ...], dtype: str) -> None:
    compiled = cr.compile(lambda key: random.uniform(key, shape=shape, dtype=dtype))
    for key in KEYS:
        made = compiled(key)
        assert made.dtype == dtype
        assert np.array_equal(made, cr.random.uniform(key, shape, dtype))
    assert compiled.program(KEYS[0]).native


def test_numpy_makes_the_same_words() -> None:
    compiled = cr.compile(lambda key: random.uniform(key, shape=(101,), dtype="float64"))
    for key in KEYS:
        words = np.random.Philox(key=key).random_raw(101)
        assert np.array_equal(compiled(key), (words >> np.uint64(11)) * 2.0**-53)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_draw_the_same_numbers(threads: int) -> None:
    compiled = cr.compile(lambda key: random.uniform(key, shape=(501, 63)), threads=threads)
    assert np.array_equal(compiled(KEYS[1]), cr.random.uniform(KEYS[1], (501, 63)))


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "uint64", "a Python number"])
def test_keys_of_numbers(kind: str) -> None:
    compiled = cr.compile(lambda key, number: random.fold_in(random.fold_in(key, number), 12))
    for number in (0, 1, 250, 2**40, 2**63 + 9):
        plain: Any = number
        if kind != "a Python number":
            if number > np.iinfo(kind).max:
                continue
            plain = np.array(number, kind)
        elif number >= 2**63:
            continue
        expected = random.fold_in(random.fold_in(KEYS[0], plain), 12)
        assert np.array_equal(compiled(KEYS[0], plain), expected)
        assert compiled.program(KEYS[0], plain).native


def test_a_number_below_zero_is_refused_in_the_same_words() -> None:
    compiled = cr.compile(lambda key, number: random.fold_in(key, number))
    assert np.array_equal(compiled(KEYS[0], 4), random.fold_in(KEYS[0], 4))
    with pytest.raises(OptionError, match=r"number from 0 to 2\*\*64 - 1, got -1"):
        compiled(KEYS[0], -1)
    assert np.array_equal(compiled(KEYS[0], 4), random.fold_in(KEYS[0], 4))


def test_a_key_that_is_part_of_an_array() -> None:
    keys = cr.random.split(KEYS[0], 5)
    compiled = cr.compile(lambda keys: [random.uniform(keys[k], shape=(9,)) for k in (1, 4)])
    for made, k in zip(compiled(keys), (1, 4), strict=True):
        assert np.array_equal(made, cr.random.uniform(keys[k], (9,)))


def test_masks_of_dropout() -> None:
    layer = nn.Dropout(0.3)

    def dropped(x: Any, key: Any) -> Any:
        with nn.keyed(layer, key):
            return layer(x)

    x = np.random.default_rng(0).normal(size=(20, 33)).astype(np.float32)
    compiled = cr.compile(dropped)
    assert np.array_equal(compiled(x, KEYS[2]), dropped(x, KEYS[2]))
    assert compiled.program(x, KEYS[2]).native
    assert "draw" in str(compiled.explain(x, KEYS[2]))
