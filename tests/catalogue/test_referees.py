"""Every activation, loss and norm against its referee, in float64: values, gradients, second order.

The largest relative differences are printed at the end: python -m pytest tests/catalogue -q
"""

import numpy as np
import pytest

from chainrule import nn
from tests.catalogue.cases import (
    ACTIVATIONS,
    CASES,
    LOSSES,
    NORMS,
    mpmath_gradients,
    our_gradients,
    torch_gradients,
)

TOLERANCE = 1e-9
_SMALL = 1e-6
"""Numbers below this share of the largest count as that large, for they are differences of it."""


def difference(ours, theirs):
    """The largest relative difference of two arrays."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    size = np.abs(theirs)
    floor = max(_SMALL * size.max(initial=0.0), np.finfo(np.float64).tiny)
    return float((np.abs(ours - theirs) / np.maximum(size, floor)).max(initial=0.0))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.part}-{case.referee}")
def test_values_and_gradients_are_the_referees(case, request, note):
    if case.referee == "torch":
        theirs = torch_gradients(case, request.getfixturevalue("torch"))
    else:
        theirs = mpmath_gradients(case)
    value, first, second = our_gradients(case)
    named = (case.kind, case.part, case.referee)
    assert note(*named, "values", difference(value, theirs[0])) <= TOLERANCE
    for ours, other in zip(first, theirs[1], strict=True):
        assert note(*named, "gradients", difference(ours, other)) <= TOLERANCE
    for ours, other in zip(second, theirs[2], strict=True):
        assert note(*named, "second order", difference(ours, other)) <= TOLERANCE


def _heads(cases):
    return {case.part.partition("(")[0].partition(" ")[0] for case in cases}


def test_the_table_is_complete():
    assert _heads(ACTIVATIONS) == {*nn.catalogue.names(), "maxout"}
    assert {name for name in _heads(LOSSES) if name in nn.losses.LOSSES} == set(nn.losses.LOSSES)
    kinds = {name for name in nn.__all__ if name.endswith("Norm") and name != "MaxNorm"}
    assert _heads(NORMS) == kinds


def test_a_difference_is_seen():
    assert difference([1.0, 2.0], [1.0, 2.0 + 4e-9]) > TOLERANCE
    assert difference([0.0, 2.0], [1e-16, 2.0]) < TOLERANCE
