"""Checking the derivative rule of each op where a function uses it, on the numbers it meets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import rng
from chainrule.grad import jvp, vjp
from chainrule.graph import Graph
from chainrule.ops.table import PROJECT, Op

STEP = 1e-6
TOLERANCE = 1e-5
_SMOOTH = 1e-3


@dataclass(frozen=True)
class Fault:
    """A rule that disagrees with numeric differentiation."""

    op: str
    argument: int
    mode: str
    error: float
    scope: str
    line: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.scope, self.line) if part)
        return (
            f"the {self.mode} rule of {self.op!r} for argument {self.argument} is off by "
            f"{self.error:.1e} (relative){' at ' + place if place else ''}"
        )


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b), 1e-8)


def _numeric(function: Any, x: np.ndarray, direction: np.ndarray, weights: np.ndarray) -> Any:
    """The directional derivative by differences; None where the function is not smooth."""

    def slope(step: float) -> float:
        high, low = function(x + step * direction), function(x - step * direction)
        return float(((np.asarray(high) - np.asarray(low)) * weights).sum() / (2 * step))

    coarse, fine = slope(4 * STEP), slope(STEP)
    if not np.isfinite(fine) or abs(coarse - fine) > _SMOOTH * max(abs(fine), 1e-4):
        return None
    return fine


def check_rule(op: Op, args: list, params: dict, seed: int = 0) -> list[tuple[int, str, float]]:
    """Compare an op's two modes with numeric differentiation, one argument at a time.

    Gives (argument, mode, relative error) for each that is off. A constant op (no rule) is held
    to the same numbers: its derivative must be zero.
    """
    found = []
    for i, x in enumerate(args):
        if getattr(x, "dtype", np.dtype(int)).kind != "f" or x.size == 0:
            continue

        def of_one(value: Any, i: int = i) -> Any:
            return op(*args[:i], value, *args[i + 1 :], **params)

        out = np.asarray(of_one(x))
        if out.dtype.kind != "f" or out.size == 0:
            continue
        key = rng.fold_in(rng.key(seed), i)
        direction = rng.normal(key, x.shape, np.float64)
        weights = rng.normal(rng.fold_in(key, 1), out.shape, np.float64)
        expected = _numeric(of_one, x, direction, weights)
        if expected is None:
            continue
        _, pull = vjp(of_one, x)
        reverse = float((np.asarray(pull(weights)[0]) * direction).sum())
        forward = float((np.asarray(jvp(of_one, (x,), (direction,))[1]) * weights).sum())
        scale = float(np.abs(out).max()) * 1e-9 / STEP
        for mode, got in (("reverse", reverse), ("forward", forward)):
            error = _relative(got, expected)
            if error > TOLERANCE and abs(got - expected) > max(scale * TOLERANCE, 1e-7):
                found.append((i, mode, error))
    return found


def check_graph(graph: Graph, values: list[np.ndarray], exempt: tuple[Op, ...] = ()) -> list[Fault]:
    """Check the rule of each op of a graph, on the numbers that it meets when run on `values`.

    Each op is checked once for each set of options and shapes. `exempt` names ops whose zero
    derivative is meant, such as stop_gradient.
    """
    slots: dict[Any, Any] = dict(zip(graph.inputs, values, strict=True))
    faults, seen = [], set()
    for node in graph.nodes:
        if node.op is None:
            slots.setdefault(node, node.value)
            continue
        args = [slots[arg] for arg in node.args]
        if node.op is PROJECT:
            slots[node] = args[0][node.params["index"]]
            continue
        slots[node] = node.op(*args, **node.params)
        key = (node.op, tuple(np.shape(a) for a in args), repr(node.params))
        # An op without a rule is a step function, whose derivative is zero where it has one.
        claims = node.op.differentiable and not node.op.several
        if key in seen or node.op in exempt or not claims:
            continue
        seen.add(key)
        for argument, mode, error in check_rule(node.op, args, dict(node.params)):
            faults.append(Fault(node.op.name, argument, mode, error, node.scope, node.line))
    return faults
