"""Line search: how far to go along a direction."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """A point on the line: how far along, value, slope along the line, gradient."""

    step: float
    value: float
    slope: float
    gradient: np.ndarray


class Bounds(NamedTuple):
    """What a step has to reach: f(t) <= f(0) + c1 t f'(0), and |f'(t)| <= c2 |f'(0)|."""

    start: Point
    c1: float
    c2: float

    def falls(self, point: Point) -> bool:
        """Whether the value is low enough (Armijo's condition)."""
        # Written so that NaN is not.
        return point.value <= self.start.value + self.c1 * point.step * self.start.slope

    def flat(self, point: Point) -> bool:
        """Whether the slope is small enough."""
        return abs(point.slope) <= -self.c2 * self.start.slope


def strong_wolfe(
    at: Callable[[float], Point], bounds: Bounds, first: float, most: int = 25
) -> Point | None:
    """A step that fulfils the strong Wolfe conditions, after at most `most` evaluations.

    Where that does not do, the best that falls enough; None where there is none. (Nocedal and
    Wright, "Numerical optimization", 2nd ed., algorithms 3.5 and 3.6, with cubic interpolation.)
    """
    before, point = bounds.start, at(first)
    for left in range(most - 1, 0, -1):
        rises = before is not bounds.start and point.value >= before.value
        if rises or not bounds.falls(point):
            return _zoom(at, bounds, (before, point), left)
        if bounds.flat(point):
            return point
        if point.slope >= 0:
            return _zoom(at, bounds, (point, before), left)
        before, point = point, at(2 * point.step)
    return before if before is not bounds.start else None


def _zoom(
    at: Callable[[float], Point], bounds: Bounds, pair: tuple[Point, Point], most: int
) -> Point | None:
    """The same between two points, of which the first is lower and slopes towards the other."""
    low, high = pair
    for _ in range(most):
        point = at(_between(low, high))
        if not bounds.falls(point) or point.value >= low.value:
            high = point
            continue
        if bounds.flat(point):
            return point
        if point.slope * (high.step - low.step) >= 0:
            high = low
        low = point
    return low if low is not bounds.start else None


def _between(a: Point, b: Point) -> float:
    """Where the cubic through two points, with their slopes, is lowest, but not near their ends."""
    width = b.step - a.step
    middle = a.step + width / 2
    if not math.isfinite(b.value) or not math.isfinite(b.slope):
        return middle
    # Nocedal and Wright, equation 3.59.
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return middle
    d2 = math.copysign(math.sqrt(square), width)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return middle
    share = 1 - (b.slope + d2 - d1) / below
    return a.step + width * min(max(share, 0.1), 0.9)
