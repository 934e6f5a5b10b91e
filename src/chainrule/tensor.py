"""Tensor: an array that remembers how it was made, and the reverse pass over what it remembers.

The reverse pass keeps its cotangents to itself, so that running it twice gives the same answer.
"""

import html
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import DtypeError, GradientError, ShapeError, user_line
from chainrule.notebook import array_html
from chainrule.operators import ArrayBox
from chainrule.ops.elementwise import cast
from chainrule.ops.promotion import as_dtype
from chainrule.ops.shape import unbroadcast
from chainrule.ops.table import PROJECT, Box, Op, operand, shape_of


class Tensor(ArrayBox):
    """An array that remembers how it was made, for reverse mode.

    Make one with `chainrule.tensor`. `data` is the value (a NumPy array, or a box of a lower
    level inside nested transformations); `grad` is filled by `backward`.
    """

    __slots__ = ("data", "level", "requires_grad", "grad", "op", "args", "values", "params", "line")

    def __init__(self, data: Any, level: int = 0, requires_grad: bool = False):
        self.data = data
        self.level = level
        self.requires_grad = requires_grad
        self.grad: Any = None
        self.op: Any = None
        self.args: tuple = ()
        self.values: list = []
        self.params: dict = {}
        self.line: str | None = None

    @property
    def aval(self) -> Aval:
        return aval_of(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        level, tracked, plain, lined = self.level, False, True, False
        values: list = []
        for arg in args:
            if isinstance(arg, Box):
                if isinstance(arg, Tensor) and arg.level == level:
                    tracked = tracked or arg.requires_grad
                    lined = lined or arg.line is not None
                    value = arg.data
                    plain = plain and not isinstance(value, Box)
                    values.append(value)
                    continue
                plain = False
            values.append(arg)
        out = Tensor(op.run(values, params) if plain else op(*values, **params), level)
        # Integers, as from a cast, carry no derivative.
        if tracked and op.differentiable and (op.several or out.data.dtype.kind in "fc"):
            out.requires_grad = True
            out.op = op
            out.args = args
            out.values = values
            out.params = params
        if lined:
            out.line = user_line()
        return _projections(out) if op.several else out

    def backward(self, gradient: Any = None, *, create_graph: bool = False) -> None:
        """Add the derivative of this tensor to the `grad` of each leaf that it depends on.

        A leaf is a tensor made with requires_grad=True. `gradient` weighs the elements where there
        are several; `create_graph` makes the gradients differentiable again.

        Raises:
            GradientError: nothing to differentiate, or several elements and no `gradient`.

        >>> x = tensor([3.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([6.])
        """
        if not self.requires_grad:
            raise GradientError(
                "backward() of a tensor that depends on no tensor with requires_grad=True. "
                "Make the inputs with chainrule.tensor(..., requires_grad=True)."
            )
        seed = _seed(self, gradient)
        for leaf, cotangent in leaf_cotangents([self], [seed], create_graph=create_graph):
            if not isinstance(cotangent, Tensor):
                cotangent = Tensor(np.asarray(cotangent), self.level)
            leaf.grad = cotangent if leaf.grad is None else leaf.grad + cotangent

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array that must not be written to."""
        value = _innermost(self)
        if isinstance(value, Box):
            return value.numpy()
        view = np.asarray(value).view()
        view.flags.writeable = False
        return view

    def item(self) -> float | int | bool:
        """The one number of a tensor with one element.

        Raises:
            ShapeError: more than one element.
        """
        if self.size != 1:
            raise ShapeError(
                f"item() needs a tensor of one element, this one is {self.aval}. "
                "Reduce it with .sum() or .mean(), or use .tolist()."
            )
        value = _innermost(self)
        # A box is asked itself, for one without numbers says why and what to do instead.
        number: Any = value if isinstance(value, Box) else np.asarray(value).reshape(())
        return number.item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def detach(self) -> "Tensor":
        """The same value without its history: a constant."""
        return Tensor(self.data, self.level)

    def __float__(self) -> float:
        return self._as(float)

    def __int__(self) -> int:
        return self._as(int)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(f"only an integer tensor serves as an index, this one is {self.aval}.")
        return self._as(operator.index)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"the truth of a tensor {self.aval} is ambiguous. Use .any() or .all()."
            )
        return self._as(bool)

    def _as(self, kind: Callable) -> Any:
        """The one number as that kind; a value without numbers refuses in its own words."""
        value = _innermost(self)
        return kind(value if isinstance(value, Box) else self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise GradientError(
                "this tensor takes part in a gradient, and NumPy would lose its history. "
                "Use the function of that name in chainrule (chainrule.stack joins a list of "
                "tensors), or say so with .numpy()."
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def _told(self) -> str:
        parts = ", ".join(repr(aval_of(value)) for value in self.values)
        made = f" made by {self.op.name}({parts})" if self.op else ""
        if self.line is not None:
            return f"a tensor ({self.aval}){made or ' made'} in {self.line}"
        return (
            f"a tensor ({self.aval}){made} (make the first tensor with chainrule.tensor(..., "
            "lines=True) to be told in which line)"
        )

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)

    def __repr__(self) -> str:
        value = _innermost(self)
        if isinstance(value, Box):
            return f"tensor({value!r})"
        body = np.array2string(np.asarray(value), separator=", ", prefix="tensor(")
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        made = f", from {self.op.name}" if self.op else ""
        grad = ", requires_grad=True" if self.requires_grad and not self.op else ""
        return f"tensor({body}{dtype}{grad}{made})"

    def _repr_html_(self) -> str:
        value = _innermost(self)
        if isinstance(value, Box):
            return f"<code>{html.escape(repr(self))}</code>"
        made = f" from {self.op.name}" if self.op else ""
        return array_html(f"tensor {self.aval}{made}", np.asarray(value))


def _innermost(value: Any) -> Any:
    """What lies inside nested tensors: a plain array, or a box of another kind."""
    while isinstance(value, Tensor):
        value = value.data
    return value


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, *, lines: bool = False
) -> Tensor:
    """Make a tensor from numbers: a scalar, nested lists, an array or another tensor (copied).

    With `lines`, it and all that is computed from it remember the line of your program that made
    them, for error messages; each op then takes about 1 us longer.

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
    made = Tensor(array, requires_grad=requires_grad)
    if lines:
        made.line = user_line()
    return made


def check_differentiable(value: Any, what: str) -> None:
    """Refuse integers and booleans where a derivative is asked for."""
    dtype = aval_of(value).dtype
    if dtype.kind != "f":
        raise DtypeError(
            f"{what}: got dtype {dtype}; a derivative needs real floats. "
            "Convert with .astype('float32') or write 3.0 in place of 3."
        )


def _projections(whole: Tensor) -> tuple:
    """A tensor for each result of an op that gives a tuple."""
    parts = []
    for index, data in enumerate(whole.data):
        part = Tensor(data, whole.level)
        part.line = whole.line
        if whole.requires_grad and data.dtype.kind in "fc":
            part.requires_grad = True
            part.op, part.args, part.params = PROJECT, (whole,), {"index": index}
        parts.append(part)
    return tuple(parts)


class _Parts(dict):
    """Cotangents of some of the results of an op that gives a tuple, by position."""

    def __add__(self, other: "_Parts") -> "_Parts":
        merged = _Parts(self)
        for index, g in other.items():
            merged[index] = merged[index] + g if index in merged else g
        return merged

    def filled(self, results: tuple) -> list:
        """One cotangent a result, zeros where none came."""
        return [
            self[i] if i in self else np.zeros(shape_of(out), out.dtype)
            for i, out in enumerate(results)
        ]


def _seed(output: Tensor, gradient: Any) -> Any:
    """The cotangent that a backward pass starts from."""
    if gradient is None:
        if output.size != 1:
            raise GradientError(
                f"backward() of a tensor {output.aval} needs one number to differentiate. Reduce "
                "it with .sum() or .mean(), or weigh its elements with backward(gradient=...)."
            )
        return np.ones(output.shape, output.dtype)
    gradient = operand(gradient)
    if shape_of(gradient) != output.shape:
        raise ShapeError(
            f"backward: gradient has shape {shape_of(gradient)} and the tensor {output.shape}; "
            "they must be equal."
        )
    return gradient if isinstance(gradient, Box) else np.asarray(gradient, output.dtype)


def made_before(outputs: Iterable[Tensor]) -> list[Tensor]:
    """The results of ops that lead to the outputs, and these, each after its arguments.

    There is no recursion, so the graph may be as deep as memory allows.
    """
    order: list[Tensor] = []
    seen: set[int] = set()
    stack: list[Tensor | None] = [root for root in outputs if root.op is not None]
    finishing: list[Tensor] = []
    while stack:
        tensor = stack.pop()
        if tensor is None:
            order.append(finishing.pop())
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            finishing.append(tensor)
            stack.append(None)
            level = tensor.level
            # Only a tensor whose op is recorded leads further back; a leaf does not.
            stack += [
                arg
                for arg in tensor.args
                if isinstance(arg, Tensor) and arg.op is not None and arg.level == level
            ]
    return order


def leaf_cotangents(
    outputs: Sequence[Tensor], cotangents: Sequence[Any], *, create_graph: bool = False
) -> list[tuple[Tensor, Any]]:
    """Run the chain rule backwards from the outputs; give each leaf with its cotangent.

    Where a value is used on several paths, their contributions add up.
    """
    found: dict[int, Any] = {}
    leaves: dict[int, Tensor] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        key = id(output)
        found[key] = found[key] + cotangent if key in found else cotangent
        if output.op is None and output.requires_grad:
            leaves[key] = output
    for tensor in reversed(made_before(outputs)):
        cotangent = found.pop(id(tensor), None)
        if cotangent is None:
            continue
        for arg, part in _contributions(tensor, cotangent, create_graph):
            key = id(arg)
            if key in found:
                found[key] = found[key] + part
                continue
            found[key] = part
            if arg.op is None:
                leaves[key] = arg
    return [(leaf, found[key]) for key, leaf in leaves.items()]


def _contributions(tensor: Tensor, g: Any, create_graph: bool) -> list[tuple[Tensor, Any]]:
    """What one op passes on to each of its tracked arguments."""
    op, level, params = tensor.op, tensor.level, tensor.params
    if op is PROJECT:
        return [(tensor.args[0], _Parts({params["index"]: g}))]
    if op.several:
        g = g.filled(tensor.data)
    out, values = tensor.data, tensor.values
    if create_graph:
        _check_unchanged(tensor)
        out, values = tensor, tensor.args
    whole = op.vjp(g, out, *values, **params) if op.vjp else ()
    parts = []
    for i, arg in enumerate(tensor.args):
        if not (isinstance(arg, Tensor) and arg.level == level and arg.requires_grad):
            continue
        part = whole[i] if whole else op.pull(i, g, out, values, params)
        if part is None:
            continue
        data = arg.data
        if part.shape != data.shape:
            part = unbroadcast(part, data.shape)
        if part.dtype != data.dtype:
            part = cast(part, dtype=data.dtype)
        parts.append((arg, part))
    return parts


def _check_unchanged(tensor: Tensor) -> None:
    for arg, value in zip(tensor.args, tensor.values, strict=True):
        if isinstance(arg, Tensor) and arg.level == tensor.level and arg.data is not value:
            raise GradientError(
                f"create_graph=True: an argument of {tensor.op.name} got new data after it was "
                "used. Run backward before the update, or rebuild the loss."
            )
