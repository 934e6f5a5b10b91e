"""Fusion: which ops are computed together, in one pass over the same elements.

A group is elementwise ops over one index space, perhaps around one thing that they begin with:

- `map`: elementwise ops; sums over leading axes are computed where they are needed
- `rows`: the same with folds of each row, such as a softmax with its loss and slope
- `product`: a matrix product, followed by elementwise ops on its result
- `convolution`: a convolution or its transpose, followed by elementwise ops
- `slope`: a convolution's derivative for its weight, followed by elementwise ops
- `windows`: numbers put into windows, followed by elementwise ops
- `assemble`: an array written part by part
- `draw`: random numbers of a key
- `call`: an op that the interpreter runs
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chainrule.compiler.batch_last import Direct, Windowed
from chainrule.compiler.geometry import Geometry, WeightGeometry
from chainrule.compiler.lowered import Places, blocks, computable, is_number
from chainrule.compiler.nodes import moves
from chainrule.graph.node import Node
from chainrule.ops.lowering import (
    Assemble,
    Contract,
    DeriveKey,
    Draw,
    Fold,
    Gather,
    ScatterAdd,
    View,
)

FULL, ROW = "full", "row"
_LARGE = 1 << 16
"""Elements of an array that is large: stored, it leaves the first caches."""
_HOSTS = ("map", "rows", "product", "convolution", "slope", "windows")
"""Kinds of groups that elementwise ops may join."""


@dataclass(eq=False)
class Group:
    """Ops that are computed in one pass over `dims`.

    `roles` says of each member whether it has a value for each element or one for each row;
    `stored` are the members that others need.
    """

    kind: str
    dims: tuple[int, ...]
    roles: dict[Node, str] = field(default_factory=dict)
    stored: list[Node] = field(default_factory=list)
    product: Any = None

    @property
    def members(self) -> list[Node]:
        return list(self.roles)

    @property
    def first(self) -> Node:
        return next(iter(self.roles))


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of one element."""
    return tuple(size for size in shape if size != 1)


class Fusion:
    """Sorts the nodes of a graph into groups."""

    def __init__(self, places: Places):
        self.places = places
        self.groups: list[Group] = []
        self.home: dict[Node, Group] = {}
        self.inlined: set[Node] = set()
        self._feeds: dict[Group, set[Group]] = {}
        needed = dict.fromkeys(places.outputs)
        for node in places.computed:
            if self._is_cheap(node) and node not in needed:
                self.inlined.add(node)
            else:
                self._place(node)
        self._mark_stored(needed)
        self._needs = {group: self._find_needs(group) for group in self.groups}

    def _is_cheap(self, node: Node) -> bool:
        """Whether it costs less to compute a node again than to store it.

        So it does a mask of a comparison, and a large array that was only moved and scaled. Its
        users must all be elementwise, over the same elements.
        """
        if not (computable(node) and callable(node.op.emit)):
            return False
        if node.aval.dtype.kind != "b" and not self._is_scaled(node):
            return False
        users = self.places.users(node)
        return bool(users) and all(
            computable(user)
            and callable(user.op.emit)
            and user.aval.shape == node.aval.shape
            and node in user.args
            for user in users
        )

    def _is_scaled(self, node: Node) -> bool:
        """Whether it is one large array with numbers added, or times numbers."""
        if not node.op.identity or node.aval.size < _LARGE:
            return False
        size = node.aval.size
        whole = [arg for arg in node.args if self.places.refs[arg].root.aval.size >= size]
        return len(whole) == 1 and whole[0].aval.shape == node.aval.shape

    def _place(self, node: Node) -> None:
        emit = node.op.emit
        if not computable(node):
            self._new("call", (), node)
        elif node in self.places.apart:
            self._new("map", squeezed(node.aval.shape), node)
        elif callable(emit):
            self._place_elementwise(node)
        elif isinstance(emit, Fold):
            self._place_fold(node)
        elif isinstance(emit, Contract):
            group = self._new("product", node.aval.shape, node)
            group.product = node
        elif isinstance(emit, Direct):
            weight = emit.side == "weight"
            shape = (WeightGeometry if weight else Geometry).of(node, self.places)
            group = self._new("slope" if weight else "convolution", shape.dims, node)
            group.product = node
        elif isinstance(emit, Windowed):
            group = self._new("windows", node.aval.shape, node)
            group.product = node
        elif isinstance(emit, Gather):
            self._new("map", squeezed(node.aval.shape), node)
        elif isinstance(emit, (Draw, DeriveKey)):
            self._new("draw", (blocks(node.aval),), node)
        elif isinstance(emit, (Assemble, ScatterAdd)):
            self._new("assemble", node.aval.shape, node)
        else:
            self._new("call", (), node)

    def _new(self, kind: str, dims: tuple[int, ...], node: Node) -> Group:
        group = Group(kind, dims)
        self.groups.append(group)
        self._feeds[group] = set()
        self._join(group, node, FULL)
        return group

    def _join(self, group: Group, node: Node, role: str) -> None:
        for needed in self._inlined_args(node):
            if needed not in group.roles:
                self._note_needs(group, needed)
                group.roles[needed] = role
        group.roles[node] = role
        self.home[node] = group
        self._note_needs(group, node)

    def _inlined_args(self, node: Node) -> Iterator[Node]:
        for arg in node.args:
            root = self.places.refs[arg].root
            if root in self.inlined:
                yield from self._inlined_args(root)
                yield root

    def _note_needs(self, group: Group, node: Node) -> None:
        for root in self._roots(node):
            if root in self.home and self.home[root] is not group:
                self._feeds[group].add(self.home[root])

    def _roots(self, node: Node) -> list[Node]:
        """The buffers that a node reads, also by way of what is inlined."""
        found = []
        for arg in node.args:
            root = self.places.refs[arg].root
            found += self._roots(root) if root in self.inlined else [root]
        return found

    def _place_elementwise(self, node: Node) -> None:
        for group in self._candidates(node):
            if group.kind == "product" and self._feeds_a_row_fold(node):
                continue
            if group.kind in ("convolution", "windows") and self._only_folded(node):
                continue
            if group.kind == "windows" and group.product.params["slide"].overlapping:
                continue
            role = self._role_in(group, node)
            if role and not self._would_wait_for_itself(group, node):
                self._join(group, node, role)
                return
        self._new("map", squeezed(node.aval.shape), node)

    def _feeds_a_row_fold(self, node: Node) -> bool:
        """Whether a fold along rows takes it, and so would need it in a group of its own kind."""
        return any(
            isinstance(user.op.emit, Fold) and user.args[0].aval.shape[2] == 1
            for reader in (node, *filter(moves, self.places.users(node)))
            for user in self.places.users(reader)
            if user.aval.size and len(user.args[0].aval.shape) == 3
        )

    def _only_folded(self, node: Node) -> bool:
        """Whether folds alone take it, so that it need not be stored where they compute it."""
        readers = [
            user
            for reader in (node, *filter(moves, self.places.users(node)))
            for user in self.places.users(reader)
            if not moves(user)
        ]
        return bool(readers) and all(isinstance(user.op.emit, Fold) for user in readers)

    def _candidates(self, node: Node) -> list[Group]:
        """The groups of the arguments, the last one first; then rows that read the same."""
        roots = set(self._roots(node))
        makers = {self.home[root] for root in roots if root in self.home}
        readers = {
            group for group in self.groups if group.kind == "rows" and roots & self._read(group)
        }
        order = [g for g in makers | readers if g.kind in _HOSTS]
        return sorted(order, key=self.groups.index, reverse=True)

    def _read(self, group: Group) -> set[Node]:
        return {root for node in group.roles for root in self._roots(node) if not is_number(root)}

    def _role_in(self, group: Group, node: Node) -> str:
        """What a node would be in a group; empty where it does not fit in."""
        size = math.prod(node.aval.shape)
        if group.kind == "rows":
            own = [self.places.refs[arg].root for arg in node.args]
            in_rows = any(group.roles.get(root) == ROW for root in own)
            if size == group.dims[0] and (in_rows or group.dims[1] != 1):
                role = ROW
            elif size == math.prod(group.dims):
                role = FULL
            else:
                return ""
        elif group.kind in ("convolution", "slope", "windows"):
            role = FULL if node.aval.shape == group.product.aval.shape else ""
        elif squeezed(node.aval.shape) == squeezed(group.dims):
            role = FULL
        else:
            role = ""
        if not role:
            return ""
        nodes = [*self._inlined_args(node), node]
        fits = all(self._reads(group, role, part, nodes) for part in nodes)
        return role if fits else ""

    def _reads(self, group: Group, role: str, node: Node, along: list[Node]) -> bool:
        """Whether all arguments of a node can be read along a group's dims."""
        dims = group.dims if role == FULL else group.dims[:1]
        for arg in node.args:
            root = self.places.refs[arg].root
            if is_number(root) or root in along:
                continue
            view = self.places.on(arg, node.aval.shape, dims)
            if view is None:
                return False
            if root in group.roles and not _in_step(self.places, view, group, role, root):
                return False
        return True

    def _would_wait_for_itself(self, group: Group, node: Node) -> bool:
        """Whether an argument is computed by a group that needs this one first."""
        homes = {self.home[root] for root in self._roots(node) if root in self.home}
        return any(group in self.ancestors(home) for home in homes - {group})

    def ancestors(self, group: Group) -> set[Group]:
        found: set[Group] = set()
        waiting = [group]
        while waiting:
            for before in self._feeds[waiting.pop()]:
                if before not in found:
                    found.add(before)
                    waiting.append(before)
        return found

    def _place_fold(self, node: Node) -> None:
        outer, length, inner = node.args[0].aval.shape
        if inner != 1:
            self._new("map", squeezed((outer, inner)), node)
            return
        root = self.places.refs[node.args[0]].root
        dims = (outer, length)
        group = self.home.get(root)
        if group is not None and group.kind in ("map", "rows") and self._as_rows(group, dims, node):
            self._join(group, node, ROW)
            return
        group = self._new("rows", dims, node)
        group.roles[node] = ROW

    def _as_rows(self, group: Group, dims: tuple[int, int], fold: Node) -> bool:
        """Make a group of elementwise ops one over rows, where all that it reads allows that."""
        if group.kind == "rows":
            view = self.places.on(fold.args[0], fold.args[0].aval.shape, dims)
            root = self.places.refs[fold.args[0]].root
            return (
                group.dims == dims
                and view is not None
                and _in_step(self.places, view, group, FULL, root)
            )
        plain = all(callable(node.op.emit) for node in group.roles)
        if not plain or math.prod(group.dims) != math.prod(dims):
            return False
        trial = Group("rows", dims, dict(group.roles))
        view = self.places.on(fold.args[0], fold.args[0].aval.shape, dims)
        root = self.places.refs[fold.args[0]].root
        if view is None or not _in_step(self.places, view, trial, FULL, root):
            return False
        inlined = [node for node in group.roles if node in self.inlined]
        if not all(self._reads(trial, FULL, node, inlined) for node in group.roles):
            return False
        group.kind, group.dims = "rows", dims
        return True

    def _mark_stored(self, needed: Iterable[Node]) -> None:
        for node in needed:
            if node in self.home and node not in self.home[node].stored:
                self.home[node].stored.append(node)
        for group in self.groups:
            for node in group.roles:
                for root in self._roots(node):
                    home = self.home.get(root)
                    if home is not None and home is not group and root not in home.stored:
                        home.stored.append(root)

    def needs(self, group: Group) -> list[Node]:
        """The buffers that a group reads and does not make."""
        return self._needs[group]

    def _find_needs(self, group: Group) -> list[Node]:
        found: dict[Node, None] = {}
        for node in group.roles:
            found.update(dict.fromkeys(self._roots(node)))
        return [root for root in found if root not in group.roles and not is_number(root)]


def _in_step(places: Places, view: View, group: Group, role: str, root: Node) -> bool:
    """Whether a member is read at the very element where it has just been computed."""
    own = group.roles[root]
    if own == FULL:
        return role == FULL and view == places.own(root, group.dims)
    rows = group.dims[:1]
    if role == ROW:
        return view == View.whole(rows)
    return view == View(group.dims, (*View.whole(rows).strides, 0))


def levels(group: Group, places: Places) -> dict[Node, int]:
    """How many folds must be done, one after another, before a member can be computed."""
    found: dict[Node, int] = {}
    for node in group.roles:
        before = max((found.get(places.refs[arg].root, 0) for arg in node.args), default=0)
        found[node] = before + isinstance(node.op.emit, Fold)
    return found


def stages(group: Group, places: Places) -> int:
    """How many times a row is gone through: for the folds of each level, and for what needs all."""
    found = levels(group, places)
    shown = [found[node] + 1 for node in group.stored if group.roles[node] == FULL]
    return max([*shown, *(found[node] for node in group.roles if isinstance(node.op.emit, Fold))])


def describe(group: Group) -> dict[str, Any]:
    """A group in numbers, for people."""
    return {"kind": group.kind, "dims": group.dims, "ops": [n.op.name for n in group.roles]}
