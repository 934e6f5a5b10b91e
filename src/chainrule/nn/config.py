"""Models as plain data that JSON can hold, and back."""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chainrule import ops
from chainrule.errors import OptionError, unknown
from chainrule.nn import (
    activations,
    adaptive_pooling,
    convolution,
    layers,
    local_response,
    neurons,
    normalization,
    padding,
    pooling,
    regularization,
    resizing,
    transposed_convolution,
    unfolding,
)
from chainrule.nn.layers import Function, Sequential
from chainrule.nn.module import Module

_ABSTRACT = (
    *(Module, regularization.RandomLayer, regularization.ChannelDropout),
    *(convolution.Convolution, transposed_convolution.TransposedConvolution),
    *(pooling.Pooling, pooling.MaxPooling, pooling.AvgPooling, pooling.LPPooling),
    *(adaptive_pooling.AdaptivePooling, adaptive_pooling.AdaptiveAvgPooling),
    *(adaptive_pooling.AdaptiveMaxPooling, padding.Padding, padding.ConstantPadding),
    *(padding.ZeroPadding, padding.ReflectionPadding, padding.ReplicationPadding),
    padding.CircularPadding,
)
_PARTS = (
    *(layers, activations, neurons, normalization, local_response, regularization, convolution),
    *(transposed_convolution, pooling, adaptive_pooling, padding, resizing, unfolding),
)
_LAYERS: Mapping[str, type[Module]] = MappingProxyType(
    {
        kind.__name__: kind
        for part in _PARTS
        for kind in vars(part).values()
        if isinstance(kind, type) and issubclass(kind, Module) and kind not in _ABSTRACT
    }
)


def _kind(name: Any) -> type[Module] | None:
    """The layer or the architecture of that name, if there is one."""
    # Architectures stand on a higher floor; the roof loads it when it is first named.
    return _LAYERS.get(name) or sys.modules["chainrule"].models.CLASSES.get(name)


def to_config(model: Module) -> dict[str, Any] | None:
    """What a model is made of: the classes of its layers and their options, without the numbers.

    Of the architectures of `chainrule.models`, such as ResNet, their own options. None for what
    this cannot hold: modules of your own classes, architectures with a part replaced, shared or
    frozen parameters, functions that are no ops.

    >>> to_config(Sequential(layers.Flatten(), activations.Tanh()))["steps"]
    [{'class': 'Flatten', 'start_axis': 1}, {'class': 'Tanh'}]
    """
    config = _describe(model)
    if config is None:
        return None
    made = from_config(config)
    same = _leaves(made) == _leaves(model) and repr(made) == repr(model)
    return config if same else None


def from_config(config: Mapping[str, Any]) -> Module:
    """A model made of what `to_config` gave, its parameters not drawn yet.

    Raises:
        OptionError: unknown layer, or options that it does not take.

    >>> from_config({"class": "Sequential", "steps": [{"class": "Tanh"}]})
    Sequential(
      (0): Tanh()
    )
    """
    options = dict(config)
    name = options.pop("class", None)
    kind = _kind(name)
    if kind is None:
        raise unknown("layer class", name, _LAYERS)
    try:
        if name == "Sequential":
            return Sequential(*map(from_config, options["steps"]))
        if name == "Function":
            return Function(getattr(ops, options["function"]))
        return kind(**options)
    except (AttributeError, KeyError, TypeError) as error:
        raise OptionError(
            f"the description of a {name} lacks an option or has one too many: {error}."
        ) from None


def _describe(model: Module) -> dict[str, Any] | None:
    name = type(model).__name__
    if _kind(name) is not type(model):
        return None
    if isinstance(model, Sequential):
        steps = [_describe(step) for step in model.steps]
        return None if None in steps else {"class": name, "steps": steps}
    if isinstance(model, Function):
        known = getattr(model.function, "__name__", "")
        if known not in ops.__all__ or getattr(ops, known) is not model.function:
            return None
        return {"class": name, "function": known}
    return {"class": name, **model.options()}


def _leaves(model: Module) -> list[tuple]:
    """All that a model's description must get right about its numbers."""
    leaves = [*model.named_parameters(), *model.named_buffers()]
    return [(path, type(x), x.shape, x.dtype, x.requires_grad) for path, x in leaves]
