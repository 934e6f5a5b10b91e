"""The nets of the benchmarks: what is counted, who judges, and what chainrule makes of them."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from chainrule import models

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TRAINED = ("W3", "W4", "W5", "W7")


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """Imports a module as the programs in `benchmarks` do; afterwards nothing of it is left."""
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    sys.path.remove(str(BENCHMARKS))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("work", "batch", "first", "others"),
    # Products of a sample, by hand: of the first layer, and of each of the others.
    [
        ("W3", 100, 432_000, [432_000, 1_000]),
        ("W4", 64, 117_600, [240_000, 48_000, 10_080, 840]),
        ("W5", 100, 112_896, [1_806_336, 903_168, 2_359_296, 1_179_648, 2_359_296, 51_200, 500]),
        # All of a stage do equal work, but those that halve the pictures do half of it.
        ("W7", 64, 442_368, [*[2_359_296] * 6, *[1_179_648, *[2_359_296] * 5] * 2, 640]),
    ],
)
def test_the_operations_of_a_step_are_those_counted_by_hand(
    bench: Any, work: str, batch: int, first: int, others: list[int]
) -> None:
    expected = 2 * batch * (2 * first + 3 * sum(others))
    assert bench("workloads").WORKLOADS[work].flops == expected


@pytest.mark.parametrize("work", TRAINED)
def test_chainrules_model_of_that_name_is_the_net_that_is_described(bench: Any, work: str) -> None:
    net = bench("workloads").WORKLOADS[work].net
    model = models.by_name(net.model, in_shape=net.in_shape, classes=10).initialize(0)
    described = [shape for layer, inputs in net.weighted for shape in layer.arrays(inputs)]
    assert [parameter.shape for parameter in model.parameters()] == described


@pytest.mark.parametrize("work", TRAINED)
def test_the_referee_sees_what_pytorch_sees(bench: Any, work: str) -> None:
    net = bench("workloads").WORKLOADS[work].net.without_dropout
    weights = bench("prepare").first_weights(net)
    x = np.random.default_rng(0).standard_normal((4, *net.in_shape))
    model = bench("peers.pytorch").build(net, weights).double()
    with torch.inference_mode():
        expected = model(torch.from_numpy(x)).numpy()
    found = bench("nets").forward(
        net, bench("referee").Referee(), x, [w.astype(np.float64) for w in weights]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("work", TRAINED)
def test_weights_with_channels_last_come_back_as_they_were(bench: Any, work: str) -> None:
    layouts = bench("layouts")
    net = bench("workloads").WORKLOADS[work].net
    weights = bench("prepare").first_weights(net)
    turned = layouts.to_channels_last(net, weights)
    assert turned[0].shape == (*weights[0].shape[2:], *weights[0].shape[1::-1])
    for one, other in zip(layouts.to_channels_first(net, turned), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_with_channels_last_read_the_same_pictures(bench: Any) -> None:
    """A dense layer after a picture: its columns go where the picture's numbers went."""
    nets, layouts = bench("nets"), bench("layouts")
    net = nets.Net("", "", (3, 4, 5), (nets.Dense(2),))
    draw = np.random.default_rng(0)
    weight, x = draw.standard_normal((2, 60)), draw.standard_normal((7, 3, 4, 5))
    turned, _ = layouts.to_channels_last(net, [weight, np.zeros(2)])
    last = x.transpose(0, 2, 3, 1).reshape(7, 60) @ turned.T
    np.testing.assert_allclose(last, x.reshape(7, 60) @ weight.T, rtol=1e-12)


def test_a_call_is_a_divisor_of_the_checked_steps_and_not_long(bench: Any) -> None:
    workloads = bench("workloads")
    strides = {name: work.stride for name, work in workloads.WORKLOADS.items()}
    assert all(workloads.CHECKED % stride == 0 for stride in strides.values())
    assert strides["W1"] == workloads.CHECKED
    assert strides["W7"] == 1


def test_made_up_pictures_can_be_learnt_and_are_the_same_each_time(bench: Any) -> None:
    """The nearest mean of a class, from some of them, names most of some others."""
    data, again = (bench("prepare").colours()[:400] for _ in range(2))
    np.testing.assert_array_equal(data.x, again.x)
    assert data.x.shape == (400, 3, 32, 32)
    assert data.x.dtype == np.uint8
    x, y = data.x.reshape(400, -1) / 255, data.y
    means = np.stack([x[:200][y[:200] == label].mean(axis=0) for label in range(10)])
    distances = ((x[200:, None] - means) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == y[200:]).mean() > 0.9
    scaled, _ = data.batch(np.arange(2))
    np.testing.assert_allclose(scaled, data.x[:2] / 255, rtol=1e-6)
