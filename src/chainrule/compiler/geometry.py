"""The sizes of a convolution as its code needs them, and the tile that it is made of."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from chainrule.compiler.lowered import Places
from chainrule.compiler.segments import Segment, of_input, of_output
from chainrule.compiler.target import Target
from chainrule.graph.node import Node
from chainrule.ops.lowering import View

_LATENCY = 8
"""Multiply-adds that must be under way at once to keep two units of four cycles busy."""
_TILE = 60.0
"""Cycles to begin and to end a tile."""
_SECOND = 0.8
"""Cycles that a line of the second cache costs beside all else."""
_TOTALS = 96 * 1024
"""Bytes of totals that are kept at a time, in the second cache and on the stack."""
_WIDEST = 7
"""Vectors of a tile at most; and channels, each of which reads its own lines of weights."""
_HIGHEST = 12


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
    def tap_step(self) -> int:
        """How far the next place along the last axis is in the kernel."""
        return max(self.runs, key=lambda run: run.taps).tap_step

    @property
    def tap_move(self) -> int:
        """How far what the next place along the last axis meets is in x, in lanes."""
        return max(self.runs, key=lambda run: run.taps).tap_move

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
        for rows in range(1, min(shape.results, most, _HIGHEST) + 1):
            cycles = sum(
                _cycles(shape, run, height, columns, lanes) * times
                for run in shape.runs
                for height, times in _heights(shape.results, rows)
            )
            # Tiles of another height are further code.
            uneven = 1.02 if shape.results % rows else 1.0
            cycles *= uneven * shape.rows * shape.groups
            options.append(ConvolutionTile(rows, columns, cycles))
    return cheapest(options)


def cheapest(options: list[Any]) -> Any:
    """The tile that is taken, of all that a convolution can be made of."""
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
    busy = max(rows * columns, loads, _LATENCY) / 2 + 0.05 * loads + 0.4 * look * columns
    return tiles * (shape.sums(run) * busy + _TILE)


@dataclass(frozen=True)
class WeightGeometry:
    """The derivative of a convolution for its weight.

    `results` are the channels of the slope in one group, `terms` those of the argument; `places`
    are those of the kernel. `axes` and `runs` are segments of the slope, along the axes before the
    last and along the last; `flat` says whether its runs are of whole rows with all samples, or
    their places are gone through one by one. `steps` and `moves` say how far the next place of the
    kernel along an axis is, among the kernel's and in the argument.
    """

    results: int
    terms: int
    groups: int
    batch: int
    places: int
    x: View
    g: View
    flat: bool
    axes: tuple[tuple[Segment, ...], ...]
    runs: tuple[Segment, ...]
    steps: tuple[int, ...]
    moves: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, places: Places) -> "WeightGeometry":
        plan, slide = node.params["plan"], node.params["plan"].slide
        x, g = (places.refs[arg].view for arg in node.args)
        *axes, last = (tuple(of_output(slide, axis)) for axis in range(len(slide.kernel)))
        flat = _is_flat(last, x, plan.batch) and _is_flat(last, g, plan.batch)
        steps = [math.prod(slide.kernel[axis + 1 :]) for axis in range(len(axes))]
        return cls(
            results=plan.features // plan.groups,
            terms=plan.channels // plan.groups,
            groups=plan.groups,
            batch=plan.batch,
            places=math.prod(slide.kernel),
            x=x,
            g=g,
            flat=flat,
            axes=tuple(axes),
            runs=tuple(part.times(plan.batch) for part in last) if flat else last,
            steps=tuple(steps),
            moves=tuple(slide.dilation[: len(axes)]),
        )

    @property
    def tap_move(self) -> int:
        """How far what the next place along the last axis meets is in x."""
        return max(self.runs, key=lambda run: run.taps).tap_move

    @property
    def dims(self) -> tuple[int, int]:
        return self.results * self.groups, self.terms * self.places

    def aligned(self, lanes: int) -> bool:
        """Whether every row of the slope begins with a vector, where its buffer does."""
        steps = (self.g.offset, *self.g.strides[:-2], self.runs_length)
        return all(step % lanes == 0 for step in steps)

    @property
    def runs_length(self) -> int:
        """Lanes of a whole row."""
        return sum(run.count for run in self.runs)

    def lanes_of(self, run: Segment) -> int:
        """Lanes next to each other."""
        return run.count if self.flat else self.batch

    def vector(self, target: Target, itemsize: int = 4) -> int:
        """Lanes of a vector: a register's, or fewer where no run is that long."""
        lanes = target.lanes(itemsize)
        while lanes >= 2 * max(self.lanes_of(run) for run in self.runs):
            lanes //= 2
        return lanes


class WeightTile(NamedTuple):
    """`rows` channels of the slope times `channels` of the argument times `taps` along a row.

    Totals are kept for `chunk` channels of the argument at a time.
    """

    rows: int
    channels: int
    taps: int
    chunk: int
    cycles: float


def weight_tile(shape: WeightGeometry, target: Target, itemsize: int = 4) -> WeightTile:
    """The tile that costs least."""
    lanes = shape.vector(target, itemsize)
    longest = max(run.taps for run in shape.runs)
    options = []
    for taps in range(1, min(longest, target.registers) + 1):
        for channels in range(1, min(shape.terms, target.registers // taps) + 1):
            most = (target.registers - 1) // (channels * taps + 1)
            for rows in range(1, min(shape.results, most) + 1):
                chunk = _chunk(shape, rows, channels, lanes * itemsize)
                tile = WeightTile(rows, channels, taps, chunk, 0.0)
                options.append(tile._replace(cycles=_weight_cycles(shape, tile, lanes)))
    return cheapest(options)


def _chunk(shape: WeightGeometry, rows: int, channels: int, vector: int) -> int:
    """Channels whose totals fit, in parts that are as equal as can be."""
    most = max(channels, _TOTALS // (rows * shape.places * vector))
    each = math.ceil(shape.terms / math.ceil(shape.terms / most))
    return min(shape.terms, math.ceil(each / channels) * channels)


def _weight_cycles(shape: WeightGeometry, tile: WeightTile, lanes: int) -> float:
    cycles = 0.0
    lines = math.prod(sum(p.count * p.taps for p in parts) for parts in shape.axes)
    look = 1.0 if shape.batch % lanes == 0 else 1.8
    for run in shape.runs:
        times = 1 if shape.flat else run.count
        vectors = times * math.ceil(shape.lanes_of(run) / lanes)
        for rows, blocks in _heights(shape.results, tile.rows):
            for channels, parts in _heights(shape.terms, tile.channels):
                for taps, turns in _heights(run.taps, tile.taps):
                    work, xs = rows * channels * taps, channels * taps
                    loads = rows + look * xs
                    busy = max(work, loads, _LATENCY) / 2 + 0.05 * loads
                    # Rows of the argument come from the second cache; those of the slope stay in
                    # the first. Totals are loaded and stored; a store takes two loads' time.
                    busy += _SECOND * channels
                    cycles += blocks * parts * turns * lines * (vectors * busy + 1.5 * work + 10)
    return cycles * shape.groups
