"""When each group runs: phases, in which tasks run side by side, and chains of groups inside them.

Groups whose rows depend only on the same rows of one another form a chain: a task takes some rows
through all of them, while they are still in the cache, and no thread has to wait for another in
between. What needs all rows waits for the next phase.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from chainrule.compiler.geometry import (
    ConvolutionTile,
    Geometry,
    WeightGeometry,
    WeightTile,
    convolution_tile,
    weight_tile,
)
from chainrule.compiler.groups import FULL, Fusion, Group, levels, stages
from chainrule.compiler.kernels import Kernel, divided
from chainrule.compiler.lowered import Places
from chainrule.compiler.target import Target
from chainrule.compiler.tiles import Tile, product_tile, strip_columns
from chainrule.graph.node import Node
from chainrule.ops.lowering import Fold, Gather, View

_WORTH_ASKING = 4096
"""Bytes of a selection below which the processor does not wait long for it anyway."""
_BLOCK = 40
"""Cycles of a block of random words: twenty products of 64 bits, beside those of other blocks."""
_LEAST = 8000.0
"""Cycles that a task is worth at least: handing it out costs some hundred."""
_TASKS = 4
"""Tasks in a chain: a few, so that each still takes enough rows for what it reads of weights."""


_BY_ROWS = ("map", "rows", "convolution", "slope", "windows")
"""Kinds of groups whose work divides along the first of their dims."""
_APART = ("call", "assemble", "draw", "convolution", "windows")
"""Kinds of groups that never write over an input: a convolution computes some places twice."""


@dataclass(eq=False)
class Chain:
    """Kernels that run one after another on the same rows; `tasks` of them, side by side."""

    kernels: list[Kernel]

    @property
    def tasks(self) -> int:
        return self.kernels[0].tasks


@dataclass(eq=False)
class Phase:
    """Chains whose tasks may run in any order and at the same time."""

    chains: list[Chain] = field(default_factory=list)
    calls: list[Group] = field(default_factory=list)

    @property
    def tasks(self) -> int:
        return sum(chain.tasks for chain in self.chains)


class Schedule:
    """The phases of a graph. `donated` maps outputs to the inputs that they are written over."""

    def __init__(
        self, fusion: Fusion, donated: dict[Node, Node], target: Target, *, shared: bool = True
    ):
        self.fusion = fusion
        self.places: Places = fusion.places
        self.target = target
        self.tasks = _TASKS if shared else 1
        self.donated = {out: place for out, place in donated.items() if self._in_place(out, place)}
        self.when: dict[Group, int] = {}
        self._aligned: dict[tuple[Group, Group], bool] = {}
        self._before: dict[Group, set[Group]] = {}
        for group in self._in_order():
            self.when[group] = self._earliest(group)
        self.phases = self._phases()
        for kernel in self.kernels:
            kernel.again = not any(node in self.donated for node in kernel.group.stored)

    @property
    def kernels(self) -> list[Kernel]:
        return [k for phase in self.phases for chain in phase.chains for k in chain.kernels]

    def ask_ahead(self, ids: Iterable[Node]) -> None:
        """Let the largest product ask for the rows that these ids will select in the next step.

        Otherwise each step would begin by waiting for memory.
        """
        found = set(ids)
        selections = tuple(
            node
            for node in self.places.computed
            if isinstance(node.op.emit, Gather)
            and len(node.args) == 2
            and node.args[0].is_input
            and node.args[1] in found
            and node.aval.size * node.aval.dtype.itemsize > _WORTH_ASKING
        )
        products = [k for k in self.kernels if k.group.kind == "product" and k.group.dims[0] == 1]
        outer = [k for k in products if self._tile(k).scheme == "outer"]
        if selections and outer:
            max(outer, key=lambda kernel: self.cost(kernel.group)).ahead = selections

    def _tile(self, kernel: Kernel) -> Tile:
        return product_tile(kernel.group, self.places, self.target)

    def _convolution_tile(self, group: Group) -> ConvolutionTile | WeightTile:
        size = group.product.aval.dtype.itemsize
        if group.kind == "slope":
            shape = WeightGeometry.of(group.product, self.places)
            return weight_tile(shape, self.target, size)
        shape = Geometry.of(group.product, self.places)
        return convolution_tile(shape, self.target, size)

    def _in_place(self, out: Node, place: Node) -> bool:
        """Whether a group may write over an input: it reads it only where it writes."""
        group = self.fusion.home.get(out)
        if group is None or place.aval != out.aval or group.kind in _APART:
            return False
        dims = group.dims if group.roles[out] == FULL else group.dims[:1]
        # What is written in an earlier stage of rows must not be read in a later one.
        full = group.kind == "rows" and group.roles[out] == FULL
        if full and levels(group, self.places)[out] + 1 < stages(group, self.places):
            return False
        for node in group.roles:
            for arg in node.args:
                if self.places.refs[arg].root is not place:
                    continue
                if node is group.product or isinstance(node.op.emit, (Fold, Gather)):
                    return False
                if group.roles[node] != group.roles[out]:
                    return False
                if self.places.on(arg, node.aval.shape, dims) != View.whole(dims):
                    return False
        return True

    def before(self, group: Group) -> set[Group]:
        """The groups that must be done first: what it reads, and who reads what it writes over."""
        if group not in self._before:
            self._before[group] = self._find_before(group)
        return self._before[group]

    def _find_before(self, group: Group) -> set[Group]:
        found = {
            self.fusion.home[root] for root in self.fusion.needs(group) if root in self.fusion.home
        }
        written = {self.donated[node] for node in group.stored if node in self.donated}
        if written:
            found |= {g for g in self.fusion.groups if written & set(self.fusion.needs(g))}
        return found - {group}

    def _in_order(self) -> list[Group]:
        """The groups, each after those that must come first; what cannot is not donated."""
        order: dict[Group, None] = {}
        open_groups: set[Group] = set()

        def visit(group: Group) -> None:
            if group in order:
                return
            if group in open_groups:
                raise _CircleError(group)
            open_groups.add(group)
            for other in self.fusion.groups:
                if other in self.before(group):
                    visit(other)
            order[group] = None

        while True:
            try:
                for group in self.fusion.groups:
                    visit(group)
            except _CircleError as circle:
                order.clear()
                open_groups.clear()
                self._give_up(circle.group)
            else:
                return list(order)

    def _give_up(self, group: Group) -> None:
        """Break a circle: what a group of it would write over an input gets its own buffer."""
        own = [node for node in group.stored if node in self.donated]
        for node in own or list(self.donated)[:1]:
            del self.donated[node]
        self._before.clear()

    def _earliest(self, group: Group) -> int:
        when = 0
        for other in self.before(group):
            together = (
                group.kind != "call" and other.kind != "call" and self._keeps_rows(other, group)
            )
            when = max(when, self.when[other] + (not together))
        return when

    def _keeps_rows(self, maker: Group, user: Group) -> bool:
        """Whether each row of `user` needs only the same row of `maker`, and writes over none."""
        key = (maker, user)
        if key not in self._aligned:
            self._aligned[key] = self._find_aligned(maker, user)
        return self._aligned[key]

    def _find_aligned(self, maker: Group, user: Group) -> bool:
        rows = rows_of(maker)
        if rows < 2 or rows != rows_of(user):
            return False
        written = {self.donated[node] for node in user.stored if node in self.donated}
        if written & set(self.fusion.needs(maker)):
            return False
        return all(
            self._row_by_row(user, node, arg, rows)
            for node in user.roles
            for arg in node.args
            if self.places.refs[arg].root in maker.stored
        )

    def _row_by_row(self, group: Group, node: Node, arg: Node, rows: int) -> bool:
        """Whether a read of an argument stays in the row of the place that it is read for."""
        if node is group.product:
            view, axis = self.places.refs[arg].view, 1
            if group.kind in ("slope", "windows"):
                axis = 0
            if group.kind == "convolution" or (
                group.kind != "windows" and (arg is node.args[1]) != (group.kind == "slope")
            ):
                return False
        elif isinstance(node.op.emit, Gather):
            if node.args.count(arg) > 1 or arg is node.args[0]:
                return False
            chosen = self.places.selection(node, group.dims)
            view, axis = chosen.ids[node.args.index(arg) - 1], 0
        elif isinstance(node.op.emit, Fold) and group.kind != "rows":
            return False
        else:
            shape = node.args[0].aval.shape if isinstance(node.op.emit, Fold) else node.aval.shape
            role = group.roles[node]
            dims = (
                group.dims if role == "full" or isinstance(node.op.emit, Fold) else group.dims[:1]
            )
            view, axis = self.places.on(arg, shape, dims), 1 if group.kind == "product" else 0
        if view is None:
            return False
        pitch = self.places.pitch(self.places.refs[arg].root, rows)
        inside = sum(
            (size - 1) * step
            for k, (size, step) in enumerate(zip(view.shape, view.strides, strict=True))
            if k != axis
        )
        least = min(view.strides, default=0)
        return view.strides[axis] == pitch and least >= 0 and view.offset + inside < pitch

    def _phases(self) -> list[Phase]:
        last = max(self.when.values(), default=-1)
        phases = [Phase() for _ in range(last + 1)]
        for number, phase in enumerate(phases):
            groups = [group for group in self.when if self.when[group] == number]
            phase.calls = [group for group in groups if group.kind == "call"]
            for linked in self._linked([g for g in groups if g.kind != "call"]):
                phase.chains.append(self._chain(linked))
        return phases

    def _linked(self, groups: list[Group]) -> list[list[Group]]:
        """The groups of a phase, sorted into those that depend on each other."""
        chains: list[list[Group]] = []
        for group in groups:
            before = self.before(group)
            mine = [chain for chain in chains if before & set(chain)]
            joined = [g for chain in mine for g in chain] + [group]
            chains = [chain for chain in chains if chain not in mine] + [joined]
        order = {group: k for k, group in enumerate(self.when)}
        return [sorted(chain, key=lambda g: order[g]) for chain in chains]

    def _chain(self, groups: list[Group]) -> Chain:
        cost = sum(self.cost(group) for group in groups)
        heavy = [group for group in groups if group.kind in ("convolution", "slope")]
        if len(groups) == 1 and not heavy:
            return Chain([self._alone(groups[0], cost)])
        rows = rows_of(groups[0])
        if heavy:
            grain, tasks = self._channels(rows, heavy)
        else:
            grain, tasks = divided(rows, cost, _LEAST, 1, self.tasks)
        kernels = [
            Kernel("", group, 1 if group.kind == "product" else 0, grain, tasks) for group in groups
        ]
        return Chain(self._with_prologues(kernels))

    def _channels(self, rows: int, groups: list[Group]) -> tuple[int, int]:
        """(grain, tasks) for the channels of convolutions: even for two threads, in whole tiles."""
        if self.tasks == 1:
            return rows, 1
        unit = 1
        for group in groups:
            plan = group.product.params["plan"]
            if plan.groups > 1:
                unit = math.lcm(unit, rows // plan.groups)
        tiles = [self._convolution_tile(group).rows for group in groups]
        wanted = {math.ceil(rows / 2), *(k * tile for tile in tiles for k in range(1, rows))}
        grains = {min(rows, math.ceil(grain / unit) * unit) for grain in wanted}
        few = [grain for grain in grains if math.ceil(rows / grain) <= 2 * self.tasks]
        grain = min(few, key=lambda g: (math.ceil(math.ceil(rows / g) / 2) * g, -g))
        return grain, math.ceil(rows / grain)

    def _with_prologues(self, kernels: list[Kernel]) -> list[Kernel]:
        """Let products make the rows of their first argument themselves, band by band.

        So the rows are still in the first cache when they are used.
        """
        kept = list(kernels)
        for kernel in kernels:
            if kernel.group.kind != "product" or not self._reads_once(kernel.group):
                continue
            root = self.places.refs[kernel.group.product.args[0]].root
            for other in kept[: kept.index(kernel)]:
                between = kept[kept.index(other) + 1 : kept.index(kernel)]
                early = any(other.group in self.before(k.group) for k in between)
                makes_it = other.group.kind == "map" and root in other.group.stored
                if makes_it and not early and len(other.group.dims) > 1:
                    kernel.prologue = other.group
                    kept.remove(other)
                    break
        return kept

    def _reads_once(self, group: Group) -> bool:
        """Whether the code of a product goes through the rows of its first argument only once."""
        tile = product_tile(group, self.places, self.target)
        x = group.product.args[0]
        return (
            tile.scheme == "dot"
            and strip_columns(tile, x.aval.shape[2], x.aval.dtype) >= (group.dims[2])
        )

    def _alone(self, group: Group, cost: float) -> Kernel:
        """A group that shares nothing within its phase is divided along its longest axis."""
        if group.kind == "product":
            stack, m, n = group.dims
            tile = product_tile(group, self.places, self.target)
            if stack > 1:
                return Kernel("", group, 0, *divided(stack, cost, _LEAST, 1, self.tasks))
            if m > n:
                return Kernel("", group, 1, *divided(m, cost, _LEAST, tile.rows, self.tasks))
            lanes = self.target.lanes(group.product.aval.dtype.itemsize)
            unit = tile.columns * (lanes if tile.scheme == "outer" else 1)
            return Kernel("", group, 2, *divided(n, cost, _LEAST, unit, self.tasks))
        if group.kind == "assemble" or not group.dims or not rows_of(group):
            return Kernel("", group, 0, group.dims[0] if group.dims else 1, 1)
        unit = 64 if len(group.dims) == 1 else 1
        return Kernel("", group, 0, *divided(group.dims[0], cost, _LEAST, unit, self.tasks))

    def cost(self, group: Group) -> float:
        """Cycles that a group takes, roughly."""
        vectors = math.prod(group.dims) / self.target.lanes(4)
        cycles = vectors * (2 + 2 * len(group.roles))
        for node in group.roles:
            if isinstance(node.op.emit, Fold):
                cycles += node.args[0].aval.size / self.target.lanes(4)
        if group.kind in ("convolution", "slope"):
            cycles += self._convolution_tile(group).cycles
        if group.kind == "product":
            cycles += product_tile(group, self.places, self.target).cycles * group.dims[0]
        if group.kind == "draw":
            cycles += _BLOCK * group.dims[0]
        return cycles


class _CircleError(Exception):
    """Groups wait for each other."""

    def __init__(self, group: Group):
        super().__init__()
        self.group = group


def rows_of(group: Group) -> int:
    """The rows that a group's work divides into; 0 where it does not."""
    if group.kind == "product":
        return group.dims[1] if group.dims[0] == 1 else 0
    if group.kind == "windows" and len(group.dims) == 1 + len(group.product.params["slide"].kernel):
        return 0
    return group.dims[0] if group.kind in _BY_ROWS and group.dims else 0
