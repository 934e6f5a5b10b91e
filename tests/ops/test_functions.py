"""Functions made of ops against NumPy and PyTorch: values, gradients, second derivatives.

A row holds the call in chainrule, the same in PyTorch or NumPy, and the shapes of its arguments.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.ops.table import OPS
from tests.ops.cases import generator
from tests.ops.derivatives import along_gradient, inner, like, numeric, relative

IDS = np.array([[0, 2, 1, 1], [2, 0, 0, 1]])

TORCH = {
    "softmax": (cr.softmax, lambda t, x: t.softmax(x, -1), [(2, 3)]),
    "softmax, axis 0": (lambda x: cr.softmax(x, axis=0), lambda t, x: t.softmax(x, 0), [(2, 3)]),
    "log_softmax": (cr.log_softmax, lambda t, x: t.log_softmax(x, -1), [(2, 3)]),
    "logsumexp": (cr.logsumexp, lambda t, x: t.logsumexp(x, (0, 1)), [(2, 3)]),
    "logsumexp, keepdims": (
        lambda x: cr.logsumexp(x, axis=1, keepdims=True),
        lambda t, x: t.logsumexp(x, 1, keepdim=True),
        [(2, 3)],
    ),
    "mean": (cr.mean, lambda t, x: x.mean(), [(2, 3)]),
    "mean, axes": (lambda x: cr.mean(x, axis=(0, -1)), lambda t, x: x.mean((0, 2)), [(2, 3, 4)]),
    "var": (cr.var, lambda t, x: x.var(correction=0), [(2, 3)]),
    "var, axis, ddof": (
        lambda x: cr.var(x, axis=0, keepdims=True, ddof=1),
        lambda t, x: x.var(0, correction=1, keepdim=True),
        [(3, 2)],
    ),
    "std": (lambda x: cr.std(x, axis=1), lambda t, x: x.std(1, correction=0), [(2, 3)]),
    "norm": (lambda x: cr.norm(x, axis=1), lambda t, x: x.norm(dim=1), [(2, 3)]),
    "cumprod": (cr.cumprod, lambda t, x: x.cumprod(0), [(5,)]),
    "cumprod, axis 1": (lambda x: cr.cumprod(x, axis=1), lambda t, x: x.cumprod(1), [(2, 4)]),
    "sort": (cr.sort, lambda t, x: x.sort(-1).values, [(3, 5)]),
    "sort, axis 0": (lambda x: cr.sort(x, axis=0), lambda t, x: x.sort(0).values, [(4, 2)]),
    "take": (
        lambda x: cr.take(x, IDS, axis=1),
        lambda t, x: x[:, t.as_tensor(IDS)],
        [(2, 3)],
    ),
    "take_along_axis": (
        lambda x: cr.take_along_axis(x, IDS),
        lambda t, x: x.gather(1, t.as_tensor(IDS)),
        [(2, 3)],
    ),
    "scatter_add": (
        lambda x, v: cr.scatter_add(x, IDS, v),
        lambda t, x, v: x.scatter_add(1, t.as_tensor(IDS), v),
        [(2, 3), (2, 4)],
    ),
    "index_add": (
        lambda x, v: cr.index_add(x, np.array([1, 1, 0]), v),
        lambda t, x, v: x.index_add(0, t.tensor([1, 1, 0]), v),
        [(2, 3), (3, 3)],
    ),
    "index_set": (
        lambda x, v: cr.index_set(x, (slice(None), 1), v),
        lambda t, x, v: t.select_scatter(x, v, 1, 1),
        [(2, 3), (2,)],
    ),
    "split": (lambda x: cr.split(x, 2, axis=1)[1], lambda t, x: x.chunk(2, 1)[1], [(2, 4)]),
    "split at": (lambda x: cr.split(x, [1, 3])[1], lambda t, x: x[1:3], [(5, 2)]),
    "roll": (lambda x: cr.roll(x, 2, axis=1), lambda t, x: x.roll(2, 1), [(2, 5)]),
    "roll back": (lambda x: cr.roll(x, -7), lambda t, x: x.roll(-7, 0), [(5,)]),
    "flip": (cr.flip, lambda t, x: x.flip((0, 1)), [(2, 3)]),
    "repeat": (lambda x: cr.repeat(x, 3, 1), lambda t, x: x.repeat_interleave(3, 1), [(2, 2)]),
    "tile": (lambda x: cr.tile(x, 3), lambda t, x: x.repeat(3, 1), [(2, 2)]),
    "expand_dims": (lambda x: cr.expand_dims(x, (0, -1)), lambda t, x: x[None, ..., None], [(3,)]),
    "squeeze": (lambda x: cr.squeeze(x, 1), lambda t, x: x.squeeze(1), [(2, 1, 3)]),
    "flatten": (lambda x: cr.flatten(x, 1), lambda t, x: x.flatten(1), [(2, 3, 4)]),
    "moveaxis": (lambda x: cr.moveaxis(x, 0, -1), lambda t, x: x.moveaxis(0, -1), [(2, 3, 4)]),
    "swapaxes": (lambda x: cr.swapaxes(x, 0, 2), lambda t, x: x.swapaxes(0, 2), [(2, 3, 4)]),
    "stack": (
        lambda x, y: cr.stack([x, y], axis=-1),
        lambda t, x, y: t.stack([x, y], -1),
        [(2, 3), (2, 3)],
    ),
    "matmul, vectors": (cr.matmul, lambda t, x, y: x @ y, [(3,), (3,)]),
    "matmul, vector and matrix": (cr.matmul, lambda t, x, y: x @ y, [(3,), (3, 2)]),
    "matmul, stack and vector": (cr.matmul, lambda t, x, y: x @ y, [(4, 2, 3), (3,)]),
    "matmul, vector and stack": (cr.matmul, lambda t, x, y: x @ y, [(3,), (4, 3, 2)]),
    "dot": (cr.dot, lambda t, x, y: x @ y, [(3,), (3,)]),
    "outer": (cr.outer, lambda t, x, y: t.outer(x, y), [(3,), (2,)]),
    "tensordot": (
        lambda x, y: cr.tensordot(x, y, 1),
        lambda t, x, y: t.tensordot(x, y, 1),
        [(2, 3), (3, 4)],
    ),
    "tensordot, none": (
        lambda x, y: cr.tensordot(x, y, axes=0),
        lambda t, x, y: t.tensordot(x, y, 0),
        [(2,), (3,)],
    ),
    "einsum, implied result": (
        lambda x, y: cr.einsum("ij,jk", x, y),
        lambda t, x, y: t.einsum("ij,jk", x, y),
        [(2, 3), (3, 4)],
    ),
    "trace": (cr.ops.trace, lambda t, x: x.trace(), [(3, 3)]),
    "diagonal": (cr.diagonal, lambda t, x: x.diagonal(), [(3, 3)]),
    "tril": (lambda x: cr.tril(x, -1), lambda t, x: x.tril(-1), [(2, 3, 3)]),
    "triu": (lambda x: cr.triu(x, 1), lambda t, x: x.triu(1), [(3, 4)]),
    "max_pool": (
        lambda x: cr.max_pool(x, 2, 1),
        lambda t, x: t.nn.functional.max_pool1d(x, 2, 1),
        [(1, 1, 4)],
    ),
    "avg_pool": (
        lambda x: cr.avg_pool(x, 3, 2, 1, count_include_pad=False),
        lambda t, x: t.nn.functional.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
        [(2, 3, 6)],
    ),
    "lp_pool": (
        lambda x: cr.lp_pool(x, 2, 2, 1, ceil_mode=True),
        lambda t, x: t.nn.functional.lp_pool1d(x, 2, 2, 1, ceil_mode=True),
        [(2, 2, 5)],
    ),
    "adaptive_max_pool": (
        lambda x: cr.adaptive_max_pool(x, (2, 3)),
        lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (2, 3)),
        [(1, 1, 5, 3)],
    ),
    "border": (
        lambda x: cr.border(x, ((1, 2), (0, 1))),
        lambda t, x: t.nn.functional.pad(x, (0, 1, 1, 2), "reflect"),
        [(1, 2, 3, 2)],
    ),
    "interpolate": (
        lambda x: cr.interpolate(x, (5, 2), mode="bilinear"),
        lambda t, x: t.nn.functional.interpolate(x, (5, 2), mode="bilinear"),
        [(1, 2, 3, 4)],
    ),
    "pixel_shuffle": (
        lambda x: cr.pixel_shuffle(x, 2),
        lambda t, x: t.pixel_shuffle(x, 2),
        [(1, 8, 2, 1)],
    ),
    "pixel_unshuffle": (
        lambda x: cr.pixel_unshuffle(x, 2),
        lambda t, x: t.pixel_unshuffle(x, 2),
        [(1, 2, 2, 4)],
    ),
    "adaptive_avg_pool": (
        lambda x: cr.adaptive_avg_pool(x, (2, 1)),
        lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (2, 1)),
        [(2, 1, 5, 3)],
    ),
    "im2col": (
        lambda x: cr.im2col(x, 2, 1, 1),
        lambda t, x: t.nn.functional.unfold(x, 2, padding=1),
        [(1, 2, 3, 4)],
    ),
    "col2im": (
        lambda x: cr.col2im(x, (3, 4), 2, 1, 1),
        lambda t, x: t.nn.functional.fold(x, (3, 4), 2, padding=1),
        [(1, 8, 20)],
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_values_and_derivatives_against_pytorch(name, torch, figures):
    ours, theirs, shapes = TORCH[name]
    random = generator(name)
    values = like([np.empty(shape) for shape in shapes], random)
    inputs = [torch.tensor(value, requires_grad=True) for value in values]
    expected = theirs(torch, *inputs)
    got, pull = cr.vjp(ours, *values)
    error = relative(got, expected.numpy(force=True))

    (weight,) = like([got], random)
    first = torch.autograd.grad(expected, inputs, torch.as_tensor(weight), create_graph=True)
    gradients = pull(weight)
    for mine, other in zip(gradients, first, strict=True):
        error = max(error, relative(mine, other.numpy(force=True)))
    assert figures.error("PyTorch", error) < 1e-10

    direction = like(values, random)
    slope = numeric(lambda *v: (weight * ours(*v)).sum(), values, direction)
    total, size = inner(gradients, direction)
    assert figures.error("numeric", abs(total - slope) / size) < 1e-9
    curve = along_gradient(ours, weight, direction)
    bend = numeric(curve, values, direction)
    total, size = inner(cr.vjp(curve, *values)[1](np.ones(())), direction)
    assert figures.error("second order", abs(total - bend) / size) < 1e-9


@pytest.mark.parametrize("name", TORCH)
def test_float32_stays_float32(name):
    ours, _, shapes = TORCH[name]
    random = generator(name)
    values = [value.astype(np.float32) for value in like([np.empty(s) for s in shapes], random)]
    out, pull = cr.vjp(ours, *values)
    assert out.dtype == np.float32
    assert {g.dtype for g in pull(np.ones(out.shape, np.float32))} == {np.dtype(np.float32)}


def test_every_function_has_a_row_or_a_test_of_its_own():
    rows = {name.split(",")[0].split(" ")[0] for name in TORCH}
    created = {"arange", "eye", "full", "full_like", "linspace"}
    created |= {"ones", "ones_like", "zeros", "zeros_like"}
    functions = {name for name in ops.__all__ if getattr(ops, name) not in OPS.values()}
    assert functions - rows - created == {"concatenate", "getitem"}
