"""Borders that continue an array by its own numbers."""

from typing import Any

from chainrule.errors import ShapeError, unknown
from chainrule.ops.layout import flip
from chainrule.ops.shape import broadcast_to, concatenate
from chainrule.ops.table import operand, shape_of
from chainrule.ops.window import image_axes, pairs_of

_KINDS = ("reflect", "replicate", "circular")


def border(x: Any, width: Any, mode: str = "reflect") -> Any:
    """x with a border around its axes after the channels that continues it by its own numbers.

    With mode "reflect" the border mirrors x at its first and last element, which stand once; with
    "replicate" it repeats these; with "circular" it goes on at the other end. For a border of one
    number, see `pad`. Where a border is reached from several axes, as corners are, each axis does
    its part after the other.

    The width is a number, one for each axis, or a pair (before, after) for each.

    Shape: x (N, C, *n) gives (N, C, *(before + n + after)).

    Raises:
        OptionError: an unknown mode.
        ShapeError: x has no axes after the channels, or too few elements for such a border.

    >>> border(np.array([[[1.0, 2.0, 3.0]]]), 2)
    array([[[3., 2., 1., 2., 3., 2., 1.]]])
    >>> border(np.array([[[1.0, 2.0, 3.0]]]), ((2, 1),), mode="circular")
    array([[[2., 3., 1., 2., 3., 1.]]])
    """
    if mode not in _KINDS:
        raise unknown("mode of border", mode, _KINDS)
    x = operand(x)
    inside = image_axes("border", shape_of(x))
    pairs = pairs_of("border", width, len(inside))
    for axis, (n, pair) in enumerate(zip(inside, pairs, strict=True)):
        if any(pair):
            _check_border(mode, n, pair, axis - len(inside))
            x = concatenate(_continued(x, axis + 2, pair, mode), axis=axis + 2)
    return x


def _check_border(mode: str, n: int, pair: tuple[int, int], axis: int) -> None:
    """Refuse a border that has more elements than there are to fill it with."""
    most, why = {
        "reflect": (n - 1, "a mirror shows all elements but the one that it stands on"),
        "circular": (n, "the other end has no more elements"),
        "replicate": (max(pair) if n else 0, "there is no element to repeat"),
    }[mode]
    if max(pair) > most:
        raise ShapeError(
            f"border: mode {mode!r} cannot add {max(pair)} to axis {axis} of size {n}; expected "
            f"{max(most, 0)} at most, for {why}. Take a smaller border, larger inputs or zeros."
        )


def _continued(x: Any, axis: int, pair: tuple[int, int], mode: str) -> list:
    """x between what stands before and after it along an axis."""
    n = shape_of(x)[axis]
    before, after = pair

    def part(start: int, stop: int) -> Any:
        return x[(slice(None),) * axis + (slice(start, stop),)]

    def repeated(start: int, times: int) -> Any:
        shape = shape_of(x)
        wide = (*shape[:axis], times, *shape[axis + 1 :])
        return broadcast_to(part(start, start + 1), shape=wide)

    if mode == "circular":
        ends = part(n - before, n), part(0, after)
    elif mode == "replicate":
        ends = repeated(0, before), repeated(n - 1, after)
    else:
        ends = flip(part(1, 1 + before), axis), flip(part(n - 1 - after, n - 1), axis)
    return [ends[0]] * bool(before) + [x] + [ends[1]] * bool(after)
