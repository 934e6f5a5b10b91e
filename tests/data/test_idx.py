"""IDX files: what is written is read again, and what is damaged is named."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule import data
from chainrule.errors import DataError, DtypeError, ShapeError

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
GOOD = bytes.fromhex("00000802 00000002 00000003") + bytes(range(6))


@pytest.mark.parametrize("suffix", ["idx", "idx.gz"])
@given(array=ARRAYS)
def test_round_trip(tmp_path_factory, suffix: str, array: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / f"array.{suffix}"
    assert data.write_idx(path, array) == path
    again = data.read_idx(path)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
    again += 1  # what was read is the caller's own


def test_the_bytes_are_those_of_the_format(tmp_path) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(GOOD)
    np.testing.assert_array_equal(data.read_idx(path), np.arange(6).reshape(2, 3))
    assert data.write_idx(path, np.arange(6, dtype=np.uint8).reshape(2, 3)).read_bytes() == GOOD
    path.write_bytes(bytes.fromhex("00000b01 00000002 0102 fffe"))
    assert data.read_idx(path).tolist() == [258, -2]


def test_big_endian_and_strided_arrays_are_written(tmp_path) -> None:
    array = np.arange(12).reshape(3, 4).astype(">i4")[::2, ::-1]
    np.testing.assert_array_equal(data.read_idx(data.write_idx(tmp_path / "a", array)), array)


def test_packing_twice_gives_the_same_bytes(tmp_path) -> None:
    first, second = (
        data.write_idx(tmp_path / name, np.arange(9, dtype=np.uint8)).read_bytes()
        for name in ("a.gz", "b.gz")
    )
    assert first == second


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not an IDX file: it starts with the bytes \(none\)"),
        (b"\x89PNG\r\n", "not an IDX file: it starts with the bytes 89 50 4e 47; expected 00 00"),
        (b"\0\0\x0a\1", "not an IDX file.* 00 00 0a 01"),
        (b"\0\0\x08", "not an IDX file"),
        (GOOD[:9], "is truncated: the header of its 2 axes takes 12 bytes, and 9 were found"),
        (GOOD[:-1], r"is truncated.*uint8 of shape \(2, 3\), 6 bytes, and 5 were found"),
        (GOOD + b"xy", r"has bytes left over.*6 bytes, and 8 were found"),
        (b"\0\0\x0e\1\0\0\0\2" + bytes(15), r"float64 of shape \(2,\), 16 bytes, and 15 were"),
        (b"\0\0\x08\3" + b"\xff" * 12 + b"x", "is truncated.* 79228162458924105385300197375 bytes"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_files(tmp_path, content: bytes, message: str, packed: bool) -> None:
    path = tmp_path / ("a.gz" if packed else "a.idx")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as caught:
        data.read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b[:-4],
        lambda b: b[:12] + bytes(4) + b[16:],
        lambda b: b[:-8] + bytes(8),
        lambda b: b"no gzip at all",
    ],
)
def test_damaged_gzip(tmp_path, damage) -> None:
    path = tmp_path / "a.gz"
    noise = np.random.default_rng(0).integers(0, 256, 999, dtype=np.uint8)
    content = data.write_idx(path, noise).read_bytes()
    path.write_bytes(damage(content))
    with pytest.raises(DataError, match="is damaged: its compressed data"):
        data.read_idx(path)


def test_a_missing_file_and_a_folder(tmp_path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none.idx: No such file"):
        data.read_idx(tmp_path / "none.idx")
    with pytest.raises(DataError, match="cannot read"):
        data.read_idx(tmp_path)


@pytest.mark.parametrize("dtype", ["i8", "u2", "f2", "?"])
def test_dtypes_that_idx_has_not(tmp_path, dtype: str) -> None:
    with pytest.raises(DtypeError, match=r"IDX cannot hold .*expected uint8, int8, int16"):
        data.write_idx(tmp_path / "a.idx", np.zeros(2, dtype))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch) -> None:
    path = data.write_idx(tmp_path / "a.idx", np.zeros(2, np.uint8))
    before = path.read_bytes()

    def full_disk(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        data.write_idx(path, np.ones(9, np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def write_pair(folder, images: np.ndarray, labels: np.ndarray) -> tuple:
    return (
        data.write_idx(folder / "t-images.idx", images),
        data.write_idx(folder / "t-labels.idx", labels),
    )


def test_a_pair_is_a_dataset_of_pictures(tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    paths = write_pair(tmp_path, images, np.array([1, 0, 2, 1, 1], np.uint8))
    flat = data.read_idx_pair(*paths)
    np.testing.assert_array_equal(flat.x, images.reshape(5, 12))
    assert (flat.name, flat.image_shape) == ("t-images", (1, 4, 3))
    assert flat.y.tolist() == [1, 0, 2, 1, 1]
    np.testing.assert_allclose(flat[0][0], images[0].ravel() / 255, rtol=1e-6)
    upright = data.read_idx_pair(*paths, flatten=False, name="t", classes=("a", "b", "c"))
    assert upright.x.shape == (5, 1, 4, 3)
    assert (upright.name, upright.classes) == ("t", ("a", "b", "c"))


def test_a_pair_of_numbers_is_no_pictures(tmp_path) -> None:
    paths = write_pair(tmp_path, np.ones((2, 3), np.float32), np.array([0, 1], np.int32))
    made = data.read_idx_pair(*paths)
    assert made.image_shape is None
    assert made.transform == data.Affine.identity()


def test_pairs_that_do_not_fit(tmp_path) -> None:
    images, labels = write_pair(tmp_path, np.ones((3, 2, 2), np.uint8), np.zeros(2, np.uint8))
    with pytest.raises(ShapeError, match="x has 3 samples"):
        data.read_idx_pair(images, labels)
    with pytest.raises(ShapeError, match="Are the two files swapped"):
        data.read_idx_pair(labels, images)


def test_the_largest_number_of_axes(tmp_path) -> None:
    array = np.zeros((1,) * 64, np.uint8)
    path = data.write_idx(tmp_path / "a.idx", array)
    assert path.read_bytes()[:8] == struct.pack(">BBBBI", 0, 0, 8, 64, 1)
    assert data.read_idx(path).shape == array.shape
