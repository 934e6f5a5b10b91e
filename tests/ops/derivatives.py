"""Derivatives of a case in several ways, for comparison."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from tests.ops.cases import Case

STEP = 1e-4
"""Of the five-point difference, whose errors are near step^4 / 30 and eps / step."""


def subsets(case: Case) -> Iterator[tuple[int, ...]]:
    """Every non-empty choice of arguments to trace."""
    for count in range(1, len(case.floats) + 1):
        yield from itertools.combinations(case.floats, count)


def closed(case: Case, traced: tuple[int, ...]) -> Callable:
    """The case as a function of the traced arguments alone."""

    def function(*values: Any) -> Any:
        args = list(case.args)
        for position, value in zip(traced, values, strict=True):
            args[position] = value
        return case.op(*args, **case.params)

    return function


def like(arrays: Any, random: np.random.Generator) -> list[np.ndarray]:
    """A random direction: normal numbers in the shapes of the arrays, in float64."""
    return [np.asarray(random.standard_normal(np.shape(array))) for array in arrays]


def inner(left: Any, right: Any) -> tuple[float, float]:
    """The inner product of two lists of arrays, and the size of its terms, which may cancel."""
    terms = np.concatenate([np.ravel(a * b) for a, b in zip(left, right, strict=True)])
    return math.fsum(terms), max(math.fsum(np.abs(terms)), 1e-2)


def numeric(function: Callable[..., float], values: list, direction: list) -> float:
    """The derivative of a number in a direction, by the five-point central difference."""

    def along(step: float) -> float:
        moved = [value + step * d for value, d in zip(values, direction, strict=True)]
        return float(function(*moved))

    near, far = along(STEP) - along(-STEP), along(2 * STEP) - along(-2 * STEP)
    return (8 * near - far) / (12 * STEP)


def along_gradient(function: Callable, weight: np.ndarray, direction: list) -> Callable:
    """The map from values to the derivative of <weight, function> in a direction, by `vjp`."""

    def directional(*values: Any) -> Any:
        gradients = cr.vjp(function, *values)[1](weight)
        parts = [(g * d).sum() for g, d in zip(gradients, direction, strict=True)]
        return sum(parts[1:], start=parts[0])

    return directional


def relative(got: Any, want: Any) -> float:
    """The largest difference, relative to the largest number (and 1e-3 at least)."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return math.inf
    size = max(np.abs(want).max(initial=0.0), np.abs(got).max(initial=0.0), 1e-3)
    error = np.abs(got - want).max(initial=0.0) / size
    return float(error) if np.isfinite(error) else math.inf
