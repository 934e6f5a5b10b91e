"""Receptive fields and patches: counted from the layers, against gradients and against trial."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, vis
from chainrule.errors import OptionError, ShapeError

CHAINS = {
    "plain": [nn.Conv2d(1, 2, 3)],
    "same": [nn.Conv2d(1, 2, 4, padding="same"), nn.ReLU(), nn.Conv2d(2, 2, 3, padding="same")],
    "strided": [nn.Conv2d(1, 2, (3, 5), stride=(2, 3), padding=(1, 2)), nn.Conv2d(2, 1, 2)],
    "dilated": [nn.Conv2d(1, 2, 3, dilation=2, padding=3), nn.Conv2d(2, 2, 2, dilation=(3, 1))],
    "pooled": [
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        *(nn.Conv2d(4, 4, 3, groups=2), nn.AvgPool2d(2, 1)),
    ],
    "in parts": [nn.Conv2d(1, 2, 3), nn.Sequential(nn.Tanh(), nn.Conv2d(2, 2, 3, stride=2))],
}


def by_gradient(steps: list, path: str, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels (rows, columns) each unit depends on, from the slopes of positive weights.

    Poolings become means, and activations are left out: so all that is seen has a slope.
    """
    linear = []
    for step in steps:
        if isinstance(step, nn.Sequential):
            linear += [part for part in step if isinstance(part, nn.Conv2d)]
        elif isinstance(step, nn.MaxPool2d):
            linear.append(nn.AvgPool2d(step.kernel_size, step.stride, step.padding))
        elif isinstance(step, (nn.Conv2d, nn.AvgPool2d)):
            linear.append(step)
    model = nn.Sequential(*linear).initialize(0)
    weights = {k: np.abs(v) + 0.1 for k, v in model.state_dict().items()}
    jacobian = cr.jacobian(lambda x: nn.functional_call(model, weights, x[None, None])[0, 0])
    return np.asarray(jacobian(np.zeros(shape))) != 0


@pytest.mark.parametrize("name", CHAINS)
def test_what_units_see_is_where_their_slopes_are(name: str) -> None:
    steps = CHAINS[name]
    model = nn.Sequential(*steps)
    last = [path for path, _ in model.named_modules()][-1]
    reach = vis.receptive_field(model, last, (1, 17, 20))
    expected = by_gradient(steps, last, (17, 20))
    found = reach.rows[:, None, :, None] & reach.columns[None, :, None, :]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", CHAINS)
def test_counting_and_trying_agree(name: str) -> None:
    """A model of one's own is no chain that could be counted, so it is tried with NaN."""

    class Own(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Sequential(*CHAINS[name])

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    counted = vis.receptive_field(
        nn.Sequential(*CHAINS[name]), str(len(CHAINS[name]) - 1), (1, 17, 20)
    )
    tried = vis.receptive_field(Own(), "inner", (1, 17, 20))
    assert np.array_equal(counted.rows, tried.rows)
    assert np.array_equal(counted.columns, tried.columns)


def test_a_shortcut_sees_both_ways() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            self.far = nn.Conv2d(1, 1, 3, dilation=4, padding=4)

        def forward(self, x: Any) -> Any:
            return x + self.far(x)

    reach = vis.receptive_field(Block(), "", (1, 12, 12))
    assert np.flatnonzero(reach.rows[5]).tolist() == [1, 5, 9]
    assert reach.box(0, 11) == (slice(0, 5), slice(7, 12))
    assert reach.size == (9, 9)


def test_what_is_mirrored_or_runs_over_the_end_is_seen_too() -> None:
    mirrored = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"))
    reach = vis.receptive_field(mirrored, "0", (1, 6, 6))
    assert np.flatnonzero(reach.rows[0]).tolist() == [0, 1, 5]
    over = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True))
    reach = vis.receptive_field(over, "0", (1, 5, 7))
    assert [reach.rows.shape, reach.columns.shape] == [(3, 5), (4, 7)]
    assert reach.box(2, 3) == (slice(4, 5), slice(6, 7))


def test_known_sizes() -> None:
    """Two of 3x3 see 5x5; LeNet's second pooling sees 16x16 of 32x32 (padded here)."""
    two = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3))
    assert vis.receptive_field(two, "1", (1, 20, 20)).size == (5, 5)
    lenet = cr.models.lenet((1, 32, 32), 10)
    assert vis.receptive_field(lenet, "5", (1, 32, 32)).size == (16, 16)


def test_full_layers_see_everything() -> None:
    lenet = cr.models.lenet((1, 28, 28), 10)
    assert vis.receptive_field(lenet, "9", (1, 28, 28)).size == (28, 28)
    assert vis.receptive_field(cr.models.mlp(784, 10), "0", (1, 28, 28)).size == (28, 28)


def test_the_strongest_patches_are_those_of_a_search_by_hand(digits: Any) -> None:
    data = digits.validation
    outputs = nn.outputs_by_layer(digits.model.eval(), data.transform(data.x))["0"]
    for unit, found in zip(
        (1, 4), vis.strongest_patches(digits, None, "0", (1, 4), 5), strict=True
    ):
        tops = outputs[:, unit].reshape(len(data), -1)
        order = np.argsort(-tops.max(axis=1), kind="stable")[:5]
        assert [patch.sample for patch in found] == order.tolist()
        for patch in found:
            row, column = divmod(int(tops[patch.sample].argmax()), 12)
            assert patch.place == (row, column)
            assert patch.value == pytest.approx(float(tops[patch.sample].max()), rel=1e-5)
            box = (slice(2 * row, 2 * row + 5), slice(2 * column, 2 * column + 5))
            assert patch.box == box
            assert np.array_equal(patch.pixels[0], data.x[patch.sample, 0][box] / np.float32(255))


def test_patches_at_a_border_are_cut() -> None:
    pictures = np.zeros((3, 1, 8, 8), np.uint8)
    pictures[1, 0, 0, 7] = 255
    data = cr.data.image_dataset(pictures, [0, 0, 1], flatten=False)
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)).initialize(0)
    net[0].weight = nn.Parameter.from_array(np.eye(1, 9, 4, np.float32).reshape(1, 1, 3, 3))
    ((patch,),) = vis.strongest_patches(net, data, "0", [0], 1)
    assert patch.sample == 1
    assert patch.box == (slice(0, 2), slice(6, 8))
    assert patch.pixels.tolist() == [[[0.0, 1.0], [0.0, 0.0]]]


def test_of_a_perceptron_the_patches_are_whole_images(rows: Any) -> None:
    ((patch, _),) = vis.strongest_patches(rows, None, "0", [3], 2)
    assert patch.pixels.shape == (1, 28, 28)
    assert patch.place == (0, 0)


def test_what_cannot_be_asked_for(digits: Any) -> None:
    with pytest.raises(OptionError, match=r"unit is 9, and layer '0' has 6; expected 0 to 5"):
        vis.strongest_patches(digits, None, "0", [9])
    with pytest.raises(OptionError, match=r"unknown layer 'conv'. Known: 0, 1, 2"):
        vis.receptive_field(digits, "conv", (1, 28, 28))
    with pytest.raises(OptionError, match="a model alone knows no data"):
        vis.strongest_patches(digits.model, None, "0", [0])
    with pytest.raises(ShapeError, match=r"expected one picture|shape \(3,\)"):
        vis.receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3)), "0", (3,))
