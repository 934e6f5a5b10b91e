"""Where the vertices of ordered layers stand: wires as straight as can be, and no overlaps.

Each layer in turn is moved to where its neighbours' wires pull it. With the order given, the best
places are the least-squares solution under "each at least so far right of the one before", which
pooling adjacent violators finds exactly (Ayer, Brunk, Ewing, Reid and Silverman, "An empirical
distribution function for sampling with incomplete information", Annals of Mathematical Statistics,
1955). Long wires pull harder than short ones, as in Gansner et al. (1993), so that they are
straight.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from chainrule.graph.draw.layered import Edge, Vertex

_GAPS = (22.0, 17.0, 13.0)
"""The room between neighbours in a layer, by how many of them are bends or ports."""

_ROUNDS, _ROUNDS_IF_LARGE = 10, 4
_LARGE = 4000
"""So many vertices and bends make a drawing large."""
_WEIGHTS = (4.0, 1.0, 4.0)
"""The pull of an edge, by how many of its ends are bends or ports."""
_REST = 0.05
"""How much a vertex that nothing pulls wants to stay."""
_STEEP, _FLAT = 26.0, 64.0
"""The least and the greatest room for wires between two layers."""


def place_across(layers: list[list[Vertex]]) -> None:
    """Set x, the centre of each vertex across the flow; the smallest left edge is 0."""
    distances = [[_distance(a, b) for a, b in pairwise(layer)] for layer in layers]
    for layer, apart in zip(layers, distances, strict=True):
        _spread(layer, apart, [(0.0, 1.0)] * len(layer))
    rounds = _ROUNDS if sum(map(len, layers)) < _LARGE else _ROUNDS_IF_LARGE
    for turn in range(rounds):
        last = turn == rounds - 1
        for layer, apart in zip(layers[1:], distances[1:], strict=True):
            _spread(layer, apart, [_pull(v, True, last) for v in layer])
        for layer, apart in zip(layers[-2::-1], distances[-2::-1], strict=True):
            _spread(layer, apart, [_pull(v, last, True) for v in layer])
    beside = _neighbours(layers)
    for _ in range(_ROUNDS_IF_LARGE):
        for bend in beside:
            if not bend.above[0].source.bend:
                _straighten(bend, beside)
    left = min((v.x - v.width / 2 for layer in layers for v in layer), default=0.0)
    for layer in layers:
        for vertex in layer:
            vertex.x -= left


def _neighbours(layers: list[list[Vertex]]) -> dict[Vertex, tuple[Vertex | None, Vertex | None]]:
    """The vertices left and right of each bend."""
    return {
        vertex: (
            layer[at - 1] if at else None,
            layer[at + 1] if at + 1 < len(layer) else None,
        )
        for layer in layers
        for at, vertex in enumerate(layer)
        if vertex.bend
    }


def _straighten(bend: Vertex, beside: dict) -> None:
    """Put the bends of a wire on one line as far as their neighbours leave room, then on a next."""
    edge = bend.above[0]
    wanted = [edge.source.x + edge.start]
    run: list[Vertex] = []
    low, high = -inf, inf
    at: Vertex | None = bend
    while at is not None:
        left, right = beside[at]
        least = left.x + _distance(left, at) if left else -inf
        most = right.x - _distance(at, right) if right else inf
        if run and max(low, least) > min(high, most):
            _align(run, low, high, wanted)
            run, low, high, wanted = [], -inf, inf, []
        run.append(at)
        low, high = max(low, least), min(high, most)
        at = next((e.target for e in at.below if e.target.bend), None)
    wanted += [e.target.x + e.end for e in run[-1].below]
    _align(run, low, high, wanted)


def _align(run: list[Vertex], low: float, high: float, wanted: list[float]) -> None:
    """One x for all: that of an end of the wire if it fits, or else as near as can be to now."""
    here = sum(vertex.x for vertex in run) / len(run)
    fitting = [x for x in wanted if low <= x <= high]
    x = min(fitting, key=lambda x: abs(x - here)) if fitting else min(max(here, low), high)
    for vertex in run:
        vertex.x = x


def _distance(left: Vertex, right: Vertex) -> float:
    thin = left.is_thin + right.is_thin
    return (left.width + right.width) / 2 + _GAPS[thin]


def _pull(vertex: Vertex, from_above: bool, from_below: bool) -> tuple[float, float]:
    """Where the wires want a vertex, and how strongly."""
    total = weight = 0.0
    for edge in vertex.above if from_above else ():
        pull = _weight(edge)
        total += pull * (edge.source.x + edge.start - edge.end)
        weight += pull
    for edge in vertex.below if from_below else ():
        pull = _weight(edge)
        total += pull * (edge.target.x + edge.end - edge.start)
        weight += pull
    return (total / weight, weight) if weight else (vertex.x, _REST)


def _weight(edge: Edge) -> float:
    return _WEIGHTS[edge.source.is_thin + edge.target.is_thin]


def _spread(layer: list[Vertex], apart: Sequence[float], wanted: list[tuple[float, float]]) -> None:
    """Put each vertex as near as can be to where it is wanted, at least `apart` from the last."""
    shift, shifts = 0.0, [0.0]
    for distance in apart:
        shift += distance
        shifts.append(shift)
    blocks: list[list[float]] = []
    for (place, weight), offset in zip(wanted, shifts, strict=False):
        blocks.append([(place - offset) * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, weights, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += weights
            blocks[-1][2] += count
    at = 0
    for total, weights, count in blocks:
        for _ in range(int(count)):
            layer[at].x = total / weights + shifts[at]
            at += 1


def place_along(layers: list[list[Vertex]], head: float) -> list[tuple[float, float]]:
    """The begin and end of each layer along the flow; more room where wires go far sideways.

    The first layer is at least as deep as `head`.
    """
    spans, at = [], 0.0
    for layer in layers:
        depth = max((vertex.depth for vertex in layer), default=0.0)
        depth = depth if spans else max(depth, head)
        spans.append((at, at + depth))
        reach = max(
            (abs(e.target.x + e.end - v.x - e.start) for v in layer for e in v.below), default=0.0
        )
        at += depth + min(max(_STEEP, 0.16 * reach), _FLAT)
    return spans
