"""Tensor: an array that remembers how it was made; its operators and methods call the ops."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import DtypeError, GradientError
from chainrule.ops.elementwise import as_dtype
from chainrule.ops.table import Box, Op


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


class Tensor(ArrayBox):
    """An array that remembers how it was made, for reverse mode.

    Make one with `chainrule.tensor`. `data` is the value (a NumPy array, or a box of a lower
    level inside nested transformations); `grad` is filled by `backward`.
    """

    __slots__ = ("data", "level", "requires_grad", "grad", "op", "args", "values", "params")

    def __init__(self, data: Any, level: int = 0, requires_grad: bool = False):
        self.data = data
        self.level = level
        self.requires_grad = requires_grad
        self.grad: Any = None
        self.op: Op | None = None
        self.args: tuple = ()
        self.values: list = []
        self.params: dict = {}

    @property
    def aval(self) -> Aval:
        return aval_of(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def interpret(self, op: Op, args: tuple, params: dict) -> "Tensor":
        level, tracked, values, plain = self.level, False, [], True
        for arg in args:
            if isinstance(arg, Tensor) and arg.level == level:
                tracked = tracked or arg.requires_grad
                arg = arg.data
            if isinstance(arg, Box):
                plain = False
            values.append(arg)
        out = Tensor(op.compute(values, params) if plain else op(*values, **params), level)
        if tracked and op.differentiable:
            out.requires_grad = True
            out.op = op
            out.args = args
            out.values = values
            out.params = params
        return out

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array that must not be written to."""
        view = np.asarray(_concrete(self)).view()
        view.flags.writeable = False
        return view

    def item(self) -> float | int | bool:
        """The one number of a tensor with one element.

        Raises:
            GradientError: more than one element.
        """
        if self.size != 1:
            raise GradientError(f"item() needs a tensor of one element, this one is {self.aval}.")
        return np.asarray(_concrete(self)).reshape(())[()].item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def detach(self) -> "Tensor":
        """The same value without its history: a constant."""
        return Tensor(self.data, self.level)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(f"only an integer tensor serves as an index, this one is {self.aval}.")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise DtypeError(
                f"the truth of a tensor {self.aval} is ambiguous. Use .any() or .all()."
            )
        return bool(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise GradientError(
                "this tensor takes part in a gradient, and NumPy would lose its history. "
                "Use the function of that name in chainrule, or say so with .numpy()."
            )
        return np.array(_concrete(self), dtype=dtype, copy=copy)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise GradientError(
            "a tensor does not change in place, for its old value may be part of a gradient. "
            "Write x = chainrule.index_set(x, key, value), or index_add to add."
        )

    def __repr__(self) -> str:
        body = np.array2string(np.asarray(_concrete(self)), separator=", ", prefix="tensor(")
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        made = f", from {self.op.name}" if self.op else ""
        grad = ", requires_grad=True" if self.requires_grad and not self.op else ""
        return f"tensor({body}{dtype}{grad}{made})"


def _concrete(value: Any) -> Any:
    """The plain array inside nested tensors."""
    while isinstance(value, Tensor):
        value = value.data
    if isinstance(value, Box):
        raise GradientError("this value is being traced or differentiated and has no numbers yet.")
    return value


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor from numbers: a scalar, nested lists, an array or another tensor (copied).

    dtype: Python floats and lists of them become float32; arrays keep theirs.

    Raises:
        DtypeError: no numbers, or a gradient is asked of integers.

    >>> tensor([[1.0, 2.0]])
    tensor([[1., 2.]])
    """
    value = as_operand(data.data if isinstance(data, Tensor) else data)
    if not hasattr(value, "dtype"):
        value = np.asarray(value, aval_of(value).dtype)
    array = np.array(value, dtype=None if dtype is None else as_dtype(dtype))
    if requires_grad:
        check_differentiable(array, "requires_grad=True")
    return Tensor(array, requires_grad=requires_grad)


def check_differentiable(value: Any, what: str) -> None:
    """Refuse integers and booleans where a derivative is asked for."""
    dtype = aval_of(value).dtype
    if dtype.kind not in "fc":
        raise DtypeError(
            f"{what}: got dtype {dtype}; a derivative needs floats. "
            "Convert with .astype('float32') or write 3.0 in place of 3."
        )
