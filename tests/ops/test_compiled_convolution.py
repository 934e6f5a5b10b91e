"""Most of the grid of test_convolution.py once more, each case as one compiled function.

It computes output and gradients by all arguments, for some also their derivatives; PyTorch's stand
beside them, in float64.
"""

from typing import Any

import pytest

import chainrule as cr
from tests.ops.against_torch import agree, numbers
from tests.ops.test_convolution import CONVOLUTIONS, POOLINGS

compiler = pytest.importorskip("chainrule.compiler", reason="needs llvmlite")

LEFT_OUT, QUICK, CURVED = 5, 59, 23
"""Every fifth convolution is left out for time (5 divides the length of no axis of the grid, so
that all values meet); every 59th case is for quick runs, too, and every 23rd to second order."""


def numbered(cases: list) -> list:
    """The cases with their numbers; most are for slow runs."""
    return [
        pytest.param(i, case, marks=() if i % QUICK == 0 else pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


@pytest.mark.parametrize(
    ("number", "case"), numbered([case for i, case in enumerate(CONVOLUTIONS) if i % LEFT_OUT])
)
def test_convolution(torch: Any, number: int, case: tuple) -> None:
    kernel, stride, padding, dilation, groups, size = case
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(
        torch,
        lambda x, weight: cr.conv(x, weight, **options),
        lambda x, weight: torch.nn.functional.conv2d(x, weight, **options),
        numbers((2, 4, *size), 1),
        numbers((8, 4 // groups, *kernel), 2),
        run=compiler.compile,
        order=1 if number % CURVED else 2,
    )


@pytest.mark.parametrize(("number", "case"), numbered(POOLINGS))
def test_pooling(torch: Any, number: int, case: tuple) -> None:
    kernel, stride, padding, dilation, size = case
    functional = torch.nn.functional
    agree(
        torch,
        lambda x: (
            cr.max_pool(x, kernel, stride, padding, dilation).sum()
            * cr.avg_pool(x, kernel, stride, padding, count_include_pad=False)
        ),
        lambda x: (
            functional.max_pool2d(x, kernel, stride, padding, dilation).sum()
            * functional.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)
        ),
        numbers((2, 3, *size), 1),
        run=compiler.compile,
        order=1 if number % CURVED else 2,
    )
