"""The checks of a report: every number again, from the numbers printed before it.

Three things are compared. A value is recomputed by its op's record from the values printed before
it, in float64 (float64 itself in extended precision, where the machine has that). A derivative is
compared with central differences of the loss, which know nothing of the chain rule. The gradients
and the updated parameters are compared with those that eager `value_and_grad` and the optimizer
give.
"""

import copy
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule import rng
from chainrule.errors import ChainruleError
from chainrule.explain.step import Step, Task, apply, leading_to
from chainrule.explain.worked import in_double
from chainrule.grad import value_and_grad
from chainrule.graph import Node

_NOISE = 1e-4
"""Derivatives far below the loss are lost in its rounding: they count as at least so much of it."""

STEP = 6e-6
"""The step of the central differences: the cube root of float64's precision."""


_NUDGE = 1e-6
_GOLDEN = (5**0.5 - 1) / 2
_ASIDE = 1e-3
_FEW = 1_000_000
"""Steps of more numbers are not computed again in extended precision, which takes long."""


def tolerances(dtype: np.dtype) -> tuple[float, float]:
    """The largest residual of recomputed values, and of central differences."""
    return (1e-12 if dtype == np.float64 else 1e-6), 1e-6


class Recomputer:
    """Computes named values again, in a wider float, from other named values."""

    def __init__(self, step: Step, names: Mapping[Node, str]):
        self.step = step
        self.names = names
        double = np.asarray(step.values[step.loss]).dtype == np.float64
        arrays = (value for value in step.values.values() if not isinstance(value, tuple))
        small = sum(map(np.size, arrays)) < _FEW
        # float64 again in float64 would only repeat itself.
        self.wide = np.dtype(np.longdouble if double and small else np.float64)
        self.tolerance = tolerances(np.dtype(np.float64 if double else np.float32))[0]

    def residual(self, node: Node) -> float:
        """The difference to the value in the report, relative to its largest number.

        Where that is too large, relative to the numbers put in as far as they show in the result:
        what is left of two large numbers after they cancel is known no better than these.
        """
        value = self._wide(self.step.values[node])
        again = np.asarray(self._compute(node, self._given, root=True))
        plain = relative(again, value)
        if plain <= self.tolerance or again.dtype.kind != "f":
            return plain
        shown = self.shown(node)
        return relative(again, value, shown) if np.isfinite(shown) else plain

    def shown(self, node: Node) -> float:
        """How large the numbers put into a formula are, as far as they show in its result."""
        again = np.asarray(self._compute(node, self._given, root=True))
        moved = np.asarray(self._compute(node, self._nudged, root=True))
        with np.errstate(all="ignore"):
            return float(np.abs(moved - again).max(initial=0.0)) / _NUDGE

    def exchanged(self, node: Node, others: Mapping[Node, Any]) -> np.ndarray:
        """The value again, with other numbers for some of the values that it is computed from."""

        def give(source: Node) -> Any:
            return others[source] if source in others else self._given(source)

        return np.asarray(self._compute(node, give, root=True))

    def _wide(self, value: Any) -> Any:
        array = np.asarray(value)
        return array.astype(self.wide) if array.dtype.kind == "f" else array

    def sources(self, node: Node) -> list[Node]:
        """The named values that a named value is computed from, in the order of its formula."""
        found: dict[Node, None] = {}
        self._gather(node, True, found)
        return list(found)

    def _inside(self, node: Node) -> tuple[Node, bool]:
        """The node that stands for a fused one, and whether it was exchanged."""
        steps = self.step.expansions.get(node)
        if steps is not None and node not in steps.values():
            return steps[""], True
        return node, False

    def _gather(self, node: Node, root: bool, found: dict[Node, None]) -> None:
        if not root and node in self.names:
            found[node] = None
            return
        node, exchanged = self._inside(node)
        if exchanged and node in self.names:
            found[node] = None
            return
        for arg in node.args:
            self._gather(arg, False, found)

    def _compute(self, node: Node, give: Callable[[Node], Any], root: bool = False) -> Any:
        """A value from the named ones, as `give` gives them."""
        if not root and (node in self.names or node.op is None):
            return give(node)
        node, exchanged = self._inside(node)
        if (exchanged and node in self.names) or node.op is None:
            return give(node)
        return self._apply(node, [self._compute(arg, give) for arg in node.args])

    def _given(self, node: Node) -> Any:
        own = self.step.values[node]
        # A Python number yields to the dtype that it meets; an array of no axes does not.
        return own if node.op is None and node.aval.weak else self._wide(own)

    def _nudged(self, node: Node) -> Any:
        value = self._given(node)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        # No two entries by the same share: nothing that cancels goes on cancelling.
        shares = 2.0 * ((np.arange(value.size) + 1.0) * _GOLDEN % 1.0) - 1.0
        return value * (1.0 + _NUDGE * shares.reshape(value.shape))

    def _apply(self, node: Node, args: list) -> Any:
        with np.errstate(all="ignore"):
            try:
                return apply(node, args)
            except (ChainruleError, TypeError, KeyError):
                # Not every record knows extended precision.
                return apply(node, [a if np.isscalar(a) else in_double(a) for a in args])


def relative(again: np.ndarray, value: np.ndarray, scale: float = 0.0) -> float:
    """The largest difference of two arrays, relative to the largest number in the second."""
    if again.shape != value.shape:
        return np.inf
    if value.size == 0:
        return 0.0
    again, value = (a if a.dtype.kind == "f" else a.astype(np.float64) for a in (again, value))
    same = (again == value) | (np.isnan(again) & np.isnan(value))
    if same.all():
        return 0.0
    largest = max(scale, _largest(value))
    with np.errstate(all="ignore"):
        return float(np.abs(np.where(same, 0.0, again - value)).max() / (largest or 1.0))


def _largest(value: Any) -> float:
    array = np.abs(np.asarray(value, np.float64))
    finite = array[np.isfinite(array)]
    return float(finite.max()) if finite.size else 0.0


class Differences:
    """Central differences of the loss by any value of the forward pass, in float64.

    `base` holds every value of the step, computed in float64 from its inputs: beside these the
    differences show whether a rule is right, undisturbed by the rounding of float32.
    """

    def __init__(self, step: Step):
        self.step = step
        self.order = leading_to(step.loss)
        self.base: dict[Node, Any] = {}
        for node in step.graph.nodes:
            own = step.values[node]
            weak = node.op is None and node.aval.weak
            self.base[node] = own if weak else in_double(own) if node.op is None else None
            if node.op is not None:
                self.base[node] = self._again(node, self.base)

    def _again(self, node: Node, values: Mapping[Node, Any]) -> Any:
        params = {key: _double(option) for key, option in node.params.items()}
        with np.errstate(all="ignore"):
            return apply(node, [values[arg] for arg in node.args], params)

    def loss(self, changed: Mapping[Node, Any]) -> float:
        """The loss with some values of the forward pass exchanged."""
        values = ChainMap(dict(changed), self.base)
        moved = set(changed)
        for node in self.order:
            if node not in changed and not moved.isdisjoint(node.args):
                values[node] = self._again(node, values)
                moved.add(node)
        return float(np.asarray(values[self.step.loss]))

    def along(self, node: Node, direction: np.ndarray, step: float = STEP) -> float:
        """The derivative of the loss when a value moves in a direction."""
        start = np.asarray(self.base[node])
        ahead = self.loss({node: start + step * direction})
        behind = self.loss({node: start - step * direction})
        return (ahead - behind) / (2 * step)

    def beside(self, node: Node, key: rng.Key) -> "Differences":
        """The differences at a point nearby, for a value that may stand on a kink.

        Where two numbers of a window are equal, as in the blank part of a picture, the largest has
        no derivative, and a rule that picks one of them is right beside that point.
        """
        start = np.asarray(self.base[node])
        values = {**self.base, node: start + _ASIDE * rng.normal(key, start.shape)}
        moved = {node}
        for later in self.step.graph.nodes:
            if later is not node and not moved.isdisjoint(later.args):
                values[later] = self._again(later, values)
                moved.add(later)
        other = copy.copy(self)
        other.base = values
        return other

    def residual(self, node: Node, slope: Node, key: rng.Key, scale: float = 0.0) -> float:
        """How far a derivative is from central differences, relative to its norm or to `scale`.

        The direction is the derivative itself and a random one, so that small derivatives are seen
        over rounding, and wrong entries are seen at all.
        """
        found = np.asarray(self.base[slope], np.float64)
        norm = float(np.linalg.norm(found))
        random = rng.normal(key, found.shape).astype(np.float64)
        random = random / (float(np.linalg.norm(random)) or 1.0)
        direction = random if norm == 0 else found / norm + 0.5 * random
        expected = float((found * direction).sum())
        # Where a step crosses a kink, as of max(0, x), a shorter one tells.
        off = min(abs(self.along(node, direction, s) - expected) for s in (STEP, STEP / 30))
        return off / max(norm, scale, _NOISE * max(1.0, abs(self.loss({}))))


def _double(option: Any) -> Any:
    """An option that names a float dtype names float64 here."""
    try:
        named = np.dtype(option) if isinstance(option, (str, type, np.dtype)) else None
    except TypeError:
        return option
    return np.dtype(np.float64) if named is not None and named.kind == "f" else option


def against_framework(task: Task, step: Step) -> dict[str, float]:
    """Residuals of the loss, the gradients and the moved parameters against an eager step."""
    parameters = {path: task.leaves[path] for path in task.parts}
    buffers = {path: leaf for path, leaf in task.leaves.items() if path not in parameters}

    def loss_of(trained: dict[str, Any]) -> Any:
        return task.losses({**buffers, **trained}, task.x, task.y).loss

    loss, gradients = value_and_grad(loss_of)(parameters)
    moved, _ = task.update(parameters, gradients, task.memory, task.count, task.lr)
    found = {"L": relative(np.asarray(loss), np.asarray(step.values[step.loss]))}
    for path in parameters:
        for name, group, own in (
            ("gradient", gradients, step.gradients),
            ("update", moved, step.moved),
        ):
            value = np.asarray(step.values[own[path]])
            found[f"{name} {path}"] = relative(np.asarray(group[path]), value)
    assigned = task.losses(task.leaves, task.x, task.y).buffers
    for path, node in step.buffers.items():
        value = np.asarray(step.values[node])
        found[f"buffer {path}"] = relative(np.asarray(assigned[path]), value)
    return found
