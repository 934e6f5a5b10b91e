"""Which tile a matrix product is made of: what fits the registers, at the least cost in cycles.

Two schemes. `outer`: vectors run along the columns of the result; for each k, a row of y times one
element of each row of x. `dot`: vectors run along k, in rows of x and of y's transpose, and their
lanes are added up at the end; it needs no copy of a weight that is stored (out, in).
The cost counts, for a core with two multiply-add and two load units, the cycles that the busier of
the two needs, and the lanes that do nothing at the edges.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from chainrule.compiler.groups import Group
from chainrule.compiler.lowered import Places
from chainrule.compiler.target import Target

_LATENCY = 8
"""Multiply-adds that must be under way at once to keep two units of four cycles busy."""
_PACK = 4.0
"""Cycles to copy one element into a panel; _TURN: of squares that are turned in registers."""
_TURN = 0.6
_PANEL_BYTES = 256 * 1024
"""A panel of y stays in the second cache, and on the stack."""
_STRIP_BYTES = 384 * 1024
"""So much of y stays in the second cache while the rows of x go by."""
_PAGES = 96
"""Pages whose addresses the processor has at hand."""
_FIRST = 32 * 1024
"""So much of the first cache can the rows of one tile have before they push one another out."""
_WAYS = 8
"""Rows of x whose elements share a set of the first cache, beside those of y."""


@dataclass(frozen=True)
class Tile:
    """`rows` by `columns` of the result at once; of `outer` the columns are whole vectors.

    `pack` says that y is copied so that its rows run along the vectors. `depth` is how much of k is
    gone through at a time, for all rows. `cycles` is the estimate for the whole product.
    """

    scheme: str
    rows: int
    columns: int
    pack: bool
    cycles: float
    depth: int


class Problem(NamedTuple):
    """A product of (m, k) and (k, n), in vectors of `lanes` elements of so many bytes.

    `y_along` says whether y's elements lie next to each other along k and along n, `x_along`
    whether x's do along k; the pitches are the bytes from one row to the next.
    """

    m: int
    n: int
    k: int
    lanes: int
    itemsize: int
    y_along: tuple[bool, bool]
    x_along: bool
    y_pitch: int
    x_pitch: int


def product_tile(group: Group, places: Places, target: Target) -> Tile:
    """The tile for the product of a group."""
    x, y = group.product.args
    x_step, y_step = places.refs[x].view.strides, places.refs[y].view.strides
    _, m, n = group.dims
    k, size = x.aval.shape[2], x.aval.dtype.itemsize
    lanes = product_lanes(group, target)
    along = (y_step[1] == 1 or k == 1, y_step[2] == 1 or n == 1)
    x_along = x_step[2] == 1 or k == 1
    pitches = (size * y_step[1], size * (x_step[1] if x_along else x_step[2]))
    return choose(Problem(m, n, k, lanes, size, along, x_along, *pitches), target)


def strip_columns(tile: Tile, k: int, dtype: np.dtype) -> int:
    """Columns that `dot` goes through for all rows of x before it begins with further ones."""
    columns = max(tile.columns, _STRIP_BYTES // (k * dtype.itemsize))
    return columns - columns % tile.columns


def product_lanes(group: Group, target: Target) -> int:
    """Elements in a vector: a register's, or fewer where no axis is that long."""
    lanes = target.lanes(group.product.aval.dtype.itemsize)
    while lanes >= 2 * max(group.dims[2], group.product.args[0].aval.shape[2]):
        lanes //= 2
    return lanes


def choose(problem: Problem, target: Target) -> Tile:
    """The tile that costs least."""
    return min(possible(problem, target), key=lambda tile: tile.cycles)


@cache
def possible(problem: Problem, target: Target) -> list[Tile]:
    """All tiles that a product can be made of; many are weighed, and more than once."""
    along_k, along_n = problem.y_along
    options = _outer(problem, target, pack=True)
    if along_n:
        options += _outer(problem, target, pack=False)
    if problem.x_along and along_k:
        options += _dot(problem, target)
    return options


def _outer(problem: Problem, target: Target, pack: bool) -> list[Tile]:
    m, n, k, lanes = problem.m, problem.n, problem.k, problem.lanes
    vectors = math.ceil(n / lanes)
    most_columns = min(vectors, 4)
    copying = _copying(problem) if pack else 0.0
    # Rows a page apart cost a look into the second table of addresses each.
    turn = 0.0 if pack else _far_apart(problem.y_pitch, k)
    tiles = []
    for columns in range(1, most_columns + 1):
        most = (target.registers - columns - 1) // columns
        depth = _depth(k, columns * lanes * problem.itemsize)
        if problem.x_along and problem.x_pitch % 4096 == 0:
            most = min(most, _WAYS)
        for rows in range(1, min(m, most) + 1):
            cycles = copying + (k / depth - 1) * m * vectors * 1.5
            for height, times_m in _split(m, rows):
                for width, times_n in _split(vectors, columns):
                    busy = _busy(height, width)
                    cycles += times_m * times_n * (k * (busy + turn) + 20)
            tiles.append(Tile("outer", rows, columns, pack, cycles, depth))
    return tiles


def _depth(k: int, row: int) -> int:
    """All of k, or an even part of it that keeps its rows of y in the second cache."""
    parts = -(-k * row // _PANEL_BYTES)
    return -(-k // parts)


def _busy(rows: int, columns: int) -> float:
    """Cycles for a step of a tile: the busier units', and some for each load beside them."""
    loads = rows + columns
    return max(rows * columns, loads, _LATENCY) / 2 + 0.1 * loads


def _copying(problem: Problem) -> float:
    """Cycles to copy y: whole vectors where it runs along n, else one element after another."""
    if problem.y_along[1]:
        vectors = math.ceil(problem.n / problem.lanes) * problem.k
        return vectors * (1.5 + _far_apart(problem.y_pitch, problem.k))
    return problem.k * problem.n * (_TURN if problem.y_along[0] else _PACK)


def _far_apart(pitch: int, rows: int) -> float:
    """What reading one row after another costs beyond the reading, if they fill many pages."""
    return 1.0 if pitch * rows > _PAGES * 4096 and pitch >= 1024 else 0.0


def _dot(problem: Problem, target: Target) -> list[Tile]:
    m, n, k, lanes = problem.m, problem.n, problem.k, problem.lanes
    steps = math.ceil(k / lanes)
    tiles = []
    for columns in range(1, min(n, 8, lanes) + 1):  # their sums make one vector
        most = (target.registers - 2) // (columns + 1)
        for rows in range(1, min(m, most) + 1):
            cycles = 0.0
            for height, times_m in _split(m, rows):
                for width, times_n in _split(n, columns):
                    # The rows of x stay in the first cache; those of y come from the second.
                    rows_bytes = (height + width) * k * problem.itemsize
                    busy = _busy(height, width) + (0.08 if rows_bytes > _FIRST else 0.03) * width
                    cycles += times_m * times_n * steps * busy
                    cycles += times_m * times_n * _adding_up(height, width, lanes)
            tiles.append(Tile("dot", rows, columns, False, cycles, k))
    return tiles


def _adding_up(rows: int, columns: int, lanes: int) -> float:
    """Cycles to add up the lanes of rows x columns vectors: a tree for each row."""
    slots = 1 << max(0, columns - 1).bit_length()
    return rows * (1.5 * (columns - 1) + math.log2(max(2, lanes / slots))) + 10


def _split(size: int, part: int) -> list[tuple[int, int]]:
    """(length, how often) of the parts that cover a size."""
    whole, rest = divmod(size, part)
    return [(part, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)
