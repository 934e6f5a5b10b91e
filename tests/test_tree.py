"""Trees are taken apart and put together without losing order, kind or leaf."""

from collections import OrderedDict
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import tree
from chainrule.errors import ShapeError


class Pair(NamedTuple):
    first: object
    second: object


TREES = st.recursive(
    st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@given(TREES)
def test_there_and_back(value):
    leaves, structure = tree.flatten(value)
    again = tree.unflatten(structure, leaves)
    assert again == value
    assert type(again) is type(value)
    assert tree.leaves_like(structure, value) == leaves
    assert tree.map_leaves(lambda leaf: leaf, value) == value


def test_order_and_kinds():
    value = {"b": 1, "a": [2, (3, None)], "c": Pair(4, {})}
    leaves, structure = tree.flatten(value)
    assert leaves == [1, 2, 3, 4]
    assert list(tree.unflatten(structure, "wxyz")) == ["b", "a", "c"]
    assert tree.flatten(7) == ([7], tree.LEAF)
    assert tree.flatten(None) == ([], None)


def test_other_mappings_become_dicts():
    for mapping in (OrderedDict(w=1), MappingProxyType({"w": 1})):
        leaves, structure = tree.flatten(mapping)
        assert tree.unflatten(structure, leaves) == {"w": 1}


def test_arrays_strings_and_objects_are_leaves():
    array = np.ones(3)
    leaves, _ = tree.flatten([array, "text", object])
    assert leaves[0] is array
    assert leaves[1:] == ["text", object]


def test_dicts_are_matched_by_key_and_not_by_place():
    added = tree.map_leaves(lambda a, b: a + b, {"w": 1, "b": 2}, {"b": 20, "w": 10})
    assert added == {"w": 11, "b": 22}
    assert list(added) == ["w", "b"]


def test_structures_tell_orders_apart():
    first, second = (tree.flatten(value)[1] for value in ({"w": 1, "b": 2}, {"b": 2, "w": 1}))
    assert first != second
    assert first == tree.flatten({"w": 5, "b": 6})[1]
    assert repr(first) == "{'w': 'leaf', 'b': 'leaf'}"


OTHER = [
    ({"w": 1}, {"v": 1}),
    ({"w": 1}, {"w": 1, "b": 2}),
    ([1, 2], (1, 2)),
    ([1, 2], [1]),
    ([1], [[1]]),
    ([1], 1),
    (1, [1]),
    (None, 1),
    (1, None),
    (Pair(1, 2), (1, 2)),
]


@pytest.mark.parametrize(("value", "other"), OTHER, ids=str)
def test_other_structures_are_refused(value, other):
    with pytest.raises(ShapeError, match=r"trees differ in structure: expected .*, got"):
        tree.map_leaves(lambda a, b: a, value, other)


def test_wrong_numbers_of_leaves_are_refused():
    _, structure = tree.flatten([1, 2])
    with pytest.raises(ShapeError, match="too few leaves"):
        tree.unflatten(structure, [1])
    with pytest.raises(ShapeError, match="too many leaves"):
        tree.unflatten(structure, [1, 2, 3])
