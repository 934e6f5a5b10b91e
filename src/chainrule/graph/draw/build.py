"""From a graph to its picture: which items there are, in which boxes, joined by which wires."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.graph.draw.phases import (
    BACKWARD,
    FORWARD,
    UPDATE,
    Spot,
    spots,
    updates_something,
)
from chainrule.graph.draw.picture import Group, Item, Picture, Wire
from chainrule.graph.node import Node
from chainrule.graph.text import aval_text, call_text, constant_text, options
from chainrule.ops.table import PROJECT, Box

_LONGEST = 34
"""A label's line is cut off after so many characters."""


def picture_of(graph: Any) -> Picture:
    """The picture of a graph, op by op."""
    return _Builder(graph).picture()


class _Builder:
    """Makes the items of one graph, and remembers which item draws which node."""

    def __init__(self, graph: Any):
        self.graph = graph
        self.names = graph.names()
        self.calls = [node for node in graph.nodes if node.op not in (None, PROJECT)]
        self.spots = spots(self.calls, graph.outputs)
        self.root = Group()
        self.item: dict[Node, Item] = {}
        self.copies: dict[Any, Item] = {}
        self.wires: dict[tuple[Item, int], Wire] = {}

    def picture(self) -> Picture:
        _nest(self.calls, self.spots, self.root, self._draw_call)
        if not updates_something(self.calls, self.spots):
            for group in self.root.children:
                if isinstance(group, Group) and group.phase == UPDATE:
                    group.title = "after the gradient"
        homes = self._homes()
        for node in self.calls:
            target = self.item[node]
            for slot, arg in enumerate(node.args):
                if not _is_inlined(arg):
                    self._join(arg, target, slot, homes)
        for name, node in zip(self.graph.output_names, self.graph.outputs, strict=True):
            self._draw_output(name, node)
        self._draw_unused()
        _flatten_single(self.root)
        ops = len(self.calls)
        title = f"{self.graph.name}: {ops} op{'' if ops == 1 else 's'}"
        return Picture(title, self.root, list(self.wires.values()))

    def _draw_call(self, node: Node, group: Group) -> None:
        settings = _short(", ".join(o for o in options(node) if not o.startswith("pattern=")))
        bodies = [
            replace(picture_of(value), title=key)
            for key, value in node.params.items()
            if isinstance(value, type(self.graph))
        ]
        label, name = _call_label(node), self.names[node]
        outs = tuple(map(repr, node.aval if isinstance(node.aval, tuple) else (node.aval,)))
        self.item[node] = Item(
            "op",
            (label,) if not settings or bodies else (label, settings),
            group,
            phase=self.spots[node].phase,
            tip=self._tip(node),
            outs=outs,
            names=tuple(f"{name}[{i}]" for i in range(len(outs))) if len(outs) > 1 else (name,),
            inside=tuple(bodies),
            any_order=node.op is not None and node.op.commutative,
        )

    def _tip(self, node: Node) -> str:
        where = "".join(f"\n{part}" for part in (node.place.heading, node.line) if part)
        return f"{call_text(node, self.names)}\n{aval_text(node.aval)}{where}"

    def _homes(self) -> dict[tuple[Node, str], Group]:
        """The innermost group round all uses of an input in one phase."""
        homes: dict[tuple[Node, str], Group] = {}
        for node in self.calls:
            phase, group = self.spots[node].phase, self.item[node].group
            for arg in node.args:
                if arg.is_input:
                    known = homes.setdefault((arg, phase), group)
                    homes[arg, phase] = _common(known, group)
        return homes

    def _join(self, arg: Node, target: Item, slot: int, homes: dict) -> None:
        source, out = _resolved(arg)
        item = self.item[source] if source.op else self._source_near(source, target, homes)
        self.wires.setdefault((item, out), Wire(item, out, [])).targets.append((target, slot))

    def _source_near(self, node: Node, target: Item, homes: dict) -> Item:
        """The symbol of an input or constant in the box that uses it: one in each such box."""
        kind = "constant" if node.is_constant else "input"
        group = target.group
        if kind == "input":
            updated = (node, UPDATE) in homes and node.aval.shape != ()
            owner = _owner(node.name, group)
            kind = "parameter" if owner or updated else "input"
            late = target.phase == UPDATE
            group = homes[node, UPDATE] if late else owner or _outermost(group)
        return self._copy(node, kind, group)

    def _copy(self, node: Node, kind: str, group: Group) -> Item:
        key = (node, group)
        if key not in self.copies:
            self.copies[key] = Item(
                kind,
                (_short(_constant_label(node) or _name_inside(self.names[node], group)),),
                group,
                phase=next((g.phase for g in group.line_up if g.phase), ""),
                tip=f"{kind} {self.names[node]}\n{node.aval}",
                outs=(aval_text(node.aval),),
                names=(self.names[node],),
            )
        return self.copies[key]

    def _draw_output(self, name: str, node: Node) -> None:
        source, out = _resolved(node)
        if source.op is None:
            kind = "constant" if source.is_constant else "input"
            item = self._copy(source, kind, self.root)
            group = self.root
        else:
            item = self.item[source]
            group = item.group if item.phase == UPDATE else _outermost(item.group)
        target = Item(
            "output",
            (_short(_name_inside(name, group)),),
            group,
            phase=item.phase,
            tip=f"output {name} = {self.names[node]}\n{aval_text(node.aval)}",
        )
        self.wires.setdefault((item, out), Wire(item, out, [])).targets.append((target, 0))

    def _draw_unused(self) -> None:
        used = {node for node, _ in self.copies}
        for node in self.graph.inputs:
            if node not in used:
                self._copy(node, "input", self.root)


def _resolved(node: Node) -> tuple[Node, int]:
    """The node that makes a value, and the number of the output that it is."""
    if node.op is PROJECT:
        return node.args[0], node.params["index"]
    return node, 0


def _is_inlined(node: Node) -> bool:
    """Whether a constant is written inside the op that takes it."""
    return node.is_constant and not isinstance(node.value, Box) and node.aval.shape == ()


def _call_label(node: Node) -> str:
    name = node.op.name if node.op else ""
    if not any(_is_inlined(arg) for arg in node.args):
        return name
    parts = [constant_text(arg.value) if _is_inlined(arg) else "·" for arg in node.args]
    return _short(f"{name}({', '.join(parts)})")


def _constant_label(node: Node) -> str:
    """What a constant array is called: its one number if it has but one."""
    if not node.is_constant or isinstance(node.value, Box):
        return ""
    array = np.asarray(node.value)
    if array.ndim and array.size and (array == array.flat[0]).all():
        return f"all {array.flat[0].item():.6g}"
    return "constant" if array.ndim else constant_text(node.value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _owner(name: str, group: Group) -> Group | None:
    """The innermost module whose path stands in the name of an input, as in `params.0.weight`."""
    for module in group.line_up:
        if module.scope and f".{module.scope}." in f".{name}.":
            return module
    return None


def _name_inside(name: str, group: Group) -> str:
    """The name of an input or output without what its box says: in `0`, `params.0.w` is `w`."""
    if group.scope:
        return f".{name}".rpartition(f".{group.scope}.")[2] or name
    if group.phase == UPDATE and not group.band:
        return f".{name}.".replace(f".{group.title}.", ".", 1).strip(".") or name
    return name


def _outermost(group: Group) -> Group:
    """The phase that a group lies in, or the whole picture."""
    return next((g for g in group.line_up if g.band or g.parent is None), group)


def _common(first: Group, second: Group) -> Group:
    above = set(map(id, first.line_up))
    return next(group for group in second.line_up if id(group) in above)


def _nest(calls: Sequence[Node], where: dict[Node, Spot], root: Group, draw: Any) -> None:
    """Put nodes into the boxes that they belong to, phases outermost.

    A box never holds both what another needs and what that other gives, or there would be no way
    to lay them out in the direction of the flow; a second box of that name is begun instead.
    """
    paths = {
        node: ((spot.phase, *spot.boxes) if spot.phase else spot.boxes)
        for node, spot in where.items()
    }
    stack: list[tuple[Group, list[Node], int]] = [(root, list(calls), 0)]
    while stack:
        group, members, depth = stack.pop()
        for name, part in _split(members, paths, depth):
            if name is None:
                draw(part[0], group)
                continue
            band = depth == 0 and name in (FORWARD, BACKWARD, UPDATE) and bool(where[part[0]].phase)
            spot = where[part[0]]
            child = Group(parent=group, band=band, phase=spot.phase)
            if not band and part[0].scope:
                child.scope = ".".join(paths[part[0]][bool(spot.phase) : depth + 1])
            child.title = _title(child.scope, part) if child.scope else name
            group.children.append(child)
            stack.append((child, part, depth + 1))
    _number(root)


def _title(scope: str, nodes: list[Node]) -> str:
    """The path of a module, and its class where it is known."""
    kind = next((node.place.module for node in nodes if node.scope == scope), "")
    return f"{scope} {kind}".strip()


def _split(members: list[Node], paths: dict, depth: int) -> list[tuple[str | None, list[Node]]]:
    """The boxes at one level, and between them (named None) the nodes that stand alone."""
    parts: list[tuple[str | None, list[Node]]] = []
    part_of: dict[Node, int] = {}
    after: list[set[int]] = []
    open_part: dict[str, int] = {}
    for node in members:
        name = paths[node][depth] if len(paths[node]) > depth else None
        before = {part_of[arg] for arg in _sources(node) if arg in part_of}
        at = open_part.get(name) if name is not None else None
        if at is None or (before - {at} and _reaches(at, before - {at}, after)):
            at = len(parts)
            parts.append((name, []))
            after.append(set())
            if name is not None:
                open_part[name] = at
        parts[at][1].append(node)
        part_of[node] = at
        for earlier in before - {at}:
            after[earlier].add(at)
    return parts


def _sources(node: Node) -> Iterable[Node]:
    return (_resolved(arg)[0] for arg in node.args)


def _reaches(start: int, goals: set[int], after: list[set[int]]) -> bool:
    seen = {start}
    stack = [start]
    while stack:
        for following in after[stack.pop()]:
            if following in goals:
                return True
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return False


def _number(group: Group) -> None:
    """Number the boxes of one group that have the same title."""
    counts: dict[str, int] = {}
    for child in group.children:
        if isinstance(child, Group):
            counts[child.title] = counts.get(child.title, 0) + 1
            if counts[child.title] > 1:
                child.title += f" ({counts[child.title]})"
            _number(child)


def _flatten_single(group: Group) -> None:
    """Drop a box that holds nothing but another box."""
    for at, child in enumerate(group.children):
        if not isinstance(child, Group):
            continue
        while not child.band and len(child.children) == 1 and isinstance(child.children[0], Group):
            child = child.children[0]
            child.parent = group
            group.children[at] = child
        _flatten_single(child)
