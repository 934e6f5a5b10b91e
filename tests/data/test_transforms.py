"""Scaling, fitted on one array and applied to others."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from chainrule import data
from chainrule.data import Affine
from chainrule.errors import DataError, DtypeError, ShapeError

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(3.0, [1.0, 10.0, 0.1], (50, 3))


def test_identity_of_float32_makes_no_copy() -> None:
    x = FEATURES.astype(np.float32)
    assert Affine.identity()(x) is x


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.float32, np.bool_])
def test_what_comes_out_is_float32_and_what_went_in_is_unchanged(dtype) -> None:
    x = np.array([[0, 1], [1, 1]], dtype)
    out = Affine(2.0, 1.0)(x)
    assert out.dtype == np.float32
    assert out.tolist() == [[1, 3], [3, 3]]
    assert x.tolist() == [[0, 1], [1, 1]]


@given(
    x=hnp.arrays(np.float32, (3, 4), elements=st.floats(-1e3, 1e3, width=32)),
    scale=st.floats(0.0625, 128, width=32),
    shift=st.floats(-100, 100, width=32),
)
def test_the_inverse_undoes(x, scale: float, shift: float) -> None:
    transform = Affine(scale, shift)
    size = np.abs(x).max() + abs(shift) / scale + 1.0
    np.testing.assert_allclose(transform.inverse()(transform(x)), x, rtol=0, atol=1e-6 * size)


def test_there_is_no_inverse_of_zero() -> None:
    with pytest.raises(DataError, match="scale of 0"):
        Affine(np.array([1.0, 0.0])).inverse()


def test_the_state_goes_through_json_without_loss() -> None:
    transform = data.standardize(FEATURES)
    lists = {name: array.tolist() for name, array in transform.state().items()}
    again = Affine.from_state(json.loads(json.dumps(lists)))
    assert again == transform
    assert hash(again) == hash(transform)
    assert Affine.from_state(transform.state()) == transform
    assert transform != Affine.identity()
    assert transform != "transform"


def test_a_transform_cannot_be_changed() -> None:
    transform = data.standardize(FEATURES)
    with pytest.raises(ValueError, match="read-only"):
        transform.state()["scale"][0] = 0.0


def test_a_number_beside_an_array_is_spread() -> None:
    assert Affine(np.ones(3), 2.0).state()["shift"].tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Affine(np.ones(2), np.ones(3)), ShapeError, r"scale has shape \(2,\)"),
        (lambda: Affine(np.nan), DataError, "scale holds nan"),
        (lambda: Affine(1.0, np.inf), DataError, "shift holds inf"),
        (lambda: Affine(np.array("1")), DtypeError, "scale has dtype"),
        (lambda: Affine.from_state({"scale": 1.0}), DataError, "expected 'scale' and 'shift'"),
        (lambda: data.standardize(np.zeros((0, 3))), DataError, r"data of shape \(0, 3\)"),
        (lambda: data.scale_to_unit(np.zeros(())), DataError, r"data of shape \(\)"),
        (lambda: data.standardize(np.array([[np.nan]])), DataError, "x holds nan"),
        (lambda: data.scale_to_unit(np.array([["a"]])), DtypeError, "x has dtype"),
    ],
)
def test_what_is_refused(make, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_standardize_agrees_with_scikit_learn() -> None:
    expected = StandardScaler().fit(FEATURES).transform(FEATURES)
    np.testing.assert_allclose(data.standardize(FEATURES)(FEATURES), expected, atol=1e-5)


def test_scale_to_unit_agrees_with_scikit_learn() -> None:
    expected = MinMaxScaler().fit(FEATURES).transform(FEATURES)
    np.testing.assert_allclose(data.scale_to_unit(FEATURES)(FEATURES), expected, atol=1e-5)


@pytest.mark.parametrize("fit", [data.standardize, data.scale_to_unit])
def test_one_scale_for_all(fit) -> None:
    transform = fit(FEATURES, per_feature=False)
    assert transform.state()["scale"].shape == ()
    expected = fit(FEATURES.reshape(-1, 1))
    np.testing.assert_allclose(transform(FEATURES).ravel(), expected(FEATURES.reshape(-1, 1))[:, 0])


@pytest.mark.parametrize("fit", [data.standardize, data.scale_to_unit])
def test_the_transform_has_the_shape_of_a_sample(fit) -> None:
    x = RNG.integers(0, 256, (20, 1, 4, 5), dtype=np.uint8)
    assert fit(x).state()["scale"].shape == (1, 4, 5)
    assert fit(x)(x).shape == x.shape


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 7.0])
@pytest.mark.parametrize("fit", [data.standardize, data.scale_to_unit])
def test_a_constant_feature_becomes_zero(fit, value: float) -> None:
    x = np.stack([np.full(1000, value), np.arange(1000.0)], axis=1)
    transform = fit(x)
    assert transform.state()["scale"][0] == 1.0
    np.testing.assert_allclose(transform(x)[:, 0], 0.0, atol=1e-6 * abs(value))


def test_blocks_are_merged_exactly() -> None:
    # More numbers than one block takes, with a mean far from 0 that would swallow the deviation.
    x = (RNG.integers(0, 9, (700, 2000)) + 100_000).astype(np.int32)
    transform = data.standardize(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(transform.state()["scale"], 1.0 / exact.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        -transform.state()["shift"] / transform.state()["scale"], exact.mean(axis=0), rtol=1e-6
    )
