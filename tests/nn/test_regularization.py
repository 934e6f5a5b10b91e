"""Dropout, noise, penalties and max-norm: what is drawn, from which key, and what it costs."""

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import DataError, DtypeError

MANY = (200, 300)


def drawn(layer: nn.Module, x: Any, seed: int = 0) -> np.ndarray:
    with nn.keyed(layer, rng.key(seed)):
        return layer(x)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("scaling", ["inverted", "classic"])
def test_dropout_drops_a_share_of_p_and_keeps_the_mean(p: float, scaling: Any) -> None:
    layer, ones = nn.Dropout(p, scaling), np.ones(MANY, np.float32)
    out = drawn(layer, ones)
    dropped = (out == 0).mean()
    assert abs(dropped - p) < 6 * math.sqrt(p * (1 - p) / out.size) + 1e-12
    kept = 1 / (1 - p) if scaling == "inverted" else 1
    np.testing.assert_allclose(out[out != 0], kept, rtol=1e-6)
    # On the mean, training and evaluation give the same.
    assert out.mean() == pytest.approx(layer.eval()(ones).mean(), abs=0.05)


@pytest.mark.parametrize(("kind", "axes"), [("1d", 1), ("2d", 2), ("3d", 3)])
def test_whole_channels_are_dropped(kind: str, axes: int) -> None:
    layer = getattr(nn, f"Dropout{kind}")(0.3)
    out = drawn(layer, np.ones((200, 50, *(3, 2, 4)[:axes]), np.float32))
    channels = out.reshape(200 * 50, -1)
    np.testing.assert_array_equal(channels, np.broadcast_to(channels[:, :1], channels.shape))
    dropped = (channels[:, 0] == 0).mean()
    assert abs(dropped - 0.3) < 6 * math.sqrt(0.3 * 0.7 / len(channels))
    np.testing.assert_allclose(out[out != 0], 1 / 0.7, rtol=1e-6)


def test_classic_dropout_is_inverted_dropout_times_the_share_that_is_kept() -> None:
    x = rng.normal(rng.key(1), (4, 5), np.float64)
    inverted, classic = nn.Dropout(0.3), nn.Dropout(0.3, "classic")
    np.testing.assert_allclose(0.7 * drawn(inverted, x), drawn(classic, x), rtol=1e-14)
    np.testing.assert_allclose(0.7 * inverted.eval()(x), classic.eval()(x), rtol=1e-14)


def test_the_gradient_goes_where_the_signal_went() -> None:
    x = cr.tensor(np.ones((3, 4)), requires_grad=True)
    layer = nn.Dropout(0.5)
    out = drawn(layer, x)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.numpy())


def test_what_is_infinite_can_be_dropped() -> None:
    out = drawn(nn.Dropout(0.5), np.full(64, np.inf))
    assert set(out) == {0.0, np.inf}


def test_noise_has_its_deviation_and_ends_with_training() -> None:
    layer, zeros = nn.GaussianNoise(0.2), np.zeros(MANY)
    out = drawn(layer, zeros)
    assert out.dtype == np.float64
    assert out.std() == pytest.approx(0.2, rel=6 / math.sqrt(2 * out.size))
    assert abs(out.mean()) < 6 * 0.2 / math.sqrt(out.size)
    np.testing.assert_array_equal(layer.eval()(zeros), zeros)


def test_masks_come_of_key_and_path_alone() -> None:
    ones = np.ones((4, 50), np.float32)
    short = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    long = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), nn.Dropout(0.5))
    with nn.keyed(long, rng.key(4)):
        masks = [layer(ones) for layer in long]
    np.testing.assert_array_equal(drawn(short, ones, 4), masks[1])
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(drawn(short, ones, 5), masks[1])
    np.testing.assert_array_equal(drawn(short, ones, 4), drawn(short, ones, 4))


def test_a_key_holds_only_within_its_block() -> None:
    layer = nn.Sequential(nn.Dropout(0.5))
    with nn.keyed(layer, rng.key(0)):
        outer = layer(np.ones(40))
        with nn.keyed(layer, rng.key(1)):
            assert not np.array_equal(layer(np.ones(40)), outer)
        np.testing.assert_array_equal(layer(np.ones(40)), outer)
    with pytest.raises(DataError, match=r"layer '0', Dropout.* no key .*nn\.keyed\(model"):
        layer(np.ones(40))
    with pytest.raises(DtypeError, match="expected a random key"), nn.keyed(layer, 3):
        pass


def test_in_a_trace_the_key_is_an_input() -> None:
    layer = nn.Sequential(nn.Dropout(0.5), nn.GaussianNoise(0.1))

    def run(x: Any, key: Any) -> Any:
        with nn.keyed(layer, key):
            return layer(x)

    x = np.ones((3, 20), np.float32)
    graph = cr.trace(run)(x, rng.key(0))
    for seed in range(3):
        out = cr.interpret(graph, x, rng.key(seed))
        np.testing.assert_array_equal(out, run(x, rng.key(seed)))


PARAMETERS = [np.array([[1.0, -2.0], [0.5, 0.0]]), np.array([3.0, -4.0])]


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (nn.L1(0.1), 0.35),
        (nn.L1(0.1, spare=False), 1.05),
        (nn.L2(0.1), 0.05 * 5.25),
        (nn.L2(0.1, spare=False), 0.05 * 30.25),
    ],
)
def test_penalties_spare_biases_unless_asked(penalty: nn.Penalty, value: float) -> None:
    assert float(penalty(PARAMETERS)) == pytest.approx(value, rel=1e-15)


def test_penalties_pull_with_their_derivatives() -> None:
    weight = cr.tensor(PARAMETERS[0], requires_grad=True)
    (nn.L1(0.1)([weight]) + nn.L2(0.2)([weight])).backward()
    expected = 0.1 * np.sign(PARAMETERS[0]) + 0.2 * PARAMETERS[0]
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-15)


def test_with_sgd_the_squared_penalty_is_weight_decay() -> None:
    x, y = rng.normal(rng.key(0), (6, 3)), np.array([0, 1, 1, 0, 1, 0])
    one, other = nn.Linear(3, 2).initialize(0), nn.Linear(3, 2).initialize(0)
    (nn.cross_entropy(one(x), y) + nn.L2(0.3)(one.parameters())).backward()
    nn.cross_entropy(other(x), y).backward()
    optim.Stepper(one, optim.SGD(lr=0.1)).step()
    optim.Stepper(other, optim.SGD(lr=0.1, weight_decay=0.3)).step()
    np.testing.assert_allclose(one.weight.numpy(), other.weight.numpy(), rtol=1e-5)
    np.testing.assert_allclose(one.bias.numpy(), other.bias.numpy(), rtol=1e-5)


def test_a_penalty_on_nothing_is_zero() -> None:
    assert float(nn.L2(0.1)([])) == 0.0


def test_max_norm_shortens_the_long_and_leaves_the_rest() -> None:
    weight = rng.normal(rng.key(0), (6, 4, 3), np.float64) * np.arange(6)[:, None, None]
    held = nn.MaxNorm(2.0)(weight)
    before, after = (np.sqrt((w**2).sum(axis=(1, 2))) for w in (weight, held))
    np.testing.assert_allclose(after, np.minimum(before, 2.0), rtol=1e-14)
    assert (before > 2).any()
    short = before <= 2
    np.testing.assert_array_equal(held[short], weight[short])
    np.testing.assert_array_equal(nn.MaxNorm(0.1)(np.ones(5)), np.ones(5))
    assert nn.MaxNorm(0.1)(np.ones((2, 2), np.float32)).dtype == np.float32
