"""A path is opened by what it is."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, OptionError

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 5), dtype=np.uint8)
IDS = np.array([0, 1, 1, 0], np.uint8)


def write_idx_files(folder: Path, part: str, middle: str = "-", end: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data.write_idx(folder / f"{part}-images{middle}idx3-ubyte{end}", PIXELS)
    data.write_idx(folder / f"{part}-labels{middle}idx1-ubyte{end}", IDS)


def write_pictures(folder: Path, *classes: str) -> None:
    image = pytest.importorskip("PIL.Image")
    for name in classes:
        (folder / name).mkdir(parents=True)
        image.fromarray(PIXELS[0]).save(folder / name / "1.png")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.csv.gz"])
def test_tables(tmp_path, name: str) -> None:
    delimiter = "\t" if "tsv" in name else ","
    content = f"1{delimiter}x\n2{delimiter}y\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    made = data.open_path(tmp_path / name)
    assert made.classes == ("x", "y")
    assert data.open_path(tmp_path / name, classes=("y", "x")).y.tolist() == [1, 0]
    assert data.path_parts(tmp_path / name) == ("train",)


def test_the_label_and_what_it_is_are_told(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("price,size\n3,1.5\n3,2.5\n")
    made = data.open_path(tmp_path / "a.csv", label="price", target="numbers")
    assert made.y.tolist() == [[3], [3]]
    assert made.x.tolist() == [[1.5], [2.5]]


def test_npz_has_parts(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x_train=PIXELS, y_train=IDS, x_test=PIXELS[:1], y_test=IDS[:1])
    path = tmp_path / "a.npz"
    assert len(data.open_path(path)) == 4
    assert len(data.open_path(path, part="test", flatten=False)) == 1
    assert data.path_parts(path) == ("train", "test")


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("middle", ["-", "."])
def test_a_folder_of_idx_files(tmp_path, middle: str, end: str) -> None:
    write_idx_files(tmp_path / "digits", "train", middle, end)
    write_idx_files(tmp_path / "digits", "t10k", middle, end)
    train = data.open_path(tmp_path / "digits", flatten=False)
    np.testing.assert_array_equal(train.x[:, 0], PIXELS)
    assert train.name == "digits"
    assert len(data.open_path(tmp_path / "digits", part="test", classes=("a", "b"))) == 4
    assert data.path_parts(tmp_path / "digits") == ("train", "test")


def test_one_idx_file_finds_its_labels(tmp_path) -> None:
    write_idx_files(tmp_path, "my", end=".gz")
    assert data.open_path(tmp_path / "my-images-idx3-ubyte.gz").y.tolist() == IDS.tolist()
    (tmp_path / "my-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"cannot find the labels .*my-labels-idx1-ubyte"):
        data.open_path(tmp_path / "my-images-idx3-ubyte.gz")
    data.write_idx(tmp_path / "lone.idx", PIXELS)
    with pytest.raises(DataError, match="labels in place of images"):
        data.open_path(tmp_path / "lone.idx")


def test_a_folder_of_classes(tmp_path) -> None:
    write_pictures(tmp_path, "bus", "train")
    assert data.open_path(tmp_path).classes == ("bus", "train")
    assert data.path_parts(tmp_path) == ("train",)
    with pytest.raises(DataError, match="has no test part; expected test or testing or t10k"):
        data.open_path(tmp_path, part="test")


def test_a_folder_of_parts(tmp_path) -> None:
    write_pictures(tmp_path / "train", "a", "b")
    write_pictures(tmp_path / "test", "b")
    train = data.open_path(tmp_path)
    assert train.classes == ("a", "b")
    test = data.open_path(tmp_path, part="test", classes=train.classes)
    assert test.y.tolist() == [1]
    assert data.path_parts(tmp_path) == ("train", "test")


def test_a_test_part_alone(tmp_path) -> None:
    write_pictures(tmp_path / "test", "b")
    assert data.path_parts(tmp_path) == ("test",)
    with pytest.raises(DataError, match="has no train part; expected train or training"):
        data.open_path(tmp_path)


def test_paths_that_are_no_good(tmp_path) -> None:
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "a.csv").write_text("1,a\n")
    for read in (data.open_path, data.path_parts):
        with pytest.raises(DataError, match="there is no file or folder"):
            read(tmp_path / "none")
    with pytest.raises(DataError, match=r"cannot tell what .*a\.docx is; expected \.csv"):
        data.open_path(tmp_path / "a.docx")
    with pytest.raises(DataError, match=r"is one part; hold some of it back"):
        data.open_path(tmp_path / "a.csv", part="test")
    with pytest.raises(OptionError, match="unknown part 'tst'"):
        data.open_path(tmp_path, part="tst")
