"""How far two right ways to compute a graph may lie apart, derived from the graph's own ops.

A graph is run with NumPy, and with every value goes a bound on its rounding error, to first order
(Higham, Accuracy and Stability of Numerical Algorithms, chapters 2 and 3). With u = eps / 2:

- an op that is rounded once, or c times as much: c u |result|, and |df/dx| times each argument's
- a sum or product of n terms, in any order: n u / (1 - n u) times the sum of their absolute values
- a comparison that the errors of its arguments may turn over: 1, so that what it selects between
  may differ by the difference of both

Each of two computations is within the bound of the true value, so they are within twice of it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.batch_last import Direct, Windowed
from chainrule.graph import Graph
from chainrule.ops.table import Op

KINKED = frozenset({"absolute", "clip", "maximum", "minimum", "relu"})
"""Their slope is at most 1 everywhere; at a kink, that of either side may count."""
ARITHMETIC = frozenset({"add", "divide", "multiply", "reciprocal", "sqrt", "square", "subtract"})
CHOICES = frozenset({"cast", "checked_ids", "copy", "negative", "stop_gradient", "where"})
ROUNDED_ONCE = KINKED | ARITHMETIC | CHOICES
"""Elementwise ops whose result is the float nearest to the true one, or nearest to a choice."""
OTHERS = 16.0
"""In units of u: 4 ULP for each of NumPy's and the compiler's own functions, twice that for what is
composed of two of them."""
CLASSES = frozenset({"isfinite", "isinf", "isnan"})
"""What a small error does not change."""
SAME = frozenset({"checked_ids", "copy", "stop_gradient"})
COMPARISONS = frozenset({"equal", "greater", "greater_equal", "less", "less_equal", "not_equal"})
STEPS = frozenset({"ceil", "floor", "round", "sign", "trunc"})
TERMS = {
    "sum": lambda x: x.shape[1],
    "cumsum": np.size,
    "scatter": np.size,
}
"""How many numbers are added up into one; of other linear ops each number is only put in place."""


def run_with_bounds(graph: Graph, values: list) -> tuple[list, list[np.ndarray]]:
    """The results of a graph, and for each how far it may be from the true one."""
    known: dict = {}
    for node, value in zip(graph.inputs, values, strict=True):
        known[node] = (value, np.zeros(np.shape(value)))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node in known:
                continue
            if node.op is None:
                known[node] = (node.value, np.zeros(np.shape(node.value)))
                continue
            args, errors = zip(*(known[arg] for arg in node.args), strict=True)
            out = node.op(*args, **node.params)
            known[node] = out, _bound(node.op, node.params, out, args, errors)
    results = [known[node] for node in graph.outputs]
    return [value for value, _ in results], [bound for _, bound in results]


def _bound(op: Op, params: Any, out: Any, args: tuple, errors: tuple) -> Any:
    if not np.size(out):
        return np.zeros(np.shape(out))
    wide = [np.asarray(arg, np.float64) for arg in args]
    spread = [np.where(np.isnan(e), np.inf, e) for e in errors]
    rule: Callable = _linear
    if op.elementwise or op.name == "where":
        rule = _elementwise
    elif op.name in ("matmul", "linear", "einsum"):
        rule = _products
    elif isinstance(op.emit, Direct):
        rule = _convolutions
    elif isinstance(op.emit, Windowed):
        rule = _placed
    elif op.name in ("max", "min", "any", "all", "prod"):
        rule = _folds
    elif np.asarray(out).dtype.kind != "f" or not op.differentiable:
        rule = _chosen
    return np.asarray(rule(op, params, out, wide, spread)) + np.zeros(np.shape(out))


def unit(out: Any) -> float:
    """The largest relative error of one rounding."""
    dtype = np.asarray(out).dtype
    return float(np.finfo(dtype).eps) / 2 if dtype.kind == "f" else 0.0


def _tiny(out: Any, exact: bool = True) -> float:
    """What rounding near zero costs; functions may give 0 or the smallest normal number there."""
    dtype = np.asarray(out).dtype
    if dtype.kind != "f":
        return 0.0
    info = np.finfo(dtype)
    return 4 * float(info.smallest_subnormal) if exact else float(info.smallest_normal)


def _elementwise(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    size, exact = np.abs(np.asarray(out, np.float64)), op.name in ROUNDED_ONCE
    own = unit(out) * (1.0 if exact else OTHERS) * size + _tiny(out, exact)
    own = np.where(np.isfinite(size), own, 0.0)
    if op.name in COMPARISONS:
        x, y = args
        return (errors[0] + errors[1] > 0) & (np.abs(x - y) <= errors[0] + errors[1])
    if op.name == "where":
        condition, x, y = args
        chosen = np.where(condition != 0, errors[1], errors[2])
        apart = np.nan_to_num(np.abs(x - y), nan=0.0)  # a NaN that is chosen wrongly shall show
        return np.where(errors[0] > 0, apart + errors[1] + errors[2], chosen) + own
    if op.name in STEPS:
        near = op(args[0] + errors[0], **params) - op(args[0] - errors[0], **params)
        return np.where(errors[0] > 0, np.abs(near), 0.0)
    if not any(np.any(error) for error in errors):
        return own
    if op.name in SAME:
        return errors[0]
    if np.asarray(out).dtype.kind == "b":
        sure = op.name in CLASSES
        return False if sure else np.any(np.broadcast_arrays(*(e > 0 for e in errors)), axis=0)
    if not op.partials or np.asarray(out).dtype.kind != "f":
        return sum(np.where(error > 0, np.inf, 0.0) for error in errors) + own
    bound, wide = own, np.asarray(out, np.float64)
    for partial, error in zip(op.partials, errors, strict=True):
        if partial is not None and np.any(error):
            steep = callable(partial) and op.name not in KINKED
            slope = np.abs(np.asarray(partial(wide, *args, **params), np.float64)) if steep else 1
            bound = bound + np.where(error > 0, slope * error, 0.0)
    return bound


def _linear(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    """Of what adds up or moves elements, with factors of 1: the same done to the bounds."""

    def apply(values: list) -> np.ndarray:
        if op.jvp is not None:
            return np.asarray(op.jvp(values, out, *args, **params))
        pairs = enumerate(zip(values, args, strict=True))
        mixed = [v if op.is_linear_in(i) else ids.astype(np.int64) for i, (v, ids) in pairs]
        return np.asarray(op(*mixed, **params))

    terms = TERMS.get(op.name, lambda x: 1)(np.asarray(args[0]))
    share = terms * unit(out)
    own = share / (1 - share) * apply([np.abs(x) for x in args])
    ids = [e for i, e in enumerate(errors) if op.jvp is None and not op.is_linear_in(i)]
    wrong = any(map(np.any, ids))
    return apply(errors) + own + _tiny(out) + (np.inf if wrong else 0.0)


def _products(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    terms = max(np.size(x) for x in args) if op.name == "einsum" else args[0].shape[-1] + 1
    return _sums_of_products(terms, op, params, out, args, errors)


def _convolutions(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    plan, places = params["plan"], math.prod(params["plan"].slide.kernel)
    terms = {
        "output": plan.channels // plan.groups * places,
        "input": plan.features // plan.groups * places,
        "weight": plan.batch * math.prod(plan.slide.out),
    }[op.emit.side]
    return _sums_of_products(terms, op, params, out, args, errors)


def _placed(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    """Numbers put into windows, where the largest of another array are: these are right or not."""
    (g, by), (error, wrong) = args, errors
    if np.any(wrong):
        return np.inf
    share = math.prod(params["slide"].kernel) * unit(out)
    return op(error, by, **params) + share / (1 - share) * op(np.abs(g), by, **params) + _tiny(out)


def _sums_of_products(terms: int, op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    sizes = [np.abs(x) for x in args]
    worst = op(*[x + e for x, e in zip(sizes, errors, strict=True)], **params)
    share = terms * unit(out)
    whole = op(*sizes, **params)
    return np.maximum(worst - whole, 0) + (share / (1 - share) + 1e-15) * worst + _tiny(out)


def _folds(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    (x,), (error,) = args, errors
    options = {name: params[name] for name in ("axis", "keepdims") if name in params}
    largest = np.max(error, initial=0.0, **options)
    if op.name in ("max", "min"):
        return largest
    if op.name in ("any", "all"):
        return largest > 0
    share = x.size // np.size(out) * unit(out)
    worst, whole = (np.prod(np.abs(x) + more, **options) for more in (error, 0.0))
    return worst - whole + (share / (1 - share) + 1e-15) * worst + _tiny(out)


def _chosen(op: Op, params: Any, out: Any, args: list, errors: list) -> Any:
    """Of what is right or wrong as a whole, such as the order of elements."""
    return np.inf if any(np.any(error) for error in errors) else OTHERS * unit(out) * np.abs(out)


def misfit(got: Any, want: Any, bound: Any) -> str:
    """What is wrong with a result; empty where it is within a bound."""
    got, want = np.asarray(got), np.asarray(want)
    if (got.shape, got.dtype) != (want.shape, want.dtype):
        return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    if got.dtype.kind not in "f":
        sure = (got != want) & (np.asarray(bound) == 0)
    else:
        with np.errstate(all="ignore"):
            wide, expected = got.astype(np.float64), want.astype(np.float64)
            near = np.abs(wide - expected) <= np.asarray(bound)
        same = (wide == expected) | (np.isnan(wide) & np.isnan(expected))
        sure = ~(near | same | np.isinf(bound))
    if not np.any(sure):
        return ""
    place = tuple(int(i) for i in np.argwhere(sure)[0]) if got.ndim else ()
    return (
        f"at {place}: {got[place]!r} instead of {want[place]!r}, "
        f"bound {np.broadcast_to(bound, got.shape)[place]:.3g}; {int(np.sum(sure))} places"
    )
