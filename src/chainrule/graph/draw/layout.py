"""The layout of a whole picture: boxes from the inside out, each as one layered drawing.

A wire that crosses the border of a box does so at a port, so inside and outside are laid out apart
and no box ever cuts a symbol that is not its own. (Sander, "Layout of compound directed graphs",
1996, lays out all boxes at once; with ports the parts stay small.) A second and third round order
the ports of each box as the wires arrive from where the last round put things.
"""

import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

from chainrule.graph.draw.coordinates import place_across, place_along
from chainrule.graph.draw.layered import (
    FIRST,
    LAST,
    Edge,
    Net,
    Vertex,
    assign_ranks,
    make_layers,
    order_layers,
)
from chainrule.graph.draw.measure import Sizes
from chainrule.graph.draw.picture import Group, Item, Picture, Wire

_ROUNDS = (True, False, True, False, True)
"""Which ports are ordered anew in each round: True for those where wires enter."""

Value = tuple[Item, int]
"""What a wire carries: an item's output of that number."""


class Rect(NamedTuple):
    """A rectangle on the sheet."""

    x: float
    y: float
    width: float
    height: float


class Curve(NamedTuple):
    """A piece of a wire: straight to the second point, over to the third, straight to the fourth.

    `value` is what it carries; `tip` says that it ends in an arrowhead.
    """

    value: Value
    points: tuple[tuple[float, float], ...]
    tip: bool


@dataclass
class Layout:
    """A picture with coordinates. `inside` holds the layouts of the graphs that an item runs."""

    picture: Picture
    width: float = 0.0
    height: float = 0.0
    items: dict[Item, Rect] = field(default_factory=dict)
    groups: dict[Group, Rect] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    inside: dict[Item, list["Layout"]] = field(default_factory=dict)


class Port(NamedTuple):
    """The place where a value enters or leaves a box."""

    group: Group
    value: Value
    leaves: bool


class _End(NamedTuple):
    """An end of a wire inside one box: at the box's port, at one of a child, or at an item."""

    key: Item | Group | Port
    port: Port | None = None
    number: int = 0


@dataclass(eq=False)
class _Box:
    """One group, laid out by itself."""

    vertices: dict[Item | Group | Port, Vertex]
    nets: list[Net]
    spans: list[tuple[float, float]]
    crossings: int
    across: float = 0.0
    along: float = 0.0
    made_for: tuple[list[Port], list["_Box"]] | None = None

    def begin(self, vertex: Vertex) -> float:
        """Where along the flow a vertex begins: an input close to its users, others centred."""
        low, high = self.spans[vertex.rank]
        if vertex.pinned == FIRST:
            return low
        if isinstance(vertex.content, Item) and not vertex.above:
            return high - vertex.depth
        return (low + high - vertex.depth) / 2


def lay_out(picture: Picture, sizes: Sizes) -> Layout:
    """Give every item, box and wire of a picture its place."""
    layout = Layout(picture)
    for item in picture.items():
        if item.inside:
            layout.inside[item] = [lay_out(inner, sizes) for inner in item.inside]
    plan = _Plan(picture, sizes, layout.inside)
    boxes, fewest = plan.arrange()
    for entering in _ROUNDS if len(boxes) > 1 else ():
        plan.take_hints(entering)
        again, crossings = plan.arrange()
        if crossings < fewest:
            boxes, fewest = again, crossings
    plan.boxes = boxes
    plan.write(layout)
    return layout


class _Plan:
    """Arranges all boxes of a picture, and keeps what one round teaches the next."""

    def __init__(self, picture: Picture, sizes: Sizes, inside: dict[Item, list[Layout]]):
        self.root = picture.root
        self.sizes = sizes
        self.inside = inside
        self.wires: dict[Group, dict[Value, dict[_End, None]]] = {}
        self.ports: dict[Group, dict[Port, None]] = {}
        self.hints: dict[Port, float] = {}
        self.boxes: dict[Group, _Box] = {}
        self.arrivals: dict[Item, list[int]] = {}
        for wire in picture.wires:
            self._route(wire)
        for slots in self.arrivals.values():
            slots.sort()

    def _route(self, wire: Wire) -> None:
        """Note what each box that a wire touches sees of it: one beginning, then its ends."""
        value = (wire.source, wire.out)
        for target, slot in wire.targets:
            self.arrivals.setdefault(target, []).append(slot)
            around = _boxes_between(wire.source, target)
            for group in around:
                ends = self.wires.setdefault(group, {}).setdefault(value, {})
                begin = _end(group, wire.source, value, wire.out, False)
                for end in (begin, _end(group, target, value, slot, True)):
                    ends.setdefault(end)
                    if isinstance(end.key, Port):
                        self.ports.setdefault(group, {}).setdefault(end.key)

    def arrange(self) -> tuple[dict[Group, _Box], int]:
        """Lay out every box, those inside first; also say how often wires cross.

        A box whose ports keep their order and whose inner boxes stay as they are stays too.
        """
        known, self.boxes = self.boxes, {}
        for group in _inside_first(self.root):
            hinted = [port for port in self.ports.get(group, ()) if port in self.hints]
            order = sorted(hinted, key=self.hints.__getitem__)
            inner = [self.boxes[child] for child in group.children if isinstance(child, Group)]
            before = known.get(group)
            if before and before.made_for == (order, inner):
                self.boxes[group] = before
            else:
                self.boxes[group] = self._box(group)
                self.boxes[group].made_for = (order, inner)
        return self.boxes, sum(box.crossings for box in self.boxes.values())

    def _box(self, group: Group) -> _Box:
        vertices: dict[Item | Group | Port, Vertex] = {}
        for child in group.children:
            if isinstance(child, Group):
                inner = self.boxes[child]
                vertices[child] = Vertex(child, inner.across, inner.along)
            else:
                across, along = self.sizes.footprint(child, self.inside.get(child, ()))
                vertices[child] = Vertex(child, across, along)
        for port in self.ports.get(group, ()):
            pinned = LAST if port.leaves else FIRST
            vertices[port] = Vertex(port, 0.0, 0.0, pinned, self.hints.get(port))
        nets = []
        for value, ends in self.wires.get(group, {}).items():
            source, *targets = ends
            nets.append(
                Net(
                    value,
                    vertices[source.key],
                    self._offset(source, False),
                    [(vertices[end.key], self._offset(end, True)) for end in targets],
                )
            )
        drawn = list(vertices.values())
        assign_ranks(drawn, nets, self.sizes.widest)
        layers = make_layers(drawn, nets)
        crossings = order_layers(layers)
        place_across(layers)
        _untangle(layers)
        entered = any(vertex.pinned == FIRST for vertex in drawn)
        wide, deep = self.sizes.head(group) if entered else (0.0, 0.0)
        box = _Box(vertices, nets, place_along(layers, deep), crossings)
        return self._padded(group, box, layers, wide)

    def _offset(self, end: _End, arrives: bool) -> float:
        """Where a wire meets a vertex, from its centre across the flow."""
        if end.port is not None:
            inner = self.boxes[end.port.group]
            return inner.vertices[end.port].x - inner.across / 2
        item = end.key
        if not isinstance(item, Item):
            return 0.0
        inside = self.inside.get(item, ())
        if not arrives:
            return self.sizes.leaving(item, inside, end.number)
        slots = self.arrivals[item]
        return self.sizes.arriving(item, inside, slots.index(end.number), len(slots))

    def _padded(self, group: Group, box: _Box, layers: list[list[Vertex]], head: float) -> _Box:
        """Room round what is in a box; ports stand on its border, beside the title."""
        left, right, before, after = self.sizes.padding(group)
        ports = [vertex.pinned for vertex in box.vertices.values()]
        first = min((v.x for v in box.vertices.values() if v.pinned == FIRST), default=head)
        left += max(head - first, 0.0)
        before = 0.0 if FIRST in ports else before
        after = 0.0 if LAST in ports else after
        width = max((v.x + v.width / 2 for layer in layers for v in layer), default=0.0)
        least_across, least_along = self.sizes.least(group)
        box.across = max(left + width + right, least_across)
        spare = (box.across - left - width - right) / 2
        for layer in layers:
            for vertex in layer:
                vertex.x += left + spare
        box.spans = [(low + before, high + before) for low, high in box.spans]
        box.along = max((box.spans[-1][1] if box.spans else before) + after, least_along)
        return box

    def _origins(self) -> dict[Group, tuple[float, float]]:
        """Where each box begins on the sheet, across and along."""
        origins = {self.root: (0.0, 0.0)}
        stack = [self.root]
        while stack:
            group = stack.pop()
            box, (across, along) = self.boxes[group], origins[group]
            for key, vertex in box.vertices.items():
                if isinstance(key, Group):
                    origins[key] = (across + vertex.x - vertex.width / 2, along + box.begin(vertex))
                    stack.append(key)
        return origins

    def take_hints(self, entering: bool) -> None:
        """Note from where the wires come that enter boxes, or where those go that leave.

        Never both at once: two boxes would each take the order that the other gives up.
        """
        for group, (across, _) in self._origins().items():
            for net in self.boxes[group].nets:
                for edge in net.edges:
                    inner, outer = edge.target.content, edge.source.content
                    if entering and isinstance(inner, Group):
                        port = Port(inner, net.content, False)
                        self.hints[port] = across + edge.source.x + edge.start
                    if not entering and isinstance(outer, Group):
                        port = Port(outer, net.content, True)
                        self.hints[port] = across + edge.target.x + edge.end

    def write(self, layout: Layout) -> None:
        """Write down the places of everything, as x and y."""
        turned = self.sizes.turned
        for group, (across, along) in self._origins().items():
            box = self.boxes[group]
            layout.groups[group] = Rect(*turned(across, along), *turned(box.across, box.along))
            for key, vertex in box.vertices.items():
                if isinstance(key, Item):
                    corner = (across + vertex.x - vertex.width / 2, along + box.begin(vertex))
                    layout.items[key] = self._symbol(key, vertex, *corner)
            for net in box.nets:
                for edge in net.edges:
                    points = [turned(across + a, along + b) for a, b in self._corners(box, edge)]
                    is_tip = isinstance(edge.target.content, Item)
                    layout.curves.append(Curve(net.content, tuple(points), is_tip))
        layout.width, layout.height = layout.groups[self.root][2:]

    def _symbol(self, item: Item, vertex: Vertex, across: float, along: float) -> Rect:
        """Where an item's own shape stands in the room that its vertex has."""
        inside = self.inside.get(item, ())
        width, height = self.sizes.symbol(item, inside)
        own, _ = self.sizes.turned(width, height)
        before = (vertex.width - own) / 2 if self.sizes.down else 0.0
        x, y = self.sizes.turned(across + before, along + self.sizes.inset(item, inside))
        return Rect(x, y, width, height)

    def _corners(self, box: _Box, edge: Edge) -> list[tuple[float, float]]:
        """An edge's points: where it leaves, its layer's end, the next's begin, where it ends."""
        source, target = edge.source, edge.target
        (low, turn), (arrive, _) = box.spans[source.rank], box.spans[target.rank]
        leave = box.begin(source) + source.depth - self._inset(source)
        end = box.begin(target) + self._inset(target)
        first, last = source.x + edge.start, target.x + edge.end
        return [
            (first, low if source.bend else leave),
            (first, turn),
            (last, arrive),
            (last, arrive if target.bend else end),
        ]

    def _inset(self, vertex: Vertex) -> float:
        item = vertex.content
        return self.sizes.inset(item, self.inside.get(item, ())) if isinstance(item, Item) else 0.0


def _untangle(layers: list[list[Vertex]]) -> None:
    """Let wires come to an item in the order in which they stand, where theirs means nothing."""
    for layer in layers:
        for vertex in layer:
            if isinstance(vertex.content, Item) and vertex.content.any_order:
                ends = sorted(edge.end for edge in vertex.above)
                wires = sorted(vertex.above, key=lambda edge: edge.source.x + edge.start)
                for edge, end in zip(wires, ends, strict=True):
                    edge.end = end


def _boxes_between(source: Item, target: Item) -> list[Group]:
    """The groups that a wire runs in, from that of the source over the common one."""
    common = next(g for g in target.group.line_up if g.child_above(source) is not None)
    up = itertools.takewhile(lambda g: g is not common, source.group.line_up)
    down = itertools.takewhile(lambda g: g is not common, target.group.line_up)
    return [*up, common, *down]


def _end(group: Group, item: Item, value: Value, number: int, arrives: bool) -> _End:
    """How a wire's end looks inside a group: the item, the box that it is in, or the way out."""
    child = group.child_above(item)
    if child is None:
        return _End(Port(group, value, arrives))
    if isinstance(child, Group):
        return _End(child, Port(child, value, not arrives))
    return _End(child, None, number)


def _inside_first(root: Group) -> list[Group]:
    """All groups, each after those inside it."""
    order = [root]
    for group in order:
        order += [child for child in group.children if isinstance(child, Group)]
    return order[::-1]
