"""The loss of a run: chosen by name, and given the targets in the form that it takes."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.nn import Heads, losses
from chainrule.ops.table import shape_of
from chainrule.train.info import DataInfo

CUSTOM = "custom"
"""The name of a loss that is a function of the user's own."""


def choose_loss(loss: str | Callable | None, info: DataInfo) -> tuple[str, Callable]:
    """The name of a loss and its function of (outputs, targets).

    None means cross-entropy for classes and the mean squared error for numbers.

    Raises:
        OptionError: no loss has that name.
    """
    if loss is None:
        loss = "cross_entropy" if info.classes else "mse"
    if not isinstance(loss, str):
        return CUSTOM, _over_heads(loss)
    function, targets = losses.find(loss)
    if targets != "ids":
        function = _taking_ids(function, targets == "signs")
    return loss, _over_heads(function)


def _over_heads(function: Callable) -> Callable:
    """A loss that, of a model with several heads, is the weighted sum of each one's."""

    @functools.wraps(function)
    def loss(outputs: Any, targets: Any) -> Any:
        if not isinstance(outputs, Heads):
            return function(outputs, targets)
        each = zip(outputs.outputs, outputs.weights, strict=True)
        return sum(function(output, targets) * weight for output, weight in each)

    return loss


def _taking_ids(function: Callable, signs: bool) -> Callable:
    """A loss that compares like with like, also where the targets are class ids."""

    def loss(outputs: Any, targets: Any) -> Any:
        if targets.dtype.kind in "iu" and targets.ndim == 1:
            targets = _rows(targets, shape_of(outputs))
            if signs and targets.dtype.kind == "f":
                targets = 2 * targets - 1
        return function(outputs, targets)

    return loss


def _rows(ids: Any, shape: tuple[int, ...]) -> Any:
    """Ids of two classes as the numbers 0 and 1 beside one output, others as one-hot rows."""
    if len(shape) == 2 and shape[1] > 1:
        chosen = ops.expand_dims(ids, 1) == np.arange(shape[1])
        return ops.cast(chosen, dtype=np.float32)
    if shape[:1] != ids.shape:
        return ids
    return ops.reshape(ops.cast(ids, dtype=np.float32), shape=shape)


def check_outputs(shape: tuple[int, ...], info: DataInfo) -> None:
    """Refuse a classifier with another number of outputs than there are classes.

    Raises:
        ShapeError: neither one output for each class, nor one for two classes.
    """
    count = len(info.classes)
    one = len(shape) == 1 or shape[1:] == (1,)
    if count and shape[1:] != (count,) and not (one and count == 2):
        raise ShapeError(
            f"the model gives outputs of shape (N, {', '.join(map(str, shape[1:]))}), and the "
            f"data has {count} classes; expected (N, {count}). Give the last layer {count} outputs."
        )
