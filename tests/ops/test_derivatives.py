"""Every op's derivative against numeric ones, in a random direction, first and second order.

Each non-empty subset of the float arguments is traced.
"""

from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule.grad import jvp
from tests.ops.cases import NAMES, cases, generator
from tests.ops.derivatives import (
    along_gradient,
    closed,
    inner,
    like,
    numeric,
    relative,
    subsets,
)

FIRST, SECOND, DUALITY, MIXED = 1e-9, 1e-9, 1e-13, 1e-12
"""Bounds on the relative errors. A rule that computes in float32 somewhere is 1e-8 off."""

CONSTANT = {"stop_gradient"}
"""Ops whose derivative is zero because they say so."""


def smooth(name: str) -> list:
    return [case for case in cases(name) if case.smooth]


def weighted(function: Callable, weight: np.ndarray) -> Callable:
    return lambda *values: (weight * function(*values)).sum()


@pytest.mark.parametrize("name", NAMES)
def test_reverse_mode_against_numeric(name, figures):
    random = generator(name)
    for case in smooth(name):
        for traced in subsets(case):
            function = closed(case, traced)
            values = [case.args[i] for i in traced]
            out, pull = cr.vjp(function, *values)
            (weight,) = like([out], random)
            direction = like(values, random)
            gradients = pull(weight)
            for gradient, value in zip(gradients, values, strict=True):
                assert (gradient.shape, gradient.dtype) == (value.shape, value.dtype), case
            expected = (
                0.0 if name in CONSTANT else numeric(weighted(function, weight), values, direction)
            )
            got, size = inner(gradients, direction)
            error = abs(got - expected) / size
            assert error < FIRST, f"{case}, by {traced}: {gradients} in {direction}, {expected}"
            figures.derivatives += 1
            figures.error("numeric", error)


@pytest.mark.parametrize("name", NAMES)
def test_forward_mode_against_reverse_mode(name, figures):
    random = generator(name)
    for case in smooth(name):
        for traced in subsets(case):
            function = closed(case, traced)
            values = [case.args[i] for i in traced]
            direction = like(values, random)
            out, pushed = jvp(function, tuple(values), tuple(direction))
            assert (pushed.shape, pushed.dtype) == (out.shape, out.dtype), case
            (weight,) = like([out], random)
            pulled = cr.vjp(function, *values)[1](weight)
            (left, size), (right, _) = inner([pushed], [weight]), inner(direction, pulled)
            error = abs(left - right) / size
            assert error < DUALITY, f"{case}, by {traced}: <Jv, w> = {left}, <v, J'w> = {right}"
            figures.error("duality", error)


@pytest.mark.parametrize("name", NAMES)
def test_second_order_against_numeric(name, figures):
    random = generator(name)
    for case in smooth(name):
        for traced in subsets(case):
            function = closed(case, traced)
            values = [case.args[i] for i in traced]
            (weight,) = like([function(*values)], random)
            first, second = like(values, random), like(values, random)
            slope = along_gradient(function, weight, first)
            gradients = cr.vjp(slope, *values)[1](np.ones(()))
            expected = numeric(slope, values, second)
            got, size = inner(gradients, second)
            error = abs(got - expected) / size
            assert error < SECOND, f"{case}, by {traced}: {gradients}, expected {expected}"
            figures.derivatives += 1
            figures.error("second order", error)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_keep_the_dtype_of_each_argument(name):
    for case in cases(name):
        if len(case.floats) == 0 or case.smooth:
            continue
        function = closed(case, case.floats)
        values = [case.args[i] for i in case.floats]
        out, pull = cr.vjp(function, *values)
        wide = [value.astype(np.float64) for value in values]
        _, pull_wide = cr.vjp(function, *wide)
        (weight,) = like([out], generator(name))
        for got, want, value in zip(pull(weight), pull_wide(weight), values, strict=True):
            assert got.dtype == value.dtype, case
            digits = 2e-2 if value.dtype == np.float16 else 1e-5
            assert relative(got, want) < digits, case


@pytest.mark.parametrize("name", NAMES)
def test_modes_within_modes_agree(name, figures):
    """The Hessian of <weight, op> times a direction: reverse over reverse, and both mixtures."""
    random = generator(name)
    for case in smooth(name):
        function, values = closed(case, case.floats), [case.args[i] for i in case.floats]
        (weight,) = like([function(*values)], random)
        direction = like(values, random)
        slope = along_gradient(function, weight, direction)
        expected = cr.vjp(slope, *values)[1](np.ones(()))

        def gradients(*inputs, function=function, weight=weight):
            return cr.vjp(function, *inputs)[1](weight)

        def pushed(*inputs, function=function, weight=weight, direction=direction):
            return (weight * jvp(function, inputs, tuple(direction))[1]).sum()

        forward_over_reverse = jvp(gradients, tuple(values), tuple(direction))[1]
        reverse_over_forward = cr.vjp(pushed, *values)[1](np.ones(()))
        for mixture in (forward_over_reverse, reverse_over_forward):
            for got, want in zip(mixture, expected, strict=True):
                error = relative(got, want)
                assert error < MIXED, f"{case}: {got}, reverse over reverse {want}"
                figures.error("modes within modes", error)
