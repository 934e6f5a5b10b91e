"""The code that puts numbers into windows, as the way back through a pooling does."""

import itertools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from chainrule.compiler.body import Body, Demanding
from chainrule.compiler.code import Code, Part
from chainrule.compiler.lanes import Value
from chainrule.compiler.loops import in_parts
from chainrule.graph.node import Node
from chainrule.ops.window import Frame


def emit_windows(code: Code, body: Body, start: Any, length: Any) -> None:
    """The elements of a group whose first axis is from `start` on."""
    _Windows(code, body, start, length).emit()


class _Windows:
    """Window by window, with all samples of a place in vectors."""

    def __init__(self, code: Code, body: Body, start: Any, length: Any):
        self.code, self.body = code, body
        self.node: Node = body.group.product
        self.slide: Frame = self.node.params["slide"]
        self.start, self.length = start, length
        self.shape = body.group.dims
        self.lead = len(self.shape) - len(self.slide.kernel) - 1
        self.overlapping = self.slide.overlapping

    def emit(self) -> None:
        ranges = [range(n) for n in self.slide.inside]
        if self.overlapping:
            self._each(ranges, self._zero)
        else:
            for axis, inside in enumerate(self._uncovered()):
                before = [range(c) for c in self.slide.out[:axis]]
                for part in inside:
                    self._each([*before, part, *ranges[axis + 1 :]], self._beside(axis))
        self._each([range(n) for n in self.slide.out], self._window)

    def _uncovered(self) -> list[list[range]]:
        """For each axis, runs of elements that lie in no window."""
        found = []
        rows = zip(*self.slide[:3], self.slide.dilation, self.slide.out, strict=True)
        for n, k, s, d, out in rows:
            met = sorted({s * i + d * j for i in range(out) for j in range(k)})
            edges = [-1, *met, n]
            found.append([range(a + 1, b) for a, b in pairwise(edges) if b > a + 1])
        return found

    def _each(self, ranges: list[range], visit: Callable[[list, Part], None]) -> None:
        """visit(index, part) for the places of some ranges, and all that is before and after."""
        code = self.code

        def nest(axis: int, index: list) -> None:
            if axis == len(ranges) + self.lead:
                lanes = self.body.width()
                in_parts(code, 0, self.shape[-1], lanes, lambda n, p: visit([*index, n], p))
                return
            if axis == 0 and self.lead:
                bounds = (self.start, code.plus(self.start, self.length))
            elif axis < self.lead:
                bounds = (0, self.shape[axis])
            else:
                bounds = (ranges[axis - self.lead].start, ranges[axis - self.lead].stop)
            with code.loop(*bounds) as i:
                nest(axis + 1, [*index, i])

        nest(0, [])

    def _beside(self, axis: int) -> Callable[[list, Part], None]:
        """What an element has that lies in no window along an axis, and in one before it."""

        def visit(index: list, part: Part) -> None:
            first, spans = self.lead, self.slide.kernel[:axis]
            for place in itertools.product(*map(range, spans)):
                at = list(index)
                for k, j in enumerate(place):
                    at[first + k] = self._at(k, index[first + k], j)
                self._store(at, self._nothing(part), part)

        return visit

    def _at(self, axis: int, window: Any, place: int) -> Any:
        step = self.code.times(window, self.slide.stride[axis])
        return self.code.plus(step, place * self.slide.dilation[axis])

    def _nothing(self, part: Part) -> Value:
        return self.code.lanes(part.width).constant(0, self.node.aval.dtype)

    def _zero(self, index: list, part: Part) -> None:
        self._store(index, self._nothing(part), part)

    def _window(self, index: list, part: Part) -> None:
        """All places of a window."""
        body, spots = self.body, []
        for place in itertools.product(*map(range, self.slide.kernel)):
            at = list(index)
            for k, j in enumerate(place):
                at[self.lead + k] = self._at(k, index[self.lead + k], j)
            spots.append(at)
        (g, g_view), (by, by_view) = (body.places.refs[arg] for arg in self.node.args)
        number = body.load(g, g_view, index, part)
        around = [body.load(by, by_view, at, part) for at in spots]
        lanes = Demanding(self.code.lanes(part.width), body, part)
        given = self.node.op.emit.rule.rule(lanes, number, around)
        for at, value in zip(spots, given, strict=True):
            made = lanes.splat(lanes.cast(value, self.node.aval.dtype))
            if self.overlapping:
                made = lanes.add(self._before(at, part), made)
            self._store(at, made, part)

    def _before(self, at: list, part: Part) -> Value:
        own = self.body.places.own(self.node, self.shape)
        return self.body.load(self.node, own, at, part)

    def _store(self, at: list, value: Value, part: Part) -> None:
        code, body = self.code, self.body
        memo = {self.node: value}
        values = [body.value(node, at, part, memo) for node in body.group.stored]
        for node, made in zip(body.group.stored, values, strict=True):
            code.store(made, body.addresses(node), body.own_place(node, at), part)
