"""Borders, other sizes and pixel shuffling against PyTorch, and what they refuse."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, OptionError, ShapeError
from tests.ops.against_torch import agree, numbers

SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 7), 3: (1, 2, 3, 5, 4)}
WIDTHS = {
    1: [2, ((3, 0),), ((0, 1),)],
    2: [1, (2, 3), ((4, 0), (1, 6)), ((0, 0), (0, 2))],
    3: [1, ((2, 0), (0, 3), (1, 2))],
}
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
ODD_SIZES = {1: [1, 5, 7, 13, 21], 2: [1, 3, (9, 4), (5, 15), (10, 7)], 3: [2, (5, 3, 9)]}


def torch_widths(width: Any, axes: int) -> tuple[int, ...]:
    """The last axis first, and the numbers of all in one row."""
    each = width if isinstance(width, tuple) else (width,) * axes
    pairs = [pair if isinstance(pair, tuple) else (pair, pair) for pair in each]
    return tuple(itertools.chain(*reversed(pairs)))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("axes", "width"), [(axes, width) for axes, widths in WIDTHS.items() for width in widths]
)
def test_borders(torch: Any, mode: str, axes: int, width: Any) -> None:
    agree(
        torch,
        lambda x: cr.border(x, width, mode),
        lambda x: torch.nn.functional.pad(x, torch_widths(width, axes), mode),
        numbers(SHAPES[axes], 1),
    )


@pytest.mark.parametrize(
    ("axes", "size"), [(axes, size) for axes, sizes in ODD_SIZES.items() for size in sizes]
)
@pytest.mark.parametrize("align_corners", [None, False, True])
def test_other_sizes(torch: Any, axes: int, size: Any, align_corners: bool | None) -> None:
    x, resize = numbers(SHAPES[axes], 1), torch.nn.functional.interpolate
    if align_corners is None:
        agree(torch, lambda x: cr.interpolate(x, size), lambda x: resize(x, size), x)
        return
    options = {"mode": MODES[axes], "align_corners": align_corners}
    agree(
        torch, lambda x: cr.interpolate(x, size, **options), lambda x: resize(x, size, **options), x
    )


@pytest.mark.parametrize("factor", [1, 2, 3, 2.5, 1.3, 0.6, (2, 0.4), (1.0, 1.5)])
@pytest.mark.parametrize("align_corners", [None, False, True])
def test_scale_factors(torch: Any, factor: Any, align_corners: bool | None) -> None:
    x, resize = numbers(SHAPES[2], 1), torch.nn.functional.interpolate
    options: dict[str, Any] = {"scale_factor": factor}
    if align_corners is not None:
        options |= {"mode": "bilinear", "align_corners": align_corners}
    agree(torch, lambda x: cr.interpolate(x, **options), lambda x: resize(x, **options), x)


@pytest.mark.parametrize("factor", [1.1, 0.3, 1 / 3, 2.7, 7, 41])
def test_nearest_falls_on_pytorch_s_numbers_in_long_rows(torch: Any, factor: float) -> None:
    for n in range(1, 120):
        if n * factor >= 1:
            row = np.arange(n, dtype=np.float32).reshape(1, 1, n)
            want = torch.nn.functional.interpolate(torch.from_numpy(row), scale_factor=factor)
            got = cr.interpolate(row, scale_factor=factor)
            if factor == 41:  # where PyTorch's own rounding goes wrong
                np.testing.assert_array_equal(got, np.repeat(row, 41, axis=-1))
            else:
                np.testing.assert_array_equal(got, want.numpy())


def test_shuffled_pixels_come_back(torch: Any) -> None:
    x = numbers((2, 18, 3, 5), 1)
    agree(torch, lambda x: cr.pixel_shuffle(x, 3), lambda x: torch.pixel_shuffle(x, 3), x)
    np.testing.assert_array_equal(cr.pixel_unshuffle(cr.pixel_shuffle(x, 3), 3), x)


def test_integers_are_repeated_as_they_are_and_blended_as_floats() -> None:
    x = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    for same in (cr.interpolate(x, (5, 6)), cr.border(x, 1), cr.border(x, 1, "circular")):
        assert same.dtype == np.uint8
    assert cr.interpolate(x, (5, 6), mode="bilinear").dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cr.border(x, 1, "mirror"), OptionError, "unknown mode of border 'mirror'"),
        (lambda x: cr.border(x, (1, 4)), ShapeError, "cannot add 4 to axis -1 of size 4; .* 3 at"),
        (lambda x: cr.border(x, 6, "circular"), ShapeError, "add 6 to axis -2 of size 5; .* 5 at"),
        (lambda x: cr.border(x[..., :0], 1, "replicate"), ShapeError, "there is no element to rep"),
        (lambda x: cr.border(x, -1), ShapeError, "expected integers of 0 or more"),
        (lambda x: cr.border(x, 1.5), DtypeError, "padding must be an integer, got 1.5"),
        (lambda x: cr.border(x[0, 0], 1), ShapeError, r"expected \(N, C, \.\.\.\)"),
        (cr.interpolate, OptionError, "got neither of size and scale_factor"),
        (lambda x: cr.interpolate(x, 2, 2), OptionError, "got both of size and scale_factor"),
        (lambda x: cr.interpolate(x, 2, mode="bilinaer"), OptionError, "Did you mean 'bilinear'"),
        (lambda x: cr.interpolate(x, 2, mode="linear"), ShapeError, "2 axes .* mode 'bilinear'"),
        (lambda x: cr.interpolate(x, 2, align_corners=True), OptionError, "no weights to align"),
        (lambda x: cr.interpolate(x, (2, 2, 2)), OptionError, "one number, or 2 of them"),
        (lambda x: cr.interpolate(x, scale_factor=(2,)), OptionError, "one number, or 2 of them"),
        (lambda x: cr.interpolate(x, scale_factor=-1), OptionError, "scale_factor is -1; expected"),
        (lambda x: cr.interpolate(x, 2.5), OptionError, "size is 2.5; expected an integer"),
        (lambda x: cr.interpolate(x, scale_factor=0.2), ShapeError, r"would become \(1, 0\)"),
        (lambda x: cr.pixel_shuffle(x, 2), ShapeError, "has 3 channels .* a multiple of 4"),
        (lambda x: cr.pixel_shuffle(x[0], 2), ShapeError, r"expected \(N, C, H, W\)"),
        (lambda x: cr.pixel_shuffle(x, 1.5), OptionError, "factor is 1.5; expected an integer"),
        (lambda x: cr.pixel_unshuffle(x, 2), ShapeError, "are 5x4 .* multiples of the factor 2"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((2, 3, 5, 4)))
