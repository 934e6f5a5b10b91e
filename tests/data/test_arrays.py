"""NumPy's own files."""

import pickle

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, OptionError

X = np.arange(8, dtype=np.float32).reshape(4, 2)
Y = np.array([0, 1, 1, 0])


def test_npy_is_mapped(tmp_path) -> None:
    np.save(tmp_path / "a.npy", X)
    array = data.read_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(array, X)
    assert type(array) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("names", [("x", "y"), ("X", "y"), ("x_train", "y_train")])
def test_common_names_are_found(tmp_path, names: tuple[str, str]) -> None:
    arrays: dict = {names[0]: X, names[1]: Y, "other": np.zeros(9)}
    np.savez(tmp_path / "a.npz", **arrays)
    made = data.read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(made.x, X)
    np.testing.assert_array_equal(made.y, Y)
    assert made.name == "a"


def test_names_are_told_and_classes_named(tmp_path) -> None:
    np.savez_compressed(tmp_path / "a.npz", points=X, y=Y)
    made = data.read_npz(tmp_path / "a.npz", x="points", classes=("in", "out"))
    assert made.classes == ("in", "out")


def test_the_test_part(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    assert len(data.read_npz(tmp_path / "a.npz", part="test")) == 2
    with pytest.raises(OptionError, match=r"unknown part 'tst'. Did you mean 'test'"):
        data.read_npz(tmp_path / "a.npz", part="tst")


def test_text_is_numbered(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.array(["b", "a", "a", "b"]))
    made = data.read_npz(tmp_path / "a.npz")
    assert made.classes == ("a", "b")
    assert made.y.tolist() == [1, 0, 0, 1]


def test_pictures_with_their_channels_last_are_turned(tmp_path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=pictures, y=Y)
    made = data.read_npz(tmp_path / "a.npz", flatten=False)
    np.testing.assert_array_equal(made.x, pictures.transpose(0, 3, 1, 2))
    assert made.image_shape == (3, 5, 6)


def test_objects_are_refused(tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=trap, y=Y)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match=r"cannot read .*a\.npy"):
        data.read_npy(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"cannot read .*b\.npy"):
        data.read_npy(tmp_path / "b.npy")
    with pytest.raises(DataError, match=r"cannot read .*a\.npz"):
        data.read_npz(tmp_path / "a.npz")


def test_files_that_are_no_good(tmp_path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    with pytest.raises(DataError, match=r"cannot read .*a\.npz as a \.npy file"):
        data.read_npy(tmp_path / "a.npz")
    with pytest.raises(DataError, match="holds one array"):
        data.read_npz(tmp_path / "a.npy")
    with pytest.raises(DataError, match="No such file"):
        data.read_npy(tmp_path / "none.npy")
    for name, read in (("a.npy", data.read_npy), ("a.npz", data.read_npz)):
        content = (tmp_path / name).read_bytes()
        for cut in (0, 5, len(content) // 2, len(content) - 1):
            (tmp_path / "cut").write_bytes(content[:cut])
            with pytest.raises(DataError, match=r"cannot read .*cut"):
                read(tmp_path / "cut")


def test_arrays_that_are_not_there(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", points=X, kinds=Y)
    with pytest.raises(DataError, match=r"has the arrays points, kinds; expected 'x' and 'y' or"):
        data.read_npz(tmp_path / "a.npz")
    with pytest.raises(DataError, match="expected 'points' and 'kind'"):
        data.read_npz(tmp_path / "a.npz", x="points", y="kind")
