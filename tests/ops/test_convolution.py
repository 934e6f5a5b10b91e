"""Convolution and pooling against PyTorch on a grid of kernels, strides, paddings and odd sizes.

Forward, both backwards, and second order (the derivative of a gradient's product with a direction)
in float64.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ShapeError
from tests.ops.against_torch import agree, numbers

KERNELS = ((1, 1), (2, 3), (3, 3), (5, 2))
STRIDES = ((1, 1), (2, 1), (3, 2))
PADDINGS = ((0, 0), (1, 2), (2, 0))
DILATIONS = ((1, 1), (2, 1), (1, 3))
GROUPS = (1, 2, 4)
SIZES = ((9, 11), (10, 7))
CONVOLUTIONS = list(itertools.product(KERNELS, STRIDES, PADDINGS, DILATIONS, GROUPS, SIZES))
POOLINGS = [
    (kernel, stride, padding, dilation, size)
    for kernel, stride, padding, dilation, size in itertools.product(
        KERNELS, STRIDES, PADDINGS, DILATIONS, SIZES
    )
    if all(p <= k // 2 for k, p in zip(kernel, padding, strict=True))
]


def thinned(cases: list, every: int) -> list:
    """All cases; those that are no multiple of `every` are for slow runs."""
    return [
        case if i % every == 0 else pytest.param(*case, marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups", "size"), thinned(CONVOLUTIONS, 11)
)
def test_convolution(
    torch: Any,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    groups: int,
    size: tuple,
) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, weight = numbers((2, 4, *size), 1), numbers((8, 4 // groups, *kernel), 2)
    if any(
        n + 2 * p < d * (k - 1) + 1
        for n, p, d, k in zip(size, padding, dilation, kernel, strict=True)
    ):
        with pytest.raises(ShapeError, match=r"is below 1\. Pad by"):
            cr.conv(x, weight, **options)
        return
    agree(
        torch,
        lambda x, weight: cr.conv(x, weight, **options),
        lambda x, weight: torch.nn.functional.conv2d(x, weight, **options),
        x,
        weight,
    )


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups", "size"), thinned(CONVOLUTIONS[::11], 5)
)
def test_transposed_convolution(
    torch: Any,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    groups: int,
    size: tuple,
) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, weight = numbers((2, 8, *size), 1), numbers((8, 4 // groups, *kernel), 2)
    shape = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(x), torch.from_numpy(weight), **options
    ).shape[2:]
    agree(
        torch,
        lambda x, weight: cr.conv_transpose(x, weight, shape=tuple(shape), **options),
        lambda x, weight: torch.nn.functional.conv_transpose2d(x, weight, **options),
        x,
        weight,
    )


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "size"), thinned(POOLINGS, 7))
def test_pooling(
    torch: Any, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, size: tuple
) -> None:
    x = numbers((2, 3, *size), 1)
    fits = all(
        n + 2 * p >= d * (k - 1) + 1
        for n, p, d, k in zip(size, padding, dilation, kernel, strict=True)
    )
    if fits:
        agree(
            torch,
            lambda x: cr.max_pool(x, kernel, stride, padding, dilation),
            lambda x: torch.nn.functional.max_pool2d(x, kernel, stride, padding, dilation),
            x,
        )
    for include in (True, False):
        agree(
            torch,
            lambda x, include=include: cr.avg_pool(x, kernel, stride, padding, include),
            lambda x, include=include: torch.nn.functional.avg_pool2d(
                x, kernel, stride, padding, count_include_pad=include
            ),
            x,
        )


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(torch: Any, axes: int) -> None:
    x, weight = numbers((2, 4, 7, 5, 6)[: axes + 2], 1), numbers((6, 2, 3, 2, 2)[: axes + 2], 2)
    functional = torch.nn.functional
    options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
    convolve = getattr(functional, f"conv{axes}d")
    agree(
        torch,
        lambda x, weight: cr.conv(x, weight, **options),
        lambda x, weight: convolve(x, weight, **options),
        x,
        weight,
    )
    for ours, twin in (
        (cr.max_pool, getattr(functional, f"max_pool{axes}d")),
        (cr.avg_pool, getattr(functional, f"avg_pool{axes}d")),
    ):
        agree(torch, lambda x, ours=ours: ours(x, 3, 2, 1), lambda x, f=twin: f(x, 3, 2, 1), x)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, (3, 2), (8, 1)])
def test_adaptive_means(torch: Any, size: Any) -> None:
    x = numbers((2, 3, 7, 5), 1)
    agree(
        torch,
        lambda x: cr.adaptive_avg_pool(x, size),
        lambda x: torch.nn.functional.adaptive_avg_pool2d(x, size),
        x,
    )


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 0, 1), ((2, 3), (2, 1), (1, 0), (1, 2))]
)
def test_columns_of_pictures(
    torch: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    x, options = numbers((2, 3, 7, 6), 1), (kernel, stride, padding, dilation)
    torch_order = (kernel, dilation, padding, stride)
    agree(
        torch,
        lambda x: cr.im2col(x, *options),
        lambda x: torch.nn.functional.unfold(x, *torch_order),
        x,
    )
    agree(
        torch,
        lambda columns: cr.col2im(columns, (7, 6), *options),
        lambda columns: torch.nn.functional.fold(columns, (7, 6), *torch_order),
        numbers(cr.im2col(x, *options).shape, 2),
    )


def test_of_equal_numbers_the_first_wins(torch: Any) -> None:
    x = np.array([[[[1.0, 1.0, 0.0], [1.0, 1.0, 2.0], [2.0, 0.0, 2.0]]]])
    for stride in (1, 2):
        agree(
            torch,
            lambda x, stride=stride: cr.max_pool(x, 2, stride, 1),
            lambda x, stride=stride: torch.nn.functional.max_pool2d(x, 2, stride, 1),
            x,
        )
    slope = cr.grad(lambda x: cr.max_pool(x, 2, 1).sum())(np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(slope, [[[[1.0, 0.0], [0.0, 0.0]]]])


def test_windows_without_numbers_win_nothing_and_nan_is_passed_on() -> None:
    x = np.array([[[np.nan, 1.0, 3.0, 2.0, -np.inf, -np.inf]]])
    np.testing.assert_array_equal(cr.max_pool(x, 2), [[[np.nan, 3.0, -np.inf]]])
    slope = cr.vjp(lambda x: cr.max_pool(x, 2), x)[1](np.array([[[1.0, 2.0, np.inf]]]))[0]
    np.testing.assert_array_equal(slope, [[[1.0, 0.0, 2.0, 0.0, np.inf, 0.0]]])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_padding_never_wins_among_whole_numbers(dtype: str) -> None:
    least = np.iinfo(dtype).min
    out = cr.max_pool(np.array([[[least, least, 2, 1]]], dtype), 3, 1, 1)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, [[[least, 2, 2, 2]]])


def test_large_batches_are_convolved_in_parts(torch: Any) -> None:
    x, weight = numbers((65, 3, 33, 31), 1), numbers((4, 3, 5, 5), 2)
    agree(
        torch,
        lambda x, weight: cr.conv(x, weight, padding=2),
        lambda x, weight: torch.nn.functional.conv2d(x, weight, padding=2),
        x,
        weight,
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: cr.max_pool(x, 2, padding=2), "expected half of the size at most"),
        (lambda x: cr.max_pool(x[0, 0], 2), r"expected \(N, C, \.\.\.\)"),
        (lambda x: cr.avg_pool(x, (9, 1)), r"\(5 \+ 2\*0 - 1\*\(9 - 1\) - 1\)/9 \+ 1 is below 1"),
        (lambda x: cr.avg_pool(x, 0), "the kernel is 0; expected integers of 1 or more"),
        (lambda x: cr.im2col(x, (2, 2, 2)), "which has 3 numbers"),
        (lambda x: cr.im2col(x, 2, padding=((1, 0, 1), 0)), r"a pair \(before, after\)"),
        (lambda x: cr.col2im(x, (5, 5), 2), r"columns of shape \(N, C\*4, 16\)"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(np.ones((2, 3, 5, 5)))
