"""PyTorch's function for each op, as a referee."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tests.ops.references import key_of, places

NO_TWIN = {
    "cbrt": "PyTorch has none",
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
        "cross_entropy_ids": lambda *args, **params: _cross_entropy(torch, *args, **params),
        "cross_entropy_slope": lambda *args, **params: _cross_entropy_slope(torch, *args, **params),
    }
