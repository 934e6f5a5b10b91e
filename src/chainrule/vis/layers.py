"""One layer of a model: its outputs, and the rest of the model as a function of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import nn, tree
from chainrule.errors import OptionError, unknown
from chainrule.nn.convolution import Convolution
from chainrule.nn.observe import untouched
from chainrule.ops.table import shape_of

Shape = tuple[int, ...]


def layer_of(model: nn.Module, path: str) -> Any:
    """The part of a model at a path; '' is the model itself.

    Raises:
        OptionError: nothing stands there.

    >>> layer_of(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), "1")
    ReLU()
    """
    parts = dict(model.named_modules())
    if str(path) not in parts:
        raise unknown("layer", path, [name for name in parts if name])
    return parts[str(path)]


def titled(model: nn.Module, path: str) -> str:
    """A layer's path and kind, for a title.

    >>> titled(nn.Sequential(nn.Linear(2, 3)), "0")
    '0 (Linear)'
    """
    kind = type(layer_of(model, path)).__name__
    return f"{path} ({kind})" if path else kind


def has_weights(layer: nn.Module) -> bool:
    """Whether a layer has a weight, be it a parameter or a constant in its place."""
    return getattr(layer, "weight", None) is not None


def convolutions(model: nn.Module) -> list[str]:
    """The paths of the convolutions, in order."""
    return [path for path, part in model.named_modules() if isinstance(part, Convolution)]


def output_of(model: nn.Module, path: str, x: Any) -> Any:
    """What a layer gives when the model takes x; where it runs several times, the last time.

    Raises:
        OptionError: no such layer, or it does not run, or gives no single array.
    """
    return _noted(model, path, x)[-1]


def _noted(model: nn.Module, path: str, x: Any) -> list:
    layer, noted = layer_of(model, path), []
    forward = layer.forward

    def note(*inputs: Any, **options: Any) -> Any:
        noted.append(forward(*inputs, **options))
        return noted[-1]

    _run(model, layer, note, x)
    if not noted:
        raise OptionError(
            f"layer {path!r} does not run when the model is called. Choose one that does."
        )
    if len(tree.flatten(noted[-1])[0]) != 1:
        raise OptionError(f"layer {path!r} gives several arrays. Choose a layer that gives one.")
    return noted


def _run(model: nn.Module, layer: Any, forward: Callable, x: Any) -> Any:
    with untouched(model):
        vars(layer)["forward"] = forward
        return model(x)


def from_layer(model: nn.Module, path: str, x: Any) -> tuple[Any, Callable]:
    """A layer's output for x, and the function from that output to the model's."""
    noted = _noted(model, path, x)
    layer, last = layer_of(model, path), len(noted)
    forward = layer.forward

    def rest(output: Any) -> Any:
        calls: list[None] = []

        def exchanged(*inputs: Any, **options: Any) -> Any:
            calls.append(None)
            return output if len(calls) == last else forward(*inputs, **options)

        return _run(model, layer, exchanged, x)

    return noted[-1], rest


def output_shape(model: nn.Module, path: str, x: np.ndarray) -> Shape:
    """The shape of a layer's output for x, without the batch."""
    return shape_of(output_of(model, path, x[:1]))[1:]
