"""Numeric mode: difference quotients, which know no rule and so can judge them all.

With a step h, a central difference is off by h^2 f'''/6 through its formula and by eps |f| / h
through rounding; the best h balances the two. (Press et al., "Numerical Recipes", 3rd edition,
2007, section 5.7.)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import rng, tree
from chainrule.aval import aval_of
from chainrule.errors import GradientError, OptionError, ShapeError, unknown
from chainrule.grad.complex_step import Complex
from chainrule.grad.reverse import concrete_leaf, of_arguments, scalar_seed
from chainrule.ops.table import Box, new_level
from chainrule.tensor import Tensor, check_differentiable

STEPS = tuple(10.0**-k for k in range(1, 13))
"""The steps of `step_curve`: 0.1 down to 1e-12."""

_COMPLEX_STEP = 1e-20
_SHRINK, _COLUMNS, _FIRST = 1.4, 10, 0.1

Line = Callable[[complex], list[np.ndarray]]
"""A function of one number: the outputs at x + t v."""


class StepCurve(NamedTuple):
    """Steps, and the relative error of the numeric derivative with each."""

    steps: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def best(self) -> tuple[float, float]:
        """The step with the smallest error, and that error."""
        return min(zip(self.steps, self.errors, strict=True), key=lambda pair: pair[1])

    def __str__(self) -> str:
        rows = zip(self.steps, self.errors, strict=True)
        return "\n".join(f"step {step:.0e}  relative error {error:.1e}" for step, error in rows)


def numeric_gradient(
    function: Callable,
    *args: Any,
    argnums: int | Sequence[int] = 0,
    step: float | str | None = None,
    method: str = "central",
    dtype: Any = np.float64,
    with_error: bool = False,
) -> Any:
    """The gradient of a function of value one number, by moving each element of an argument.

    `central` is (f(x + h) - f(x - h)) / 2h; `forward` (f(x + h) - f(x)) / h; `complex`
    Im f(x + ih) / h, exact to rounding, where every op is analytic; `ridders` extrapolates central
    differences with falling h to h = 0, and `with_error` gives its estimate of the error, too
    (Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4,
    1982). The step is `step`, or None (or "auto") for one that suits the method, the dtype and
    the size of the element.

    Shape: trees of arrays in, the same out.
    dtype: the arguments are moved in float64 whatever they are, since float32 leaves a difference
    three digits; `dtype=None` keeps theirs.

    Raises:
        GradientError: the value is not one number, or, for `complex`, an op is not analytic.
        DtypeError: the argument holds integers or booleans.
        OptionError: an unknown method, or a step that is no positive number.

    >>> numeric_gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0])).round(6)
    array([ 3., 12.])
    """
    _check_method(method, step, with_error)
    of_chosen, chosen = of_arguments(function, argnums, args, {})
    point = _Point(of_chosen, chosen, dtype, "numeric_gradient")
    scalar_seed(point.value(), point.what, function)
    slopes, errors = [], []
    for k, array in enumerate(point.arrays):
        slope, error = np.empty_like(array), np.empty_like(array)
        for place in np.ndindex(array.shape):
            scale = max(1.0, abs(float(array[place])))
            found, doubt = _slope(point.line_of_element(k, place), scale, step, method, point.eps)
            slope[place], error[place] = found[0], doubt[0]
        slopes.append(slope)
        errors.append(error)
    if with_error:
        return point.in_tree(slopes, argnums), point.in_tree(errors, argnums)
    return point.in_tree(slopes, argnums)


def numeric_jvp(
    function: Callable,
    primals: tuple,
    tangents: tuple | None = None,
    *,
    step: float | str | None = None,
    method: str = "central",
    dtype: Any = np.float64,
) -> tuple:
    """The value of a function and its derivative in a direction, by a difference quotient.

    For y = f(x) it gives (y, J v) as `jvp` does; see `numeric_gradient` for the methods. Without
    tangents the direction is a random one, `random_direction(primals, key(0))`.

    Shape: trees of arrays in and out.

    Raises:
        ShapeError: a tangent's shape is not its primal's.

    >>> value, slope = numeric_jvp(lambda x: x * x, (np.array([3.0]),), (np.array([1.0]),))
    >>> slope.round(6)
    array([6.])
    """
    _check_method(method, step, False)
    point = _Point(function, tuple(primals), dtype, "numeric_jvp")
    given = random_direction(primals, rng.key(0)) if tangents is None else tuple(tangents)
    direction = point.direction(given)
    value = point.value()
    slope, _ = _slope(point.line_along(direction), point.scale, step, method, point.eps)
    return value, point.in_out_tree(slope)


def random_direction(values: Any, key: rng.Key) -> Any:
    """Numbers of the standard normal distribution in the tree and shapes of `values`, float64.

    >>> random_direction({"w": np.zeros((2, 3))}, rng.key(0))["w"].shape
    (2, 3)
    """
    leaves, structure = tree.flatten(values)
    keys = rng.split(key, max(len(leaves), 1))
    drawn = [
        rng.normal(own, aval_of(leaf).shape, np.float64)
        for own, leaf in zip(keys, leaves, strict=False)
    ]
    return tree.unflatten(structure, drawn)


def step_curve(
    function: Callable,
    *args: Any,
    exact: Any,
    argnums: int | Sequence[int] = 0,
    steps: Sequence[float] = STEPS,
    method: str = "central",
    key: rng.Key | None = None,
) -> StepCurve:
    """How far a numeric derivative is off, step by step: the V of formula and rounding error.

    `exact` is the gradient of `function`, of value one number, by argument `argnums`. The
    derivative is taken in one random direction v and compared with <exact, v>, relative to it.

    >>> f = lambda x: (x**3).sum()
    >>> step_curve(f, np.array([2.0]), exact=np.array([12.0]), steps=(1e-1, 1e-5, 1e-11)).best[0]
    1e-05
    """
    of_chosen, chosen = of_arguments(function, argnums, args, {})
    point = _Point(of_chosen, chosen, np.float64, "step_curve")
    scalar_seed(point.value(), point.what, function)
    gradients = (exact,) if isinstance(argnums, int) else tuple(exact)
    direction = point.direction(random_direction(chosen, rng.key(0) if key is None else key))
    parts = zip(point.direction(gradients), direction, strict=True)
    truth = math.fsum(np.concatenate([np.zeros(1), *(np.ravel(g * v) for g, v in parts)]))
    errors = []
    for step in steps:
        _check_method(method, step, False)
        (slope,), _ = _slope(point.line_along(direction), 1.0, step, method, point.eps)
        errors.append(abs(float(slope) - truth) / (abs(truth) or 1.0))
    return StepCurve(tuple(steps), tuple(errors))


class _Point:
    """Where a function is differentiated: its arguments as arrays, and lines through them."""

    def __init__(self, function: Callable, args: tuple, dtype: Any, what: str):
        leaves, self.structure = tree.flatten(args)
        self.function = function
        self.what = what
        self.arrays = [_numbers(leaf, dtype, what) for leaf in leaves]
        self.out_structure: Any = None
        self.eps = max((float(np.finfo(a.dtype).eps) for a in self.arrays), default=0.0)
        self.scale = max([1.0, *(float(np.abs(a).max(initial=0.0)) for a in self.arrays)])

    def value(self) -> Any:
        """What the function gives at the point."""
        return self.in_out_tree(self._outputs(self.arrays))

    def in_out_tree(self, leaves: list) -> Any:
        """Leaves in the tree of what the function gave last."""
        return tree.unflatten(self.out_structure, [leaf[()] for leaf in leaves])

    def line_of_element(self, k: int, place: tuple) -> Line:
        """Move one element of argument k."""

        def line(t: complex) -> list[np.ndarray]:
            moved = self.arrays[k].astype(np.result_type(self.arrays[k], t), copy=True)
            moved[place] += t
            return self._outputs([*self.arrays[:k], moved, *self.arrays[k + 1 :]])

        return line

    def line_along(self, direction: list[np.ndarray]) -> Line:
        """Move all arguments in a direction."""
        return lambda t: self._outputs(
            [array + t * v for array, v in zip(self.arrays, direction, strict=True)]
        )

    def direction(self, given: tuple) -> list[np.ndarray]:
        """The leaves of a tangent or gradient, which must fit the arguments."""
        result = []
        leaves = tree.leaves_like(self.structure, given)
        for leaf, array in zip(leaves, self.arrays, strict=True):
            value = _plain(leaf, self.what)
            if value.shape != array.shape:
                raise ShapeError(
                    f"{self.what}: an argument has shape {array.shape} and its direction "
                    f"{value.shape}; they must be equal."
                )
            result.append(value.astype(array.dtype, copy=False))
        return result

    def in_tree(self, leaves: list, argnums: int | Sequence[int]) -> Any:
        """Leaves in the trees of the arguments, alone where one argument was asked for."""
        values = tree.unflatten(self.structure, [leaf[()] for leaf in leaves])
        return values[0] if isinstance(argnums, int) else values

    def _outputs(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        level = new_level()
        boxes = [Complex(a, level) if np.iscomplexobj(a) else Tensor(np.asarray(a)) for a in arrays]
        result = self.function(*tree.unflatten(self.structure, boxes))
        leaves, self.out_structure = tree.flatten(result)
        return [
            leaf.data if isinstance(leaf, Complex) else _plain(leaf, self.what) for leaf in leaves
        ]


def _plain(value: Any, what: str) -> np.ndarray:
    """The numbers of an array or a tensor."""
    if isinstance(value, Tensor) and value.level == 0:
        return value.numpy()
    if isinstance(value, Box):
        raise GradientError(
            f"{what}: a {type(value).__name__} has no numbers to move. Numeric derivatives are "
            "taken outside of grad, jvp, vmap and trace."
        )
    return np.asarray(concrete_leaf(value))


def _numbers(value: Any, dtype: Any, what: str) -> np.ndarray:
    array = _plain(value, what)
    check_differentiable(array, what)
    return array if dtype is None else array.astype(dtype)


def _check_method(method: str, step: float | str | None, with_error: bool) -> None:
    if method not in _SLOPES:
        raise unknown("method", method, _SLOPES)
    if with_error and method != "ridders":
        raise OptionError(f"with_error=True: method {method!r} estimates no error; 'ridders' does.")
    if isinstance(step, str) and step != "auto":
        raise unknown("step", step, ("auto",))
    if step not in (None, "auto") and not (0 < float(step) < math.inf):
        raise OptionError(f"step is {step}; expected a positive number, or None for a fitting one.")


def _slope(line: Line, scale: float, step: Any, method: str, eps: float) -> tuple[list, list]:
    """The derivative of a line at 0, and an estimate of its error (NaN where there is none)."""
    rule, automatic = _SLOPES[method]
    # A power of two is added to x without rounding, as long as x is not much larger.
    chosen = 2.0 ** round(math.log2(automatic(eps) * scale)) if step in (None, "auto") else step
    slopes, *errors = rule(line, float(chosen))
    return slopes, errors[0] if errors else [np.full(s.shape, np.nan) for s in slopes]


def _central(line: Line, h: float) -> tuple[list]:
    pairs = zip(line(h), line(-h), strict=True)
    return ([(after - before) / (2 * h) for after, before in pairs],)


def _forward(line: Line, h: float) -> tuple[list]:
    pairs = zip(line(h), line(0.0), strict=True)
    return ([(after - before) / h for after, before in pairs],)


def _complex(line: Line, h: float) -> tuple[list]:
    return ([np.imag(out) / h for out in line(1j * h)],)


def _ridders(line: Line, h: float) -> tuple[list, list]:
    """Neville's tableau over central differences with steps h, h / 1.4, h / 1.4^2, ...

    Row j holds polynomials in h^2 of rising degree through the last differences, at h = 0. Each
    entry is judged by how far it lies from its two parents, and by the rounding of the values with
    the last step; the best one of all is kept.
    """
    row, _ = _difference(line, h)
    best = list(row)
    errors = [np.full(np.shape(out), np.inf) for out in row]
    rows = [row]
    for _ in range(1, _COLUMNS):
        h /= _SHRINK
        last, rounding = _difference(line, h)
        older, row = rows, [last]
        for degree, parents in enumerate(older, start=1):
            weight = _SHRINK ** (2 * degree)
            entry = [
                (new * weight - old) / (weight - 1)
                for new, old in zip(row[-1], parents, strict=True)
            ]
            for i, out in enumerate(entry):
                apart = np.maximum(np.abs(out - row[-1][i]), np.abs(out - parents[i]))
                doubt = apart + rounding[i]
                better = doubt <= errors[i]
                best[i] = np.where(better, out, best[i])
                errors[i] = np.where(better, doubt, errors[i])
            row.append(entry)
        rows = row
    return best, errors


def _difference(line: Line, h: float) -> tuple[list, list]:
    """A central difference, and how far rounding may put it off."""
    after, before = line(h), line(-h)
    slopes = [(a - b) / (2 * h) for a, b in zip(after, before, strict=True)]
    sizes = [np.maximum(np.abs(a), np.abs(b)) for a, b in zip(after, before, strict=True)]
    return slopes, [size * np.finfo(size.dtype).eps / h for size in sizes]


_SLOPES: dict[str, tuple[Callable, Callable]] = {
    "central": (_central, lambda eps: eps ** (1 / 3)),
    "forward": (_forward, lambda eps: eps ** (1 / 2)),
    "complex": (_complex, lambda eps: _COMPLEX_STEP),
    "ridders": (_ridders, lambda eps: _FIRST),
}
"""Per method: the rule, and the step that suits it in an arithmetic of that precision."""
