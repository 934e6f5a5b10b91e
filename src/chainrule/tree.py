"""Trees: arrays nested in dicts, lists and tuples, taken apart into leaves and put together."""

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import ShapeError

LEAF = "leaf"
"""Stands in a structure for one leaf."""


class _Keys(dict):
    """The structure of a dict. The order of its keys counts, for the leaves stand in it."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and list(self) == list(other) and dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other


def flatten(tree: Any) -> tuple[list, Any]:
    """The leaves of a tree in order, and its structure.

    Dicts keep their own order; any other mapping becomes a dict. None is an empty tree.

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
        return _Keys((key, _take(item, leaves)) for key, item in tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_take(item, leaves) for item in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_take(item, leaves) for item in tree)
    leaves.append(tree)
    return LEAF


def leaves_like(structure: Any, tree: Any) -> list:
    """The leaves of a tree in the order of a structure, whatever the order of its own dicts.

    Raises:
        ShapeError: the tree has another structure.

    >>> leaves_like(flatten({"w": 1, "b": 2})[1], {"b": 20, "w": 10})
    [10, 20]
    """
    leaves: list = []
    if not _follow(structure, tree, leaves):
        raise ShapeError(
            f"trees differ in structure: expected {structure}, got {flatten(tree)[1]}."
        )
    return leaves


def _follow(structure: Any, tree: Any, leaves: list) -> bool:
    """Gather leaves along a structure; False where the tree does not have it."""
    if isinstance(structure, dict):
        if not isinstance(tree, Mapping) or tree.keys() != structure.keys():
            return False
        return all(_follow(part, tree[key], leaves) for key, part in structure.items())
    if isinstance(structure, (list, tuple)):
        if type(tree) is not type(structure) or len(tree) != len(structure):
            return False
        return all(_follow(part, item, leaves) for part, item in zip(structure, tree, strict=True))
    if structure is None or tree is None or isinstance(tree, (Mapping, list, tuple)):
        return structure is None and tree is None
    leaves.append(tree)
    return True


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
    columns = [leaves, *(leaves_like(structure, other) for other in others)]
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])
