"""Nets with the batch last: the numbers of the graph before, and which nodes are laid out so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.batch_last import batch_last
from chainrule.compiler.lowered import simplified
from chainrule.graph.graph import Graph
from chainrule.graph.interpret import run_flat
from chainrule.ops.pooling import pick_largest
from tests.compiler.nets import NETS, Net

BATCHES = (1, 2, 15, 16, 17, 64)
"""Fewer than a vector, one, one more, and a size of every day."""
EXACT = 1e-10


def traced(function: Callable, *args: Any) -> Graph:
    return cr.trace(function)(*args)


def check(net: Net, batch: int) -> Graph:
    """The interpreter's results of a graph are the same after the rewriting."""
    args = net.arrays(batch)
    graph = traced(net.step(), *args)
    turned = batch_last(graph)
    for made in (turned, simplified(graph)):
        pairs = zip(run_flat(made, args), run_flat(graph, args), strict=True)
        for number, (got, want) in enumerate(pairs):
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            np.testing.assert_allclose(got, want, EXACT, EXACT, err_msg=f"output {number}")
    return turned


@pytest.mark.parametrize("name", NETS)
def test_the_numbers_are_those_of_the_graph_before(name):
    check(NETS[name], 3)


@pytest.mark.parametrize("batch", BATCHES)
def test_batches_of_any_size(batch):
    for name in ("full layers behind", "a residual block", "a wide layer behind"):
        check(NETS[name], batch)


def shapes(name: str, batch: int) -> dict[str, set[tuple[int, ...]]]:
    """The shapes of what each op gives in the rewritten graph of a net's results."""
    net = NETS[name]
    found: dict[str, set[tuple[int, ...]]] = {}
    for node in batch_last(traced(net.function, *net.arrays(batch))).calls:
        found.setdefault(node.op.name, set()).add(node.aval.shape)
    return found


def test_what_stands_between_convolutions_has_the_batch_last():
    found = shapes("a residual block", 19)
    assert found["conv_batch_last"] == {(4, 5, 5, 19)}
    assert found["divide"] >= {(4, 5, 5, 19)}, "batch normalisation"
    assert found["add"] >= {(4, 5, 5, 19)}, "the shortcut"
    assert found["relu"] == {(4, 5, 5, 19)}
    assert found["sum"] == {(4,)}, "its folds are over the batch, too"
    assert "conv" not in found


def test_poolings_and_what_follows_have_it():
    found = shapes("full layers behind", 19)
    assert found["maximum"] == {(3, 5, 5, 19), (4, 2, 2, 19)}
    assert found["tanh"] == {(4, 4, 4, 19)}
    assert found["matmul"] == {(19, 10)}, "a small full layer reads its rows as they lie"
    assert found["log"] == {(19, 1)}


def test_a_wide_full_layer_has_it_too():
    found = shapes("a wide layer behind", 19)
    assert found["matmul"] == {(40, 19)}
    assert found["relu"] == {(40, 19)}


def test_branches_are_put_together_with_the_batch_last():
    assert shapes("branches side by side", 19)["concatenate"] == {(9, 5, 5, 19)}


def test_borders_are_written_out_for_few_samples():
    """Of a few, each is a vector by itself; a vector of many never lies in a border."""
    assert (3, 10, 7, 15) in shapes("its padding", 15)["pad"]
    assert "pad" not in shapes("its padding", 16)
    assert "pad" not in shapes("a convolution", 15)


@pytest.mark.parametrize("name", ["a convolution", "one axis", "three axes", "in groups"])
def test_results_are_handed_back_as_the_user_has_them(name):
    net = NETS[name]
    graph = traced(net.function, *net.arrays(5))
    turned = batch_last(graph)
    assert [node.aval for node in turned.outputs] == [node.aval for node in graph.outputs]
    assert turned.inputs == graph.inputs


UNTOUCHED: dict[str, tuple[Callable, tuple]] = {
    "a perceptron": (lambda x, w: cr.relu(cr.matmul(x, w)), (np.ones((5, 4)), np.ones((4, 3)))),
    "windows over all axes": (
        lambda x, y: pick_largest(x, y, size=(2, 2), stride=(1, 1), dilation=(1, 1)),
        (np.ones((4, 4)), np.ones((4, 4))),
    ),
    "no samples": (cr.conv, (np.ones((0, 2, 4, 4)), np.ones((3, 2, 2, 2)))),
    "pictures of whole numbers": (
        lambda x: cr.max_pool(x, 2),
        (np.ones((2, 1, 4, 4), np.int64),),
    ),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_other_graphs_stay_as_they_are(name):
    function, args = UNTOUCHED[name]
    graph = traced(function, *args)
    assert batch_last(graph) is graph
