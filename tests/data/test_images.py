"""A folder of pictures for each class."""

from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, OptionError, ShapeError

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_grey_pictures_have_one_channel(tmp_path) -> None:
    save(tmp_path / "b" / "2.png", GREY)
    save(tmp_path / "b" / "1.png", GREY[::-1])
    save(tmp_path / "a" / "x.PNG", GREY.T[:, ::-1].T)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / ".hidden.png").write_text("no picture")
    (tmp_path / ".git").mkdir()
    made = data.read_image_folder(tmp_path, flatten=False)
    assert made.classes == ("a", "b")
    assert made.y.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(made.x[:, 0], [GREY[::-1], GREY[::-1], GREY])
    assert made.image_shape == (1, 6, 4)
    assert made.name == tmp_path.name
    flat = data.read_image_folder(tmp_path)
    np.testing.assert_array_equal(flat.x, made.x.reshape(3, 24))
    assert flat[0][0].max() <= 1.0


def test_one_picture_in_colour_makes_all_three_channels(tmp_path) -> None:
    save(tmp_path / "a" / "1.png", COLOUR)
    save(tmp_path / "b" / "1.png", GREY)
    made = data.read_image_folder(tmp_path, flatten=False)
    np.testing.assert_array_equal(made.x[0], COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(made.x[1], np.stack([GREY] * 3))


def test_colour_is_made_grey(tmp_path) -> None:
    save(tmp_path / "a" / "1.png", COLOUR)
    made = data.read_image_folder(tmp_path, grey=True, flatten=False)
    luminance = COLOUR @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(made.x[0, 0], luminance, atol=1)


def test_what_is_transparent_is_white(tmp_path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0, 3] = 255
    pixels[0, 1] = (200, 0, 100, 51)
    save(tmp_path / "a" / "1.png", pixels)
    made = data.read_image_folder(tmp_path, flatten=False)
    assert made.x[0, :, 0, 0].tolist() == [0, 0, 0]
    assert made.x[0, :, 0, 1].tolist() == [244, 204, 224]
    assert np.all(made.x[0, :, 1] == 255)


def test_sizes_must_agree_or_be_given(tmp_path) -> None:
    save(tmp_path / "a" / "1.png", np.full((6, 4), 9, np.uint8))
    save(tmp_path / "b" / "2.png", np.full((4, 6), 9, np.uint8))
    with pytest.raises(ShapeError, match=r"1\.png is 6x4 and .*2\.png is 4x6.*Give size="):
        data.read_image_folder(tmp_path)
    made = data.read_image_folder(tmp_path, size=(3, 5), flatten=False)
    assert made.image_shape == (1, 3, 5)
    assert np.all(made.x == 9)


def test_classes_of_the_training_part_number_the_test_part(tmp_path) -> None:
    save(tmp_path / "c" / "1.png", GREY)
    made = data.read_image_folder(tmp_path, classes=("a", "b", "c"))
    assert made.y.tolist() == [2]
    assert made.classes == ("a", "b", "c")
    with pytest.raises(DataError, match="is not one of the 2 classes a, b"):
        data.read_image_folder(tmp_path, classes=("a", "b"))


def test_folders_that_are_no_good(tmp_path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        data.read_image_folder(tmp_path / "none")
    with pytest.raises(DataError, match="has no folders in it"):
        data.read_image_folder(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        data.read_image_folder(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp"])
def test_a_picture_that_cannot_be_read_is_named(tmp_path, suffix: str) -> None:
    path = tmp_path / "a" / f"broken{suffix}"
    save(path, RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content = path.read_bytes()
    for damaged in (b"", b"no picture", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="broken"):
            data.read_image_folder(tmp_path)


@pytest.mark.parametrize("size", [(0, 5), (28,), (1, 2, 3)])
def test_a_size_that_is_none(tmp_path, size) -> None:
    with pytest.raises(OptionError, match=r"expected \(height, width\)"):
        data.read_image_folder(tmp_path, size=size)


def test_only_bytes_of_three_or_four_axes_are_pictures() -> None:
    floats = data.image_dataset(np.ones((2, 3, 4)), np.array([0, 1]))
    assert (floats.x.shape, floats.image_shape) == ((2, 3, 4), None)
    bytes_ = data.image_dataset(np.ones((2, 3, 4), np.uint8), np.array([0, 1]))
    assert (bytes_.x.shape, bytes_.image_shape) == ((2, 12), (1, 3, 4))
