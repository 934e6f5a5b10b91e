"""Models as plain data that JSON can hold, and back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chainrule import ops
from chainrule.errors import OptionError, unknown
from chainrule.nn import (
    activations,
    convolution,
    layers,
    neurons,
    normalization,
    pooling,
    regularization,
)
from chainrule.nn.layers import Function, Sequential
from chainrule.nn.module import Module

_ABSTRACT = (
    *(Module, regularization.RandomLayer, convolution.Convolution),
    *(pooling.Pooling, pooling.MaxPooling, pooling.AvgPooling),
)
_PARTS = (layers, activations, neurons, normalization, regularization, convolution, pooling)
_LAYERS: Mapping[str, type[Module]] = MappingProxyType(
    {
        kind.__name__: kind
        for part in _PARTS
        for kind in vars(part).values()
        if isinstance(kind, type) and issubclass(kind, Module) and kind not in _ABSTRACT
    }
)


def to_config(model: Module) -> dict[str, Any] | None:
    """What a model is made of: the classes of its layers and their options, without the numbers.

    None for what this cannot hold: modules of your own classes, shared or frozen parameters,
    functions that are no ops.

    >>> to_config(Sequential(layers.Flatten(), activations.Tanh()))["steps"]
    [{'class': 'Flatten', 'start_axis': 1}, {'class': 'Tanh'}]
    """
    config = _describe(model)
    if config is None or _leaves(from_config(config)) != _leaves(model):
        return None
    return config


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
    if name not in _LAYERS:
        raise unknown("layer class", name, _LAYERS)
    try:
        if name == "Sequential":
            return Sequential(*map(from_config, options["steps"]))
        if name == "Function":
            return Function(getattr(ops, options["function"]))
        return _LAYERS[name](**options)
    except (AttributeError, KeyError, TypeError) as error:
        raise OptionError(
            f"the description of a {name} lacks an option or has one too many: {error}."
        ) from None


def _describe(model: Module) -> dict[str, Any] | None:
    name = type(model).__name__
    if _LAYERS.get(name) is not type(model):
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
