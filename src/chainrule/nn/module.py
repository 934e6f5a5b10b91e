"""Module: the base of every layer and model."""

import sys
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chainrule import rng
from chainrule.aval import as_operand
from chainrule.errors import ChainruleError, GradientError
from chainrule.nn import state
from chainrule.nn.failure import locate
from chainrule.nn.parameter import Buffer, Parameter
from chainrule.nn.summary import Summary, summarize
from chainrule.nn.walk import Node
from chainrule.ops.table import Box
from chainrule.tensor import Tensor


class Module(Node):
    """A function with parameters. Abstract: a subclass sets attributes and defines `forward`.

    Parameters, buffers and other modules are found wherever an attribute holds them, also inside
    lists, tuples and dicts, and are named by the way to them: `layers.0.weight`.

    Calling the module computes `forward`. Inputs may be arrays, lists or tensors; float arrays are
    converted to the dtype of the parameters, integers stay as they are (ops let them yield to the
    parameters' dtype). A module that has no numbers yet is first initialized with seed 0.

    >>> class Twice(Module):
    ...     def __init__(self):
    ...         self.weight = Parameter.from_array([2.0])
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> Twice()([1.0, 2.0])
    tensor([2., 4.], from multiply)
    """

    training: bool = True
    _ready: bool = False
    """Whether all parameters here and below were found to have numbers."""
    _dtype: np.dtype | None = None
    """The dtype of the first parameter, once ready."""

    def forward(self, *inputs: Any) -> Any:
        """The module's output; every subclass defines it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method; define forward(self, x), which returns "
            "the output."
        )

    def options(self) -> dict[str, Any]:
        """The arguments that make an equal module, but for its numbers; JSON can hold them."""
        return {}

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if not self._ready:
            self.initialize()
        dtype = self._dtype
        for value in inputs:
            kind = type(value)
            if kind is Tensor or (kind is np.ndarray and (dtype is None or value.dtype is dtype)):
                continue
            inputs = tuple(map(self._accept, inputs))
            break
        try:
            return self.forward(*inputs, **options)
        except ChainruleError as error:
            locate(error, self, inputs, options)
            raise

    def _accept(self, value: Any) -> Any:
        """One input as the ops take it, floats in the dtype of the parameters."""
        if isinstance(value, (Box, int, float, complex, str, tuple, dict)) or value is None:
            return value
        if isinstance(value, list) and any(isinstance(item, Box) for item in value):
            return value
        array: Any = as_operand(value)
        if self._dtype is not None and array.dtype.kind == "f" and array.dtype != self._dtype:
            return array.astype(self._dtype)
        return array

    def initialize(self, seed: int = 0, redraw: bool = False) -> Self:
        """Draw the numbers of every parameter that has none, or of all with `redraw`.

        Parameter i (counted along the paths) is drawn from key fold_in(key(seed), i), so its
        numbers do not depend on which others are drawn already. Parameters made from arrays keep
        theirs.

        Raises:
            OptionError: the seed is no integer from 0 to 2**64 - 1.
        """
        key = rng.key(seed)
        for i, parameter in enumerate(self.parameters()):
            if redraw or not parameter.drawn:
                parameter.draw(rng.fold_in(key, i))
        for _, module in self.named_modules():
            first = next(module.parameters(), None)
            vars(module)["_dtype"] = None if first is None else first.dtype
            vars(module)["_ready"] = True
        return self

    def train(self) -> Self:
        """Put this module and its parts into training mode."""
        for _, module in self.named_modules():
            module.training = True
        return self

    def eval(self) -> Self:
        """Put this module and its parts into evaluation mode."""
        for _, module in self.named_modules():
            module.training = False
        return self

    def zero_grad(self) -> None:
        """Forget the gradients that `backward` has added up."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by path: PyTorch's names and layouts.

        Raises:
            DataError: a parameter has no numbers yet.
        """
        return state.read(self)

    def load_state_dict(self, mapping: Mapping[str, Any], strict: bool = True) -> state.Skipped:
        """Take parameters and buffers from arrays or tensors (also PyTorch's) by their paths.

        Everything is checked before anything changes. With strict=False, missing and unexpected
        names are passed over and returned.

        Raises:
            DataError: a name is missing or unexpected, or a shape or dtype differs.
        """
        return state.load(self, mapping, strict)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> Summary:
        """A table of the layers: output shape, parameters, initialiser; print it.

        `input_shape` is that of one sample. Left out, it is read off the first Linear layer.
        Nothing is drawn or changed.
        """
        return summarize(self, input_shape)

    def formulas(self, input_shape: tuple[int, ...] | None = None) -> Any:
        """The net as LaTeX, with its derivatives; see `chainrule.explain.formulas`."""
        # A higher floor, reached over the roof, which loads it when it is first named.
        return sys.modules["chainrule"].explain.formulas(self, input_shape)

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if isinstance(held, Buffer) and not isinstance(value, Buffer):
            value = _next_buffer(held, value)
        if isinstance(value, (Node, Parameter, list, tuple, dict)):
            # What is new may have no numbers yet.
            vars(self)["_ready"] = False
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        """As PyTorch writes it: the options, or the parts, one on a line."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        parts = []
        for place in self.own():
            if isinstance(place.value, Node):
                text = repr(place.value).replace("\n", "\n  ")
                parts.append(f"  ({place.path}): {text}\n")
        inside = "\n" + "".join(parts) if parts else options
        return f"{type(self).__name__}({inside})"


def _next_buffer(held: Buffer, value: Any) -> Buffer:
    """A buffer of the same shape and dtype with new numbers, cut off from any gradient."""
    while isinstance(value, Tensor):
        value = value.data
    if isinstance(value, Box):
        raise GradientError(
            "a buffer was assigned a traced or differentiated value, which is no plain number. Put "
            "the model's buffers in with chainrule.nn.swapped, and read the new ones there; or "
            "call model.eval() first."
        )
    buffer = Buffer(held.data)
    buffer.assign(value)
    return buffer
