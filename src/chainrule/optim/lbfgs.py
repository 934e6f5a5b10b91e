"""L-BFGS: minimise a function of all parameters by its gradients, with a line search."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.errors import DtypeError, NonFiniteError, OptionError
from chainrule.grad import value_and_grad
from chainrule.ops.table import dtype_of
from chainrule.optim.line_search import Bounds, Point, strong_wolfe
from chainrule.settings import NOT_NEGATIVE, Range, check_ranges, count, setting

_INSIDE = Range(0.0, 1.0, low_included=False)


class Iteration(NamedTuple):
    """A step of L-BFGS along its line: how far, and value and slope before and after."""

    step: float
    value: float
    slope: float
    next_value: float
    next_slope: float


@dataclass(frozen=True)
class Minimum:
    """What `minimize` found.

    Attributes:
        parameters: the tree of parameters at the lowest value found.
        value: the function's value there.
        gradient: the largest element of its gradient there, in absolute value.
        converged: whether a tolerance was reached.
        reason: why it ended, in words.
        evaluations: how often the function and its gradient were computed.
        path: the iterations.
    """

    parameters: Any
    value: float
    gradient: float
    converged: bool
    reason: str
    evaluations: int
    path: tuple[Iteration, ...] = field(repr=False)


@dataclass(frozen=True)
class LBFGS:
    """How `minimize` works (Liu and Nocedal, "On the limited memory BFGS method", 1989).

    Args:
        iterations: the most steps.
        history: from how many last steps the curvature is known.
        gradient_tolerance: end where no element of the gradient is larger.
        change_tolerance: end where a step lowers the value by no larger share of it.
        c1: how much of the fall that the slope foretells a step must reach.
        c2: to what share of itself a step must bring the slope.

    Raises:
        OptionError: a value outside its range, or c1 not below c2.

    >>> LBFGS(history=5).c2
    0.9
    """

    iterations: int = 1000
    history: int = 10
    gradient_tolerance: float = setting(1e-7, NOT_NEGATIVE)
    change_tolerance: float = setting(1e-12, NOT_NEGATIVE)
    c1: float = setting(1e-4, _INSIDE)
    c2: float = setting(0.9, _INSIDE)

    def __post_init__(self) -> None:
        check_ranges(self)
        count("LBFGS", "iterations", self.iterations, least=0)
        count("LBFGS", "history", self.history)
        if self.c1 >= self.c2:
            raise OptionError(f"LBFGS: c1 is {self.c1!r} and c2 {self.c2!r}; c1 must be smaller.")


class _Curvature:
    """The last steps and the changes of the gradient over them, which tell the curvature."""

    def __init__(self, size: int):
        self.pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=size)

    def note(self, step: np.ndarray, change: np.ndarray) -> None:
        product = float(step @ change)
        # Rounding may hide a curvature that is positive by the line search.
        if product > 1e-14 * float(change @ change):
            self.pairs.append((step, change, 1 / product))

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Minus the gradient times the inverse of the curvature, by the two-loop recursion."""
        q, shares = -gradient, []
        for step, change, inverse in reversed(self.pairs):
            shares.append(inverse * float(step @ q))
            q = q - shares[-1] * change
        if self.pairs:
            _, change, inverse = self.pairs[-1]
            q = q / (inverse * float(change @ change))
        for (step, change, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            q = q + (share - inverse * float(change @ q)) * step
        return q


class _Flat:
    """A function of a tree as one of a float64 vector."""

    def __init__(self, function: Callable, start: Any):
        leaves, self.structure = tree.flatten(start)
        leaves = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
        for leaf in leaves:
            if dtype_of(leaf).kind != "f":
                raise DtypeError(
                    f"minimize: a parameter has dtype {dtype_of(leaf)}; expected floats. Convert "
                    "it with .astype(float)."
                )
        self.arrays = [np.asarray(leaf) for leaf in leaves]
        self.both = value_and_grad(function)
        self.evaluations = 0

    def start(self) -> np.ndarray:
        return self.join(self.arrays)

    def join(self, arrays: list) -> np.ndarray:
        return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays] or [np.zeros(0)])

    def tree(self, vector: np.ndarray) -> Any:
        """The tree of a vector, each leaf in its own shape and dtype."""
        ends = np.cumsum([array.size for array in self.arrays])
        parts = np.split(vector, ends[:-1])
        leaves = [
            part.reshape(array.shape).astype(array.dtype)
            for part, array in zip(parts, self.arrays, strict=True)
        ]
        return tree.unflatten(self.structure, leaves)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        self.evaluations += 1
        # Beyond the region where it is finite a function is only too large.
        with np.errstate(all="ignore"):
            value, gradient = self.both(self.tree(vector))
        return float(value), self.join(tree.flatten(gradient)[0])


def minimize(function: Callable[[Any], Any], start: Any, method: LBFGS | None = None) -> Minimum:
    """Find a minimum of a function of a tree of parameters, by L-BFGS with strong-Wolfe steps.

    The function must give the same value for the same parameters: for a model, the loss over all
    samples, not over a batch that changes. It is for smooth functions of up to some million
    parameters, and reaches minima far more exactly than gradient descent.

    Raises:
        DtypeError: a parameter is not of floats.
        NonFiniteError: the function or its gradient is not finite at `start`.

    >>> from chainrule import nn
    >>> model = nn.Linear(1, 1)
    >>> x, y = [[0.0], [1.0], [2.0]], [[1.0], [3.0], [5.0]]
    >>> def loss(weights):
    ...     return nn.mse(nn.functional_call(model, weights, x), y)
    >>> found = minimize(loss, model.initialize().state_dict())
    >>> _ = model.load_state_dict(found.parameters)
    >>> print(f"{model.weight.item():.3f} {model.bias.item():.3f}")
    2.000 1.000
    """
    method = LBFGS() if method is None else method
    flat = _Flat(function, start)
    x = flat.start()
    value, gradient = flat(x)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise NonFiniteError(
            f"minimize: at the start the function is {value} and its gradient "
            f"{'finite' if np.isfinite(gradient).all() else 'not finite'}; both must be finite. "
            "Begin elsewhere."
        )
    curvature, path, reason = _Curvature(method.history), [], ""
    while not (reason := _reached(method, gradient, path)):
        found = _step(flat, method, x, (value, gradient), curvature)
        if found is None:
            if not curvature.pairs:
                reason = "no step lowers the value: this is the limit of the numbers' precision"
                break
            # What was learnt of the curvature may be outdated: try the gradient itself once.
            curvature = _Curvature(method.history)
            continue
        iteration, moved, point = found
        curvature.note(moved - x, point.gradient - gradient)
        x, value, gradient = moved, point.value, point.gradient
        path.append(iteration)
    largest = float(np.abs(gradient).max(initial=0.0))
    converged = reason != _EXHAUSTED
    return Minimum(flat.tree(x), value, largest, converged, reason, flat.evaluations, tuple(path))


_EXHAUSTED = "the number of iterations is used up"


def _reached(method: LBFGS, gradient: np.ndarray, path: list[Iteration]) -> str:
    """Why to end here, or nothing."""
    if np.abs(gradient).max(initial=0.0) <= method.gradient_tolerance:
        return "the gradient is as small as its tolerance"
    if path:
        last = path[-1]
        scale = max(abs(last.value), abs(last.next_value))
        if last.value - last.next_value <= method.change_tolerance * scale:
            return "the value changes no more than its tolerance"
    return _EXHAUSTED if len(path) >= method.iterations else ""


def _step(
    flat: _Flat,
    method: LBFGS,
    x: np.ndarray,
    here: tuple[float, np.ndarray],
    curvature: _Curvature,
) -> tuple[Iteration, np.ndarray, Point] | None:
    """One step along the line that the curvature tells; None where none lowers the value."""
    value, gradient = here
    direction = curvature.direction(gradient)
    slope = float(gradient @ direction)
    if not slope < 0:
        return None

    def at(step: float) -> Point:
        there, rises = flat(x + step * direction)
        return Point(step, there, float(rises @ direction), rises)

    first = 1.0 if curvature.pairs else min(1.0, 1.0 / float(np.abs(gradient).sum()))
    bounds = Bounds(Point(0.0, value, slope, gradient), method.c1, method.c2)
    point = strong_wolfe(at, bounds, first)
    if point is None:
        return None
    iteration = Iteration(point.step, value, slope, point.value, point.slope)
    return iteration, x + point.step * direction, point
