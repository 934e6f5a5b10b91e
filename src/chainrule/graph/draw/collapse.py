"""The picture with every module as one item."""

from collections import Counter

from chainrule.graph.draw.phases import BACKWARD
from chainrule.graph.draw.picture import Group, Item, Picture, Wire

_FEW = 3
"""So many ops, and parameters, of a module are listed by name; more are counted."""


def collapse(picture: Picture) -> Picture:
    """Draw each outermost module as a single item that says what is in it.

    The picture that is given is used up.
    """
    now: dict[Item, Item] = {}
    _collapse_inside(picture.root, now)
    wires: list[Wire] = []
    arrived: Counter[Item] = Counter()
    for wire in picture.wires:
        source, out = now[wire.source], wire.out
        ends = dict.fromkeys(
            (now[item], slot if now[item] is item else arrived[now[item]])
            for item, slot in wire.targets
        )
        targets = [(item, slot) for item, slot in ends if item is not source]
        arrived.update(item for item, _ in targets)
        if not targets:
            continue
        if source is not wire.source:
            out = len(source.outs)
            source.outs = (*source.outs, wire.source.outs[wire.out])
            source.names = (*source.names, wire.source.names[wire.out])
        wires.append(Wire(source, out, targets))
    return Picture(picture.title, picture.root, wires)


def _collapse_inside(group: Group, now: dict[Item, Item]) -> None:
    children = list(group.children)
    group.children.clear()
    for child in children:
        if isinstance(child, Item):
            group.children.append(child)
            now[child] = child
        elif child.band:
            group.children.append(child)
            _collapse_inside(child, now)
        else:
            inside = list(child.items())
            now.update(dict.fromkeys(inside, _as_item(child, inside, group)))


def _as_item(box: Group, inside: list[Item], group: Group) -> Item:
    ops = [item for item in inside if item.kind == "op"]
    names = [item.lines[0].partition("(")[0] for item in ops]
    counts = ", ".join(f"{n} {name}" if n > 1 else name for name, n in Counter(names).items())
    work = ", ".join(names) if len(names) <= _FEW else f"{len(names)} ops"
    held = [
        f"{item.lines[0].rpartition('.')[2]} {item.outs[0]}"
        for item in inside
        if item.kind == "parameter" and box.scope and box.phase != BACKWARD
    ]
    return Item(
        "module",
        (box.title, work, *held) if len(held) <= _FEW else (box.title, work),
        group,
        phase=box.phase,
        any_order=True,
        tip="\n".join([f"{box.title} {box.phase}".strip(), counts, *held]),
    )
