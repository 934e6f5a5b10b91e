"""How PyTorch's operator samples (`OpInfo`) are put to chainrule's functions.

Each entry takes what the sample holds, arrays in place of tensors, and gives chainrule's result.
A sample that uses an option that chainrule has not raises `NotOursError`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr


class NotOursError(Exception):
    """The sample uses something that chainrule does not offer."""


def only(options: dict, *known: str) -> None:
    """Refuse options beyond those that an adaptor passes on."""
    for name, value in options.items():
        if name not in known and value is not None and value is not False:
            raise NotOursError(name)


def plain(function: Callable) -> Callable:
    def call(*arrays: Any, **options: Any) -> Any:
        only(options)
        return function(*arrays)

    return call


def scaled(function: Callable) -> Callable:
    """Addition and subtraction, whose second operand PyTorch can scale."""

    def call(x: Any, y: Any, alpha: float = 1) -> Any:
        return function(x, y if alpha == 1 else y * alpha)

    return call


def divided(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return x / y
    return cr.floor(x / y) if rounding_mode == "floor" else cr.trunc(x / y)


def reduced(function: Callable) -> Callable:
    def call(x: Any, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        only(options)
        # To PyTorch an empty tuple means all axes.
        axis = dim or None if isinstance(dim, (tuple, list)) else dim
        return function(x, axis=axis, keepdims=keepdim)

    return call


def spread(function: Callable) -> Callable:
    """Variance and deviation."""

    def call(x: Any, dim: Any = None, **options: Any) -> Any:
        only(options, "unbiased", "correction", "keepdim")
        if isinstance(dim, bool):
            dim, options = None, {**options, "unbiased": dim}
        ddof = options.get("correction")
        if ddof is None:
            ddof = 1 if options.get("unbiased", True) else 0
        axis = dim or None if isinstance(dim, (tuple, list)) else dim
        count = np.prod([cr.ops.sum(np.ones(x.shape), axis=axis).ravel()[:1]]) if x.size else 0
        if int(ddof) != ddof or ddof >= count:
            raise NotOursError("correction")
        return function(x, axis=axis, keepdims=options.get("keepdim", False), ddof=int(ddof))

    return call


def along(function: Callable) -> Callable:
    def call(x: Any, dim: int, **options: Any) -> Any:
        only(options)
        if x.ndim == 0:
            raise NotOursError("an axis of a 0-d array")
        return function(x, axis=dim)

    return call


def reshaped(x: Any, *shape: Any) -> Any:
    given = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return cr.reshape(x, tuple(given))


def expanded(x: Any, *shape: Any) -> Any:
    given = tuple(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    lead = len(given) - x.ndim
    known = [x.shape[i - lead] if size == -1 else size for i, size in enumerate(given)]
    return cr.broadcast_to(x, tuple(known))


def clamped(x: Any, low: Any = None, high: Any = None, **options: Any) -> Any:
    low, high = options.get("min", low), options.get("max", high)
    low = -np.inf if low is None else low
    high = np.inf if high is None else high
    if np.any(np.greater(low, high)):
        raise NotOursError("bounds in the wrong order")
    return cr.clip(x, low, high)


def picked(x: Any, key: Any) -> Any:
    return x[key]


def joined(function: Callable) -> Callable:
    def call(arrays: Any, dim: int = 0, **options: Any) -> Any:
        only(options)
        if {a.ndim for a in arrays} != {arrays[0].ndim}:
            raise NotOursError("an empty array among others")
        return function(arrays, dim)

    return call


def multiplied(x: Any, y: Any) -> Any:
    if 0 in (x.ndim, y.ndim):
        raise NotOursError("a number in a matrix product")
    return cr.matmul(x, y)


def cross_entropy(logits: Any, target: Any, **options: Any) -> Any:
    only(options, "reduction")
    if logits.ndim != 2 or target.dtype.kind == "f" or 0 in logits.shape:
        raise NotOursError("classes on another axis")
    return cr.nn.cross_entropy(logits, target, **options)


def mean_square(x: Any, y: Any, **options: Any) -> Any:
    only(options, "reduction")
    if x.shape != y.shape or x.size == 0:
        raise NotOursError("broadcasting")
    return cr.nn.mse(x, y, **options)


def diagonal(x: Any, *rest: Any, **options: Any) -> Any:
    only(options)
    if rest or x.ndim != 2 or x.shape[0] != x.shape[1]:
        raise NotOursError("an offset, or a matrix that is not square")
    return cr.diagonal(x)


def squeezed(x: Any, axis: Any = None) -> Any:
    axes = (axis,) if isinstance(axis, int) else axis or ()
    if any(x.ndim and x.shape[i] != 1 for i in axes):
        raise NotOursError("squeezing an axis longer than 1, which PyTorch passes over")
    return cr.squeeze(x, axis)


def summed_products(arrays: Any, subscripts: str) -> Any:
    if "." in subscripts:
        raise NotOursError("einsum with '...'")
    return cr.einsum(subscripts, *arrays)


def repeated(x: Any, *times: Any) -> Any:
    raise NotOursError("several axes")


UNARY = {
    **{name: getattr(cr, name) for name in ("abs", "ceil", "cos", "cosh", "erf", "erfc", "exp")},
    **{name: getattr(cr, name) for name in ("exp2", "expm1", "floor", "log", "log10", "log1p")},
    **{name: getattr(cr, name) for name in ("log2", "reciprocal", "rsqrt", "sigmoid", "sign")},
    **{name: getattr(cr, name) for name in ("sin", "sinh", "sqrt", "square", "tan", "tanh")},
    **{name: getattr(cr, name) for name in ("trunc", "isnan", "isinf", "isfinite", "logical_not")},
    **{"a" + name: getattr(cr, "arc" + name) for name in ("cos", "cosh", "sin", "sinh", "tan")},
    "atanh": cr.arctanh,
    "neg": cr.negative,
    "nn.functional.relu": cr.relu,
    "nn.functional.tanh": cr.tanh,
    "nn.functional.sigmoid": cr.sigmoid,
    "ravel": cr.flatten,
    "t": lambda x: x.T,
    "fliplr": lambda x: cr.flip(x, 1),
    "flipud": lambda x: cr.flip(x, 0),
    "trace": cr.ops.trace,
}
BINARY = {
    **{name: getattr(cr, name) for name in ("maximum", "minimum", "hypot", "logaddexp")},
    **{name: getattr(cr, name) for name in ("logical_and", "logical_or", "logical_xor")},
    **{name: getattr(cr, name) for name in ("remainder", "floor_divide", "outer", "dot")},
    "atan2": cr.arctan2,
    "mul": cr.multiply,
    "pow": cr.power,
    "eq": cr.equal,
    "ne": cr.not_equal,
    "lt": cr.less,
    "le": cr.less_equal,
    "gt": cr.greater,
    "ge": cr.greater_equal,
    "mm": cr.matmul,
    "bmm": cr.matmul,
    "mv": cr.matmul,
    "inner": lambda x, y: cr.einsum("i,i", x, y) if x.ndim == y.ndim == 1 else _not_vectors(),
}


def _not_vectors() -> Any:
    raise NotOursError("inner products of matrices")


ADAPTORS: dict[str, Callable] = {
    **{name: plain(function) for name, function in {**UNARY, **BINARY}.items()},
    "add": scaled(cr.add),
    "sub": scaled(cr.subtract),
    "div": divided,
    "true_divide": divided,
    **{name: reduced(getattr(cr, name)) for name in ("sum", "mean", "prod", "any", "all")},
    "amax": reduced(cr.max),
    "amin": reduced(cr.min),
    "argmax": reduced(cr.argmax),
    "argmin": reduced(cr.argmin),
    "logsumexp": reduced(cr.logsumexp),
    "var": spread(cr.var),
    "std": spread(cr.std),
    **{name: along(getattr(cr, name)) for name in ("softmax", "log_softmax", "cumsum", "cumprod")},
    "reshape": reshaped,
    "view": reshaped,
    "permute": lambda x, *axes: cr.transpose(x, axes[0] if len(axes) == 1 else axes),
    "transpose": cr.swapaxes,
    "swapaxes": cr.swapaxes,
    "movedim": lambda x, a, b: cr.moveaxis(x, a, b) if isinstance(a, int) else repeated(x),
    "broadcast_to": expanded,
    "expand": expanded,
    "cat": joined(cr.concatenate),
    "stack": joined(cr.stack),
    "unsqueeze": cr.expand_dims,
    "squeeze": squeezed,
    "flip": lambda x, dims: cr.flip(x, tuple(dims)),
    "roll": lambda x, shifts, dims=None: (
        cr.roll(x, shifts, dims)
        if isinstance(shifts, int) and isinstance(dims, int) and x.size
        else repeated(x)
    ),
    "tril": lambda x, k=0: cr.tril(x, k),
    "triu": lambda x, k=0: cr.triu(x, k),
    "diagonal": diagonal,
    "matmul": multiplied,
    "__rmatmul__": lambda x, y: multiplied(y, x),
    "__radd__": plain(lambda x, y: y + x),
    "__rsub__": plain(lambda x, y: y - x),
    "__rmul__": plain(lambda x, y: y * x),
    "__rdiv__": plain(lambda x, y: y / x),
    "__rpow__": plain(lambda x, y: y**x),
    "__rmod__": plain(lambda x, y: y % x),
    "__getitem__": picked,
    "einsum": summed_products,
    "index_select": lambda x, axis, ids: cr.take(x, ids, axis) if x.ndim else repeated(x),
    "gather": lambda x, axis, ids: _along(cr.take_along_axis, x, ids, axis),
    "take_along_dim": lambda x, ids, axis=None: _along(cr.take_along_axis, x, ids, axis),
    "where": lambda x, condition, y: cr.where(condition, x, y),
    "clamp": clamped,
    "nn.functional.linear": plain(
        lambda x, weight, bias=None: (
            cr.linear(x, weight, bias)
            if bias is not None and weight.ndim == 2 and x.ndim
            else repeated(x)
        )
    ),
    "nn.functional.softplus": plain(cr.softplus),
    "nn.functional.cross_entropy": cross_entropy,
    "nn.functional.mse_loss": mean_square,
}


def _along(function: Callable, x: Any, ids: Any, axis: Any) -> Any:
    same = axis is not None and np.ndim(ids) == x.ndim > 0 and np.size(ids)
    if not same or any(ids.shape[i] != x.shape[i] for i in range(x.ndim) if i != axis % x.ndim):
        raise NotOursError("ids of another extent")
    return function(x, ids, axis)
