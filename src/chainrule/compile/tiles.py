"""Which tile a matrix product is made of: what fits the registers, at the least cost in cycles.

Two schemes. `outer`: vectors run along the columns of the result; for each k, a row of y times one
element of each row of x. `dot`: vectors run along k, in rows of x and of y's transpose, and their
lanes are added up at the end; it needs no copy of a weight that is stored (out, in).
The cost counts, for a core with two multiply-add and two load units, the cycles that the busier of
the two needs, and the lanes that do nothing at the edges.
"""

import math
from dataclasses import dataclass

from chainrule.compile.groups import Group
from chainrule.compile.lowered import Places
from chainrule.compile.target import Target

_LATENCY = 8
"""Multiply-adds that must be under way at once to keep two units of four cycles busy."""
_PACK = 1.0
"""Cycles to copy one element into a panel."""


@dataclass(frozen=True)
class Tile:
    """`rows` by `columns` of the result at once; of `outer` the columns are whole vectors.

    `pack` says that y is copied so that its rows run along the vectors. `cycles` is the estimate
    for the whole product.
    """

    scheme: str
    rows: int
    columns: int
    pack: bool
    cycles: float


def product_tile(group: Group, places: Places, target: Target) -> Tile:
    """The tile for the product of a group."""
    x, y = group.product.args
    x_step, y_step = places.refs[x].view.strides, places.refs[y].view.strides
    _, m, n = group.dims
    k = x.aval.shape[2]
    lanes = product_lanes(group, target)
    y_runs = (y_step[2] == 1 or n == 1, y_step[1] == 1 or k == 1)
    return choose(m, n, k, lanes, target, y_runs, x_step[2] == 1 or k == 1)


def product_lanes(group: Group, target: Target) -> int:
    """Elements in a vector: a register's, or fewer where no axis is that long."""
    lanes = target.lanes(group.product.aval.dtype.itemsize)
    while lanes >= 2 * max(group.dims[2], group.product.args[0].aval.shape[2]):
        lanes //= 2
    return lanes


def choose(
    m: int, n: int, k: int, lanes: int, target: Target, y_runs: tuple[bool, bool], x_runs: bool
) -> Tile:
    """The best tile for (m, k) times (k, n).

    `y_runs` says whether y's elements lie next to each other along n, and along k; `x_runs` whether
    x's do along k.
    """
    along_n, along_k = y_runs
    options = list(_outer(m, n, k, lanes, target, pack=not along_n))
    if x_runs and along_k:
        options += _dot(m, n, k, lanes, target)
    return min(options, key=lambda tile: tile.cycles)


def _outer(m: int, n: int, k: int, lanes: int, target: Target, pack: bool) -> list[Tile]:
    vectors = math.ceil(n / lanes)
    tiles = []
    for columns in range(1, min(vectors, 4) + 1):
        most = (target.registers - columns - 1) // columns
        for rows in range(1, min(m, most) + 1):
            cycles = 0.0
            for height, times_m in _split(m, rows):
                for width, times_n in _split(vectors, columns):
                    busy = max(height * width, height + width, _LATENCY)
                    cycles += times_m * times_n * (k * busy / 2 + 20)
            cycles += pack * k * n * _PACK
            tiles.append(Tile("outer", rows, columns, pack, cycles))
    return tiles


def _dot(m: int, n: int, k: int, lanes: int, target: Target) -> list[Tile]:
    steps = math.ceil(k / lanes)
    tiles = []
    for columns in range(1, min(n, 8) + 1):
        most = (target.registers - 2) // (columns + 1)
        for rows in range(1, min(m, most) + 1):
            cycles = 0.0
            for height, times_m in _split(m, rows):
                for width, times_n in _split(n, columns):
                    busy = max(height * width, height + width, _LATENCY)
                    cycles += times_m * times_n * (steps * busy / 2 + _adding_up(height, width, lanes))
            tiles.append(Tile("dot", rows, columns, False, cycles))
    return tiles


def _adding_up(rows: int, columns: int, lanes: int) -> float:
    """Cycles to add up the lanes of rows x columns vectors: a tree for each row."""
    slots = 1 << max(0, columns - 1).bit_length()
    return rows * (1.5 * (columns - 1) + math.log2(max(2, lanes / slots))) + 10


def _split(size: int, part: int) -> list[tuple[int, int]]:
    """(length, how often) of the parts that cover a size."""
    whole, rest = divmod(size, part)
    return [(part, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)

