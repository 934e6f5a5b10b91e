"""Trees: arrays nested in dicts, lists and tuples, taken apart into leaves and put together."""

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import ShapeError

LEAF = "leaf"
"""Stands in a structure for one leaf."""


def flatten(tree: Any) -> tuple[list, Any]:
    """The leaves of a tree in order, and its structure.

    Dicts keep their own order. None is an empty tree.

    >>> leaves, structure = flatten({"w": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> unflatten(structure, [10, 20, 30])
    {'w': 10, 'b': (20, 30)}
    """
    leaves: list = []
    return leaves, _take(tree, leaves)


def _take(tree: Any, leaves: list) -> Any:
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {key: _take(item, leaves) for key, item in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_take(item, leaves) for item in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_take(item, leaves) for item in tree)
    leaves.append(tree)
    return LEAF


def unflatten(structure: Any, leaves: Any) -> Any:
    """Put leaves into a structure.

    Raises:
        ShapeError: too few or too many leaves.
    """
    rest = iter(leaves)
    missing = object()

    def put(part: Any) -> Any:
        if part is None:
            return None
        if isinstance(part, dict):
            return {key: put(item) for key, item in part.items()}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*(put(item) for item in part))
        if isinstance(part, (list, tuple)):
            return type(part)(put(item) for item in part)
        leaf = next(rest, missing)
        if leaf is missing:
            raise ShapeError("too few leaves for this tree structure.")
        return leaf

    tree = put(structure)
    if next(rest, missing) is not missing:
        raise ShapeError("too many leaves for this tree structure.")
    return tree


def map_leaves(function: Callable, tree: Any, *others: Any) -> Any:
    """Apply a function to each leaf, or to the corresponding leaves of several trees.

    Raises:
        ShapeError: the trees differ in structure.

    >>> map_leaves(lambda a, b: a + b, {"w": 1}, {"w": 2})
    {'w': 3}
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        more, same = flatten(other)
        if same != structure:
            raise ShapeError(f"trees differ in structure: {structure} and {same}.")
        columns.append(more)
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])
