"""Compiled poolings: ties, NaN, windows that overlap or leave gaps, to second order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.pooling import pick_largest, place_largest
from tests.compiler.machine import compiled, judge, same_bits

POOLINGS: dict[str, tuple[tuple[int, ...], tuple]] = {
    "side by side": ((3, 6, 8), (2,)),
    "a part is left over": ((3, 7, 9), (2,)),
    "overlapping": ((2, 7, 6), (3, 2)),
    "at every place": ((2, 5, 6), (3, 1, 1)),
    "gaps between": ((3, 9, 11), (2, 4)),
    "gaps within": ((2, 9, 9), (2, 4, 0, 3)),
    "gaps that interlock": ((2, 8, 8), (2, 1, 0, 2)),
    "padded": ((2, 5, 5), (2, 2, 1)),
    "as large as the picture": ((3, 4, 3), ((4, 3),)),
    "rows and columns apart": ((2, 7, 9), ((2, 3), (3, 1))),
    "one axis": ((3, 11), (3, 2)),
    "three axes": ((2, 4, 5, 6), (2,)),
}
BATCHES = (1, 15, 17, 64)


def pictures(shape: tuple[int, ...], kind: str, dtype: str = "float64") -> np.ndarray:
    """Numbers in general, of few values so that most windows have ties, or with NaN among them."""
    random = np.random.default_rng(len(shape))
    if kind == "ties":
        return random.integers(0, 3, shape).astype(dtype)
    x = random.standard_normal(shape).astype(dtype)
    if kind == "NaN":
        x[random.random(shape) < 0.1] = np.nan
    return x


def largest(options: tuple) -> Callable:
    """The pooling, and a slope's way back."""

    def function(x: Any) -> tuple:
        out, pull = cr.vjp(lambda x: cr.max_pool(x, *options), x)
        (back,) = pull(cr.cos(cr.where(cr.isnan(out), 0.5, out)))
        return out, back

    return function


@pytest.mark.parametrize("name", POOLINGS)
def test_the_first_of_equals_wins(name):
    sample, options = POOLINGS[name]
    x = pictures((17, *sample), "ties", "float32")
    judge(largest(options), x, told=name)


@pytest.mark.parametrize("name", ["side by side", "overlapping", "padded"])
def test_the_first_of_nothing_wins(name):
    sample, options = POOLINGS[name]
    x = pictures((17, *sample), "NaN", "float32")
    judge(largest(options), x, told=name)


@pytest.mark.slow
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", POOLINGS)
def test_poolings_of_any_batch(name, batch):
    sample, options = POOLINGS[name]
    kind = ("plain", "ties", "NaN")[batch % 3]
    judge(largest(options), pictures((batch, *sample), kind), told=f"{name}, {kind}, {batch}")


def in_order(function: Callable, *args: Any) -> None:
    """Compiled and eager results agree; in float64, where rounding cannot hide what is wrong."""
    for got, want in zip(compiled(function)(*args), function(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["side by side", "overlapping", "gaps within", "three axes"])
def test_numbers_are_picked_where_others_are_largest(name):
    """What the derivatives of derivatives consist of."""
    sample, (size, *rest) = POOLINGS[name]
    stride, _, dilation = (*rest, *(size, 0, 1)[len(rest) :])
    options = {"size": size, "stride": stride, "dilation": dilation}
    axes = len(sample) - 1
    options = {key: (value,) * axes for key, value in options.items()}
    x, by = pictures((17, *sample), "plain"), pictures((17, *sample), "ties")

    def function(x: Any, by: Any) -> tuple:
        picked = pick_largest(cr.tanh(x), by, **options)
        return picked, place_largest(picked, by, **options)

    in_order(function, x, by)


@pytest.mark.parametrize("name", ["side by side", "overlapping"])
def test_second_order(name):
    sample, options = POOLINGS[name]
    x, v = pictures((17, *sample), "plain"), pictures((17, *sample), "ties")

    def slope(x: Any) -> Any:
        return cr.grad(lambda x: cr.sum(cr.tanh(cr.max_pool(cr.square(x), *options))))(x)

    in_order(lambda x, v: cr.jvp(slope, (x,), (v,)), x, v)


@pytest.mark.parametrize("options", [(2,), (3, 2, 1)])
def test_means(options):
    x = pictures((17, 3, 7, 8), "plain")

    def function(x: Any) -> tuple:
        out, pull = cr.vjp(lambda x: cr.avg_pool(x, *options), x)
        return out, *pull(cr.cos(out))

    in_order(function, x)


FOLLOWING: dict[str, Callable] = {
    "a mask": lambda back, x: back * (x > 0),
    "a slope": lambda back, x: back * (1 - cr.square(x)),
    "a scaled sum": lambda back, x: 0.5 * back + x,
    "kept and squared": lambda back, x: (back, cr.square(back)),
}


@pytest.mark.parametrize("options", [(2,), (3, 2)])
@pytest.mark.parametrize("name", FOLLOWING)
def test_what_follows_the_way_back_is_right(name, options):
    """Behind windows that do not overlap it is computed with them."""
    x = pictures((17, 3, 7, 7), "plain")

    def function(x: Any) -> Any:
        y = cr.tanh(cr.conv(x, np.ones((3, 3, 1, 1))))
        out, pull = cr.vjp(lambda y: cr.max_pool(y, *options), y)
        return cr.tree.flatten(FOLLOWING[name](*pull(cr.cos(out)), y))[0]

    in_order(function, x)


def test_what_follows_is_computed_with_windows_that_lie_apart():
    x = pictures((17, 3, 6, 6), "plain", "float32")

    def function(x: Any) -> Any:
        y = cr.square(x)
        out, pull = cr.vjp(lambda y: cr.max_pool(y, 2), y)
        return pull(out)[0] * (x > 0)

    program = judge(function, x)
    (group,) = (group for group in program.fusion.groups if group.kind == "windows")
    assert "multiply" in [node.op.name for node in group.roles]
    assert len(group.stored) == 1


def test_the_same_bits_for_any_number_of_threads():
    x = pictures((64, 8, 12, 12), "ties", "float32")
    alone, shared = (compiled(largest((3, 2)), threads=threads).program(x) for threads in (1, 2))
    want = alone.run([x])
    assert max(kernel.tasks for kernel in shared.schedule.kernels) > 1
    assert all(same_bits(shared.run([x], threads), want) for threads in (1, 2, 3, 4))
