"""The operators and methods that every box has, made from the ops."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import aval_of
from chainrule.errors import DtypeError
from chainrule.ops.table import Box


def _reflected(op: Callable) -> Callable:
    return lambda self, other: op(other, self)


class ArrayBox(Box):
    """A box with NumPy's and PyTorch's operators and methods. Abstract."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return ops.transpose(self)

    def __len__(self) -> int:
        if not self.shape:
            raise DtypeError("a 0-d tensor has no length; it is a single number. Use .item().")
        return self.shape[0]

    def __iter__(self) -> Iterator:
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Any:
        return ops.add(self, other)

    def __sub__(self, other: Any) -> Any:
        return ops.subtract(self, other)

    def __mul__(self, other: Any) -> Any:
        return ops.multiply(self, other)

    def __truediv__(self, other: Any) -> Any:
        return ops.divide(self, other)

    def __floordiv__(self, other: Any) -> Any:
        return ops.floor_divide(self, other)

    def __mod__(self, other: Any) -> Any:
        return ops.remainder(self, other)

    def __pow__(self, other: Any) -> Any:
        return ops.power(self, other)

    def __matmul__(self, other: Any) -> Any:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    __radd__ = _reflected(ops.add)
    __rsub__ = _reflected(ops.subtract)
    __rmul__ = _reflected(ops.multiply)
    __rtruediv__ = _reflected(ops.divide)
    __rfloordiv__ = _reflected(ops.floor_divide)
    __rmod__ = _reflected(ops.remainder)
    __rpow__ = _reflected(ops.power)

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops.absolute(self)

    def __invert__(self) -> Any:
        return ops.logical_not(_must_be_bool("~", self))

    def __and__(self, other: Any) -> Any:
        return ops.logical_and(_must_be_bool("&", self), _must_be_bool("&", other))

    def __or__(self, other: Any) -> Any:
        return ops.logical_or(_must_be_bool("|", self), _must_be_bool("|", other))

    def __xor__(self, other: Any) -> Any:
        return ops.logical_xor(_must_be_bool("^", self), _must_be_bool("^", other))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other: Any) -> Any:
        return ops.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return ops.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.greater_equal(self, other)

    def __getitem__(self, key: Any) -> Any:
        return ops.getitem(self, key)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Let np.exp(tensor) and array + tensor mean the op of that name."""
        op = getattr(ops, ufunc.__name__, None)
        if method != "__call__" or op is None or options:
            return NotImplemented
        return op(*inputs)

    def __array_function__(self, function: Callable, types: Any, args: tuple, options: dict) -> Any:
        """Let np.sum(tensor) mean the op of that name."""
        op = getattr(ops, function.__name__, None)
        return NotImplemented if op is None else op(*args, **options)

    def astype(self, dtype: Any) -> Any:
        return ops.cast(self, dtype=dtype)

    def reshape(self, *shape: Any) -> Any:
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        return ops.transpose(self, axes=tuple(given) or None)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.min(self, axis=axis, keepdims=keepdims)


def _must_be_bool(sign: str, value: Any) -> Any:
    if aval_of(value).dtype.kind != "b":
        raise DtypeError(
            f"{sign} combines booleans, got {aval_of(value)}. Compare first, as in (x > 0) {sign} ..."
        )
    return value


_METHODS = (
    *("abs", "all", "any", "argmax", "argmin", "argsort", "ceil", "clip", "cos", "cumprod"),
    *("cumsum", "diagonal", "dot", "erf", "exp", "expand_dims", "flatten", "flip", "floor", "log"),
    *("log1p", "log_softmax", "logsumexp", "matmul", "maximum", "mean", "minimum", "moveaxis"),
    *("norm", "prod", "reciprocal", "relu", "repeat", "roll", "round", "rsqrt", "sigmoid", "sign"),
    *("sin", "softmax", "softplus", "sort", "split", "sqrt", "square", "squeeze", "std"),
    *("swapaxes", "take", "take_along_axis", "tan", "tanh", "trace", "tril", "triu", "trunc", "var"),
)


def _method(function: Callable) -> Callable:
    def call(self: ArrayBox, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    call.__doc__ = function.__doc__
    return call


for _name in _METHODS:
    setattr(ArrayBox, _name, _method(getattr(ops, _name)))
