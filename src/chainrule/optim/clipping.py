"""Holding gradients within bounds."""

from typing import Any

from chainrule import ops, tree
from chainrule.errors import OptionError


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise OptionError(f"{name} is {value!r}; expected a positive number.")


def clip_by_norm(gradients: Any, max_norm: float) -> Any:
    """Scale a whole tree of gradients so that its Euclidean norm is at most `max_norm`.

    (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.)

    >>> clip_by_norm({"w": np.array([3.0, 4.0])}, 1.0)
    {'w': array([0.6, 0.8])}
    """
    _positive("max_norm", max_norm)
    leaves, structure = tree.flatten(gradients)
    square: Any = 0.0
    for leaf in leaves:
        square = square + ops.sum(leaf * leaf)
    scale = max_norm / ops.maximum(ops.sqrt(square), max_norm)
    return tree.unflatten(structure, [leaf * scale for leaf in leaves])


def clip_by_value(gradients: Any, limit: float) -> Any:
    """Hold every element of a tree of gradients between -limit and limit.

    >>> clip_by_value({"w": np.array([3.0, -0.5])}, 1.0)
    {'w': array([ 1. , -0.5])}
    """
    _positive("limit", limit)
    return tree.map_leaves(lambda leaf: ops.clip(leaf, -limit, limit), gradients)
