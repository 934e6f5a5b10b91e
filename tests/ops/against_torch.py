"""A function of ours beside PyTorch's in float64: values, gradients, second derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import rng

BOUND = 1e-10


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return rng.normal(rng.key(seed), shape, np.float64)


def agree(torch: Any, ours: Callable, twin: Callable, *arrays: np.ndarray) -> None:
    """Values, gradients, and the gradients of <gradients, directions>, in both."""
    out, pull = cr.vjp(ours, *arrays)
    weight = numbers(out.shape, 7)
    directions = [numbers(array.shape, 8 + i) for i, array in enumerate(arrays)]

    def slope(*inputs: Any) -> Any:
        gradients = cr.vjp(ours, *inputs)[1](cr.tanh(ours(*inputs)) * weight)
        return sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))

    second = cr.vjp(slope, *arrays)[1](np.ones(()))

    tensors = [torch.from_numpy(array).requires_grad_() for array in arrays]
    y = twin(*tensors)
    w = torch.from_numpy(weight)
    first = torch.autograd.grad(y, tensors, w, retain_graph=True)
    slopes = torch.autograd.grad(y, tensors, torch.tanh(y) * w, create_graph=True)
    total = sum((g * torch.from_numpy(d)).sum() for g, d in zip(slopes, directions, strict=True))
    expected = [y, *first, *torch.autograd.grad(total, tensors)]
    for got, want in zip([out, *pull(weight), *second], expected, strict=True):
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=BOUND, atol=BOUND)
