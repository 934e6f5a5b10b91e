"""One weight through the whole step: where it acts, its paths to the loss, its update.

A path goes from one entry to an entry that depends on it, up to the loss; what it adds to the
derivative is the product of the slopes on its way, in float64. The slopes come from forward mode
(`jvp`), so that the sum over the paths is a third way to the derivative, beside reverse mode and
differences.
"""

import heapq
import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import OptionError, unknown
from chainrule.explain.builder import Builder
from chainrule.explain.checks import relative
from chainrule.explain.formula import Formula
from chainrule.explain.naming import partial
from chainrule.explain.report import Message, Section, Statement, Worked
from chainrule.explain.step import apply
from chainrule.explain.worked import in_double, index_text
from chainrule.explain.writing import number_text
from chainrule.grad import jvp
from chainrule.graph import Node

_SHOWN = 5
_TRIED = 1000
_WEIGHT = re.compile(r"(?P<path>[\w.]+)\[(?P<index>[\d,\s]*)\]")


class Stop(NamedTuple):
    """An entry on a path, and the slope that leads to it from the one before."""

    node: Node
    place: int
    slope: float


class Trail(NamedTuple):
    """A path from the weight on: its stops, and the product of their slopes."""

    stops: tuple[Stop, ...]
    product: float


def weight_section(builder: Builder, weight: str) -> Section:
    """The section about a weight such as `0.weight[3,200]`.

    Raises:
        OptionError: no such parameter, or an index outside it.
    """
    path, place = _found(builder, weight)
    step, leaf = builder.step, builder.step.leaves[path]
    gradient = step.gradients[path]
    name = _entry(builder, leaf, place)
    follower = _Follower(builder)
    done, rest = follower.paths(leaf, place)
    size = np.asarray(step.values[leaf]).reshape(-1)[place]
    found = [
        Statement(
            builder.key_for(name),
            name,
            "",
            "",
            np.asarray(size),
            words=(Message("weight.value"),),
            where=path,
        ),
        *(_path_statement(builder, name, trail, i) for i, trail in enumerate(done, 1)),
        _sum_statement(builder, follower, name, (leaf, place, gradient), done, rest),
        *_update_statements(builder, path, place),
    ]
    return Section("weight", Message("section.weight", {"name": weight}), tuple(found))


def _found(builder: Builder, weight: str) -> tuple[str, int]:
    """The path and the flat place that a text such as 0.weight[3,200] names."""
    match = _WEIGHT.fullmatch(weight.strip())
    if match is None:
        raise OptionError(
            f"weight is {weight!r}; expected a parameter's path and an index, such as "
            "'0.weight[3,200]'."
        )
    path = match["path"]
    if path not in builder.step.moved:
        raise unknown("parameter", path, builder.step.moved)
    shape = builder.step.leaves[path].aval.shape
    index = tuple(int(part) for part in match["index"].split(",") if part.strip())
    fits = len(index) == len(shape) and all(i < n for i, n in zip(index, shape, strict=True))
    if not fits:
        raise OptionError(f"weight {weight!r}: {path} has shape {shape}; give an index inside it.")
    return path, int(np.ravel_multi_index(index, shape)) if shape else 0


def _entry(builder: Builder, node: Node, place: int) -> str:
    """The symbol of one entry."""
    value = np.asarray(builder.step.values[node])
    if builder.writer.turned(node):
        row, column = divmod(place, value.shape[1])
        index = index_text(value.T.shape, column * value.shape[0] + row)
    else:
        index = index_text(value.shape, place)
    symbol = f"{{{builder.names[node]}}}"
    return rf"{symbol}[\text{{{index}}}]" if index else builder.names[node]


class _Follower:
    """Finds paths between the named values of the forward pass."""

    def __init__(self, builder: Builder):
        self.builder = builder
        self.step = builder.step
        named = [n for n in self.step.forward if n in builder.names]
        # A fused op is one stop: its own record has the derivative.
        self.users: dict[Node, list[Node]] = {}
        for node in named:
            for source in self._sources(node):
                self.users.setdefault(source, []).append(node)
        self.values = builder.differences.base
        self.totals = {slope.of: slope.total for slope in self.step.slopes}

    def _sources(self, node: Node) -> list[Node]:
        found: dict[Node, None] = {}
        stack = list(node.args)
        while stack:
            arg = stack.pop()
            if arg in self.builder.names or arg.op is None:
                found[arg] = None
            else:
                stack += arg.args
        return list(found)

    def _along(self, user: Node, source: Node, place: int) -> np.ndarray:
        """How every entry of a value moves with one entry of another."""
        start = in_double(self.values[source])
        direction = np.zeros(start.shape)
        direction.reshape(-1)[place] = 1.0

        def computed(value: Any) -> Any:
            def inside(node: Node) -> Any:
                if node is source:
                    return value
                if node is not user and (node in self.builder.names or node.op is None):
                    return self.values[node]
                return apply(node, [inside(arg) for arg in node.args])

            return inside(user)

        return np.asarray(jvp(computed, (start,), (direction,))[1]).reshape(-1)

    def _next(self, trail: Trail, leaf: Node, place: int) -> Iterator[Trail]:
        last = trail.stops[-1] if trail.stops else Stop(leaf, place, 1.0)
        for user in self.users.get(last.node, ()):
            slopes = self._along(user, last.node, last.place)
            for entry in np.flatnonzero(slopes):
                slope = float(slopes[entry])
                stop = Stop(user, int(entry), slope)
                yield Trail((*trail.stops, stop), trail.product * slope)

    def _weight(self, trail: Trail) -> float:
        """What all paths that begin with this trail add to the derivative."""
        last = trail.stops[-1]
        if last.node is self.step.loss:
            return trail.product
        total = self.totals.get(last.node)
        if total is None:
            return 0.0
        return trail.product * float(in_double(self.values[total]).reshape(-1)[last.place])

    def paths(self, leaf: Node, place: int) -> tuple[list[Trail], list[Trail]]:
        """The weightiest paths, and the beginnings of all others.

        A kernel's weight has millions of paths that all weigh little. After many tries each way is
        taken on to the loss along its weightiest entries.
        """
        order = itertools.count()
        heap: list[tuple[float, int, Trail]] = []
        for trail in self._next(Trail((), 1.0), leaf, place):
            heapq.heappush(heap, (-abs(self._weight(trail)), next(order), trail))
        done: list[Trail] = []
        straight: Trail | None = None
        for tried in itertools.count():
            if straight is None and (not heap or len(done) == _SHOWN):
                break
            trail = straight or heapq.heappop(heap)[-1]
            straight = None
            if trail.stops[-1].node is self.step.loss:
                done.append(trail)
                continue
            longer = list(self._next(trail, leaf, place))
            if tried > _TRIED and longer:
                straight = max(longer, key=lambda t: abs(self._weight(t)))
            for other in longer:
                if other is not straight:
                    heapq.heappush(heap, (-abs(self._weight(other)), next(order), other))
        return done, [trail for _, _, trail in heap]

    def total(self, done: list[Trail], rest: list[Trail]) -> tuple[float, float]:
        """The sum over the paths that are shown, and over the others."""
        return sum(t.product for t in done), sum(self._weight(t) for t in rest)


def _path_statement(builder: Builder, name: str, trail: Trail, number: int) -> Statement:
    names = [name, *(_entry(builder, stop.node, stop.place) for stop in trail.stops)]
    steps = [
        rf"\frac{{\partial {later}}}{{\partial {earlier}}}"
        for earlier, later in itertools.pairwise(names)
    ]
    digits = builder.digits
    numbers = [number_text(stop.slope, digits) for stop in trail.stops]
    written = [
        f"({text})" if text.startswith("-") and i else text for i, text in enumerate(numbers)
    ]
    symbol = f"{{{partial(name)}}}_{{{number}}}"
    again = float(np.prod([stop.slope for stop in trail.stops]))
    way = " → ".join(Formula.of(symbol).text for symbol in names)
    return Statement(
        builder.key_for(symbol),
        symbol,
        r" \cdot ".join(steps),
        "",
        np.asarray(trail.product),
        worked=Worked("", r" \cdot ".join(written), number_text(trail.product, digits)),
        words=(Message("weight.path", {"way": way}),),
        residual=relative(np.asarray(again), np.asarray(trail.product)),
        tolerance=builder.tolerance,
    )


def _sum_statement(
    builder: Builder,
    follower: _Follower,
    name: str,
    where: tuple[Node, int, Node],
    done: list[Trail],
    rest: list[Trail],
) -> Statement:
    leaf, place, gradient = where
    shown, others = follower.total(done, rest)
    value = float(in_double(builder.differences.base[gradient]).reshape(-1)[place])
    direction = np.zeros(leaf.aval.shape)
    direction.reshape(-1)[place] = 1.0
    digits = builder.digits
    texts = [number_text(trail.product, digits) for trail in done]
    if rest:
        texts.append(rf"\text{{@REST@}} ({number_text(others, digits)})")
    expression = "".join(
        text if i == 0 else f" - {text[1:]}" if text.startswith("-") else f" + {text}"
        for i, text in enumerate(texts)
    )
    largest = float(np.abs(in_double(builder.step.values[gradient])).max())
    # Both are other ways to the derivative, beside reverse mode.
    others_say = (shown + others, builder.differences.along(leaf, direction))
    numeric = max(abs(other - value) for other in others_say) / max(largest, 1e-9)
    symbol = partial(name)
    return Statement(
        builder.key_for(symbol),
        symbol,
        r" + ".join(f"{{{symbol}}}_{{{i}}}" for i in range(1, len(done) + 1))
        + (r" + \ldots" if rest else "")
        if done
        else "0",
        "",
        np.asarray(value),
        worked=Worked("", expression or "0", number_text(value, digits)),
        words=(Message("weight.gradient"),),
        numeric=numeric,
        tolerance=builder.tolerance,
    )


def _update_statements(builder: Builder, path: str, place: int) -> Iterator[Statement]:
    """The entry's own numbers in the optimizer's update."""
    step = builder.step
    after = [*step.memory_after[path].values(), step.moved[path]]
    for node in after:
        worked = builder.worked(node, place)
        if worked is None or node not in builder.keys:
            continue
        value = np.asarray(step.values[node]).reshape(-1)[place]
        symbol = _entry(builder, node, place)
        sources = builder.recomputer.sources(node)
        yield Statement(
            builder.key_for(symbol),
            symbol,
            builder.writer.definition(node),
            "",
            np.asarray(value),
            sources=tuple(
                (builder.names[s], builder.keys[s]) for s in sources if s in builder.keys
            ),
            worked=Worked("", worked.expression, worked.value),
            words=(Message("weight.update"),),
            residual=builder.recomputer.residual(node),
            tolerance=builder.tolerance,
            where=path,
        )
