"""Looking into a net: what each layer gives, and nets that are one linear layer in truth."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.layers import Identity, Linear, Sequential
from chainrule.nn.module import Module
from chainrule.nn.observe import untouched
from chainrule.nn.parameter import Parameter, as_numbers


def outputs_by_layer(model: Module, *inputs: Any) -> dict[str, np.ndarray]:
    """What each part of a model gives for these inputs, by path, in the order in which they ran.

    Parts that hold others are left out, as are outputs that are no single array. A part that ran
    several times gives its last output. The model runs in the mode that it is in, and is left as it
    was.

    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).initialize(0)
    >>> {path: array.shape for path, array in outputs_by_layer(model, [[1.0, 2.0]]).items()}
    {'0': (1, 3), '1': (1, 3)}
    """
    model.initialize()
    found: dict[str, np.ndarray] = {}
    paths = {id(module): path for path, module in model.named_modules()}
    with untouched(model) as modules:
        for module in modules:
            if next(module.children(), None) is None:
                vars(module)["forward"] = _noting(module.forward, paths[id(module)], found)
        model(*inputs)
    return found


def _noting(forward: Callable, path: str, found: dict[str, np.ndarray]) -> Callable:
    def run(*inputs: Any, **options: Any) -> Any:
        output = forward(*inputs, **options)
        leaves, _ = tree.flatten(output)
        if len(leaves) == 1:
            found[path] = np.array(as_numbers(leaves[0]))
        return output

    return run


class LayerStatistics(NamedTuple):
    """How the outputs of one layer are spread; `saturated` is the share of those at its bounds."""

    path: str
    mean: float
    std: float
    saturated: float


def statistics_by_layer(
    model: Module, *inputs: Any, low: float = -np.inf, high: float = np.inf
) -> list[LayerStatistics]:
    """Mean, standard deviation and share at the bounds of what each part of a model gives.

    Outputs of `low` or less, or of `high` or more, count as saturated: low=0 counts the dead
    outputs of ReLU, low=0.01 and high=0.99 those of the logistic function that learn little.

    >>> from chainrule import nn
    >>> statistics_by_layer(nn.Sequential(nn.ReLU()), [-1.0, 0.0, 3.0], low=0.0)[0].saturated
    0.6666666666666666
    """
    return [
        LayerStatistics(
            path,
            float(array.mean(dtype=np.float64)),
            float(array.std(dtype=np.float64)),
            float(np.mean((array <= low) | (array >= high))),
        )
        for path, array in outputs_by_layer(model, *inputs).items()
    ]


def collapse(model: Sequential) -> Linear:
    """The one linear layer that a net of linear layers without activations is.

    (x A^T + a) B^T + b = x (B A)^T + (B a + b): depth alone adds nothing.

    Raises:
        OptionError: a step that is neither Linear nor Identity, or no Linear at all.
        ShapeError: the layers do not fit together.

    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    >>> collapse(net)
    Linear(in_features=4, out_features=3, bias=True)
    """
    model.initialize()
    layers: list[Any] = [step for step in model if not isinstance(step, Identity)]
    odd = next((step for step in layers if not isinstance(step, Linear)), None)
    if odd is not None or not layers:
        what = type(odd).__name__ if layers else "nothing"
        raise OptionError(
            f"collapse: expected a Sequential of Linear layers alone, and it holds {what}. What is "
            "not linear cannot be one linear layer."
        )
    weight, bias = layers[0].weight.numpy(), _bias(layers[0])
    for before, layer in itertools.pairwise(layers):
        if layer.in_features != before.out_features:
            raise ShapeError(
                f"collapse: {before!r} is followed by {layer!r}; in_features must be "
                f"{before.out_features}."
            )
        matrix = layer.weight.numpy()
        weight, bias = matrix @ weight, matrix @ bias + _bias(layer)
    merged = Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    merged.weight, merged.bias = Parameter.from_array(weight), Parameter.from_array(bias)
    return merged


def _bias(layer: Any) -> np.ndarray:
    if layer.bias is None:
        return np.zeros(layer.out_features, layer.weight.dtype)
    return layer.bias.numpy()
