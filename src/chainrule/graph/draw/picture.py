"""What a drawing shows, before it has coordinates: items in groups, and wires between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(eq=False)
class Group:
    """A box round items and other groups: a module, or a phase of a training step.

    `scope` is the dotted path of the module, where it is one. `band` marks a phase.
    """

    title: str = ""
    phase: str = ""
    scope: str = ""
    band: bool = False
    parent: "Group | None" = None
    children: list["Item | Group"] = field(default_factory=list)

    @property
    def line_up(self) -> Iterator["Group"]:
        """This group, the one round it, and so on to the outermost."""
        group: Group | None = self
        while group is not None:
            yield group
            group = group.parent

    def child_above(self, item: "Item") -> "Item | Group | None":
        """The child of this group that an item is or lies in; None where it is outside."""
        below: Item | Group = item
        for group in item.group.line_up:
            if group is self:
                return below
            below = group
        return None

    def items(self) -> Iterator["Item"]:
        """All items in this group and in those inside it, in order."""
        for child in self.children:
            if isinstance(child, Group):
                yield from child.items()
            else:
                yield child


@dataclass(eq=False)
class Item:
    """A symbol: an op, an input, a parameter, a constant, an output, or a module drawn as one.

    The first of `lines` says what it is. `outs` are the captions (shape and dtype) of the values
    that leave it, `names` their names in the printed graph. `inside` are the pictures of graphs
    that the op runs, such as the body of a scan. `any_order` says that its arguments may be
    exchanged.
    """

    kind: str
    lines: tuple[str, ...]
    group: Group
    phase: str = ""
    tip: str = ""
    outs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    inside: tuple["Picture", ...] = ()
    any_order: bool = False

    def __post_init__(self):
        self.group.children.append(self)


class Wire(NamedTuple):
    """One value on its way: from an item's output number `out` to (item, argument number) pairs."""

    source: Item
    out: int
    targets: list[tuple[Item, int]]


@dataclass(eq=False)
class Picture:
    """Items in a tree of groups, and the wires between them."""

    title: str
    root: Group
    wires: list[Wire]

    def items(self) -> list[Item]:
        return list(self.root.items())

    def everything(self) -> Iterator[Item]:
        """All items, those of the pictures inside items too."""
        for item in self.root.items():
            yield item
            for part in item.inside:
                yield from part.everything()


KINDS = {
    "op": "operation",
    "module": "module",
    "input": "input",
    "parameter": "parameter or state",
    "constant": "constant",
    "output": "output",
    "reference": "value from elsewhere",
}
"""Every kind of item, with the words for it in the legend."""
