"""Cutting the longest wires of a picture that would drown in them.

A deep net's backward pass takes a value from every layer of the forward pass. Up to some depth the
wires show just that; beyond, they are all that there is to see. Then the longest are cut, and a
reference with the name of the value stands where they would arrive.
"""

from chainrule.graph.draw.layered import Net, Vertex, assign_ranks
from chainrule.graph.draw.picture import Group, Item, Picture, Wire

_PER_ITEM, _FREE = 4, 400
"""No wire is cut while they pass so many layers for each item of the picture, and so many more."""
_SPANS = (200, 100, 50, 25, 12)


def cut_long_wires(picture: Picture) -> Picture:
    """The picture with references in place of its longest wires, if these are too many.

    The picture that is given is used up.
    """
    items = picture.items()
    depth = _depths(items, picture.wires)
    budget = _PER_ITEM * len(items) + _FREE
    if _passed(picture.wires, depth, max(depth.values(), default=0)) <= budget:
        return picture
    within = (span for span in _SPANS if _passed(picture.wires, depth, span) <= budget)
    longest = next(within, _SPANS[-1])
    wires = []
    for wire in picture.wires:
        wires += _cut(wire, depth, longest)
    return Picture(picture.title, picture.root, wires)


def _depths(items: list[Item], wires: list[Wire]) -> dict[Item, int]:
    """In which layer each item would stand if there were no boxes."""
    vertices = {item: Vertex(item, 0.0, 0.0) for item in items}
    nets = [
        Net(wire, vertices[wire.source], 0.0, [(vertices[item], 0.0) for item, _ in wire.targets])
        for wire in wires
    ]
    assign_ranks(list(vertices.values()), nets, 0.0)
    return {item: vertex.rank for item, vertex in vertices.items()}


def _passed(wires: list[Wire], depth: dict[Item, int], longest: int) -> int:
    """How many layers all wires pass, each to its last target not further than `longest`."""
    spans = (_spans(wire, depth) for wire in wires)
    return sum(max((span for span in own if span <= longest), default=0) for own in spans)


def _spans(wire: Wire, depth: dict[Item, int]) -> list[int]:
    return [depth[target] - depth[wire.source] for target, _ in wire.targets]


def _cut(wire: Wire, depth: dict[Item, int], longest: int) -> list[Wire]:
    """A wire to the near targets, and one from a reference to each bundle of far ones."""
    near: list[tuple[Item, int]] = []
    far: dict[tuple[Group, int], list[tuple[Item, int]]] = {}
    for (target, slot), span in zip(wire.targets, _spans(wire, depth), strict=True):
        if span <= longest:
            near.append((target, slot))
        else:
            far.setdefault((target.group, span // longest), []).append((target, slot))
    source, out = wire.source, wire.out
    wires = [Wire(source, out, near)] if near else []
    if far and source.kind in ("op", "module"):
        name = source.names[out]
        if name not in source.outs[out]:
            outs = list(source.outs)
            outs[out] += f" = {name}"
            source.outs = tuple(outs)
    for (group, _), targets in far.items():
        wires.append(Wire(_reference(source, out, group), 0, targets))
    return wires


def _reference(source: Item, out: int, group: Group) -> Item:
    """A symbol that stands for a value that is drawn elsewhere."""
    known = source.kind not in ("op", "module")
    return Item(
        source.kind if known else "reference",
        source.lines if known else (source.names[out],),
        group,
        phase=source.phase,
        tip=source.tip,
        outs=(source.outs[out].partition(" = ")[0],),
        names=(source.names[out],),
    )
