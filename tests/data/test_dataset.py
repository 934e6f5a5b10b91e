"""The data set: what enters is checked, what comes out is a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.data import Affine, Dataset
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError

X = np.arange(12, dtype=np.uint8).reshape(6, 2)
Y = np.array([0, 1, 2, 0, 1, 2])


def iris_like(counts: list[int]) -> Dataset:
    """Samples whose only feature is their row."""
    ids = np.repeat(np.arange(len(counts)), counts)
    return Dataset(np.arange(len(ids), dtype=np.float32)[:, None], ids)


def test_pixels_stay_bytes_and_ids_become_int64() -> None:
    made = Dataset(X, Y.astype(np.uint8))
    assert made.x.dtype == np.uint8
    assert np.shares_memory(made.x, X)
    assert made.y.dtype == np.int64
    assert made.classes == ("0", "1", "2")
    assert len(made) == 6


def test_a_memory_map_stays_on_disk(tmp_path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    made = Dataset(mapped, Y)
    assert np.shares_memory(made.x, mapped)
    assert type(made.x) is np.ndarray


def test_a_sample_and_a_batch_are_floats_after_the_transform() -> None:
    made = Dataset(X, Y, transform=Affine(0.5, 1.0))
    x, y = made[1]
    assert x.dtype == np.float32
    assert x.tolist() == [2.0, 2.5]
    assert y == 1
    assert made[-1][0].tolist() == [6.0, 6.5]
    batch, ids = made.batch(np.array([3, 1]))
    assert batch.dtype == np.float32
    assert batch.tolist() == [[4.0, 4.5], [2.0, 2.5]]
    assert ids.tolist() == [0, 1]


def test_float64_data_comes_out_as_float32() -> None:
    assert Dataset(X.astype(np.float64), Y).batch(np.array([0]))[0].dtype == np.float32


def test_iterating_gives_each_sample_once() -> None:
    samples = list(Dataset(X, Y))
    assert [x.tolist() for x, _ in samples] == X.tolist()
    assert [y for _, y in samples] == Y.tolist()


@pytest.mark.parametrize(
    "index",
    [slice(1, 4), slice(None, None, -2), [5, 0], np.array([2, 2]), Y == 1, (Y == 1).tolist()],
    ids=str,
)
def test_a_selection_is_a_dataset(index) -> None:
    made = Dataset(X, Y, "digits", ("a", "b", "c"), transform=Affine(2.0))[index]
    chosen = np.asarray(index) if isinstance(index, list) else index
    np.testing.assert_array_equal(made.x, X[chosen])
    np.testing.assert_array_equal(made.y, Y[chosen])
    assert made.x.flags.c_contiguous
    assert (made.name, made.classes, made.transform) == ("digits", ("a", "b", "c"), Affine(2.0))


def test_a_plain_slice_copies_nothing() -> None:
    assert np.shares_memory(Dataset(X, Y)[2:].x, X)


@pytest.mark.parametrize("index", [6, -7])
def test_a_sample_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match=r"no sample .* which has 6; expected"):
        Dataset(X, Y)[index]


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (slice(4, 2), DataError, "nothing of 'data' is selected"),
        ([], DataError, "nothing of 'data' is selected"),
        (Y > 5, DataError, "nothing of 'data' is selected"),
        (np.array([True, False]), ShapeError, r"expected \(6,\), one boolean per sample"),
        (np.array([0.5]), DtypeError, "got float64"),
        (np.array([[1]]), DtypeError, r"of shape \(1, 1\)"),
        (True, ShapeError, "mask"),
    ],
)
def test_a_selection_that_makes_no_sense(index, error, message: str) -> None:
    with pytest.raises(error, match=message):
        Dataset(X, Y)[index]


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X, Y[:5], ShapeError, r"x has 6 samples and y has shape \(5,\)"),
        (X, 3, ShapeError, r"y has shape \(\)"),
        (X, Y[:, None], ShapeError, r"shape \(6, 1\); expected \(6,\).*Use y\[:, 0\]"),
        (X, np.eye(6, dtype=int), ShapeError, r"y\.argmax\(axis=1\)"),
        (X, Y > 1, DtypeError, r"bool; expected integer.*y\.astype\('int64'\)"),
        (X, np.array(list("abcabc")), DtypeError, r"<U1.*Dataset\.from_labels\(x, y\)"),
        (X, np.array([None] * 6), DtypeError, "dtype object"),
        (X, Y - 1, DataError, r"y holds -1 in row 0; expected class ids from 0 to 1"),
        (X, Y * 10**6, DataError, "goes up to 2000000 in 6 samples"),
        (X, [0, 1, 2, np.nan, 0, 1], DataError, "y holds nan in row 3"),
        (X[0], Y[:2], ShapeError, r"x has shape \(2,\).*x\[:, None\]"),
        (X[:0], Y[:0], DataError, "empty"),
        (X[:, :0], Y, DataError, "empty"),
        ([[1.0], [2.0, 3.0]], [0, 1], ShapeError, "rows differ in length"),
        ([["1"], ["2"]], [0, 1], DtypeError, r"x\.astype\('float32'\)"),
        (X * 1j, Y, DtypeError, r"complex128.*x\.real"),
        (np.array(["2020-01-01"] * 6, "M8[D]")[:, None], Y, DtypeError, "datetime64"),
    ],
)
def test_what_may_not_enter(x, y, error, message: str) -> None:
    with pytest.raises(error, match=message):
        Dataset(x, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_row_of_a_bad_number_is_named(bad: float, dtype) -> None:
    x = np.zeros((500, 600), dtype)
    x[443, 7] = x[443, 9] = x[499, 0] = bad
    with pytest.raises(DataError, match=rf"x holds {bad} in row 443, column 7; 2 of 500 rows"):
        Dataset(x, np.zeros(500, int))


def test_float64_that_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match=r"1e\+300 in row 1, column 0; 1 of 2 rows"):
        Dataset(np.array([[1.0], [1e300]]), np.array([0, 1]))


def test_the_largest_finite_numbers_are_fine() -> None:
    big = np.full((4, 2), np.finfo(np.float32).max)
    assert len(Dataset(np.concatenate([big, -big]), np.zeros(8, int))) == 8


def test_ids_beyond_the_named_classes() -> None:
    with pytest.raises(DataError, match=r"y holds 2 in row 2; expected class ids from 0 to 1"):
        Dataset(X, Y, classes=("a", "b"))


def test_ids_that_start_at_one_are_told_so() -> None:
    with pytest.raises(DataError, match="seem to start at 1: use y - 1"):
        Dataset(X, Y + 1, classes=("a", "b", "c"))


def test_floats_are_targets_of_a_regression() -> None:
    made = Dataset(X, Y / 2)
    assert made.y.dtype == np.float32
    assert made.classes == ()


def test_floats_beside_classes_must_be_one_row_for_each() -> None:
    assert Dataset(X, np.eye(3)[Y], classes=("a", "b", "c")).y.shape == (6, 3)
    with pytest.raises(DtypeError, match=r"3 classes are named.*y\.astype\('int64'\)"):
        Dataset(X, Y / 2, classes=("a", "b", "c"))


def test_image_shape_must_fit() -> None:
    assert Dataset(X, Y, image_shape=(1, 2, 1)).image_shape == (1, 2, 1)
    with pytest.raises(ShapeError, match=r"image_shape is \(1, 28, 28\).*shape \(2,\)"):
        Dataset(X, Y, image_shape=(1, 28, 28))


def test_the_transform_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"scale for each of shape \(3,\).*shape \(2,\)"):
        Dataset(X, Y, transform=Affine(np.ones(3)))
    with pytest.raises(DtypeError, match="expected an Affine"):
        Dataset(X, Y).with_transform(lambda x: x)  # pyright: ignore[reportArgumentType]


def test_big_endian_and_strided_arrays_are_brought_into_order() -> None:
    made = Dataset(X.astype(">f8")[::-1], Y[::-1])
    assert made.x.dtype == np.float64
    assert made.x.flags.c_contiguous
    assert made.x.tolist() == X[::-1].tolist()


def test_repr_says_what_it_is() -> None:
    assert repr(Dataset(X, Y, "d", image_shape=(1, 1, 2))) == (
        "Dataset('d', 6 samples of shape (2,) uint8, pictures (1, 1, 2), 3 classes)"
    )
    assert repr(Dataset(X, Y[:, None] / 2)) == (
        "Dataset('data', 6 samples of shape (2,) uint8, targets (1,))"
    )


def test_as_dataset_takes_pairs_and_passes_datasets() -> None:
    made = data.as_dataset((X.tolist(), Y.tolist()))
    assert made.x.tolist() == X.tolist()
    assert data.as_dataset(made) is made


def test_as_dataset_takes_what_has_an_array() -> None:
    class Column:
        def __array__(self, dtype=None, copy=None):
            return np.array([[1.0], [2.0]])

    assert data.as_dataset([Column(), [0, 1]]).x.tolist() == [[1.0], [2.0]]


def test_as_dataset_takes_torch_tensors(torch) -> None:
    made = data.as_dataset((torch.ones(3, 2), torch.tensor([0, 1, 0])))
    assert made.x.dtype == np.float32
    assert made.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (X, "got ndarray"),
        ((X, Y, Y), "got 3 values"),
        (None, "got NoneType"),
        ((Dataset(X, Y), Dataset(X, Y)), "got a pair of them.*validation=test"),
    ],
)
def test_as_dataset_refuses_what_is_no_pair(value, message: str) -> None:
    with pytest.raises(DtypeError, match=message):
        data.as_dataset(value)


def test_labels_are_numbered_by_their_sorted_names() -> None:
    made = Dataset.from_labels(X, ["b", "a", "b", "c", "a", "b"])
    assert made.classes == ("a", "b", "c")
    assert made.y.tolist() == [1, 0, 1, 2, 0, 1]
    again = Dataset.from_labels(X[:2], ["c", "b"], classes=made.classes)
    assert again.y.tolist() == [2, 1]


def test_numbers_as_labels_are_sorted_as_numbers() -> None:
    assert Dataset.from_labels(X, [10, 9, 10, 9, 9, 9]).classes == ("9", "10")


def test_a_label_that_is_no_class() -> None:
    with pytest.raises(DataError, match=r"row 1 has the label 'd'.*2 classes a, b"):
        Dataset.from_labels(X[:2], ["a", "d"], classes=("a", "b"))
    with pytest.raises(ShapeError, match=r"\(2, 1\); expected \(samples,\)"):
        data.label_ids([["a"], ["b"]])
    with pytest.raises(DtypeError, match="mix types"):
        data.label_ids(np.array(["a", 1], object))


def test_one_hot() -> None:
    hot = data.one_hot(Y, 3)
    assert hot.dtype == np.float32
    np.testing.assert_array_equal(hot, np.eye(3)[Y])
    column = np.array([[1], [0]], np.uint8)
    assert data.one_hot(column, 2, bool)[:, 0, 1].tolist() == [True, False]
    assert data.one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("ids", "classes", "error", "message"),
    [
        ([0, 3], 3, DataError, "ids holds 3 in row 1; expected class ids from 0 to 2"),
        ([-1], 3, DataError, "ids holds -1"),
        ([0.0], 3, DtypeError, "float64; expected integers"),
        ([0], 0, OptionError, "classes is 0"),
        ([0], "3", OptionError, "classes is '3'"),
    ],
)
def test_one_hot_refuses(ids, classes, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data.one_hot(ids, classes)


def test_to_one_hot_keeps_the_classes() -> None:
    made = Dataset(X, Y, classes=("a", "b", "c")).to_one_hot()
    np.testing.assert_array_equal(made.y, np.eye(3)[Y])
    assert made.classes == ("a", "b", "c")
    with pytest.raises(DataError, match="expected class ids"):
        made.to_one_hot()


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6).filter(lambda c: sum(c) > 1),
    part=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**64 - 1),
    stratify=st.booleans(),
)
def test_a_split_parts_the_samples(counts, part: float, seed: int, stratify: bool) -> None:
    whole = iris_like(counts)
    amount = min(max(round(part * len(whole)), 1), len(whole) - 1)
    rest, held = whole.split(amount, seed=seed, stratify=stratify)
    assert len(held) == amount
    rows = np.concatenate([rest.x[:, 0], held.x[:, 0]])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(whole)))
    assert np.all(np.diff(held.x[:, 0]) > 0)
    if stratify:
        shares = np.array(counts) * amount / len(whole)
        taken = np.bincount(held.y, minlength=len(counts))
        assert np.all(np.abs(taken - shares) < 1)


def test_a_split_depends_on_its_seed_alone() -> None:
    whole = iris_like([50, 50])
    first, again, other = (whole.split(0.3, seed=seed)[1].x for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_sample_may_be_held_out() -> None:
    whole = iris_like([4, 4])
    for stratify in (True, False):
        seen = {
            row
            for seed in range(60)
            for row in whole.split(0.25, seed=seed, stratify=stratify)[1].x.ravel().tolist()
        }
        assert seen == set(range(8))


def test_a_split_of_a_regression_needs_no_classes() -> None:
    rest, held = Dataset(X, Y / 2).split(0.5, seed=0)
    assert len(rest) == len(held) == 3


@pytest.mark.parametrize("amount", [0, 6, -1, 0.0, 1.0, 1.5, 0.01, True, "half", None, np.nan])
def test_a_split_that_leaves_a_part_empty(amount) -> None:
    with pytest.raises(OptionError, match=r"of 6 samples; expected a fraction .* 1 to 5"):
        Dataset(X, Y).split(amount, seed=0)
