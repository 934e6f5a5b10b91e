"""The toys follow their formulas, and scikit-learn where it has the same."""

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from chainrule import data
from chainrule.errors import OptionError

ALL = [lambda **given: data.gate("xor", **given), data.moons, data.circles, data.spirals]
ALL += [data.blobs, data.sine]
NAMES = ["gate", "moons", "circles", "spirals", "blobs", "sine"]


@pytest.mark.parametrize(
    ("name", "truth"), [("and", "0001"), ("or", "0111"), ("nand", "1110"), ("xor", "0110")]
)
def test_gates_are_their_truth_tables(name: str, truth: str) -> None:
    table = data.gate(name)
    assert table.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert "".join(map(str, table.y)) == truth
    longer = data.gate(name, 10)
    assert "".join(map(str, longer.y)) == (truth * 3)[:10]


def test_an_unknown_gate() -> None:
    with pytest.raises(OptionError, match=r"unknown gate 'nxor'. Did you mean 'xor'"):
        data.gate("nxor")


@pytest.mark.parametrize("n", [2, 7, 100])
def test_moons_agree_with_scikit_learn(n: int) -> None:
    x, y = make_moons(n, shuffle=False)
    made = data.moons(n, noise=0)
    np.testing.assert_allclose(made.x, x, atol=1e-6)
    np.testing.assert_array_equal(made.y, y)


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("n", [2, 7, 100])
def test_circles_agree_with_scikit_learn(n: int, factor: float) -> None:
    x, y = make_circles(n, shuffle=False, factor=factor)
    made = data.circles(n, noise=0, factor=factor)
    np.testing.assert_allclose(made.x, x, atol=1e-6)
    np.testing.assert_array_equal(made.y, y)


def test_spirals_wind_outwards_from_angles_spread_evenly() -> None:
    made = data.spirals(300, noise=0, classes=3, turns=2)
    radius = np.hypot(*made.x.T)
    for number in range(3):
        own = made.x[made.y == number]
        assert np.all(np.diff(radius[made.y == number]) > 0)
        angle = np.unwrap(np.arctan2(own[:, 1], own[:, 0]))
        np.testing.assert_allclose(angle[-1] - angle[0], 2 * 2 * np.pi * 0.99, rtol=1e-3)
        end = 2 * np.pi * number / 3
        np.testing.assert_allclose(own[-1], [np.cos(end), np.sin(end)], atol=1e-5)


def test_blobs_are_clouds_about_their_centres() -> None:
    made = data.blobs(30_000, noise=0.5, features=4, seed=3)
    centres = data.blobs(3, noise=0, features=4, seed=3).x
    for number in range(3):
        own = made.x[made.y == number]
        np.testing.assert_allclose(own.mean(axis=0), centres[number], atol=0.03)
        np.testing.assert_allclose(own.std(axis=0), 0.5, atol=0.02)
    assert np.all(np.abs(centres) < 10)


def test_sine_is_a_regression() -> None:
    made = data.sine(50, noise=0)
    assert made.classes == ()
    assert made.x.shape == made.y.shape == (50, 1)
    np.testing.assert_allclose(made.y, np.sin(made.x), atol=1e-6)


@pytest.mark.parametrize("make", ALL, ids=NAMES)
def test_noise_has_its_deviation_and_its_seed(make) -> None:
    # The clean points of a set do not depend on its seed, but for the centres of the blobs.
    clean = make(n=20_000, noise=0, seed=4)
    noisy, again, other = (make(n=20_000, noise=0.25, seed=seed) for seed in (4, 4, 5))
    moved = noisy.y - clean.y if make is data.sine else noisy.x - clean.x
    np.testing.assert_allclose(moved.std(), 0.25, rtol=0.03)
    np.testing.assert_allclose(moved.mean(), 0, atol=0.01)
    np.testing.assert_array_equal(noisy.x, again.x)
    np.testing.assert_array_equal(noisy.y, again.y)
    assert not (np.array_equal(noisy.x, other.x) and np.array_equal(noisy.y, other.y))


@pytest.mark.parametrize("make", ALL, ids=NAMES)
def test_toys_are_float32_and_as_many_as_asked(make) -> None:
    made = make(n=101)
    assert made.x.dtype == np.float32
    assert len(made) == 101
    if made.classes:
        assert np.ptp(np.bincount(made.y)) <= (1 if make is not ALL[0] else 2)


@pytest.mark.parametrize("make", ALL, ids=NAMES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0; expected an integer"),
        ({"n": 10.0}, "n is 10.0"),
        ({"noise": -1.0}, "noise is -1.0; expected a finite number"),
        ({"noise": np.nan}, "noise is nan"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_toys_refuse(make, options, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.blobs(classes=0), "classes is 0"),
        (lambda: data.blobs(features=0), "features is 0"),
        (lambda: data.spirals(2, classes=3), "n is 2; expected an integer, 3 or more"),
        (lambda: data.circles(factor=1.0), "factor is 1.0"),
    ],
)
def test_shapes_of_toys_are_checked(make, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
