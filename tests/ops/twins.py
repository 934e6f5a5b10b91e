"""PyTorch's function for each op, as a referee."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tests.ops.references import key_of, places

NO_TWIN = {
    "cbrt": "PyTorch has none",
    "checked_ids": "PyTorch checks where it uses them",
    "random_fold_in": "keys are chainrule's own",
    "random_normal": "streams are chainrule's own",
    "random_uniform": "streams are chainrule's own",
}
"""The ops that PyTorch cannot referee, and why."""


def elementwise(torch: ModuleType, name: str) -> Callable | None:
    """The twin of an elementwise op; most carry the same name."""
    special = {
        "equal": torch.eq,
        "power": torch.pow,
        "stop_gradient": torch.Tensor.detach,
        "softplus": lambda x: torch.nn.functional.softplus(x, threshold=1000.0),
        "binary_cross_entropy_logits": lambda *arrays: (
            torch.nn.functional.binary_cross_entropy_with_logits(
                *torch.broadcast_tensors(*arrays), reduction="none"
            )
        ),
        # torch.floor_divide has no derivative, and torch.clip none where its bounds are wider.
        "floor_divide": lambda x, y: torch.div(x, y, rounding_mode="floor"),
        "clip": lambda *arrays: torch.clip(*torch.broadcast_tensors(*arrays)),
    }
    return special.get(name) or getattr(torch, name, None)


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """NumPy's `axis`, of which None means all, as a tuple from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(i % x.ndim for i in np.atleast_1d(axis).tolist())


def _over_axes(function: Callable) -> Callable:
    return lambda x, axis, keepdims: function(x, dim=_axes(x, axis), keepdim=keepdims)


def _over_axis(function: Callable) -> Callable:
    return lambda x, axis, keepdims: function(x, dim=axis, keepdim=keepdims)


def _prod(x: Any, axis: Any, keepdims: bool) -> Any:
    axes = _axes(x, axis)
    for i in axes:
        x = x.prod(i, keepdim=True)
    return x if keepdims else x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _pad(torch: ModuleType, x: Any, width: Any, value: float) -> Any:
    pairs = np.broadcast_to(width, (x.ndim, 2))[::-1].ravel().tolist()
    return torch.nn.functional.pad(x, pairs, value=value)


def _numpy(ids: tuple) -> tuple:
    return tuple(i.numpy() for i in ids)


def _index(x: Any, *ids: Any, pattern: tuple) -> Any:
    at = np.asarray(places(x.shape, pattern, _numpy(ids)))
    return x.reshape(-1)[at.ravel()].reshape(at.shape)


def _scatter(torch: ModuleType, v: Any, *ids: Any, pattern: tuple, shape: tuple) -> Any:
    at = torch.as_tensor(np.ravel(places(shape, pattern, _numpy(ids))))
    flat = torch.zeros(math.prod(shape), dtype=v.dtype)
    return flat.index_put((at,), v.reshape(-1), accumulate=True).reshape(shape)


def _index_set(x: Any, v: Any, *ids: Any, pattern: tuple) -> Any:
    out = x.clone()
    out[key_of(pattern, ids)] = v
    return out


def _cross_entropy(torch: ModuleType, logits: Any, ids: Any, reduction: str) -> Any:
    rows = logits.reshape(-1, logits.shape[-1])
    out = torch.nn.functional.cross_entropy(rows, ids.reshape(-1), reduction=reduction)
    return out.reshape(ids.shape) if reduction == "none" else out


def _cross_entropy_slope(torch: ModuleType, g: Any, logits: Any, ids: Any, reduction: str) -> Any:
    share = {"none": g[..., None], "sum": g}.get(reduction, g / ids.numel())
    hits = torch.nn.functional.one_hot(ids, logits.shape[-1])
    return share * (logits.softmax(-1) - hits)


def _windows(x: Any, size: Any, stride: Any, dilation: Any) -> Any:
    size = size if isinstance(size, tuple) else (size,)
    steps, gaps = (o if isinstance(o, tuple) else (o,) * len(size) for o in (stride, dilation))
    lead = x.ndim - len(size)
    for axis, (k, s, d) in enumerate(zip(size, steps, gaps, strict=True), lead):
        x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
    places_in = range(lead + len(size), lead + 2 * len(size))
    return x.permute(*range(lead), *places_in, *range(lead, lead + len(size)))


def _pick(x: Any, by: Any, size: Any, stride: Any, dilation: Any) -> Any:
    count = len(size) if isinstance(size, tuple) else 1
    first = x.ndim - count
    cut, keys = (
        _windows(a, size, stride, dilation).flatten(first, first + count - 1) for a in (x, by)
    )
    return cut.take_along_dim(keys.argmax(first, keepdim=True), first).squeeze(first)


def _turned(torch: ModuleType, function: Callable, shape: tuple, g: Any) -> Any:
    """The transpose of a linear function of an array of that shape, applied to g."""
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(function(x), x, g, create_graph=True)[0]


def _fold(torch: ModuleType, g: Any, shape: Any, stride: Any, dilation: Any) -> Any:
    shape = shape if isinstance(shape, tuple) else (shape,)
    lead, count = g.shape[: g.ndim - 2 * len(shape)], len(shape)
    size = tuple(g.shape[len(lead) : len(lead) + count])
    return _turned(torch, lambda x: _windows(x, size, stride, dilation), (*lead, *shape), g)


def _place(torch: ModuleType, g: Any, by: Any, **params: Any) -> Any:
    return _turned(torch, lambda x: _pick(x, by.detach(), **params), by.shape, g)


def _conv(torch: ModuleType, x: Any, weight: Any, padding: Any, **params: Any) -> Any:
    count = x.ndim - 2
    borders = padding if isinstance(padding, tuple) else (padding,) * count
    pairs = [p if isinstance(p, tuple) else (p, p) for p in borders]
    x = torch.nn.functional.pad(x, [side for pair in pairs[::-1] for side in pair])
    return getattr(torch.nn.functional, f"conv{count}d")(x, weight, **params)


def _conv_transpose(torch: ModuleType, g: Any, weight: Any, shape: Any, **params: Any) -> Any:
    shape = shape if isinstance(shape, tuple) else (shape,)
    came = (len(g), weight.shape[1] * params["groups"], *shape)
    return _turned(torch, lambda x: _conv(torch, x, weight, **params), came, g)


def _conv_weight(torch: ModuleType, x: Any, g: Any, kernel: Any, **params: Any) -> Any:
    kernel = kernel if isinstance(kernel, tuple) else (kernel,)
    shape = (g.shape[1], x.shape[1] // params["groups"], *kernel)
    return _turned(torch, lambda weight: _conv(torch, x, weight, **params), shape, g)


def on_arrays(torch: ModuleType) -> dict[str, Callable]:
    """The twins of the ops that are not elementwise; they take the op's params by name."""
    return {
        "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
        "where": torch.where,
        "reshape": lambda x, shape: x.reshape(shape),
        "transpose": lambda x, axes: x.permute(axes or tuple(reversed(range(x.ndim)))),
        "broadcast_to": lambda x, shape: x.expand(shape),
        "concatenate": lambda *arrays, axis: torch.cat(arrays, axis),
        "pad": lambda x, width, value: _pad(torch, x, width, value),
        "index": _index,
        "scatter": lambda v, *ids, **params: _scatter(torch, v, *ids, **params),
        "index_set": _index_set,
        "matmul": torch.matmul,
        "linear": torch.nn.functional.linear,
        "einsum": lambda *arrays, subscripts: torch.einsum(subscripts, *arrays),
        "sum": _over_axes(torch.sum),
        "max": _over_axes(torch.amax),
        "min": _over_axes(torch.amin),
        "prod": _prod,
        "any": _over_axes(torch.any),
        "all": _over_axes(torch.all),
        "argmax": _over_axis(torch.argmax),
        "argmin": _over_axis(torch.argmin),
        "argsort": lambda x, axis: torch.argsort(x, dim=axis, stable=True),
        "cumsum": lambda x, axis: torch.cumsum(x, axis),
        "windows": _windows,
        "fold_windows": lambda g, **params: _fold(torch, g, **params),
        "pick_largest": _pick,
        "place_largest": lambda *args, **params: _place(torch, *args, **params),
        "conv": lambda *args, **params: _conv(torch, *args, **params),
        "conv_transpose": lambda *args, **params: _conv_transpose(torch, *args, **params),
        "conv_weight": lambda *args, **params: _conv_weight(torch, *args, **params),
        "cross_entropy_ids": lambda *args, **params: _cross_entropy(torch, *args, **params),
        "cross_entropy_slope": lambda *args, **params: _cross_entropy_slope(torch, *args, **params),
    }
