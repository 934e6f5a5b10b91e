"""Moved pictures against SciPy and PyTorch, and the draws of the maps."""

import numpy as np
import pytest

from chainrule import data, random
from tests.data.test_augment import pictures

KEY = random.key(11)
ndimage = pytest.importorskip("scipy.ndimage")
stats = pytest.importorskip("scipy.stats")


def read_at(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """A picture (H, W) read bilinearly by SciPy at places, `fill` beyond its edges."""
    places = np.stack([rows, columns])
    wide = picture.astype(np.float64)
    return ndimage.map_coordinates(wide, places, order=1, mode="grid-constant", cval=fill)


def places_of(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where a matrix (2, 3) reads the pixels of a picture. Shape: (2, H, W)."""
    grid = np.indices(size).reshape(2, -1)
    return (matrix[:, :2] @ grid + matrix[:, 2:]).reshape(2, *size)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_affine_is_scipys_at_places_in_256ths(dtype: type) -> None:
    x = pictures(25, 3, 17, 12, dtype=dtype)
    affine = data.RandomAffine(shift=3, rotate=180, zoom=0.5, shear=30, fill=40)
    out = affine(x, KEY)
    matrices = affine.matrices(KEY, 25, (17, 12))
    for n, matrix in enumerate(matrices):
        rows, columns = np.floor(places_of(matrix, (17, 12)) * 256) / 256
        for c in range(3):
            expected = read_at(x[n, c], rows, columns, 40.0)
            if dtype == np.uint8:
                assert np.array_equal(out[n, c], np.floor(expected + 0.5))
            else:
                near = 255 * 8 * np.finfo(dtype).eps
                assert np.abs(out[n, c] - expected).max() < near


def test_affine_is_near_scipys_own_on_a_smooth_picture() -> None:
    rows, columns = np.indices((30, 30))
    smooth = np.sin(rows / 5) * np.cos(columns / 7)
    affine = data.RandomAffine(shift=2, rotate=30, zoom=0.2, shear=15)
    out = affine(np.repeat(smooth[None], 10, 0), KEY)
    for picture, matrix in zip(out, affine.matrices(KEY, 10, (30, 30)), strict=True):
        expected = ndimage.affine_transform(
            smooth, matrix[:, :2], matrix[:, 2], order=1, mode="grid-constant"
        )
        # Up to 1/256 of a pixel in both directions, at the edge from up to 1 to 0.
        assert np.abs(picture - expected).max() < 2 / 256
        assert np.abs(picture - smooth).max() > 0.1


def test_resampling_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4, 2, 9, 6)).astype(np.float32)
    rows, columns = draw.integers(-3000, 3000, (2, 4, 9, 6)) / np.float32(256)
    at = np.stack([columns + np.arange(6), rows + np.arange(9)[:, None]], -1)
    grid = torch.tensor(at / np.array([5, 8]) * 2 - 1)
    expected = torch.nn.functional.grid_sample(
        torch.tensor(x, dtype=torch.float64), grid, align_corners=True, padding_mode="zeros"
    )
    out = data.resampled(x, rows.astype(np.float32), columns.astype(np.float32))
    assert np.abs(out - expected.numpy()).max() < 1e-5


def test_what_does_not_move_stays_bit_for_bit() -> None:
    for dtype in (np.uint8, np.float32):
        x = pictures(5, 1, 7, 9, dtype=dtype)
        assert np.array_equal(data.RandomAffine()(x, KEY), x)
        assert np.array_equal(data.ElasticTransform(alpha=0.0)(x, KEY), x)


def parts_of(affine: data.RandomAffine, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The draws of 4000 maps, read off their matrices."""
    matrices = affine.matrices(KEY, 4000, size)
    # The way forward, as (right, down).
    forward = np.linalg.inv(matrices[:, ::-1, 1::-1])
    middle = (np.array(size) - 1) / 2
    held = matrices[:, :, :2] @ middle + matrices[:, :, 2] - middle
    scale = np.hypot(forward[:, 0, 0], forward[:, 1, 0])
    angle = np.arctan2(forward[:, 1, 0], forward[:, 0, 0])
    turned_back = np.einsum("n,nij->nij", 1 / scale, forward)
    cosine, sine = np.cos(angle), np.sin(angle)
    lean = cosine * turned_back[:, 0, 1] + sine * turned_back[:, 1, 1]
    shift = -np.einsum("nij,nj->ni", forward, held[:, ::-1])
    return {
        "rotate": np.degrees(angle),
        "zoom": scale - 1,
        "shear": np.degrees(np.arctan(lean)),
        "right": shift[:, 0],
        "down": shift[:, 1],
    }


@pytest.mark.parametrize(
    ("affine", "most"),
    [
        (data.RandomAffine(shift=2.5), {"right": 2.5, "down": 2.5}),
        (data.RandomAffine(rotate=15), {"rotate": 15}),
        (data.RandomAffine(zoom=0.25), {"zoom": 0.25}),
        (
            data.RandomAffine(3, 40, 0.3),
            {"rotate": 40, "zoom": 0.3, "right": 3, "down": 3},
        ),
    ],
)
def test_draws_are_even_between_their_ends(affine, most: dict) -> None:
    for name, values in parts_of(affine, (28, 20)).items():
        if name not in most:
            assert np.abs(values).max() < 0.01
            continue
        end = most[name]
        assert stats.kstest(values, "uniform", (-end, 2 * end)).pvalue > 0.001
        assert np.abs(values).max() < end * 1.001


def test_shear_leans_the_columns() -> None:
    found = parts_of(data.RandomAffine(shear=20), (28, 20))
    assert np.abs(found["rotate"]).max() < 0.01
    assert 19.9 < found["shear"].max() < 20.01
    assert -20.01 < found["shear"].min() < -19.9


def test_the_offsets_are_those_of_the_matrices() -> None:
    affine = data.RandomAffine(shift=2, rotate=20, zoom=0.1, shear=10)
    offsets = np.stack(affine.offsets(KEY, 6, (12, 15)))
    for n, matrix in enumerate(affine.matrices(KEY, 6, (12, 15))):
        assert np.abs(places_of(matrix, (12, 15)) - np.indices((12, 15)) - offsets[:, n]).max() == 0


@pytest.mark.parametrize(("alpha", "sigma"), [(34.0, 4.0), (8.0, 1.5)])
def test_elastic_offsets_are_blurred_noise(alpha: float, sigma: float) -> None:
    size = (28, 21)
    drawn = np.floor(random.uniform(KEY, (50, *size)) * 2.0**16)
    levels = np.stack([drawn // 256, drawn % 256])
    noise = (levels * 2 - 255) / 256
    blur = (0, 0, sigma, sigma)
    expected = alpha * ndimage.gaussian_filter(noise, blur, mode="constant", truncate=4.0)
    offsets = np.stack(data.ElasticTransform(alpha, sigma).offsets(KEY, 50, size))
    # Weights rounded to 2^-13, a sum rounded to 1/1024, and the offsets to 1/256 of a pixel.
    assert np.abs(offsets - expected).max() < alpha * (2**-10 + 28 * 2**-13 * 0.1) + 1 / 256
    inner = offsets[:, :, 10:18, 8:13]
    assert inner.std() == pytest.approx(0.163 * alpha / sigma, rel=0.15)
    assert abs(inner.mean()) < 0.1 * inner.std()
    assert abs(np.corrcoef(offsets[0].ravel(), offsets[1].ravel())[0, 1]) < 0.1


def test_an_affine_map_and_a_deformation_are_one_resampling() -> None:
    x = pictures(8, 1, 20, 20)
    affine, elastic = data.RandomAffine(rotate=20, fill=7), data.ElasticTransform(20, 3, fill=7)
    for parts in ((affine, elastic), (elastic, affine)):
        own = random.fold_in(KEY, 0)
        offsets = [
            np.stack(part.offsets(random.fold_in(own, place), 8, (20, 20)))
            for place, part in enumerate(parts)
        ]
        exact = data.resampled(x, *(offsets[0] + offsets[1]), fill=7)
        out = data.Compose(parts)(x, KEY)
        assert np.array_equal(out, np.floor(exact + 0.5))
    apart = (affine, data.ElasticTransform(20, 3, fill=8))
    twice = affine(x, random.fold_in(KEY, 0))
    twice = apart[1](twice, random.fold_in(KEY, 1))
    assert np.array_equal(data.Compose(apart)(x, KEY), twice)
