"""The sizes of a convolution as its code needs them, and the tile that it is made of."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.compiler.lowered import Places
from chainrule.compiler.segments import Segment, of_input, of_output
from chainrule.compiler.target import Target
from chainrule.graph.node import Node
from chainrule.ops.lowering import View

_LATENCY = 8
"""Multiply-adds that must be under way at once to keep two units of four cycles busy."""
_TILE = 40.0
"""Cycles to begin and to end a tile."""
_WIDEST = 7
"""Vectors of a tile at most."""


@dataclass(frozen=True)
class Geometry:
    """A convolution, or its transpose, as sums over `terms` channels and the kernel's places.

    `results` are the channels of the result in one group; `x` and `w` are the views of argument and
    weight. `axes` are the axes before the last, `runs` the segments of lanes along the last one: of
    whole rows with all their samples (`flat`), or of the samples of one place. The steps say how
    far the next weight is: of the next channel of the result, of the next one that is summed over,
    of the next group, of the next place along the last axis.
    """

    results: int
    terms: int
    groups: int
    batch: int
    x: View
    w: View
    flat: bool
    axes: tuple[tuple[Segment, ...], ...]
    runs: tuple[Segment, ...]
    result_step: int
    term_step: int
    group_step: int
    run_step: int
    dims: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, places: Places) -> "Geometry":
        """The geometry of a convolution node, of its output or of its input."""
        plan, side = node.params["plan"], node.op.emit.side
        x, w = (places.refs[arg].view for arg in node.args)
        output = side == "output"
        own, other = plan.features // plan.groups, plan.channels // plan.groups
        segments = of_output if output else of_input
        axes = [tuple(segments(plan.slide, axis)) for axis in range(len(plan.slide.kernel))]
        sizes = plan.slide.out if output else plan.slide.inside
        flat = _is_flat(axes[-1], x, plan.batch)
        runs = (Segment(0, plan.batch, 1, 0, 1, 1, 0, 1, 0),)
        if flat:
            *axes, last = axes
            runs = tuple(part.times(plan.batch) for part in last)
            sizes = (*sizes[:-1], sizes[-1] * plan.batch)
        else:
            sizes = (*sizes, plan.batch)
        results = own if output else other
        return cls(
            results=results,
            terms=other if output else own,
            groups=plan.groups,
            batch=plan.batch,
            x=x,
            w=w,
            flat=flat,
            axes=tuple(axes),
            runs=runs,
            result_step=w.strides[0 if output else 1],
            term_step=w.strides[1 if output else 0],
            group_step=own * w.strides[0],
            run_step=w.strides[-1] if flat else 0,
            dims=(results * plan.groups, *sizes),
        )

    @property
    def tap_steps(self) -> list[tuple[int, int]]:
        """For each axis before the last, how far the next place is: in the kernel, in x."""
        most = [max(parts, key=lambda part: part.taps) for parts in self.axes]
        return [(part.tap_step, part.tap_move) for part in most]

    @property
    def always(self) -> list[bool]:
        """For each axis before the last, whether every result meets some place of the kernel."""
        return [all(part.taps for part in parts) for parts in self.axes]

    @property
    def rows(self) -> int:
        """Rows of the result, of one channel."""
        return math.prod(sum(part.count for part in parts) for parts in self.axes)

    def sums(self, run: Segment) -> float:
        """Products in a number of the result that lies in a run: of all rows, the mean."""
        taps = [
            sum(part.count * part.taps for part in parts) / sum(part.count for part in parts)
            for parts in self.axes
        ]
        return self.terms * math.prod(taps) * run.taps

    def vector(self, target: Target, itemsize: int = 4) -> int:
        """Lanes of a vector: a register's, or fewer where no run is that long."""
        lanes = target.lanes(itemsize)
        while lanes >= 2 * max(run.count for run in self.runs):
            lanes //= 2
        return lanes


class ConvolutionTile(NamedTuple):
    """`rows` channels times `columns` vectors at once; `cycles` for the whole convolution."""

    rows: int
    columns: int
    cycles: float


def _is_flat(last: tuple[Segment, ...], x: View, batch: int) -> bool:
    """Whether rows of the result are whole runs of lanes, and so are those of the argument."""
    if any(part.step != 1 or (part.move != 1 and part.count > 1) for part in last):
        return False
    return x.shape[-2] == 1 or x.strides[-2] == batch


def convolution_tile(shape: Geometry, target: Target, itemsize: int = 4) -> ConvolutionTile:
    """The tile that costs least."""
    lanes = shape.vector(target, itemsize)
    longest = max(math.ceil(run.count / lanes) for run in shape.runs)
    options = []
    for columns in range(1, min(_WIDEST, longest) + 1):
        most = (target.registers - columns - 1) // columns
        for rows in range(1, min(shape.results, most) + 1):
            cycles = sum(
                _cycles(shape, run, height, columns, lanes) * times
                for run in shape.runs
                for height, times in _heights(shape.results, rows)
            )
            options.append(ConvolutionTile(rows, columns, cycles * shape.rows * shape.groups))
    return min(options, key=lambda tile: tile.cycles)


def _heights(size: int, part: int) -> list[tuple[int, int]]:
    whole, rest = divmod(size, part)
    return [(part, whole), *([(rest, 1)] if rest else [])]


def _cycles(shape: Geometry, run: Segment, rows: int, columns: int, lanes: int) -> float:
    """Cycles of a run of lanes of some channels."""
    vectors = math.ceil(run.count / lanes)
    # Vectors that begin within a cache line take two looks, three times of four.
    look = 1.0 if shape.batch % lanes == 0 else 1.8
    if vectors < columns:
        columns, tiles = vectors, 1
    else:
        tiles = math.ceil(run.count / (columns * lanes))
    loads = rows + look * columns
    busy = max(rows * columns, loads, _LATENCY) / 2 + 0.05 * loads
    return tiles * (shape.sums(run) * busy + _TILE)
