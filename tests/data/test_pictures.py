"""Pictures become digits of MNIST: what a referee reads off them, and what they must survive.

The referee has never seen a picture: it is fitted to raw digits of the training part. Whatever is
done to test digits, it must read as many of them right as it does before, but for two in a hundred.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, DtypeError, MissingExtraError, OptionError, ShapeError

Image = pytest.importorskip("PIL.Image")
ImageDraw = importlib.import_module("PIL.ImageDraw")
neighbors = pytest.importorskip("sklearn.neighbors")
threadpoolctl = pytest.importorskip("threadpoolctl")

COUNT = 300
TOLERATED = 0.02
WHITE, BLUE, YELLOW = (255, 255, 255), (20, 30, 150), (250, 240, 60)
CHALK, BOARD, GREY = (240, 240, 230), (70, 90, 75), (200, 190, 180)
INKS = [(220, 20, 30), YELLOW, BLUE, (110, 110, 120), (200, 60, 100)]
PAPERS = [WHITE, BLUE, YELLOW, (250, 245, 235), (60, 140, 160)]
"""The last ink and paper differ in colour alone: their channels have one sum."""

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@pytest.fixture(scope="module")
def digits(mnist_cache: Path) -> Iterator[np.ndarray]:
    """The first test digits, shape (COUNT, 28, 28), bright ink on black."""
    _, test = data.mnist(cache=mnist_cache)
    # The arrays are small, and threads that wait for each other on a busy machine take longer.
    with threadpoolctl.threadpool_limits(1):
        yield np.array(test.x[:COUNT]).reshape(COUNT, 28, 28)


@pytest.fixture(scope="module")
def right(mnist_cache: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Tells which of the first test digits, in the form they are given in, a referee can read."""
    train, test = data.mnist(cache=mnist_cache)
    referee = neighbors.KNeighborsClassifier(3).fit(train.x[:5000] / 255.0, train.y[:5000])
    return lambda made: referee.predict(made.reshape(len(made), -1) / 255.0) == test.y[: len(made)]


def enlarge(ink: np.ndarray, times: int = 3) -> np.ndarray:
    height, width = ink.shape
    return np.asarray(Image.fromarray(ink).resize((width * times, height * times), 3))


def paint(ink: np.ndarray, colour: tuple, paper: tuple) -> np.ndarray:
    share = ink[:, :, None] / 255.0
    return np.rint(share * colour + (1.0 - share) * paper).astype(np.uint8)


def surround(picture: np.ndarray, width: int, value: int) -> np.ndarray:
    beyond = [(width, width)] * 2 + [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, beyond, constant_values=value)


def push(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift a digit until it touches one border of the picture or two."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    up, left = rng.choice([-rows[0], 0, 27 - rows[-1]]), rng.choice([-columns[0], 27 - columns[-1]])
    return np.roll(ink, (up, left), (0, 1))


def shade(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, half as strong at the other, that falls off towards the corners."""
    y, x = np.mgrid[-1 : 1 : picture.shape[0] * 1j, -1 : 1 : picture.shape[1] * 1j]
    angle = rng.uniform(0.0, 2.0 * np.pi)
    light = 0.75 + 0.2 * (x * np.cos(angle) + y * np.sin(angle)) - 0.1 * (x * x + y * y)
    return (picture * light.reshape(*light.shape, *[1] * (picture.ndim - 2))).astype(np.uint8)


def roughen(picture: np.ndarray, rng: np.random.Generator, spread: float = 15.0) -> np.ndarray:
    return np.clip(picture + rng.normal(0.0, spread, picture.shape), 0, 255).astype(np.uint8)


def dust(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dusty = surround(picture, 20, 255)
    for row, column in rng.integers(0, min(dusty.shape) - 2, (12, 2)):
        dusty[row : row + 2, column : column + 2] = rng.integers(0, 120)
    return dusty


def show_table(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let a corner and one side of a dark table show beside the paper."""
    page = surround(picture, 25, 255)
    rows, columns = np.mgrid[: page.shape[0], : page.shape[1]]
    table = (rows + columns < 40) | (columns > page.shape[1] - 8)
    return roughen(np.where(np.rot90(table, int(rng.integers(4))), 70, page), rng, 4.0)


def lay_on_table(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sheet = Image.fromarray(surround(picture, 8, 255))
    turned = sheet.rotate(rng.uniform(-5, 5), 3, expand=True, fillcolor=(90, 60, 40))
    table = Image.new("RGB", (turned.width + 60, turned.height + 30), (90, 60, 40))
    table.paste(turned, (int(rng.integers(5, 55)), int(rng.integers(5, 25))))
    return roughen(np.asarray(table), rng, 4.0)


def rule_page(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    page = surround(picture, 30, 255)
    page[rng.integers(0, 20) :: 20] = 205
    return np.minimum(page, surround(picture, 30, 255))


CHANGES: dict[str, Change] = {
    "none": lambda ink, rng: ink,
    "enlarged 3 to 20 times": lambda ink, rng: enlarge(ink, 3 + int(18 * rng.random() ** 3)),
    "reduced": lambda ink, rng: np.asarray(Image.fromarray(ink).resize((22, 22), 3)),
    "inverted": lambda ink, rng: 255 - ink,
    "coloured": lambda ink, rng: paint(enlarge(ink), INKS[k := rng.integers(5)], PAPERS[k]),
    "shifted to the border": lambda ink, rng: 255 - enlarge(push(ink, rng)),
    "wide margin": lambda ink, rng: 255 - np.pad(enlarge(ink), rng.integers(0, 90, (2, 2))),
    "uneven light": lambda ink, rng: shade(255 - enlarge(ink), rng),
    "noise": lambda ink, rng: roughen(255 - enlarge(ink), rng),
}
RARER_CHANGES: dict[str, Change] = {
    "pale": lambda ink, rng: 120 + enlarge(ink) // 8,
    "chalk in uneven light": lambda ink, rng: shade(paint(enlarge(ink), CHALK, BOARD), rng),
    "noise in colour": lambda ink, rng: roughen(paint(enlarge(ink, 4), BLUE, GREY), rng),
    "margin of another shade": lambda ink, rng: surround(
        enlarge(ink), int(rng.integers(8, 40)), int(rng.choice([128, 255]))
    ),
    "frame": lambda ink, rng: surround(
        surround(255 - surround(enlarge(ink), 8, 0), 2, 0), int(rng.integers(4, 20)), 255
    ),
    "dust": lambda ink, rng: dust(255 - enlarge(ink, 4), rng),
    "table beside the paper": lambda ink, rng: show_table(255 - enlarge(ink), rng),
    "sheet on a table": lambda ink, rng: lay_on_table(paint(enlarge(ink, 4), BLUE, WHITE), rng),
    "ruled page": lambda ink, rng: rule_page(255 - enlarge(ink, 4), rng),
}


@pytest.mark.parametrize("name", [*CHANGES, *RARER_CHANGES])
def test_the_referee_reads_changed_digits_as_well(name, digits, right) -> None:
    change = (CHANGES | RARER_CHANGES)[name]
    inks = digits if name in CHANGES else digits[:100]
    rng = np.random.default_rng(0)
    made = np.stack([data.to_digit(change(ink, rng)) for ink in inks])
    assert right(made).mean() >= right(inks).mean() - TOLERATED


def turned(tag: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = tag
    return exif.tobytes()


def save_rotated(ink: np.ndarray, path: Path) -> None:
    """As a camera held sideways saves it: the pixels lie on their side, and a tag says so."""
    Image.fromarray(np.rot90(255 - enlarge(ink))).save(path, quality=90, exif=turned(6))


def save_transparent(ink: np.ndarray, path: Path) -> None:
    """White or black ink on nothing."""
    opacity = Image.fromarray(enlarge(ink))
    colour = Image.new("L", opacity.size, 255 * (int(ink.sum()) % 2))
    Image.merge("LA", [colour, opacity]).save(path)


FILES: dict[str, tuple[str, int, Callable[[np.ndarray, Path], None]]] = {
    "JPEG": ("jpg", COUNT, lambda ink, path: Image.fromarray(enlarge(ink)).save(path, quality=60)),
    "turned by its EXIF tag": ("jpg", COUNT, save_rotated),
    "transparent PNG": ("png", COUNT, save_transparent),
    "small JPEG": ("jpg", 100, lambda ink, path: Image.fromarray(ink).save(path, quality=60)),
    "GIF": ("gif", 100, lambda ink, path: Image.fromarray(255 - ink).quantize(6).save(path)),
}


@pytest.mark.parametrize("name", FILES)
def test_the_referee_reads_files_as_well(name, digits, right, tmp_path) -> None:
    suffix, count, save = FILES[name]
    made = []
    for ink in digits[:count]:
        save(ink, tmp_path / f"digit.{suffix}")
        made.append(data.to_digit(tmp_path / f"digit.{suffix}"))
    assert right(np.stack(made)).mean() >= right(digits[:count]).mean() - TOLERATED


def test_a_digit_of_mnist_hardly_changes(digits, mnist_cache) -> None:
    made = np.stack([data.to_digit(ink) for ink in digits]).astype(int)
    difference = np.abs(made - digits).mean(axis=(1, 2))
    assert difference.mean() < 1.0
    assert np.median(difference) < 0.5
    _, test = data.mnist(cache=mnist_cache)
    ones = test.y[:COUNT] == 1
    # As wide as before: a stroke's mass is its length by its width.
    growth = made[ones].sum(axis=(1, 2)) / digits[ones].sum(axis=(1, 2))
    assert growth.min() > 0.95
    assert growth.max() < 1.2


def test_digits_fill_the_box_and_are_centred_by_mass(digits) -> None:
    for ink in digits[:100]:
        made = data.to_digit(255 - enlarge(push(ink, np.random.default_rng(0)), 5))
        sides = [np.ptp(np.flatnonzero(made.any(axis=axis))) + 1 for axis in (0, 1)]
        assert max(sides) in (19, 20)
        for axis in (0, 1):
            mean = np.arange(28) @ made.sum(axis=axis) / made.sum()
            assert 13.5 <= mean <= 14.5


def test_size_and_box_can_be_chosen(digits) -> None:
    made = data.to_digit(enlarge(digits[0], 5), size=32, box=30)
    assert (made.shape, made.dtype) == ((32, 32), np.uint8)
    assert np.ptp(np.flatnonzero(made.any(axis=1))) >= 28
    for size, box in ((28, 29), (28, 0), (0, 0)):
        with pytest.raises(OptionError, match=f"box is {box} and size is {size}"):
            data.to_digit(digits[0], size=size, box=box)


def test_ink_is_as_strong_in_the_shade() -> None:
    page = np.full((200, 120), 250.0)
    page[20:180, 50:70] = 60.0
    page *= np.linspace(1.0, 0.4, 200)[:, None]
    column = data.to_digit(page)[5:23].max(axis=1)
    assert column.min() > 0.95 * column.max()


LINES = {"1": "CD", "2": "ABDCEF", "4": "ACDBF", "7": "ABE"}
"""Digits drawn in straight lines from corner to corner of two squares: AB above CD above EF."""


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("width", [2, 5, 10])
def test_a_thin_pen_writes_as_strongly_as_a_usual_one(width, name) -> None:
    line = [(90 + 110 * (k % 2), 70 + 110 * (k // 2)) for k in map("ABCDEF".index, LINES[name])]

    def draw(pen: int) -> np.ndarray:
        page = Image.new("L", (300, 360), 255)
        ImageDraw.Draw(page).line(line, fill=20, width=pen, joint="curve")
        return data.to_digit(np.asarray(page)).astype(float)

    # About 2.4 of 20 pixels, the median of MNIST, where a digit is 110 or 220 pixels high.
    thin, usual = draw(width), draw(15 if name == "1" else 30)
    assert 0.6 < thin.sum() / usual.sum() < 1.5
    assert np.corrcoef(thin.ravel(), usual.ravel())[0, 1] > 0.75


def test_24_files_are_read_as_well_as_their_digits(digits, right, tmp_path) -> None:
    """Each has its own ink, paper, size, place, light and format."""
    rng, made = np.random.default_rng(7), []
    for number, ink in enumerate(digits[:24]):
        times, colours = int(rng.integers(3, 12)), number % len(INKS)
        picture = paint(enlarge(ink, times), INKS[colours], PAPERS[colours])
        picture = np.pad(picture, [*rng.integers(0, 80, (2, 2)), (0, 0)], mode="edge")
        path = tmp_path / f"{number}.{('png', 'jpg', 'bmp', 'webp')[number % 4]}"
        Image.fromarray(shade(picture, rng)).save(path)
        made.append(data.to_digit(path))
    assert right(np.stack(made)).sum() >= right(digits[:24]).sum() - 1


PICTURES = {
    "grey": (Image.new("L", (40, 30), 77), (77,)),
    "bits": (Image.new("1", (40, 30), 1), (255,)),
    "colours": (Image.new("RGB", (40, 30), (1, 2, 3)), (1, 2, 3)),
    "palette": (Image.new("RGB", (40, 30), (1, 2, 3)).quantize(2), (1, 2, 3)),
    "opacity": (Image.new("RGBA", (40, 30), (1, 2, 3, 4)), (1, 2, 3, 4)),
    "grey opacity": (Image.new("LA", (40, 30), (9, 4)), (9, 9, 9, 4)),
    "16 bits": (Image.new("I;16", (40, 30), 65535), (255,)),
    "12 bits": (Image.new("I;16", (40, 30), 4095), (255,)),
    "for the press": (Image.new("CMYK", (40, 30), (0, 0, 0, 0)), WHITE),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_any_mode_becomes_bytes(name, tmp_path) -> None:
    picture, pixel = PICTURES[name]
    path = tmp_path / ("x.jpg" if picture.mode == "CMYK" else "x.png")
    picture.save(path)
    read = data.read_picture(path)
    assert read.dtype == np.uint8
    assert read.shape == (30, 40, len(pixel))
    np.testing.assert_array_equal(read, np.broadcast_to(np.array(pixel, np.uint8), read.shape))


STORED = {1: lambda x: x, 3: lambda x: x[::-1, ::-1], 6: np.rot90, 8: lambda x: np.rot90(x, -1)}
"""How a camera turned by each tag stores a picture."""


@pytest.mark.parametrize("tag", STORED)
def test_a_picture_is_turned_upright(tag, tmp_path) -> None:
    upright = np.arange(24, dtype=np.uint8).reshape(4, 6)
    stored = np.ascontiguousarray(STORED[tag](upright))
    Image.fromarray(stored).save(tmp_path / "x.png", exif=turned(tag))
    np.testing.assert_array_equal(data.read_picture(tmp_path / "x.png")[:, :, 0], upright)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tiff"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_cut_file_is_an_error_that_names_it(suffix, share, tmp_path, digits) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(roughen(enlarge(digits[0]), np.random.default_rng(0))).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=rf"cannot read picture '.*cut\.{suffix}'.*save it anew"):
        data.to_digit(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff"])
def test_a_damaged_file_is_read_or_refused(suffix, tmp_path, digits) -> None:
    path = tmp_path / f"damaged.{suffix}"
    Image.fromarray(enlarge(digits[0])).save(path)
    whole, rng, refusals = path.read_bytes(), np.random.default_rng(0), []
    for _ in range(60):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, len(whole), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        try:
            assert data.to_digit(path).shape == (28, 28)
        except DataError as error:
            refusals.append(str(error))
    assert refusals
    assert all(f"damaged.{suffix}" in refusal for refusal in refusals)


def test_what_is_no_picture_is_refused(tmp_path) -> None:
    (tmp_path / "letter.png").write_text("Dear reader,")
    with pytest.raises(DataError, match=r"letter\.png.*cannot identify"):
        data.read_picture(tmp_path / "letter.png")
    for path in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(DataError, match=rf"{path.name}'.*Check its path"):
            data.to_digit(path)


@pytest.mark.parametrize("limit", [1000, 2000])
def test_a_file_that_would_fill_the_memory_is_refused(limit, tmp_path, monkeypatch) -> None:
    Image.new("1", (70, 40)).save(tmp_path / "bomb.png")
    assert data.read_picture(tmp_path / "bomb.png").shape == (40, 70, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=r"bomb\.png.*exceeds limit.*Pillow allows"):
        data.read_picture(tmp_path / "bomb.png")


def test_without_pillow_files_say_what_to_install_and_arrays_work(digits, monkeypatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"'x\.png' needs PIL.*chainrule\[image\]"):
        data.read_picture("x.png")
    assert data.to_digit(digits[0]).shape == (28, 28)


BLANK = np.full((60, 60), 250, np.uint8)
RNG = np.random.default_rng(0)
EMPTY = {
    "white": BLANK,
    "black": np.zeros((28, 28), np.uint8),
    "transparent": np.zeros((60, 60, 4), np.uint8),
    "noise": roughen(BLANK // 2, RNG),
    "rougher noise": roughen(BLANK // 2, RNG, 40.0),
    "light from one side": shade(BLANK, RNG),
    "all but invisible": BLANK - np.pad(np.full((30, 10), 6, np.uint8), ((15, 15), (25, 25))),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_picture_without_a_drawing_says_so(name, tmp_path) -> None:
    with pytest.raises(DataError, match=r"nothing is drawn in the picture.*Draw in a strong"):
        data.to_digit(EMPTY[name])
    Image.fromarray(EMPTY[name]).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match=r"nothing is drawn in picture '.*blank\.png'"):
        data.to_digit(tmp_path / "blank.png")


def test_a_speck_is_no_digit() -> None:
    page = BLANK - np.pad(np.full((3, 4), 250, np.uint8), ((20, 37), (30, 26)))
    with pytest.raises(DataError, match=r"nothing larger than a speck.*crop it closer"):
        data.to_digit(page)


@pytest.mark.parametrize(
    ("picture", "error", "message"),
    [
        (np.zeros(784), ShapeError, r"\(784,\); expected \(height, width\).*reshape\(28, 28\)"),
        (np.zeros((3, 28, 28)), ShapeError, r"\(3, 28, 28\).*transpose\(1, 2, 0\)"),
        (np.zeros((0, 28)), ShapeError, r"\(0, 28, 1\)"),
        (np.full((28, 28), -1.0), DataError, "values from -1 to -1; expected 0 to 1, 0 to 255"),
        (np.full((28, 28), np.nan), DataError, "nan"),
        (np.full((28, 28), "x"), DtypeError, "<U1"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(picture, error, message) -> None:
    with pytest.raises(error, match=message):
        data.to_digit(picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float16, np.float64])
def test_pixels_come_as_any_numbers(dtype, digits) -> None:
    np.testing.assert_array_equal(data.to_digit(digits[0].astype(dtype)), data.to_digit(digits[0]))
    in_colour = np.repeat(digits[0].astype(dtype)[:, :, None], 3, axis=2)
    np.testing.assert_allclose(data.to_digit(in_colour), data.to_digit(digits[0]), atol=1)
