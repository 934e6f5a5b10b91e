"""How an op is compiled: what stands in the `emit` field of its record.

An elementwise op gives a function of the compiler's lanes, such as `lambda b, x: b.tanh(x)`. The
others say what kind of thing they are, in one of the forms below, and the compiler knows the kinds,
not the ops. An op without `emit` is run by the interpreter inside the compiled program.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class View(NamedTuple):
    """A regular part of an array: element i of axis k lies strides[k] * i elements further."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> "View":
        """All of an array, in row-major order.

        >>> View.whole((2, 3))
        View(shape=(2, 3), strides=(3, 1), offset=0)
        """
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        return cls(tuple(shape), _plain(shape, strides))

    def apply(self, function: Callable[[np.ndarray], np.ndarray]) -> "View | None":
        """What NumPy's `function` makes of such an array, or None where that takes a copy.

        >>> View.whole((2, 3)).apply(lambda x: x.T[1:])
        View(shape=(2, 2), strides=(1, 3), offset=1)
        """
        # Never read: it only shows where in an array of bytes each element would lie.
        memory = np.lib.stride_tricks.as_strided(_CELL, self.shape, self.strides)
        made = function(memory)
        if made.size and not np.may_share_memory(made, memory):
            return None
        start = made.__array_interface__["data"][0] - _CELL.__array_interface__["data"][0]
        strides = _plain(made.shape, made.strides)
        return View(made.shape, strides, self.offset + start if made.size else self.offset)

    def of(self, function: Callable[[np.ndarray], np.ndarray]) -> "View":
        """As `apply`, of a function that never needs a copy of such an array.

        Raises:
            ValueError: it does.
        """
        seen = self.apply(function)
        if seen is None:
            raise ValueError(f"this is no view of {self}")
        return seen


def _plain(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """Strides with 0 for an axis of one element, where they say nothing."""
    return tuple(0 if size == 1 else step for size, step in zip(shape, strides, strict=True))


_CELL = np.zeros(1, np.int8)


@dataclass(frozen=True)
class OnFloats:
    """An elementwise rule for floats alone; on integers the interpreter computes the op."""

    rule: Callable[..., Any]

    def __call__(self, *args: Any, **params: Any) -> Any:
        return self.rule(*args, **params)


@dataclass(frozen=True)
class Move:
    """Elements change places and none is computed: `rule(array, **params)` is a NumPy view.

    Where NumPy would have to copy, so does the compiler.
    """

    rule: Callable[..., np.ndarray]

    def view(self, array: np.ndarray, params: dict) -> np.ndarray:
        return self.rule(array, **params)


@dataclass(frozen=True)
class Assemble:
    """The result is written part by part, later parts over earlier ones.

    `parts(out, *shapes, **params)` gives pairs of a source (the number of an argument, or a float
    that fills) and the view of the result that it goes to; `out` is an array of the result's shape.
    No parts mean that the interpreter computes this call.
    `turned(params, ndim)` gives the options that do the same to arrays whose first axis has become
    the last, or None where the first axis takes part, or nobody has said.
    """

    parts: Callable[..., list[tuple[int | float, np.ndarray]]]
    turned: Callable[[Mapping[str, Any], int], Mapping[str, Any] | None] = lambda params, ndim: None


@dataclass(frozen=True)
class Fold:
    """An axis is brought down to one number by `combine(b, total, x)`, beginning with `start`.

    `start(dtype)` gives a number that changes nothing. The op's options are `axis` and `keepdims`.
    """

    combine: Callable[..., Any]
    start: Callable[[np.dtype], Any]


@dataclass(frozen=True)
class Contract:
    """A matrix product over the last axis of the first argument and the first of the last two."""


@dataclass(frozen=True)
class Chosen:
    """Places of an array, chosen by a pattern and arrays of ids. Abstract.

    `rule(array, **params)` is the view that the pattern takes where every id is 0.
    `chosen(**params)` gives the axes of the array that the ids choose from, one for each array of
    ids, and the axis of the selection at which the ids' own axes begin.
    """

    rule: Callable[..., np.ndarray]
    chosen: Callable[..., tuple[tuple[int, ...], int]]

    def view(self, array: np.ndarray, params: dict) -> np.ndarray:
        return self.rule(array, **params)


class Gather(Chosen):
    """The result is what is chosen of the first argument."""


class ScatterAdd(Chosen):
    """The first argument is added up at what is chosen of the result, which begins as zeros."""


@dataclass(frozen=True)
class Convolve:
    """A convolution or one of its two transposes, as `side` says: what of it is the result.

    `side` is "output", "input" or "weight"; `plan(*avals, **params)` gives all sizes.
    """

    side: str
    plan: Callable[..., Any]


@dataclass(frozen=True)
class OverWindows:
    """Each window gives one number: `rule(*places)`, in ops.

    For each argument it gets a list of arrays: what stands in all windows at the first place of
    the kernel, at the second, and so on; the same list twice for the same argument.
    `slide(*avals, **params)` says how the windows lie on the last axes.
    """

    rule: Callable[..., Any]
    slide: Callable[..., Any]


@dataclass(frozen=True)
class IntoWindows:
    """Each window gives a number for each of its places; where windows overlap, these add up.

    `rule(b, g, places)` gives them in lanes, for a number of the first argument, which has one for
    each window, and what the second argument has at the places of that window.
    `slide(*avals, **params)` says how the windows lie on the last axes.
    """

    rule: Callable[..., list[Any]]
    slide: Callable[..., Any]


@dataclass(frozen=True)
class Draw:
    """Numbers spread evenly over [0, 1), from the stream of a key; see `chainrule.rng.uniform`."""


@dataclass(frozen=True)
class DeriveKey:
    """The key that belongs to a number; see `chainrule.rng.fold_in`."""


@dataclass(frozen=True)
class Expand:
    """The op in terms of simpler ones: `rule(*args, **params)` calls ops."""

    rule: Callable[..., Any]
