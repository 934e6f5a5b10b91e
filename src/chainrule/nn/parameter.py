"""The leaves of a model: parameters, which are trained, and buffers, which are not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.aval import DEFAULT_FLOAT, Aval, as_operand
from chainrule.errors import DataError, DtypeError, ShapeError
from chainrule.nn.init import Fans, Initializer, by_name
from chainrule.ops.axes import sizes
from chainrule.ops.elementwise import as_dtype
from chainrule.rng import Key
from chainrule.tensor import Tensor, tensor


class Parameter(Tensor):
    """A tensor that an optimizer trains. It has a shape from the start, numbers once it is drawn.

    `model.initialize(seed)` draws all parameters of a model, as does its first call (with seed 0).
    `init` is the initialiser's name, as summaries show it. `fans` are the numbers of inputs and of
    outputs of a unit, for a parameter whose shape does not tell them, such as a bias.

    Raises:
        DtypeError: `dtype` is no float.
        OptionError: unknown initialiser.

    >>> weight = Parameter((2, 3), "kaiming_uniform")
    >>> weight
    Parameter(shape=(2, 3), dtype=float32, init='kaiming_uniform', no numbers yet)
    >>> Parameter.from_array([0.5, -0.5])
    Parameter([ 0.5, -0.5])
    """

    __slots__ = ("_dtype", "_fans", "_shape", "initializer")

    def __init__(
        self,
        shape: Sequence[int],
        init: str | Initializer,
        dtype: Any = DEFAULT_FLOAT,
        fans: Fans | None = None,
    ):
        super().__init__(None, requires_grad=True)
        # An empty slot, so that only what reads it before it is drawn comes to __getattr__.
        del self.data
        self._shape = sizes("Parameter", shape)
        self._dtype = as_dtype(dtype)
        if self._dtype.kind != "f":
            raise DtypeError(
                f"Parameter: got dtype {self._dtype}; expected float32 or float64, for a gradient "
                "needs floats."
            )
        self._fans = fans
        self.initializer: Initializer | None = by_name(init) if isinstance(init, str) else init

    @classmethod
    def from_array(cls, array: Any) -> "Parameter":
        """A parameter with these numbers (copied); lists of Python floats become float32."""
        value = tensor(array, requires_grad=True).data
        parameter = cls(value.shape, "zeros", value.dtype)
        parameter.initializer = None
        parameter.data = value
        return parameter

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    @property
    def aval(self) -> Aval:
        return Aval(self._shape, self._dtype)

    @property
    def init(self) -> str:
        return "given" if self.initializer is None else self.initializer.name

    @property
    def drawn(self) -> bool:
        """Whether it has numbers."""
        try:
            object.__getattribute__(self, "data")
        except AttributeError:
            return False
        return True

    def draw(self, key: Key) -> None:
        """Take new numbers from the initialiser; one made from an array keeps its own."""
        if self.initializer is not None:
            self.data = self.initializer.draw(key, self._shape, self._dtype, self._fans)

    def assign(self, array: Any) -> None:
        """Replace the numbers by a copy of `array`; floats of another width are converted.

        Raises:
            ShapeError: another shape.
            DtypeError: no floats.
        """
        self.data = fitting(array, self._shape, self._dtype, "this parameter")

    def __getattr__(self, name: str) -> Any:
        if name == "data":
            raise DataError(
                f"this parameter of shape {self._shape} has no numbers yet: they are drawn by its "
                "initialiser. Call model.initialize(seed), or call the model once."
            )
        raise AttributeError(f"'Parameter' object has no attribute {name!r}")

    def __reduce__(self) -> tuple:
        made = (self._shape, self.initializer or "zeros", self._dtype, self._fans)
        numbers = self.data if self.drawn else None
        return _remade, (made, self.initializer, self.requires_grad, numbers)

    def __repr__(self) -> str:
        if self.drawn:
            return _shown("Parameter", self)
        return (
            f"Parameter(shape={self._shape}, dtype={self._dtype}, init={self.init!r}, "
            "no numbers yet)"
        )

    def _repr_html_(self) -> str | None:
        """For notebooks, which fall back to `repr` when there is nothing to show."""
        parent = getattr(super(), "_repr_html_", None)
        return parent() if self.drawn and parent else None


def _remade(
    made: tuple, initializer: Initializer | None, requires_grad: bool, numbers: np.ndarray | None
) -> Parameter:
    """A parameter as it was before it was pickled or copied."""
    parameter = Parameter(*made)
    parameter.initializer = initializer
    parameter.requires_grad = requires_grad
    if numbers is not None:
        parameter.data = numbers
    return parameter


class Buffer(Tensor):
    """Numbers that belong to a model and are saved with it, but are not trained.

    A module's attribute that is a buffer stays one when an array or a tensor is assigned to it.

    >>> Buffer([0.0, 0.0])
    Buffer([0., 0.])
    """

    __slots__ = ()

    def __init__(self, array: Any):
        super().__init__(tensor(array).data)

    def assign(self, array: Any) -> None:
        """Replace the numbers by a copy of `array`, of the same shape and kind of dtype.

        Raises:
            ShapeError: another shape.
            DtypeError: another kind of number.
        """
        self.data = fitting(array, self.shape, self.dtype, "this buffer")

    def __reduce__(self) -> tuple:
        return Buffer, (self.data,)

    def __repr__(self) -> str:
        return _shown("Buffer", self)


def _shown(name: str, leaf: Tensor) -> str:
    body = np.array2string(np.asarray(leaf.data), separator=", ", prefix=f"{name}(")
    dtype = "" if leaf.dtype == DEFAULT_FLOAT else f", dtype={leaf.dtype}"
    frozen = ", requires_grad=False" if name == "Parameter" and not leaf.requires_grad else ""
    return f"{name}({body}{dtype}{frozen})"


def as_numbers(value: Any) -> np.ndarray:
    """A plain array of what a user gives: an array, nested lists, or a tensor of any library."""
    for way in ("detach", "cpu"):
        if hasattr(value, way):
            value = getattr(value, way)()
    if isinstance(value, Tensor):
        value = value.numpy()
    return np.asarray(value if hasattr(value, "__array__") else as_operand(value))


def fitting(value: Any, shape: tuple[int, ...], dtype: np.dtype, what: str) -> np.ndarray:
    """A copy of `value` as an array of this shape and dtype, when it is of that kind."""
    if isinstance(value, (list, tuple, int, float)):
        # Python numbers have no dtype of their own: read them straight in the one that is needed.
        as_operand(value)
        array = np.asarray(value, dtype)
    else:
        array = as_numbers(value)
    if array.shape != shape:
        mend = "Transpose it with .T." if array.shape == shape[::-1] else "Reshape it first."
        raise ShapeError(f"{what} has shape {shape}, got {array.shape}. {mend}")
    if array.dtype.kind != dtype.kind:
        raise DtypeError(
            f"{what} holds {dtype}, got {array.dtype}. Convert with .astype({dtype.name!r})."
        )
    return array.astype(dtype)
