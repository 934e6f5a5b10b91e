"""A function of ours beside PyTorch's in float64: values, gradients, second derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import rng

BOUND = 1e-10


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return rng.normal(rng.key(seed), shape, np.float64)


def agree(
    torch: Any,
    ours: Callable,
    twin: Callable,
    *arrays: np.ndarray,
    run: Callable = lambda function: function,
    order: int = 2,
) -> None:
    """Values, gradients, and to second order the gradients of <gradients, directions>, in both.

    To second order also forward mode: <weight, J directions> is <gradients, directions>.

    `run` is given one function that computes all of ours, and may compile it.
    """
    tensors = [torch.from_numpy(array).requires_grad_() for array in arrays]
    y = twin(*tensors)
    weight = numbers(tuple(y.shape), 7)
    directions = [numbers(array.shape, 8 + i) for i, array in enumerate(arrays)]

    def everything(weight: Any, *inputs: Any) -> list:
        def slope(*inputs: Any) -> Any:
            gradients = cr.vjp(ours, *inputs)[1](cr.tanh(ours(*inputs)) * weight)
            return sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))

        out, pull = cr.vjp(ours, *inputs)
        if order < 2:
            return [out, *pull(weight)]
        bend = cr.vjp(slope, *inputs)[1]
        tangent = cr.jvp(ours, inputs, tuple(directions))[1]
        return [out, *pull(weight), *bend(np.ones(())), (tangent * weight).sum()]

    def along(gradients: tuple) -> Any:
        pairs = zip(gradients, directions, strict=True)
        return sum((g * torch.from_numpy(d)).sum() for g, d in pairs)

    w = torch.from_numpy(weight)
    first = torch.autograd.grad(y, tensors, w, retain_graph=True)
    expected = [y, *first]
    if order == 2:
        slopes = torch.autograd.grad(y, tensors, torch.tanh(y) * w, create_graph=True)
        expected += torch.autograd.grad(along(slopes), tensors)
        expected.append(along(first))
    for got, want in zip(run(everything)(weight, *arrays), expected, strict=True):
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=BOUND, atol=BOUND)
