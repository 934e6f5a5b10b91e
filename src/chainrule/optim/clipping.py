"""Holding gradients within bounds."""

from typing import Any

import numpy as np

from chainrule import ops, tree
from chainrule.errors import OptionError
from chainrule.ops.table import dtype_of


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise OptionError(f"{name} is {value!r}; expected a positive number.")


def clip_by_norm(gradients: Any, max_norm: float) -> Any:
    """Scale a whole tree of gradients so that its Euclidean norm is at most `max_norm`.

    The norm is that of all leaves together, added up in float64, where no float32 overflows.
    (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.)

    Raises:
        OptionError: `max_norm` is not positive.

    >>> clip_by_norm({"w": np.array([3.0, 4.0])}, 1.0)
    {'w': array([0.6, 0.8])}
    """
    _check_positive("max_norm", max_norm)
    leaves, structure = tree.flatten(gradients)
    square: Any = np.float64(0)
    for leaf in leaves:
        square = square + ops.sum(ops.square(ops.cast(leaf, dtype=np.float64)))
    scale = max_norm / ops.maximum(ops.sqrt(square), max_norm)
    clipped = [leaf * ops.cast(scale, dtype=dtype_of(leaf)) for leaf in leaves]
    return tree.unflatten(structure, clipped)


def clip_by_value(gradients: Any, limit: float) -> Any:
    """Hold every element of a tree of gradients between -limit and limit.

    Raises:
        OptionError: `limit` is not positive.

    >>> clip_by_value({"w": np.array([3.0, -0.5])}, 1.0)
    {'w': array([ 1. , -0.5])}
    """
    _check_positive("limit", limit)
    return tree.map_leaves(lambda leaf: ops.clip(leaf, -limit, limit), gradients)
