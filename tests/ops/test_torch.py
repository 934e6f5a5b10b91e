"""Every op against PyTorch: values, vector-Jacobian products and second derivatives."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.table import OPS
from tests.ops.cases import NAMES, Case, cases, generator
from tests.ops.derivatives import along_gradient, closed, like, relative, subsets
from tests.ops.twins import NO_TWIN, elementwise, on_arrays

BOUND = 1e-10

REFEREED = [name for name in NAMES if name not in NO_TWIN]


def twin_of(torch: ModuleType, name: str) -> Callable:
    twin = elementwise(torch, name) if OPS[name].elementwise else on_arrays(torch).get(name)
    assert twin is not None, f"PyTorch's twin of {name}: add it to twins.py, or to NO_TWIN"
    return twin


def tensors(torch: ModuleType, case: Case) -> list:
    """The arguments as PyTorch's tensors; of an elementwise op all in float64."""
    copies = [np.array(arg, np.float64 if case.op.elementwise else None) for arg in case.args]
    return [torch.from_numpy(np.asarray(copy, order="C")) for copy in copies]


def numbers(tensor: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A derivative as an array; PyTorch gives None where there is none."""
    return np.zeros(shape) if tensor is None else tensor.numpy(force=True)


def derivative(torch: ModuleType, out: Any, inputs: list, weight: Any) -> Any:
    if not out.requires_grad:
        return [None] * len(inputs)
    return torch.autograd.grad(out, inputs, weight, create_graph=True, allow_unused=True)


@pytest.mark.parametrize("name", REFEREED)
def test_against_pytorch(name, torch, figures):
    random, twin = generator(name), twin_of(torch, name)
    for case in cases(name):
        if not case.smooth:
            continue
        for traced in subsets(case):
            args = tensors(torch, case)
            inputs = [args[i].requires_grad_() for i in traced]
            function, values = closed(case, traced), [case.args[i] for i in traced]
            theirs = twin(*args, **{**case.op.defaults, **case.params})
            ours, pull = cr.vjp(function, *values)
            error = relative(ours, theirs.detach().numpy())
            assert error < BOUND, f"{case}: {ours}, PyTorch {theirs}"

            (weight,) = like([ours], random)
            first = derivative(torch, theirs, inputs, torch.as_tensor(weight))
            for mine, other in zip(pull(weight), first, strict=True):
                expected = numbers(other, mine.shape)
                error = max(error, relative(mine, expected))
                assert error < BOUND, f"{case}, by {traced}: {mine}, PyTorch {expected}"
            figures.error("PyTorch", error)

            direction = like(values, random)
            terms = [
                (g * torch.as_tensor(d)).sum()
                for g, d in zip(first, direction, strict=True)
                if g is not None and g.requires_grad
            ]
            second = derivative(torch, sum(terms), inputs, None) if terms else [None] * len(inputs)
            slope = along_gradient(function, weight, direction)
            _, pull = cr.vjp(slope, *values)
            for mine, other in zip(pull(np.ones(())), second, strict=True):
                expected = numbers(other, mine.shape)
                error = relative(mine, expected)
                assert error < BOUND, f"{case}, second by {traced}: {mine}, PyTorch {expected}"
                figures.error("PyTorch, second order", error)


def test_the_ops_without_a_twin_are_known(torch):
    has_twin = set(on_arrays(torch))
    has_twin |= {name for name in NAMES if OPS[name].elementwise and elementwise(torch, name)}
    assert set(NAMES) - has_twin == set(NO_TWIN)
