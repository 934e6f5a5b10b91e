"""Compiled convolutions and their derivatives: each kind, each tile, other layouts and threads."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import geometry
from chainrule.compiler.lowered import spaced
from chainrule.compiler.target import host
from tests.compiler.machine import compiled, judge, same_bits


class Convolution(NamedTuple):
    """The shapes of a sample and of a weight, and the options of a convolution."""

    sample: tuple[int, ...]
    weight: tuple[int, ...]
    options: Mapping[str, Any] = MappingProxyType({})

    def arrays(self, batch: int, dtype: str, seed: int = 0) -> list[np.ndarray]:
        """Pictures, weight, and a slope of the shape of the result."""
        random = np.random.default_rng(seed)

        def drawn(shape: tuple[int, ...]) -> np.ndarray:
            return random.uniform(-1.0, 1.0, shape).astype(dtype)

        x, weight = drawn((batch, *self.sample)), drawn(self.weight)
        return [x, weight, drawn(cr.conv(x, weight, **self.options).shape)]

    def __call__(self, x: Any, weight: Any, slope: Any) -> tuple:
        """The convolution, and what a slope becomes on its way back to both arguments."""
        out, pull = cr.vjp(lambda x, weight: cr.conv(x, weight, **self.options), x, weight)
        return out, *pull(slope)


CONVOLUTIONS: dict[str, Convolution] = {
    "padded": Convolution((3, 6, 7), (5, 3, 3, 3), {"padding": 1}),
    "not padded": Convolution((2, 7, 5), (7, 2, 4, 2)),
    "padded on one side": Convolution((2, 4, 4), (3, 2, 2, 3), {"padding": ((1, 0), (0, 2))}),
    "one place": Convolution((7, 3, 4), (5, 7, 1, 1)),
    "as large as the picture": Convolution((2, 4, 5), (3, 2, 4, 5)),
    "larger than the picture": Convolution((2, 3, 2), (3, 2, 5, 5), {"padding": 2}),
    "in groups": Convolution((6, 5, 4), (9, 2, 3, 3), {"groups": 3, "padding": 1}),
    "channel by channel": Convolution((7, 5, 5), (7, 1, 3, 3), {"groups": 7, "padding": 1}),
    "several of each channel": Convolution((3, 5, 4), (6, 1, 3, 2), {"groups": 3}),
    "stride": Convolution((3, 9, 8), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
    "a stride larger than the kernel": Convolution((3, 8, 11), (4, 3, 2, 2), {"stride": 3}),
    "every second place": Convolution((3, 6, 7), (4, 3, 1, 1), {"stride": 2}),
    "dilation": Convolution((3, 8, 9), (4, 3, 3, 3), {"dilation": (2, 3), "padding": (2, 1)}),
    "stride and dilation": Convolution(
        (2, 9, 9), (3, 2, 2, 3), {"stride": (2, 3), "dilation": (3, 2), "padding": (3, 4)}
    ),
    "one axis": Convolution((3, 11), (4, 3, 3), {"padding": 1}),
    "a long kernel": Convolution((1, 40), (3, 1, 17), {"padding": 5}),
    "three axes": Convolution((2, 3, 4, 3), (3, 2, 2, 3, 2), {"padding": (0, 1, 1)}),
    "totals in several parts": Convolution((40, 5, 5), (9, 40, 5, 5), {"padding": 2}),
}
BATCHES = (1, 16, 17, 35)


DTYPES = ("float32", "float64")


@pytest.mark.parametrize("name", list(CONVOLUTIONS)[::2])
def test_convolutions(name):
    case = CONVOLUTIONS[name]
    judge(case, *case.arrays(17, "float32"), told=name)


@pytest.mark.slow
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_of_any_batch(name, batch):
    case = CONVOLUTIONS[name]
    dtype = DTYPES[(batch + list(CONVOLUTIONS).index(name)) % 2]
    judge(case, *case.arrays(batch, dtype), told=f"{name}, {batch} samples, {dtype}")


class Numbered:
    """Takes the tile of a number, of all that a convolution can be made of, and notes which."""

    def __init__(self, number: int):
        self.number = number
        self.counts: set[int] = set()
        self.taken: set[tuple] = set()

    def __call__(self, options: list) -> Any:
        self.counts.add(len(options))
        tile = options[self.number % len(options)]
        self.taken.add(tuple(tile)[:-1])
        return tile


TILED: dict[str, tuple[Convolution, int, str]] = {
    "rows of samples": (Convolution((4, 3, 7), (5, 4, 2, 3), {"padding": 1}), 19, "float32"),
    "place by place": (Convolution((3, 5, 5), (5, 3, 3, 2), {"stride": 2}), 35, "float64"),
    "groups": (Convolution((4, 3, 6), (6, 2, 3, 3), {"groups": 2, "padding": 1}), 17, "float32"),
    "one sample": (Convolution((3, 7, 37), (4, 3, 3, 3), {"padding": 1}), 1, "float32"),
}


def judge_tile(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> Numbered:
    case, batch, dtype = TILED[name]
    taker = Numbered(number)
    monkeypatch.setattr(geometry, "cheapest", taker)
    judge(case, *case.arrays(batch, dtype), told=f"{name}: {sorted(taker.taken)}")
    return taker


@pytest.mark.parametrize("name", TILED)
def test_other_tiles(name, monkeypatch):
    for number in (0, 23):
        judge_tile(name, number, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", TILED)
def test_every_tile(name, monkeypatch):
    """Rows times columns of both ways, and rows times channels times taps of the weight's.

    All of them for rows of samples, which is the way of most nets, and every third of the others.
    """
    taken: set[tuple] = set()
    number = most = 0
    while number <= most:
        taker = judge_tile(name, number, monkeypatch)
        taken |= taker.taken
        most = max(taker.counts) - 1
        number += 1 if name == "rows of samples" else 3
    # How many there are depends on the registers of this processor.
    assert len(taken) > most / 3 > 1


def test_a_tile_is_the_cheapest_that_fits_the_registers(monkeypatch):
    seen: list[tuple[list, Any]] = []
    cheapest = geometry.cheapest

    def noted(options: list) -> Any:
        seen.append((options, cheapest(options)))
        return seen[-1][1]

    monkeypatch.setattr(geometry, "cheapest", noted)
    case = CONVOLUTIONS["padded"]
    compiled(case).program(*case.arrays(64, "float32"))
    registers = host().registers
    for options, tile in seen:
        assert tile.cycles == min(option.cycles for option in options)
        for option in options:
            if isinstance(option, geometry.WeightTile):
                held = option.rows * (option.channels * option.taps + 1) + 1
            else:
                held = (option.rows + 1) * option.columns + 1
            assert held <= registers


def pixels(x: Any) -> Any:
    """What reads bytes, and makes floats of them."""
    return cr.cast(cr.cast(cr.absolute(x) * 200, dtype="uint8"), dtype="float32") / 255


LAYOUTS: dict[str, Callable] = {
    "channels last": lambda x, w, g: (cr.transpose(x, (0, 3, 1, 2)), w, g),
    "weights transposed": lambda x, w, g: (x, cr.swapaxes(w, 0, 1), g),
    "weights backwards": lambda x, w, g: (x, w[:, :, ::-1, ::-1], g),
    "some channels": lambda x, w, g: (x[:, 1::2], w[1:], g),
    "every second row": lambda x, w, g: (x[:, :, ::2], w, g[:, :, ::-1]),
    "one picture for all": lambda x, w, g: (cr.broadcast_to(x[:1], (17, 3, 6, 5)), w, g),
    "one number for all": lambda x, w, g: (x, cr.broadcast_to(w[:1, :1, :1, :1], (4, 3, 3, 3)), g),
    "times one": lambda x, w, g: (cr.transpose(x, (0, 3, 1, 2)) * 1.0, w, g),
    "rows as channels": lambda x, w, g: (cr.reshape(cr.tanh(x)[:, ::2], (17, 3, 6, 5)), w, g),
    "bytes": lambda x, w, g: (pixels(x), w, g),
}
ARGUMENTS = {
    "channels last": ((17, 6, 5, 3), (4, 3, 3, 3)),
    "times one": ((17, 6, 5, 3), (4, 3, 3, 3)),
    "rows as channels": ((17, 6, 30), (4, 3, 3, 3)),
    "weights transposed": ((17, 3, 6, 5), (3, 4, 3, 3)),
    "some channels": ((17, 6, 6, 5), (5, 3, 3, 3)),
    "every second row": ((17, 3, 12, 5), (4, 3, 3, 3)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arguments_may_be_read_in_any_way(layout):
    shapes = *ARGUMENTS.get(layout, ((17, 3, 6, 5), (4, 3, 3, 3))), (17, 4, 6, 5)
    random = np.random.default_rng(0)
    args = [random.uniform(-1.0, 1.0, shape).astype("float32") for shape in shapes]
    case = Convolution((3, 6, 5), (4, 3, 3, 3), {"padding": 1})
    judge(lambda *args: case(*LAYOUTS[layout](*args)), *args, told=layout)


EPILOGUES: dict[str, Callable] = {
    "a bias": lambda out, bias, other: out + bias,
    "bias and relu": lambda out, bias, other: cr.relu(out + bias),
    "a mask": lambda out, bias, other: out * (out > bias),
    "a residual": lambda out, bias, other: cr.tanh(out + bias) + other,
    "kept and squared": lambda out, bias, other: (out, cr.square(out)),
    "numbers of a sample": lambda out, bias, other: out * cr.mean(other, (1, 2, 3), keepdims=True),
    "a sum over samples": lambda out, bias, other: cr.sum(cr.square(out + bias), axis=0),
    "largest of windows": lambda out, bias, other: cr.max_pool(cr.relu(out + bias), 2),
}


@pytest.mark.parametrize("name", EPILOGUES)
def test_what_follows_is_computed_with_it(name):
    random = np.random.default_rng(1)
    shapes = (17, 3, 6, 7), (5, 3, 3, 3), (5, 1, 1), (17, 5, 6, 7)
    args = [random.uniform(-1.0, 1.0, shape).astype("float32") for shape in shapes]

    def function(x: Any, weight: Any, bias: Any, other: Any) -> Any:
        return EPILOGUES[name](cr.conv(x, weight, padding=1), bias, other)

    program = judge(function, *args, told=name)
    (group,) = (group for group in program.fusion.groups if group.kind == "convolution")
    if name in ("bias and relu", "a mask", "a residual"):
        assert len(group.roles) > 2, "the sums are still in registers"
        assert len(group.stored) == 1


def test_a_scaled_weight_slope_is_computed_with_it():
    case = CONVOLUTIONS["padded"]
    x, weight, slope = case.arrays(33, "float32")

    def updated(x: Any, weight: Any, slope: Any) -> Any:
        return weight - 0.1 * case(x, weight, slope)[2]

    program = judge(updated, x, weight, slope)
    (group,) = (group for group in program.fusion.groups if group.kind == "slope")
    assert [node.op.name for node in group.stored] == ["subtract"]


def chained(x: Any, w: Any, v: Any) -> Any:
    """Its planes of 8 x 8 places with 16 samples are whole pages, which are put further apart."""
    y = cr.relu(cr.conv(x, w, padding=1))
    y = cr.relu(cr.conv(y, v, padding=1) + y)
    return cr.max_pool(cr.conv(y, v, padding=1), 2)


def paged(dtype: str) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    batch = 4096 // (64 * np.dtype(dtype).itemsize)
    shapes = (batch, 3, 8, 8), (5, 3, 3, 3), (5, 5, 3, 3)
    return [random.uniform(-1.0, 1.0, shape).astype(dtype) for shape in shapes]


def paged_step(x: Any, w: Any, v: Any) -> tuple:
    out, pull = cr.vjp(chained, x, w, v)
    return out, *pull(cr.cos(out))


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_planes_of_whole_pages_are_put_apart(dtype):
    args = paged(dtype)
    program = compiled(paged_step).program(*args)
    pitches = spaced(program.graph)
    assert {node.aval.shape[1:3] for node in pitches} == {(8, 8)}
    assert all(pitch * args[0].itemsize % 4096 for pitch in pitches.values())
    assert program.native
    for got, want in zip(compiled(paged_step)(*args), paged_step(*args), strict=True):
        near = 1e-10 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(got, want, near, near * float(np.abs(want).max()))


SEVERAL = ("padded", "totals in several parts")


@pytest.mark.parametrize(
    "name", ["in groups", *(pytest.param(n, marks=pytest.mark.slow) for n in SEVERAL)]
)
def test_a_divided_convolution_has_the_same_bits(name):
    case = CONVOLUTIONS[name]
    args = case.arrays(35, "float32")
    alone, shared = (compiled(case, threads=threads).program(*args) for threads in (1, 2))
    assert max(kernel.tasks for kernel in shared.schedule.kernels) > 1
    want = alone.run(args)
    assert all(same_bits(shared.run(args, threads), want) for threads in (1, 2, 3, 4))


def test_nothing_and_infinity_times_something():
    x, weight = np.ones((17, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    x[0, 0, 1, 1], x[1, 1, 2, 2], x[2, 0, 0, 0], weight[1, 0, 1, 1] = np.inf, -np.inf, np.nan, 0.0
    judge(Convolution((2, 5, 5), (3, 2, 3, 3)), x, weight, np.ones((17, 3, 3, 3), np.float32))


def test_padding_is_not_multiplied():
    """An infinite weight over the border is not NaN there, as 0 times infinity would be."""
    x, weight = np.ones((16, 1, 3, 3), np.float32), np.zeros((1, 1, 3, 3), np.float32)
    weight[0, 0, 0, 0] = np.inf
    out = compiled(lambda x, weight: cr.conv(x, weight, padding=1))(x, weight)
    assert not np.isnan(out[:, :, 0]).any()
    assert np.isinf(out[:, :, 1:, 1:]).all()
