"""Sums of exponentials, in forms that overflow at no finite input."""

from typing import Any

import numpy as np

from chainrule.aval import float_dtype
from chainrule.ops.arithmetic import where
from chainrule.ops.axes import Axis, reduced, several_axes
from chainrule.ops.elementwise import cast, exp, log, stop_gradient
from chainrule.ops.logic import isfinite
from chainrule.ops.reduce import reduce_max, reduce_sum
from chainrule.ops.shape import reshape
from chainrule.ops.table import dtype_of, operand, shape_of


def _safe_max(x: Any, axis: Axis) -> Any:
    """The maximum as a constant, and 0 where it is infinite, so that differences stay numbers."""
    shape = shape_of(x)
    if 0 in shape:
        axes = several_axes("max", axis, shape)
        return np.zeros(reduced(shape, axes), dtype_of(x))
    top = stop_gradient(reduce_max(x, axis=axis, keepdims=True))
    return where(isfinite(top), top, 0.0)


def _as_float(x: Any) -> Any:
    x = operand(x)
    dtype = dtype_of(x)
    return x if dtype.kind in "fc" else cast(x, dtype=float_dtype(dtype))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """ln(sum(e^x)) = m + ln(sum(e^(x - m))) with m = max(x), so that nothing overflows.

    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    x = _as_float(x)
    top = _safe_max(x, axis)
    total = log(reduce_sum(exp(x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    shape = shape_of(x)
    return reshape(total, shape=reduced(shape, several_axes("logsumexp", axis, shape), False))


def softmax(x: Any, axis: Axis = -1) -> Any:
    """e^x / sum(e^x), with the maximum subtracted first, so that nothing overflows.

    >>> softmax(np.array([0.0, 0.0, 1000.0]))
    array([0., 0., 1.])
    """
    x = _as_float(x)
    powers = exp(x - _safe_max(x, axis))
    return powers / reduce_sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """The logarithm of softmax, x - ln(sum(e^x)), finite where softmax rounds to 0.

    >>> log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    x = _as_float(x)
    low = x - _safe_max(x, axis)
    return low - log(reduce_sum(exp(low), axis=axis, keepdims=True))
