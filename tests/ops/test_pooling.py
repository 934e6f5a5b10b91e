"""Poolings against PyTorch: windows over the end, other divisors, norms, and parts of wanted size.

The grid of plain max and mean poolings is in test_convolution.py.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OptionError, ShapeError
from tests.ops.against_torch import agree, numbers

SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 8), 3: (1, 2, 5, 3, 6)}
OVER_THE_END = [
    case
    for case in itertools.product([(2, 2), (3, 2), (2, 5)], [(2, 3), (3, 4)], [(0, 0), (1, 1)])
    if all(p <= k // 2 for k, p in zip(case[0], case[2], strict=True))
]


def named(torch: Any, kind: str, axes: int) -> Callable:
    return getattr(torch.nn.functional, f"{kind}_pool{axes}d")


@pytest.mark.parametrize(("kernel", "stride", "padding"), OVER_THE_END)
def test_windows_over_the_end(torch: Any, kernel: tuple, stride: tuple, padding: tuple) -> None:
    x, functional = numbers(SHAPES[2], 1), torch.nn.functional
    for dilation in (1, (2, 1)):
        agree(
            torch,
            lambda x, d=dilation: cr.max_pool(x, kernel, stride, padding, d, ceil_mode=True),
            lambda x, d=dilation: functional.max_pool2d(x, kernel, stride, padding, d, True),
            x,
        )
    for include, divisor in ((True, None), (False, None), (True, 3)):
        options: dict[str, Any] = {"count_include_pad": include, "divisor_override": divisor}
        agree(
            torch,
            lambda x, o=options: cr.avg_pool(x, kernel, stride, padding, ceil_mode=True, **o),
            lambda x, o=options: functional.avg_pool2d(x, kernel, stride, padding, True, **o),
            x,
        )


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(torch: Any, axes: int) -> None:
    x = numbers(SHAPES[axes], 1)
    twins = named(torch, "max", axes), named(torch, "avg", axes)
    agree(
        torch,
        lambda x: cr.max_pool(x, 2, 2, 1, ceil_mode=True),
        lambda x: twins[0](x, 2, 2, 1, ceil_mode=True),
        x,
    )
    agree(
        torch,
        lambda x: cr.avg_pool(x, 2, 2, 1, False, ceil_mode=True),
        lambda x: twins[1](x, 2, 2, 1, ceil_mode=True, count_include_pad=False),
        x,
    )


def test_a_window_beyond_the_end_alone_is_left_out(torch: Any) -> None:
    x = numbers((1, 1, 4), 1)
    for size, stride, padding in ((1, 4, 0), (1, 6, 0), (2, 5, 1), (6, 3, 0), (3, 3, 1)):
        want = torch.nn.functional.max_pool1d(
            torch.from_numpy(x), size, stride, padding, ceil_mode=True
        )
        got = cr.max_pool(x, size, stride, padding, ceil_mode=True)
        np.testing.assert_array_equal(got, want.numpy())


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 2, 4, 1.5])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_norms_of_windows(torch: Any, axes: int, p: float, ceil_mode: bool) -> None:
    x = numbers(SHAPES[axes], 1)
    x = np.abs(x) if p == 1.5 else x
    twin = named(torch, "lp", axes)
    agree(
        torch,
        lambda x: cr.lp_pool(x, p, 3, 2, ceil_mode),
        lambda x: twin(x, float(p), 3, 2, ceil_mode),
        x,
    )


def test_norms_of_odd_powers_keep_their_signs() -> None:
    x = np.array([[[-2.0, 0.0, 0.0, 0.0, 1.0, 2.0]]])
    got, pull = cr.vjp(lambda x: cr.lp_pool(x, 3, 2), x)
    np.testing.assert_allclose(got, [[[-2.0, 0.0, 9.0 ** (1 / 3)]]], rtol=1e-15)
    (slope,) = pull(np.ones((1, 1, 3)))
    np.testing.assert_allclose(slope[0, 0, :4], [1.0, 0.0, 0.0, 0.0], rtol=1e-15)


def test_norms_of_pixels_do_not_overflow() -> None:
    x = np.array([[[200, 100, 3, 4]]], np.uint8)
    np.testing.assert_allclose(cr.lp_pool(x, 2, 2), [[[50000**0.5, 5.0]]], rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, (3, 2), (9, 1), (4, 8)])
def test_largest_of_parts(torch: Any, size: Any) -> None:
    agree(
        torch,
        lambda x: cr.adaptive_max_pool(x, size),
        lambda x: torch.nn.functional.adaptive_max_pool2d(x, size),
        numbers((2, 3, 7, 5), 1),
    )


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(("axes", "size"), [(1, 3), (1, 9), (3, 2), (3, (4, 1, 5))])
def test_parts_of_other_numbers_of_axes(torch: Any, kind: str, axes: int, size: Any) -> None:
    ours = {"max": cr.adaptive_max_pool, "avg": cr.adaptive_avg_pool}[kind]
    twin = named(torch, f"adaptive_{kind}", axes)
    agree(torch, lambda x: ours(x, size), lambda x: twin(x, size), numbers(SHAPES[axes], 1))


def test_of_equal_numbers_the_first_of_a_part_wins(torch: Any) -> None:
    x = np.array([[[[1.0, 2.0, 2.0], [1.0, 2.0, 0.0], [3.0, 3.0, 3.0]]]])
    for size in (1, 2, (1, 2), (2, 1)):
        agree(
            torch,
            lambda x, size=size: cr.adaptive_max_pool(x, size),
            lambda x, size=size: torch.nn.functional.adaptive_max_pool2d(x, size),
            x,
        )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cr.max_pool(x, 8, 2, ceil_mode=True), ShapeError, r"\+ 1 is below 1\. Pad by"),
        (lambda x: cr.max_pool(x, 2, -1), ShapeError, "stride is -1; expected integers of 1 or"),
        (
            lambda x: cr.max_pool(x, 2, padding=((1, 2), (0, 0))),
            ShapeError,
            "half of the size at most",
        ),
        (
            lambda x: cr.avg_pool(x, 2, divisor_override=0),
            OptionError,
            "override is 0; expected an int",
        ),
        (lambda x: cr.lp_pool(x, 0, 2), OptionError, "norm_type is 0; expected a number above 0"),
        (lambda x: cr.lp_pool(x, 2, 9), ShapeError, r"the kernel size 9.*is below 1"),
        (lambda x: cr.lp_pool(x[0, 0], 2, 2), ShapeError, r"expected \(N, C, \.\.\.\)"),
        (lambda x: cr.adaptive_max_pool(x, 0), ShapeError, "size is 0; expected integers of 1"),
        (lambda x: cr.adaptive_max_pool(x[..., :0], 1), ShapeError, "one element or more on each"),
        (lambda x: cr.adaptive_avg_pool(x[..., :0], 1), ShapeError, "one element or more on each"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((2, 3, 5, 5)))
