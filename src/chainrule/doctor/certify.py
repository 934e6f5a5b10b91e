"""The certificate: one derivative computed four ways, their agreement, and what each costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import rng, tree
from chainrule.doctor.rules import Fault, check_graph
from chainrule.errors import DtypeError, OptionError
from chainrule.grad import jvp, value_and_grad
from chainrule.grad.symbolic import symbolic_gradient
from chainrule.graph import trace
from chainrule.nn import Module, functional_call, losses
from chainrule.ops.elementwise import stop_gradient

STEPS = tuple(10.0**-k for k in range(1, 13))
AGREE_EXACT = 1e-10
AGREE_NUMERIC = 1e-6


@dataclass(frozen=True)
class Row:
    """The agreement of the four modes on one parameter; reverse mode is the reference.

    Errors are relative to the parameter's largest derivative; ULPs are units in the last place of
    that derivative in float64.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    largest: float
    forward: float
    numeric: float
    symbolic: float
    forward_ulps: float
    symbolic_ulps: float

    @property
    def agrees(self) -> bool:
        exact = max(self.forward, self.symbolic) <= AGREE_EXACT
        return exact and self.numeric <= AGREE_NUMERIC


@dataclass(frozen=True)
class Cost:
    """What the whole gradient costs in one mode."""

    mode: str
    ops: int
    seconds: float
    measured: str


@dataclass(frozen=True)
class Certificate:
    """What `certify` found; printing it shows the tables."""

    rows: list[Row]
    curve: list[tuple[float, float]]
    costs: list[Cost]
    faults: list[Fault] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether all four modes agree on every parameter and no rule is at fault."""
        return not self.faults and all(row.agrees for row in self.rows)

    @property
    def ratio(self) -> float:
        """How many times longer the numeric gradient takes than the reverse one."""
        seconds = {cost.mode: cost.seconds for cost in self.costs}
        return seconds["numeric"] / seconds["reverse"]

    def to_dict(self) -> dict[str, Any]:
        """The same as numbers and lists, for JSON."""
        return {
            "agrees": self.agrees,
            "rows": [{**vars(row), "agrees": row.agrees} for row in self.rows],
            "curve": [{"step": step, "error": error} for step, error in self.curve],
            "costs": [vars(cost) for cost in self.costs],
            "ratio": self.ratio,
            "faults": [{**vars(fault), "text": str(fault)} for fault in self.faults],
        }

    def __str__(self) -> str:
        return "\n".join(
            [*_agreement(self), "", *_curve(self), "", *_costs(self), "", _verdict(self)]
        )


def _agreement(certificate: Certificate) -> list[str]:
    width = max(9, *(len(row.name) for row in certificate.rows))
    lines = [
        "Agreement with reverse mode (relative error; ULP: units in the last place)",
        f"{'parameter':<{width}}  {'shape':>12}  checked  |gradient|   forward    ULP"
        "  symbolic    ULP   numeric",
    ]
    lines.extend(
        f"{row.name:<{width}}  {row.shape!s:>12}  {row.checked:7,}  {row.largest:10.3e}  "
        f"{row.forward:8.1e}  {row.forward_ulps:5.1f}  {row.symbolic:8.1e}  "
        f"{row.symbolic_ulps:5.1f}  {row.numeric:8.1e}{'' if row.agrees else '  <- differs'}"
        for row in certificate.rows
    )
    return lines


def _curve(certificate: Certificate) -> list[str]:
    lines = [
        "Error of the numeric mode against its step (too long: curvature; too short: rounding)"
    ]
    for step, error in certificate.curve:
        bar = "#" * max(0, round(3 * (13 + np.log10(max(error, 1e-13)))))
        lines.append(f"  step {step:7.0e}  error {error:8.1e}  {bar}")
    return lines


def _costs(certificate: Certificate) -> list[str]:
    reverse = next(cost.seconds for cost in certificate.costs if cost.mode == "reverse")
    lines = [
        "Cost of the whole gradient",
        "mode      op evaluations         time  times reverse  measured",
    ]
    lines.extend(
        f"{cost.mode:<9} {cost.ops:14,}  {cost.seconds * 1e3:8,.2f} ms  "
        f"{cost.seconds / reverse:13,.1f}  {cost.measured}"
        for cost in certificate.costs
    )
    return lines


def _verdict(certificate: Certificate) -> str:
    if certificate.agrees:
        return "All four modes agree."
    found = [f"Fault: {fault}." for fault in certificate.faults]
    return "\n".join(["The modes differ.", *found])


def certify(
    target: Module | Callable,
    *args: Any,
    loss: str | Callable = "cross_entropy",
    entries: int | str = 32,
    seed: int = 0,
) -> Certificate:
    """Differentiate by all four modes, in float64, and compare.

    For a model give (model, x, y): the gradient of the mean loss by every parameter. For a
    function give its arguments: the gradient by every float argument; a result that is not one
    number is weighed with fixed random weights and added up.

    Forward and numeric mode need one pass or two for each single entry, so they are run on
    `entries` of each parameter, drawn from the seed, or on "all". Every op on the way has its own
    rule checked against numeric differentiation, so that a wrong rule is named.

    Raises:
        OptionError: entries is neither a positive number nor "all".
        DtypeError: nothing to differentiate.

    >>> print(certify(lambda x: (x * x).sum(), np.array([1.0, 2.0])).agrees)
    True
    """
    if entries != "all" and not (isinstance(entries, int) and entries > 0):
        raise OptionError(f"certify: entries is {entries!r}; expected a positive number or 'all'.")
    function, parameters = _as_function(target, args, loss, seed)
    if not parameters:
        raise DtypeError("certify: no float argument to differentiate by.")
    return _certify(function, parameters, entries, seed)


def _as_function(target: Any, args: tuple, loss: Any, seed: int) -> tuple[Callable, dict]:
    """A function of a dict of float64 arrays, and that dict."""
    if isinstance(target, Module):
        x, y = args
        of_outputs = losses.by_name(loss) if isinstance(loss, str) else loss
        target.initialize(seed)
        parameters = {n: np.asarray(p.data, np.float64) for n, p in target.named_parameters()}
        x = _widened(x)

        def cost(values: dict) -> Any:
            return of_outputs(functional_call(target, values, x), y)

        return cost, parameters
    leaves, structure = tree.flatten(args)
    leaves = [_widened(leaf) for leaf in leaves]
    chosen = {f"argument {i}": leaf for i, leaf in enumerate(leaves) if leaf.dtype.kind == "f"}

    def scalar(values: dict) -> Any:
        full = [values.get(f"argument {i}", leaf) for i, leaf in enumerate(leaves)]
        result = target(*tree.unflatten(structure, full))
        if result.shape == ():
            return result
        return (result * rng.normal(rng.key(seed), result.shape, np.float64)).sum()

    return scalar, chosen


def _widened(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _picked(size: int, entries: int | str, seed: int) -> np.ndarray:
    if entries == "all" or size <= int(entries):
        return np.arange(size)
    return np.sort(rng.permutation(rng.key(seed), size)[: int(entries)])


def _certify(function: Callable, parameters: dict, entries: int | str, seed: int) -> Certificate:
    with np.errstate(all="ignore"):
        start = time.perf_counter()
        symbolic = symbolic_gradient(function, parameters)
        symbolic_seconds = time.perf_counter() - start
        both = value_and_grad(function)
        _, reverse = both(parameters)
        rows, timing = [], _Timing()
        for name, value in parameters.items():
            timing.reverse += _seconds(lambda: both(parameters))
            picked = _picked(value.size, entries, seed)
            columns = {
                "forward": _by_forward(function, parameters, name, picked, timing),
                "numeric": _by_numeric(function, parameters, name, picked, timing),
                "symbolic": np.asarray(symbolic[name]).ravel()[picked],
            }
            rows.append(_row(name, np.asarray(reverse[name]), picked, columns))
        curve = _step_curve(function, parameters, reverse, seed)
        graph = trace(function)(parameters)
        faults = check_graph(graph, list(parameters.values()), exempt=(stop_gradient,))
        costs = _measure(function, parameters, timing, symbolic_seconds)
    return Certificate(rows, curve, costs, faults)


@dataclass
class _Timing:
    """Seconds spent on single entries, and on whole reverse passes in between."""

    forward: float = 0.0
    numeric: float = 0.0
    entries: int = 0
    reverse: list[float] = field(default_factory=list)


def _with_entry(parameters: dict, name: str, value: np.ndarray) -> dict:
    return {**parameters, name: value}


def _by_forward(
    function: Callable, parameters: dict, name: str, picked: np.ndarray, timing: _Timing
) -> np.ndarray:
    """Single derivatives by forward mode, one pass each."""
    found, shape = np.empty(len(picked)), parameters[name].shape

    def of_one(value: Any) -> Any:
        return function(_with_entry(parameters, name, value))

    start = time.perf_counter()
    for place, entry in enumerate(picked):
        basis = np.zeros(parameters[name].size)
        basis[entry] = 1.0
        found[place] = jvp(of_one, (parameters[name],), (basis.reshape(shape),))[1]
    timing.forward += time.perf_counter() - start
    timing.entries += len(picked)
    return found


def _by_numeric(
    function: Callable, parameters: dict, name: str, picked: np.ndarray, timing: _Timing
) -> np.ndarray:
    """Single derivatives by central differences, two passes each."""
    found, moved = np.empty(len(picked)), parameters[name].copy()
    flat = moved.reshape(-1)
    values = _with_entry(parameters, name, moved)
    start = time.perf_counter()
    for place, entry in enumerate(picked):
        centre = flat[entry]
        step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(centre))
        flat[entry] = centre + step
        high = float(function(values))
        flat[entry] = centre - step
        low = float(function(values))
        flat[entry] = centre
        found[place] = (high - low) / (2 * step)
    timing.numeric += time.perf_counter() - start
    return found


def _row(name: str, exact: np.ndarray, picked: np.ndarray, columns: dict[str, np.ndarray]) -> Row:
    largest = float(np.abs(exact).max(initial=0.0))
    scale = largest or 1.0
    ulp = float(np.spacing(scale))
    reference = exact.ravel()[picked]
    off = {
        mode: float(np.abs(found - reference).max(initial=0.0)) for mode, found in columns.items()
    }
    return Row(
        name,
        exact.shape,
        len(picked),
        largest,
        forward=off["forward"] / scale,
        numeric=off["numeric"] / scale,
        symbolic=off["symbolic"] / scale,
        forward_ulps=off["forward"] / ulp,
        symbolic_ulps=off["symbolic"] / ulp,
    )


def _step_curve(
    function: Callable, parameters: dict, reverse: dict, seed: int
) -> list[tuple[float, float]]:
    """The error of a central difference in one random direction, for each step."""
    directions = {
        name: rng.normal(rng.fold_in(rng.key(seed), i), value.shape, np.float64)
        for i, (name, value) in enumerate(parameters.items())
    }
    norm = np.sqrt(sum(float((d * d).sum()) for d in directions.values()))
    directions = {name: d / norm for name, d in directions.items()}
    exact = sum(float((np.asarray(reverse[n]) * d).sum()) for n, d in directions.items())
    curve = []
    for step in STEPS:
        ends = [
            float(function({n: v + sign * step * directions[n] for n, v in parameters.items()}))
            for sign in (1.0, -1.0)
        ]
        slope = (ends[0] - ends[1]) / (2 * step)
        curve.append((step, abs(slope - exact) / max(abs(exact), 1e-300)))
    return curve


def _seconds(function: Callable) -> list[float]:
    """The seconds of several calls."""
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def _measure(
    function: Callable, parameters: dict, timing: _Timing, symbolic_seconds: float
) -> list[Cost]:
    total = sum(value.size for value in parameters.values())
    both = value_and_grad(function)

    def along(values: dict) -> Any:
        return jvp(function, (values,), (values,))

    once = len(list(trace(function)(parameters).calls))
    backward = len(list(trace(both)(parameters).calls))
    forward = len(list(trace(along)(parameters).calls))
    share = total / timing.entries
    measured = "in full" if share == 1 else f"on {timing.entries:,} of {total:,} entries"
    return [
        Cost("reverse", backward, float(np.median(timing.reverse)), "in full"),
        Cost("forward", forward * total, timing.forward * share, measured),
        Cost("numeric", once * 2 * total, timing.numeric * share, measured),
        Cost("symbolic", backward, symbolic_seconds, "in full, with the derivation"),
    ]
