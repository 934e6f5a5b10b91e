"""The layered layout of one box: layers, then an order within each that crosses few wires.

The method of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures" (IEEE Transactions on Systems, Man and Cybernetics, 1981), as Gansner, Koutsofios, North
and Vo refine it in "A technique for drawing directed graphs" (IEEE Transactions on Software
Engineering, 1993): what follows is their steps one and two; `coordinates` is the third.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

_SWEEPS = 12
_LARGE = 4000
"""Layers with so many edges in all are ordered by fewer sweeps, and without exchanges."""

_ROWS = 4
"""A wide layer becomes no more rows than this, for the wires between rows need room too."""

FIRST, LAST = -1, 1


@dataclass(eq=False)
class Vertex:
    """A rectangle to be placed: `width` across the flow, `depth` along it.

    `pinned` is FIRST or LAST for the places where wires enter and leave the box; `hint` says where
    these come from, so that they stand in that order. A bend is where a long wire passes a layer.
    """

    content: Any
    width: float
    depth: float
    pinned: int = 0
    hint: float | None = None
    bend: bool = False
    rank: int = 0
    x: float = 0.0
    above: list["Edge"] = field(default_factory=list)
    below: list["Edge"] = field(default_factory=list)

    @property
    def is_port(self) -> bool:
        return self.pinned != 0

    @property
    def is_thin(self) -> bool:
        """Whether it is no symbol, but a place that a wire goes through."""
        return self.bend or self.pinned != 0


@dataclass(eq=False)
class Edge:
    """A piece of a wire between neighbouring layers; `start` and `end` lie beside the centres."""

    source: Vertex
    target: Vertex
    start: float = 0.0
    end: float = 0.0


@dataclass(eq=False)
class Net:
    """A value: from one vertex (at `start` beside its centre) to others; a tree of edges."""

    content: Any
    source: Vertex
    start: float
    targets: list[tuple[Vertex, float]]
    edges: list[Edge] = field(default_factory=list)


def assign_ranks(vertices: Sequence[Vertex], nets: Sequence[Net], widest: float) -> None:
    """Give each vertex a layer: below all that it needs, and close to it or to what needs it.

    What makes a layer wider than `widest` moves on to the next, into a few rows.
    """
    needs: dict[Vertex, set[Vertex]] = {vertex: set() for vertex in vertices}
    given: dict[Vertex, list[Net]] = {vertex: [] for vertex in vertices}
    for net in nets:
        given[net.source].append(net)
        for target, _ in net.targets:
            needs[target].add(net.source)
    order = _topological(vertices, needs)
    entered = any(vertex.pinned == FIRST for vertex in vertices)
    for vertex in order:
        lowest = -1 if vertex.pinned == FIRST or not entered else 0
        vertex.rank = 1 + max((source.rank for source in needs[vertex]), default=lowest)
    _narrow(order, needs, widest)
    last = max((vertex.rank + (not vertex.is_port) for vertex in vertices), default=0)
    for vertex in vertices:
        if vertex.pinned == LAST:
            vertex.rank = last
    for vertex in reversed(order):
        targets = [target for net in given[vertex] for target, _ in net.targets]
        gain = len(given[vertex]) - len(needs[vertex])
        # With as many wires in as out, it stands with what uses it, unless that is outside.
        close = gain > 0 or (gain == 0 and any(not target.is_port for target in targets))
        if targets and close and not vertex.is_port:
            vertex.rank = min(target.rank for target in targets) - 1


def _narrow(order: list[Vertex], needs: dict[Vertex, set[Vertex]], widest: float) -> None:
    """Move what does not fit into a layer to the next, and all that needs it further down."""
    natural: dict[int, float] = {}
    for vertex in order:
        natural[vertex.rank] = natural.get(vertex.rank, 0.0) + vertex.width
    widest = max([widest, *(width / _ROWS for width in natural.values())])
    room: dict[int, float] = {}
    for vertex in order:
        if vertex.is_port:
            continue
        lowest = max((source.rank + 1 for source in needs[vertex]), default=0)
        vertex.rank = max(vertex.rank, lowest)
        while room.get(vertex.rank, 0.0) and room[vertex.rank] + vertex.width > widest:
            vertex.rank += 1
        room[vertex.rank] = room.get(vertex.rank, 0.0) + vertex.width


def _topological(vertices: Sequence[Vertex], needs: dict[Vertex, set[Vertex]]) -> list[Vertex]:
    left = {vertex: len(needs[vertex]) for vertex in vertices}
    users: dict[Vertex, list[Vertex]] = {vertex: [] for vertex in vertices}
    for vertex in vertices:
        for source in needs[vertex]:
            users[source].append(vertex)
    order = [vertex for vertex in vertices if not left[vertex]]
    for vertex in order:
        for user in users[vertex]:
            left[user] -= 1
            if not left[user]:
                order.append(user)
    return order


def make_layers(vertices: Sequence[Vertex], nets: Sequence[Net]) -> list[list[Vertex]]:
    """Put vertices into layers, and cut the wires into edges between neighbouring layers.

    A wire to several targets runs as one as long as it can.
    """
    count = max((vertex.rank for vertex in vertices), default=-1) + 1
    layers: list[list[Vertex]] = [[] for _ in range(count)]
    for vertex in vertices:
        layers[vertex.rank].append(vertex)
    for net in nets:
        deepest = max(target.rank for target, _ in net.targets)
        by_rank: dict[int, list[tuple[Vertex, float]]] = {}
        for target, end in net.targets:
            by_rank.setdefault(target.rank, []).append((target, end))
        at, start = net.source, net.start
        for rank in range(net.source.rank + 1, deepest + 1):
            for target, end in by_rank.get(rank, ()):
                net.edges.append(Edge(at, target, start, end))
            if rank < deepest:
                bend = Vertex(net, 0.0, 0.0, bend=True, rank=rank)
                layers[rank].append(bend)
                net.edges.append(Edge(at, bend, start, 0.0))
                at, start = bend, 0.0
        for edge in net.edges:
            edge.source.below.append(edge)
            edge.target.above.append(edge)
    return layers


def order_layers(layers: list[list[Vertex]]) -> int:
    """Order each layer so that few edges cross; how many still do."""
    _first_order(layers)
    edges = sum(len(vertex.below) for layer in layers for vertex in layer)
    sweeps = _SWEEPS if edges < _LARGE else 4
    best, fewest = [list(layer) for layer in layers], _all_crossings(layers)
    for sweep in range(sweeps):
        downward = sweep % 2 == 0
        _sweep(layers, downward)
        if edges < _LARGE:
            _exchange(layers)
        crossings = _all_crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
        if not fewest:
            break
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order
    return fewest


def _first_order(layers: list[list[Vertex]]) -> None:
    """Begin with the order in which a walk from the top meets the vertices."""
    for layer in (layers[:1] + layers[-1:]) if layers else []:
        if any(vertex.hint is not None for vertex in layer):
            layer.sort(key=lambda v: (v.hint is None, v.hint or 0.0))
    met: dict[Vertex, int] = {}
    stack = [vertex for layer in reversed(layers) for vertex in reversed(layer)]
    while stack:
        vertex = stack.pop()
        if vertex not in met:
            met[vertex] = len(met)
            stack += [edge.target for edge in reversed(vertex.below) if edge.target not in met]
    for layer in layers:
        if not _is_fixed(layer):
            layer.sort(key=met.__getitem__)


def _is_fixed(layer: list[Vertex]) -> bool:
    """Whether the order of a layer is given: ports that know where their wires come from."""
    return all(vertex.is_port and vertex.hint is not None for vertex in layer)


def _sweep(layers: list[list[Vertex]], downward: bool) -> None:
    """Order each layer by the barycentres of the neighbours in the layer before."""
    for layer in layers[1:] if downward else layers[-2::-1]:
        if _is_fixed(layer):
            continue
        before = layers[layer[0].rank + (-1 if downward else 1)]
        place = _places(before)
        here = {vertex: float(i) for i, vertex in enumerate(layer)}
        scale = (len(before) - 1) / max(len(layer) - 1, 1)
        centre = {}
        for vertex in layer:
            if downward:
                spots = [place[e.source] + _fraction(e.start, e.source) for e in vertex.above]
            else:
                spots = [place[e.target] + _fraction(e.end, e.target) for e in vertex.below]
            centre[vertex] = sum(spots) / len(spots) if spots else here[vertex] * scale
        layer.sort(key=lambda v: (centre[v], here[v]))


def _places(layer: list[Vertex]) -> dict[Vertex, int]:
    return {vertex: i for i, vertex in enumerate(layer)}


def _fraction(offset: float, vertex: Vertex) -> float:
    """A place beside the centre, in widths; always less than half."""
    return 0.98 * offset / vertex.width if vertex.width else 0.0


def _all_crossings(layers: list[list[Vertex]]) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        place = _places(lower)
        ends = [
            (i + _fraction(e.start, v), place[e.target] + _fraction(e.end, e.target))
            for i, v in enumerate(upper)
            for e in v.below
        ]
        total += _inversions([end for _, end in sorted(ends)])
    return total


def _inversions(values: list[float]) -> int:
    """How many pairs stand in the wrong order."""
    seen: list[float] = []
    count = 0
    for value in values:
        count += len(seen) - bisect_right(seen, value)
        insort(seen, value)
    return count


def _exchange(layers: list[list[Vertex]]) -> None:
    """Exchange neighbours while that removes crossings."""
    for depth, layer in enumerate(layers):
        if _is_fixed(layer):
            continue
        above = _places(layers[depth - 1]) if depth else {}
        below = _places(layers[depth + 1]) if depth + 1 < len(layers) else {}
        ends = {
            vertex: (
                sorted(above[e.source] + _fraction(e.start, e.source) for e in vertex.above),
                sorted(below[e.target] + _fraction(e.end, e.target) for e in vertex.below),
            )
            for vertex in layer
        }
        for _ in range(len(layer)):
            changed = False
            for i in range(len(layer) - 1):
                left, right = ends[layer[i]], ends[layer[i + 1]]
                as_is = _crossed(left[0], right[0]) + _crossed(left[1], right[1])
                turned = _crossed(right[0], left[0]) + _crossed(right[1], left[1])
                if turned < as_is:
                    layer[i], layer[i + 1] = layer[i + 1], layer[i]
                    changed = True
            if not changed:
                break


def _crossed(left: list[float], right: list[float]) -> int:
    """Crossings between the edges of a vertex and those of the one to its right."""
    return sum(bisect_left(right, end) for end in left)
