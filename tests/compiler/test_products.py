"""Matrix products: each size at the edges of a tile, each layout, scheme and epilogue."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import tiles
from tests.compiler.machine import compiled, judge, same_bits

SIZES = (1, 2, 15, 16, 17, 31, 33, 97)
STACKS = (((), ()), ((), ()), ((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((2, 1), (1, 3)))
"""What stands before the matrices of x and of y; most often nothing."""

Layout = tuple[Callable, Callable]
"""How a matrix is kept in memory, and how it is read from there as it was."""
LAYOUTS: dict[str, Layout] = {
    "plain": (lambda a: a, lambda a: a),
    "transposed": (lambda a: np.swapaxes(a, -1, -2), lambda a: cr.swapaxes(a, -1, -2)),
    "every second row": (lambda a: np.repeat(a, 2, axis=-2), lambda a: a[..., ::2, :]),
    "every second column": (lambda a: np.repeat(a, 2, axis=-1), lambda a: a[..., ::2]),
    "backwards": (lambda a: a[..., ::-1, ::-1], lambda a: a[..., ::-1, ::-1]),
    "within a frame": (
        lambda a: np.pad(a, [(0, 0)] * (a.ndim - 2) + [(1, 2), (3, 1)]),
        lambda a: a[..., 1:-2, 3:-1],
    ),
}
EPILOGUES: dict[str, Callable] = {
    "nothing": lambda p, bias, other: p,
    "a bias": lambda p, bias, other: p + bias,
    "bias and relu": lambda p, bias, other: cr.relu(p + bias),
    "a mask": lambda p, bias, other: p * (other > 0),
    "a residual": lambda p, bias, other: cr.tanh(p) + other,
    "kept and squared": lambda p, bias, other: (p, cr.square(p)),
    "a softmax": lambda p, bias, other: cr.softmax(p + bias),
}
SCHEMES: dict[str, Callable[[tiles.Tile], bool]] = {
    "outer": lambda tile: tile.scheme == "outer" and not tile.pack,
    "outer, packed": lambda tile: tile.scheme == "outer" and tile.pack,
    "dot": lambda tile: tile.scheme == "dot",
}


@pytest.fixture
def only(monkeypatch):
    """Lets products choose among tiles of one scheme, where one is possible."""

    def restrict(scheme: str) -> None:
        def choose(problem: tiles.Problem, target: Any) -> tiles.Tile:
            options = tiles.possible(problem, target)
            fit = [tile for tile in options if SCHEMES[scheme](tile)] or options
            return min(fit, key=lambda tile: tile.cycles)

        monkeypatch.setattr(tiles, "choose", choose)

    return restrict


class Product:
    """A product of matrices in layouts, with an epilogue, as a function and its arguments."""

    def __init__(self, m: int, n: int, k: int, random: np.random.Generator, dtype: str):
        def drawn(*shape: int) -> np.ndarray:
            return random.uniform(-1.0, 1.0, shape).astype(dtype)

        def one_of(table: Any) -> Any:
            return list(table)[random.integers(len(table))]

        x_stack, y_stack = one_of(STACKS)
        self.names = one_of(LAYOUTS), one_of(LAYOUTS), one_of(EPILOGUES)
        self.told = f"{x_stack}({m}, {k}) {y_stack}({k}, {n}) {dtype} {', '.join(self.names)}"
        stack = np.broadcast_shapes(x_stack, y_stack)
        x, y = drawn(*x_stack, m, k), drawn(*y_stack, k, n)
        kept = [LAYOUTS[name][0](a) for name, a in zip(self.names, (x, y), strict=False)]
        self.args = [np.ascontiguousarray(a) for a in kept]
        self.args += [drawn(n), drawn(*stack, m, n)]

    def __call__(self, x: Any, y: Any, bias: Any, other: Any) -> Any:
        read_x, read_y = (LAYOUTS[name][1] for name in self.names[:2])
        return EPILOGUES[self.names[2]](cr.matmul(read_x(x), read_y(y)), bias, other)


def products(sizes: list[tuple[int, int, int]], seed: int) -> list[Product]:
    random = np.random.default_rng(seed)
    dtypes = ("float32", "float32", "float64")
    return [Product(*size, random, dtypes[random.integers(3)]) for size in sizes]


def judge_all(made: list[Product], **options: Any) -> None:
    def all_of_them(*lists: list) -> list:
        return [product(*args) for product, args in zip(made, lists, strict=True)]

    told = "; ".join(f"{i}: {product.told}" for i, product in enumerate(made))
    judge(all_of_them, *[product.args for product in made], told=told, **options)


ALL = [(m, n, k) for m in SIZES for n in SIZES for k in SIZES]
TOGETHER = 8


@pytest.mark.parametrize("scheme", SCHEMES)
def test_products(scheme, only):
    only(scheme)
    random = np.random.default_rng(0)
    judge_all(products([ALL[i] for i in random.integers(len(ALL), size=TOGETHER)], 0))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(ALL), 2 * TOGETHER))
def test_products_of_all_sizes(start, only):
    """Every second of them, each size with each other."""
    only(list(SCHEMES)[start // TOGETHER % len(SCHEMES)])
    judge_all(products(ALL[start + start // 16 % 2 : start + 2 * TOGETHER : 2], start))


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [("outer", (97, 33, 300)), ("outer, packed", (8, 500, 30)), ("dot", (700, 10, 40))],
)
def test_a_divided_product_has_the_same_bits(scheme, shape, only):
    only(scheme)
    (product,) = products([shape], 7)
    program = judge(product, *product.args, told=product.told)
    values = [np.ascontiguousarray(arg) for arg in product.args]
    want = program.run(values)
    assert all(same_bits(program.run(values, threads), want) for threads in (2, 3))


@pytest.mark.parametrize("scheme", ["outer, packed", "dot"])
def test_integers_and_bools_multiply_exactly(scheme, only):
    only(scheme)
    random = np.random.default_rng(5)
    for dtype in (np.int64, np.uint8, np.bool_):
        x = random.integers(0, 3, (5, 19)).astype(dtype)
        y = random.integers(0, 3, (3, 19)).astype(dtype)
        judge(lambda x, y: cr.matmul(x, y.T), x, y, told=dtype)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_and_infinity_times_something(scheme, only):
    only(scheme)
    x, y = np.ones((5, 19), np.float32), np.ones((19, 7), np.float32)
    x[0, 3], x[1, 4], x[2, 5], y[5, 2] = np.inf, -np.inf, np.nan, 0.0
    judge(cr.matmul, x, y)
    judge(lambda x, y: cr.matmul(x, cr.swapaxes(y, 0, 1)), x, np.ascontiguousarray(y.T))


LONG = ((33, 17, 3001), (7, 70, 4999), (65, 31, 3584))
"""Sums of so many terms that y is gone through part by part, to stay in the second cache."""
TRANSPOSED = tuple(itertools.product((False, True), repeat=2))


def turned(array: np.ndarray, around: bool) -> np.ndarray:
    return np.ascontiguousarray(array.T) if around else array


@pytest.mark.parametrize(
    ("shape", "scheme"),
    [
        pytest.param(shape, scheme, marks=() if shape is LONG[0] else pytest.mark.slow)
        for shape in LONG
        for scheme in SCHEMES
    ],
)
def test_long_sums(shape, scheme, only, monkeypatch):
    """Beside sums in float64, within the bound of their length."""
    only(scheme)
    depths, chosen = set(), tiles.choose

    def noted(problem: tiles.Problem, target: Any) -> tiles.Tile:
        tile = chosen(problem, target)
        depths.add((tile.scheme, tile.depth < problem.k))
        return tile

    monkeypatch.setattr(tiles, "choose", noted)
    m, n, k = shape
    random = np.random.default_rng(k)
    x, y = (random.uniform(-1.0, 1.0, size).astype("float32") for size in ((m, k), (k, n)))
    pairs = [(turned(x, a), turned(y, b)) for a, b in TRANSPOSED]

    def all_of_them(*pairs: tuple) -> list:
        read = [
            (cr.transpose(x) if a else x, cr.transpose(y) if b else y)
            for (x, y), (a, b) in zip(pairs, TRANSPOSED, strict=True)
        ]
        return [cr.relu(cr.matmul(x, y) + 1.0) for x, y in read]

    true = np.maximum(x.astype(float) @ y + 1.0, 0.0)
    share = (k + 2) * np.finfo("float32").eps / 2
    bound = share / (1 - share) * (np.abs(x).astype(float) @ np.abs(y) + 1.0)
    for got, way in zip(compiled(all_of_them)(*pairs), TRANSPOSED, strict=True):
        assert (np.abs(got - true) <= bound).all(), f"transposed: {way}"
        # The worst case is never met: random sums, and their errors, grow with the square root.
        assert np.abs(got - true).max() <= k * np.finfo("float32").eps
    assert ("outer", True) in depths or scheme == "dot"
