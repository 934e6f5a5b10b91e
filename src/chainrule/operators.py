"""The operators and methods that every box has, made from the ops."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import ops, tree
from chainrule.aval import aval_of
from chainrule.errors import DtypeError, GradientError, user_line
from chainrule.ops.table import Box


def _reflected(op: Callable) -> Callable:
    return lambda self, other: op(other, self)


def _method(function: Callable) -> Callable:
    def call(self: Any, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    call.__doc__ = function.__doc__
    return call


def _must_be_bool(sign: str, value: Any) -> Any:
    if aval_of(value).dtype.kind != "b":
        raise DtypeError(
            f"{sign} combines booleans, got {aval_of(value)}. "
            f"Compare first, as in (x > 0) {sign} (x < 1)."
        )
    return value


def _of_bools(sign: str, op: Callable) -> Callable:
    return lambda x, y: op(_must_be_bool(sign, x), _must_be_bool(sign, y))


class ArrayBox(Box):
    """A box with NumPy's and PyTorch's operators and methods. Abstract."""

    __slots__ = ()

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

    __and__ = __rand__ = _of_bools("&", ops.logical_and)
    __or__ = __ror__ = _of_bools("|", ops.logical_or)
    __xor__ = __rxor__ = _of_bools("^", ops.logical_xor)

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

    def __setitem__(self, key: Any, value: Any) -> None:
        raise GradientError(
            f"{user_line()} assigns into {self._told()}. It does not change in place, for its old "
            "value may be part of a derivative. Write x = chainrule.index_set(x, key, value), or "
            "index_add to add."
        )

    def _told(self) -> str:
        """What this is, in an error message."""
        return f"a value ({self.aval}) that is being differentiated"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise GradientError(
            "this value is being differentiated or traced, and NumPy would lose track of it. "
            "Use the function of that name in chainrule."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Let np.exp(tensor) and array + tensor mean the op of that name.

        What chainrule has not is left to NumPy where no derivative is lost by it.
        """
        op = _UFUNCS.get(ufunc)
        if op is not None and method == "__call__" and not options:
            return op(*inputs)
        inputs, options = tree.map_leaves(_array, (inputs, options))
        return getattr(ufunc, method)(*inputs, **options)

    def __array_function__(self, function: Callable, types: Any, args: tuple, options: dict) -> Any:
        """Let np.sum(tensor) mean the op of that name; see `__array_ufunc__`."""
        twin = _FUNCTIONS.get(function)
        if twin is None:
            args, options = tree.map_leaves(_array, (args, options))
            return function(*args, **options)
        meaning, shared = twin
        if len(args) > shared:
            raise TypeError(
                f"np.{function.__name__} of a tensor takes {shared} arguments by position, got "
                f"{len(args)}; name the options, or call chainrule.{function.__name__}."
            )
        return meaning(*args, **options)

    def astype(self, dtype: Any) -> Any:
        return ops.cast(self, dtype=dtype)

    def reshape(self, *shape: Any) -> Any:
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        return ops.transpose(self, axes=tuple(given) or None)

    abs = _method(ops.abs)
    all = _method(ops.all)
    any = _method(ops.any)
    argmax = _method(ops.argmax)
    argmin = _method(ops.argmin)
    argsort = _method(ops.argsort)
    ceil = _method(ops.ceil)
    clip = _method(ops.clip)
    cos = _method(ops.cos)
    cumprod = _method(ops.cumprod)
    cumsum = _method(ops.cumsum)
    diagonal = _method(ops.diagonal)
    dot = _method(ops.dot)
    erf = _method(ops.erf)
    exp = _method(ops.exp)
    expand_dims = _method(ops.expand_dims)
    flatten = _method(ops.flatten)
    flip = _method(ops.flip)
    floor = _method(ops.floor)
    log = _method(ops.log)
    log1p = _method(ops.log1p)
    log_softmax = _method(ops.log_softmax)
    logsumexp = _method(ops.logsumexp)
    matmul = _method(ops.matmul)
    max = _method(ops.max)
    maximum = _method(ops.maximum)
    mean = _method(ops.mean)
    min = _method(ops.min)
    minimum = _method(ops.minimum)
    moveaxis = _method(ops.moveaxis)
    norm = _method(ops.norm)
    prod = _method(ops.prod)
    reciprocal = _method(ops.reciprocal)
    relu = _method(ops.relu)
    repeat = _method(ops.repeat)
    roll = _method(ops.roll)
    round = _method(ops.round)
    rsqrt = _method(ops.rsqrt)
    sigmoid = _method(ops.sigmoid)
    sign = _method(ops.sign)
    sin = _method(ops.sin)
    softmax = _method(ops.softmax)
    softplus = _method(ops.softplus)
    sort = _method(ops.sort)
    split = _method(ops.split)
    sqrt = _method(ops.sqrt)
    square = _method(ops.square)
    squeeze = _method(ops.squeeze)
    std = _method(ops.std)
    sum = _method(ops.sum)
    swapaxes = _method(ops.swapaxes)
    take = _method(ops.take)
    take_along_axis = _method(ops.take_along_axis)
    tan = _method(ops.tan)
    tanh = _method(ops.tanh)
    trace = _method(ops.trace)
    tril = _method(ops.tril)
    triu = _method(ops.triu)
    trunc = _method(ops.trunc)
    var = _method(ops.var)


def _array(value: Any) -> Any:
    """A box as a NumPy array, which it refuses where a derivative would be lost."""
    return np.asarray(value) if isinstance(value, Box) else value


_UFUNCS: dict[np.ufunc, Callable] = {
    getattr(np, name): getattr(ops, name)
    for name in ops.__all__
    if isinstance(getattr(np, name, None), np.ufunc)
} | {
    np.rint: ops.round,
    np.positive: operator.pos,
    np.invert: operator.invert,
    np.bitwise_and: _of_bools("&", ops.logical_and),
    np.bitwise_or: _of_bools("|", ops.logical_or),
    np.bitwise_xor: _of_bools("^", ops.logical_xor),
}
"""NumPy's ufuncs and the ops of the same meaning."""

_FUNCTIONS: dict[Callable, tuple[Callable, int]] = {
    **dict.fromkeys([np.amax, np.max], (ops.max, 2)),
    **dict.fromkeys([np.amin, np.min], (ops.min, 2)),
    **dict.fromkeys([np.round, np.around], (ops.round, 1)),
    **{
        getattr(np, name): (getattr(ops, name), shared)
        for shared, names in {
            1: ("diagonal", "ones_like", "trace", "zeros_like"),
            2: (
                *("all", "any", "argmax", "argmin", "argsort", "broadcast_to", "concatenate"),
                *("expand_dims", "flip", "full_like", "mean", "outer", "prod", "reshape", "sort"),
                *("squeeze", "stack", "std", "sum", "transpose", "tril", "triu", "var"),
            ),
            3: ("clip", "moveaxis", "split", "swapaxes", "take_along_axis", "tensordot", "where"),
            99: ("einsum",),
        }.items()
        for name in names
    },
    np.linalg.norm: (ops.norm, 1),
}
"""NumPy's functions, ours of the same meaning, and how many arguments by position agree. Missing
are those with another meaning here, such as np.cumsum, which flattens."""
