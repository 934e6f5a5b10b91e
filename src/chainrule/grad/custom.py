"""Functions with derivative rules of their own, and a check that the rules are right."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import rng, tree
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.grad.call import Rules, apply, friendly, highest, plain
from chainrule.grad.forward import jvp
from chainrule.grad.numeric import numeric_jvp, random_direction
from chainrule.grad.reverse import concrete_leaf, vjp
from chainrule.ops.table import shape_of


class CustomFunction:
    """A function with rules of its own; made by `custom_vjp` and `custom_jvp`.

    Arguments by position are arrays or trees of arrays, which derivatives are taken by. Those by
    name are options, handed on to the function and its rules as they are.
    """

    def __init__(self, function: Callable, first_rule: str):
        functools.update_wrapper(self, function)
        self.function = function
        self.name = getattr(function, "__name__", "the function")
        self._first_rule = first_rule
        self._forward: Callable | None = None
        self._backward: Callable | None = None
        self._push: Callable | None = None

    def defvjp(self, forward: Callable, backward: Callable) -> None:
        """Give the rule of reverse mode.

        `forward(*args)` returns the function's value and residuals: arrays, or a tree of arrays,
        that the backward rule needs. `backward(residuals, cotangent)` returns a tuple with the
        cotangent of each argument, or None where it is zero. Both are written in ops, so that they
        can be differentiated again.
        """
        self._forward, self._backward = forward, backward

    def defjvp(self, rule: Callable) -> Callable:
        """Give the rule of forward mode; serves as a decorator.

        `rule(primals, tangents)` returns the function's value and its tangent, which is linear in
        the tangents. Reverse mode turns it around, unless it has a rule of its own.
        """
        self._push = rule
        return rule

    def __call__(self, *args: Any, **options: Any) -> Any:
        leaves, structure = tree.flatten(args)
        for name, value in options.items():
            if highest(tree.flatten(value)[0]) is not None:
                raise GradientError(
                    f"{self.name}: option {name!r} is being differentiated or traced, but only "
                    "arguments by position are. Pass it by position."
                )
        if self._backward is None and self._push is None:
            raise GradientError(
                f"{self.name} has no derivative rule yet. Give it with {self.name}."
                f"{self._first_rule} before the first call."
            )
        if highest(leaves) is None:
            return self.function(*args, **options)
        call = _Call(self, leaves, structure, options)
        outputs = apply(call.rules(), leaves)
        return tree.unflatten(call.out_structure, outputs)

    def __repr__(self) -> str:
        return f"<{self.name} with a derivative of its own>"


class _Call:
    """One call: between the trees of the user's functions and the flat lists of the modes."""

    def __init__(self, custom: CustomFunction, leaves: Sequence, structure: Any, options: dict):
        self.custom = custom
        self.structure = structure
        self.options = options
        self.shapes = [shape_of(leaf) for leaf in leaves]
        self.out_structure: Any = None

    def rules(self) -> Rules:
        custom = self.custom
        return Rules(
            custom.name,
            self.function,
            self.forward if custom._backward else None,
            self.backward if custom._backward else None,
            self.push if custom._push else None,
        )

    def function(self, leaves: Sequence) -> list:
        return self._outputs(self.custom.function(*self._args(leaves), **self.options))

    def forward(self, leaves: Sequence) -> tuple[list, Any]:
        rule: Any = self.custom._forward
        pair = rule(*self._args(leaves), **self.options)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ShapeError(
                f"{self.custom.name}: the forward rule must return (value, residuals), got "
                f"{type(pair).__name__}."
            )
        return self._outputs(pair[0]), tree.map_leaves(plain, pair[1])

    def backward(self, residuals: Any, g: list) -> list:
        rule: Any = self.custom._backward
        kept, structure = tree.flatten(residuals)
        given = friendly([*kept, *g])
        found = rule(
            tree.unflatten(structure, given[: len(kept)]),
            tree.unflatten(self.out_structure, given[len(kept) :]),
        )
        count = len(self.structure)
        if not isinstance(found, tuple) or len(found) != count:
            got = f"{len(found)} values" if isinstance(found, tuple) else type(found).__name__
            raise ShapeError(
                f"{self.custom.name}: the backward rule must return a tuple of {count}, a "
                f"cotangent (or None) for each argument; got {got}."
            )
        flat: list = []
        for number, (part, structure) in enumerate(zip(found, self.structure, strict=True)):
            flat += self._cotangents(number, part, structure, len(flat))
        return flat

    def _cotangents(self, number: int, part: Any, structure: Any, start: int) -> list:
        """The leaves of one argument's cotangent, checked against the argument's."""
        size = len(tree.flatten(structure)[0])
        if part is None:
            return [None] * size
        leaves = tree.leaves_like(structure, part)
        shapes = [shape_of(leaf) for leaf in leaves]
        if shapes != self.shapes[start : start + size]:
            raise ShapeError(
                f"{self.custom.name}: the backward rule's cotangent of argument {number} has the "
                f"shapes {shapes}; expected those of the argument, "
                f"{self.shapes[start : start + size]}."
            )
        return [plain(leaf) for leaf in leaves]

    def push(self, primals: Sequence, tangents: Sequence) -> tuple[list, list]:
        rule: Any = self.custom._push
        given = friendly([*primals, *tangents])
        args, directions = (
            tree.unflatten(self.structure, part)
            for part in (given[: len(primals)], given[len(primals) :])
        )
        pair = rule(args, directions, **self.options)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ShapeError(
                f"{self.custom.name}: the rule of forward mode must return (value, tangent), got "
                f"{type(pair).__name__}."
            )
        outputs = self._outputs(pair[0])
        slopes = [plain(slope) for slope in tree.leaves_like(self.out_structure, pair[1])]
        shapes = [[shape_of(x) for x in row] for row in (outputs, slopes)]
        if shapes[0] != shapes[1]:
            raise ShapeError(
                f"{self.custom.name}: the rule of forward mode gave a value of shapes {shapes[0]} "
                f"and a tangent of shapes {shapes[1]}; they must be equal."
            )
        return outputs, slopes

    def _args(self, leaves: Sequence) -> tuple:
        return tree.unflatten(self.structure, friendly(leaves))

    def _outputs(self, result: Any) -> list:
        """The leaves of a result, in the order of the first one: a rule may order dicts anew."""
        if self.out_structure is None:
            self.out_structure = tree.flatten(result)[1]
        return [plain(leaf) for leaf in tree.leaves_like(self.out_structure, result)]


def custom_vjp(function: Callable) -> CustomFunction:
    """A function whose reverse mode follows a rule of yours, given with `defvjp`.

    The rule is used wherever the function is differentiated, inside vmap, traces and further
    derivatives, too. Forward mode through it needs a rule of its own (`defjvp`).

    Raises:
        GradientError: no rule was given, or forward mode is asked for without its rule.
        ShapeError: the rule gives something else than one cotangent for each argument.

    >>> @custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (g.clip(-1.0, 1.0),))
    >>> vjp(clipped, np.array([1.0, 2.0]))[1](np.array([5.0, 0.5]))
    (array([1. , 0.5]),)
    """
    return CustomFunction(function, "defvjp(forward, backward)")


def custom_jvp(function: Callable) -> CustomFunction:
    """A function whose derivatives follow a rule of yours for forward mode, given with `defjvp`.

    Reverse mode turns the rule around: the tangent is linear in the tangents that come in, and so
    has a transpose.

    Raises:
        GradientError: no rule was given.
        ShapeError: the rule's tangent has another shape than its value.

    >>> @custom_jvp
    ... def softplus(x):
    ...     return (1.0 + x.exp()).log()
    >>> @softplus.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (dx,) = primals, tangents
    ...     return softplus(x), dx * x.sigmoid()
    >>> jvp(softplus, (np.array([0.0]),), (np.array([1.0]),))[1]
    array([0.5])
    """
    return CustomFunction(function, "defjvp(rule)")


class CustomErrors(NamedTuple):
    """Relative errors of a function's rules: the largest of any argument, None without a rule."""

    value: float
    reverse: float | None
    forward: float | None
    agreement: float | None


def check_custom(
    function: CustomFunction, *args: Any, key: rng.Key | None = None, tolerance: float = 1e-6
) -> CustomErrors:
    """Compare a function's rules with numeric derivatives and with each other, in float64.

    For each array among the arguments, in a random direction v and with a random weight w on the
    outputs: reverse mode's <J'w, v> and forward mode's <w, J v> against <w, (f(x + hv) - f(x -
    hv)) / 2h>. Choose arguments where the function is smooth, and no special ones such as zeros.

    Raises:
        GradientError: a rule is off by more than `tolerance`; the message names it and the
            argument.

    >>> @custom_vjp
    ... def double(x):
    ...     return 2.0 * x
    >>> double.defvjp(lambda x: (2.0 * x, None), lambda _, g: (g,))
    >>> check_custom(double, np.array([1.0, 3.0]))
    Traceback (most recent call last):
        ...
    chainrule.errors.GradientError: double: the rule of reverse mode is off by 5.0e-01 ...
    """
    if not isinstance(function, CustomFunction):
        raise OptionError(
            f"check_custom: got {function!r}; expected what custom_vjp or custom_jvp gave."
        )
    keys = rng.split(rng.key(0) if key is None else key, 2)
    return _Check(function, args, keys, tolerance).run()


class _Check:
    """A function and its numeric derivatives along one direction for each argument."""

    def __init__(self, custom: CustomFunction, args: tuple, keys: np.ndarray, tolerance: float):
        self.custom = custom
        self.tolerance = tolerance
        leaves, self.structure = tree.flatten(args)
        self.leaves = [_widened(leaf) for leaf in leaves]
        self.live = [i for i, leaf in enumerate(self.leaves) if leaf.dtype.kind == "f"]
        values = [self.leaves[i] for i in self.live]
        self.directions = random_direction(values, keys[0])
        self.outputs = self._flat(*values)
        self.weights = random_direction(self.outputs, keys[1])
        self.slopes = [self._numeric(k) for k in range(len(self.live))]

    def run(self) -> CustomErrors:
        custom = self.custom
        by_reverse = self._reverse() if custom._backward else None
        by_forward = self._forward() if custom._push else None
        values = [by[1] for by in (by_reverse, by_forward) if by is not None]
        value = max((self._value_error(found) for found in values), default=0.0)
        reverse = None if by_reverse is None else self._judged("reverse", by_reverse[0])
        forward = None if by_forward is None else self._judged("forward", by_forward[0])
        agreement = None
        if by_reverse is not None and by_forward is not None:
            pairs = zip(by_reverse[0], by_forward[0], strict=True)
            agreement = max((self._relative(a, b) for a, b in pairs), default=0.0)
        return CustomErrors(value, reverse, forward, agreement)

    def _flat(self, *values: Any) -> list:
        """The function of its float arrays alone, as a flat list."""
        full = list(self.leaves)
        for i, value in zip(self.live, values, strict=True):
            full[i] = value
        return tree.flatten(self.custom(*tree.unflatten(self.structure, full)))[0]

    def _weighted(self, slopes: Sequence) -> float:
        pairs = zip(self.weights, slopes, strict=True)
        return float(sum(np.sum(w * np.asarray(s)) for w, s in pairs))

    def _numeric(self, k: int) -> float:
        values = [self.leaves[i] for i in self.live]

        def of_one(value: Any) -> list:
            return self._flat(*values[:k], value, *values[k + 1 :])

        return self._weighted(numeric_jvp(of_one, (values[k],), (self.directions[k],))[1])

    def _reverse(self) -> tuple[list[float], list]:
        values, pull = vjp(self._flat, *(self.leaves[i] for i in self.live))
        pulled = zip(pull(self.weights), self.directions, strict=True)
        return [float(np.sum(g * v)) for g, v in pulled], values

    def _forward(self) -> tuple[list[float], list]:
        values = tuple(self.leaves[i] for i in self.live)
        found, outputs = [], list(self.outputs)
        for k, direction in enumerate(self.directions):
            still = [np.zeros_like(value) for value in values]
            still[k] = direction
            outputs, slopes = jvp(self._flat, values, tuple(still))
            found.append(self._weighted(slopes))
        return found, outputs

    def _value_error(self, values: Sequence) -> float:
        pairs = zip(values, self.outputs, strict=True)
        error = max((_distance(np.asarray(a), np.asarray(b)) for a, b in pairs), default=0.0)
        if not error <= self.tolerance:
            raise GradientError(
                f"{self.custom.name}: a rule gives another value than the function, off by "
                f"{error:.1e}. Return the function's own value."
            )
        return error

    def _judged(self, mode: str, found: Sequence[float]) -> float:
        errors = [self._relative(a, b) for a, b in zip(found, self.slopes, strict=True)]
        for k, error in enumerate(errors):
            if not error <= self.tolerance:
                raise GradientError(
                    f"{self.custom.name}: the rule of {mode} mode is off by {error:.1e} in array "
                    f"{self.live[k]} of the arguments: in a random direction it gives "
                    f"{found[k]:.9g}, numerically it is {self.slopes[k]:.9g}."
                )
        return max(errors, default=0.0)

    @staticmethod
    def _relative(found: float, expected: float) -> float:
        return abs(found - expected) / max(abs(expected), abs(found), 1e-3)


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
    size = max(float(np.abs(expected).max(initial=0.0)), 1e-3)
    return float(np.abs(found - expected).max(initial=0.0)) / size


def _widened(leaf: Any) -> np.ndarray:
    """A leaf as an array, floats in float64."""
    array = np.asarray(concrete_leaf(leaf))
    return array.astype(np.float64) if array.dtype.kind == "f" else array
