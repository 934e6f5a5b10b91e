"""Augmentations of the pixels: against NumPy, their draws, compiled = eager, and the layouts."""

from typing import Any

import numpy as np
import pytest

from chainrule import compiler, data, random
from chainrule.errors import DtypeError, OptionError, ShapeError

KEY = random.key(5)
TEXTS = (
    "shift=2, rotate=30, zoom=0.3, shear=20",
    "rotate=30, elastic",
    "elastic(alpha=20, sigma=2, p=0.5)",
    "crop=2",
    "horizontal_flip, vertical_flip",
    "noise=30",
    "brightness=0.5, contrast=0.9",
    "cutout=4, erasing",
)


def pictures(count: int, *shape: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, *shape))
    return drawn.astype(dtype)


def test_flips_mirror_a_share_of_the_pictures() -> None:
    x = pictures(2000, 3, 2, 4)
    for kind, axis in ((data.RandomHorizontalFlip, 3), (data.RandomVerticalFlip, 2)):
        out = kind(0.3)(x, KEY)
        flipped = (out == np.flip(x, axis)).all((1, 2, 3))
        assert ((out == x).all((1, 2, 3)) | flipped).all()
        # Five deviations of a share of 0.3 among 2000.
        assert abs(flipped.mean() - 0.3) < 5 * np.sqrt(0.21 / 2000)


def test_a_crop_is_a_window_of_the_padded_picture() -> None:
    x = pictures(400, 2, 5, 4)
    out = data.RandomCrop(2, fill=9)(x, KEY)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=9)
    windows = {(i, j): padded[:, :, i : i + 5, j : j + 4] for i in range(5) for j in range(5)}
    same = np.array([(window == out).all((1, 2, 3)) for window in windows.values()])
    assert same.any(0).all()
    # Each of the 25 places is met by some 16 pictures.
    assert (same.sum(1) >= 3).all()


def test_noise_is_normal_and_bytes_stay_in_range() -> None:
    stats = pytest.importorskip("scipy.stats")
    x = np.full((20, 3, 16, 16), 100.0, np.float32)
    noise = (data.GaussianNoise(8.0, mean=2.0)(x, KEY) - 102.0) / 8.0
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    assert len(np.unique(noise)) > 0.9 * noise.size
    for level in (0, 250):
        made = data.GaussianNoise(50.0)(np.full((20, 16, 16), level, np.uint8), KEY)
        # The draws of a batch depend on its size; their distribution does not.
        expected = np.clip(np.round(50.0 * noise) + level, 0, 255)
        assert made.dtype == np.uint8
        assert abs(made.mean() - expected.mean()) < 5 * expected.std() / np.sqrt(made.size)


def test_brightness_multiplies_and_contrast_keeps_the_mean() -> None:
    x = pictures(300, 3, 6, 5).astype(np.float64) + 1.0
    bright = data.ColorJitter(brightness=0.5)(x, KEY)
    factor = (bright / x).reshape(300, -1)
    assert np.ptp(factor, 1).max() < 1e-12
    assert np.array_equal(factor[:, 0] * 256, np.round(factor[:, 0] * 256))
    assert 0.5 - 1e-9 < factor.min() < 0.55
    assert 1.45 < factor.max() < 1.5 + 1e-9
    contrasted = data.ColorJitter(contrast=0.5)(x, KEY)
    mean = x.mean((1, 2, 3), keepdims=True)
    assert np.allclose(contrasted.mean((1, 2, 3), keepdims=True), mean)
    factor = ((contrasted - mean) / (x - mean)).reshape(300, -1)
    assert np.ptp(factor, 1).max() < 1e-9
    assert 0.5 - 1e-9 < factor.min() < 0.55
    assert 1.45 < factor.max() < 1.5 + 1e-9


def test_brightened_bytes_are_rounded_and_held() -> None:
    x = pictures(200, 1, 4, 4)
    out = data.ColorJitter(brightness=1.0)(x, KEY).astype(int)
    ratio = data.ColorJitter(brightness=1.0)(np.ones((200, 1, 4, 4)), KEY)
    assert np.array_equal(out, np.clip(np.floor(x * ratio + 0.5), 0, 255))
    assert (out == 255).sum() > 200


def covered(x: np.ndarray) -> list[tuple[slice, slice]]:
    """The rectangle of zeros in each picture of ones; it is checked to be one."""
    found = []
    for picture in x[:, 0]:
        rows, columns = (np.flatnonzero((picture == 0).any(axis)) for axis in (1, 0))
        part = tuple(slice(i[0], i[-1] + 1) if len(i) else slice(0, 0) for i in (rows, columns))
        assert (picture[part] == 0).all()
        assert (picture == 0).sum() == picture[part].size
        found.append(part)
    return found


def test_cutout_covers_a_square_about_any_pixel() -> None:
    out = data.Cutout(4)(np.ones((3000, 2, 9, 7), np.float32), KEY)
    assert np.array_equal(out[:, 0], out[:, 1])
    met = set()
    for rows, columns in covered(out):
        met.add((rows.start, rows.stop, columns.start, columns.stop))
    squares = {
        (max(i - 2, 0), min(i + 2, 9), max(j - 2, 0), min(j + 2, 7))
        for i in range(9)
        for j in range(7)
    }
    assert met == squares


def test_erasing_covers_a_share_within_the_picture() -> None:
    erase = data.RandomErasing(0.6, smallest=0.05, largest=0.2, ratio=2.0)
    parts = covered(erase(np.ones((2000, 1, 40, 40), np.float32), KEY))
    sizes = np.array([(r.stop - r.start, c.stop - c.start) for r, c in parts])
    erased = sizes[sizes[:, 0] > 0]
    assert abs(len(erased) / 2000 - 0.6) < 5 * np.sqrt(0.24 / 2000)
    shares, ratios = erased.prod(1) / 1600, erased[:, 0] / erased[:, 1]
    # A side of 9 pixels is rounded by up to half of one.
    assert 0.05 * 0.88 < shares.min() < 0.055
    assert 0.19 < shares.max() < 0.2 * 1.1
    assert 0.5 * 0.88 < ratios.min() < 0.55
    assert 1.8 < ratios.max() < 2 * 1.13
    assert abs(shares.mean() - 0.125) < 0.005


def test_random_apply_leaves_the_others_alone() -> None:
    x = pictures(1000, 1, 6, 6) // 2 + 64
    out = data.RandomApply(data.ColorJitter(brightness=0.9), p=0.25)(x, KEY)
    same = (out == x).all((1, 2, 3))
    # One factor in 460 is so near 1 that it changes no byte.
    assert abs(1 - same.mean() - 0.25) < 5 * np.sqrt(0.19 / 1000)


def test_compose_goes_through_its_steps_with_keys_of_their_own() -> None:
    x = pictures(20, 3, 8, 8)
    parts = (data.RandomCrop(2), data.RandomHorizontalFlip(), data.Cutout(3))
    expected = x
    for place, part in enumerate(parts):
        expected = part(expected, random.fold_in(KEY, place))
    assert np.array_equal(data.Compose(parts)(x, KEY), expected)
    assert np.array_equal(data.Compose(())(x, KEY), x)


@pytest.mark.parametrize("text", TEXTS)
def test_the_draws_are_of_the_key_and_of_each_picture(text: str) -> None:
    x = np.repeat(pictures(1, 1, 12, 12), 50, 0)
    first, again = (data.augmented(x, text, KEY) for _ in range(2))
    other = data.augmented(x, text, random.key(6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    distinct = len(np.unique(first.reshape(50, -1), axis=0))
    assert distinct == 4 if text.startswith("horizontal") else distinct >= 20
    assert np.array_equal(x, np.repeat(x[:1], 50, 0))


@pytest.mark.parametrize("text", TEXTS)
def test_layouts_and_dtypes(text: str) -> None:
    x = pictures(6, 1, 10, 8)
    out = data.augmented(x, text, KEY)
    assert (out.shape, out.dtype) == (x.shape, np.uint8)
    flat = data.augmented(x.reshape(6, 80), text, KEY, image_shape=(1, 10, 8))
    assert np.array_equal(flat, out.reshape(6, 80))
    assert np.array_equal(data.augmented(x[:, 0], text, KEY), out[:, 0])
    assert np.array_equal(data.as_augmentation(text)(x[:, 0], KEY), out[:, 0])
    for dtype in (np.float32, np.float64):
        floats = data.augmented(x.astype(dtype), text, KEY)
        assert floats.dtype == dtype
        if "noise" not in text and "contrast" not in text:
            # Bytes are rounded; those of the two left out are also held in range on the way.
            assert np.abs(floats - out).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("text", TEXTS)
def test_compiled_bytes_are_those_of_the_eager_ones(text: str) -> None:
    pytest.importorskip("llvmlite")
    augment = data.as_augmentation(text)
    compiled = compiler.compile(lambda x, key: augment(x, key), threads=1)
    for seed in range(3):
        x, key = pictures(13, 2, 9, 11, seed=seed), random.key(seed)
        assert np.array_equal(compiled(x, key), augment(x, key))


def test_compiled_floats_are_near_the_eager_ones() -> None:
    pytest.importorskip("llvmlite")
    augment = data.as_augmentation("rotate=30, elastic, noise=0.1, contrast=0.5")
    x = (pictures(13, 2, 9, 11) / 255).astype(np.float32)
    made = compiler.compile(lambda x, key: augment(x, key), threads=1)(x, KEY)
    # A dozen roundings of numbers up to 4.
    assert np.abs(made - augment(x, KEY)).max() < 12 * 4 * 6e-8


def test_bad_pictures_are_refused() -> None:
    turn = data.RandomAffine(rotate=5)
    with pytest.raises(ShapeError, match=r"got x of shape \(4, 784\); expected pictures .*rows"):
        turn(np.zeros((4, 784), np.uint8), KEY)
    with pytest.raises(DtypeError, match="got pictures of int64; expected uint8"):
        turn(np.zeros((4, 8, 8), np.int64), KEY)
    with pytest.raises(ShapeError, match=r"a sample has shape \(784,\)\. Give samples .*image_sha"):
        data.augmented(np.zeros((4, 784), np.uint8), turn, KEY)
    with pytest.raises(ShapeError, match=r"shape \(784,\), which is no picture of \(3, 28, 28\)"):
        data.augmented(np.zeros((4, 784), np.uint8), turn, KEY, image_shape=(3, 28, 28))
    with pytest.raises(DtypeError, match=r"expected a random key"):
        turn(np.zeros((4, 8, 8), np.uint8), 7)


SMALL = np.zeros((2, 1, 6, 8), np.uint8)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (data.Cutout(7), "size is 7, and the pictures are 6 x 8; expected 6 or less"),
        (data.RandomCrop(7), "padding is 7, and the pictures are 6 x 8"),
        (data.RandomAffine(fill=300.0), "fill is 300.0, and the pictures are of bytes"),
        (data.Cutout(2, fill=0.5), "expected a whole number from 0 to 255"),
        (data.RandomAffine(shift=1e4), "reaches too far for pictures of"),
        (data.RandomApply(data.Cutout(7)), "size is 7"),
        (data.Compose((data.Cutout(2), data.RandomCrop(7))), "padding is 7"),
        (data.Compose((data.Cutout(2), data.Cutout(7))), "size is 7"),
    ],
)
def test_settings_that_do_not_go_with_the_pictures(augment: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        augment(SMALL, KEY)


def test_pictures_of_too_many_pixels() -> None:
    # Without memory: all of it is one byte.
    x = np.broadcast_to(np.uint8(0), (1, 1, 5000, 4000))
    with pytest.raises(OptionError, match="got pictures of 5000 x 4000; expected less than 16,777"):
        data.ElasticTransform()(x, KEY)
