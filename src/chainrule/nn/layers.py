"""What nets are put together with: Sequential, Linear, Flatten."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from chainrule import ops
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import DtypeError, ShapeError
from chainrule.nn import init
from chainrule.nn.module import Module
from chainrule.nn.parameter import Parameter
from chainrule.ops.table import shape_of
from chainrule.settings import count


class Sequential(Module):
    """Modules or plain functions, one after the other: y = f_n(... f_2(f_1(x))).

    The parts are named by their position: `0.weight`. Indexing gives a part, slicing a Sequential
    that shares them.

    Raises:
        DtypeError: a step that cannot be called.

    >>> from chainrule.nn import ReLU
    >>> net = Sequential(Linear(784, 25), ReLU(), Linear(25, 10))
    >>> net[0], len(net[1:])
    (Linear(in_features=784, out_features=25, bias=True), 2)
    """

    def __init__(self, *steps: Module | Callable):
        self.steps: list[Module] = [_as_module(step, i) for i, step in enumerate(steps)]

    def members(self) -> list[Module]:
        return self.steps

    def forward(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(*self.steps[index])
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.steps)


def _as_module(step: Any, position: int) -> Module:
    if isinstance(step, Module):
        return step
    if isinstance(step, type) and issubclass(step, Module):
        raise DtypeError(
            f"Sequential: step {position} is the class {step.__name__}; expected a module made "
            f"from it. Write {step.__name__}() with its arguments."
        )
    if isinstance(step, (list, tuple)) or not callable(step):
        raise DtypeError(
            f"Sequential: step {position} is a {type(step).__name__}; expected a module or a "
            "function of one array. Of a list of steps, write Sequential(*steps)."
        )
    return Function(step)


class Function(Module):
    """A plain function of one array as a module, such as `chainrule.relu`.

    >>> Function(ops.relu)([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """

    def __init__(self, function: Callable):
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)

    def __repr__(self) -> str:
        return f"Function({getattr(self.function, '__name__', self.function)})"


class Linear(Module):
    """A fully connected layer: y = x @ weight.T + bias.

    The weights begin as He and others say for ReLU (`kaiming_uniform`), the biases between
    -1/sqrt(in_features) and 1/sqrt(in_features) as in PyTorch; with sigmoid or tanh between the
    layers, `weight_init="xavier_uniform"` is the choice of theory.

    Shape: x (..., in_features), weight (out_features, in_features), bias (out_features,) give
    (..., out_features).

    Raises:
        OptionError: a size below 1, or an unknown initialiser.
        ShapeError: (when called) the last axis of x is not in_features.

    >>> Linear(3, 2)([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: str | init.Initializer = "kaiming_uniform",
        bias_init: str | init.Initializer = "uniform",
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.in_features = count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)
        # Any: a buffer may take a parameter's place, and in `swapped` every value does.
        self.weight: Any = Parameter((self.out_features, self.in_features), weight_init, dtype)
        fans = (self.in_features, self.out_features)
        self.bias: Any = None
        if bias:
            self.bias = Parameter((self.out_features,), bias_init, dtype, fans)

    def options(self) -> dict[str, Any]:
        options = {"in_features": self.in_features, "out_features": self.out_features}
        options |= {"bias": self.bias is not None, "dtype": self.weight.dtype.name}
        for name, leaf in (("weight_init", self.weight), ("bias_init", self.bias)):
            initializer = getattr(leaf, "initializer", None)
            if initializer is not None:
                options[name] = initializer.name
        return options

    def forward(self, x: Any) -> Any:
        try:
            if self.bias is None:
                return ops.matmul(x, self.weight.T)
            return ops.linear(x, self.weight, self.bias)
        except ShapeError:
            if shape_of(x)[-1:] == (self.in_features,):
                raise
            raise ShapeError(self._misfit(shape_of(x))) from None

    def _misfit(self, shape: tuple[int, ...]) -> str:
        """What this layer computes, and the edit that makes an input of this shape fit."""
        size, out = self.in_features, self.out_features
        if len(shape) > 2 and math.prod(shape[1:]) == size:
            mend = "Put nn.Flatten() before it."
        elif len(shape) == 2 and math.prod(shape) == size:
            mend = f"For one sample, reshape it to (1, {size})."
        elif len(shape) == 2 and shape[0] == size:
            mend = "Transpose the input with .T."
        elif shape:
            mend = f"nn.Linear({shape[-1]}, {out}) would fit this input."
        else:
            mend = "Give an array, not one number."
        plus = "" if self.bias is None else " + bias"
        return (
            f"x @ weight.T{plus} with weight ({out}, {size}) takes an input of shape "
            f"(..., {size}). {mend}"
        )

    def __repr__(self) -> str:
        return (
            f"Linear(in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None})"
        )


class Flatten(Module):
    """All axes from `start_axis` on joined into one; a batch of images becomes one of rows.

    Shape: (N, a, b) gives (N, a b).

    Raises:
        ShapeError: (when called) the input has no such axis.

    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    array([[1., 2., 3., 4.]], dtype=float32)
    """

    def __init__(self, start_axis: int = 1):
        self.start_axis = count("Flatten", "start_axis", start_axis, least=0)

    def options(self) -> dict[str, Any]:
        return {"start_axis": self.start_axis}

    def forward(self, x: Any) -> Any:
        shape = shape_of(x)
        if self.start_axis >= len(shape):
            raise ShapeError(
                f"axis {self.start_axis} does not exist in {shape}. Is the batch axis missing? "
                "For one sample, write x[None]."
            )
        kept = shape[: self.start_axis]
        return ops.reshape(x, shape=(*kept, math.prod(shape[self.start_axis :])))


class Identity(Module):
    """The input itself.

    >>> Identity()([1.0])
    array([1.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return x
