"""Photographs and drawings of one digit, brought to the form of MNIST.

MNIST was made from scans: each digit was scaled into a box of 20 x 20 pixels with its aspect
ratio kept, which left grey edges, and was then moved by whole pixels until its centre of mass lay
at the centre of 28 x 28 (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition", Proceedings of the IEEE, 1998). `to_digit` does the same to a picture of any
size and colour, after it has told the ink from the paper, the shadows, the frame and the dust.
"""

import math
import os
import warnings

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.data.checks import numeric_array
from chainrule.errors import DataError, OptionError, ShapeError, import_extra
from chainrule.writing import StrPath

_WORKING_SIDE = 640
"""A larger picture is averaged down to about this many pixels a side before it is searched."""

_LEAST_CONTRAST = 12.0
"""Ink and paper that differ by fewer grey levels (of 255) are one."""


def read_picture(path: StrPath) -> np.ndarray:
    """Read a picture file into an array, upright, with its transparency where it has any.

    Formats: PNG, JPEG, BMP, GIF (first frame), WebP, TIFF and whatever else Pillow reads.

    Shape: (height, width, channels); 1 channel is grey, 3 are RGB, 4 are RGB and opacity
    dtype: uint8

    Raises:
        DataError: the file is missing, no picture, damaged, or larger than Pillow's safe limit.
        MissingExtraError: Pillow is not installed.

    >>> from PIL import Image
    >>> Image.new("RGB", (40, 30), "navy").save("page.png")
    >>> read_picture("page.png").shape
    (30, 40, 3)
    """
    name = f"picture {os.fspath(path)!r}"
    image = import_extra("PIL.Image", extra="image", purpose=f"reading {name}")
    turn = import_extra("PIL.ImageOps", extra="image", purpose=f"reading {name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            with image.open(path) as picture:
                pixels = _channels(turn.exif_transpose(picture))
    # A decoder that trips over damaged bytes raises whatever it happened to be doing.
    except Exception as error:
        raise DataError(
            f"cannot read {name}: {getattr(error, 'strerror', None) or error}. Check its path, or "
            "save it anew: as PNG or JPEG, whole, and not larger than Pillow allows."
        ) from error
    return _eight_bits(pixels, name)


def _channels(picture) -> np.ndarray:
    """The pixels of a Pillow picture of any mode: grey (of any depth), RGB or RGBA."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode[0] not in "IF":
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    return np.array(picture).reshape(picture.height, picture.width, -1)


def _eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Bring booleans, fractions, or numbers of 8 to 16 bits to uint8."""
    if values.dtype == np.uint8:
        return values
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high < 2**16):
        raise DataError(
            f"{name} has values from {low:g} to {high:g}; expected 0 to 1, 0 to 255 or 0 to 65535. "
            "Scale them first."
        )
    # Sensors of 10, 12 and 14 bits store their numbers unscaled in 16.
    depths = (8, 10, 12, 14, 16) if high > 1.0 or values.dtype.kind in "iu" else (1,)
    full = next(2**depth - 1 for depth in depths if high < 2**depth)
    return np.rint(values * (255.0 / full)).astype(np.uint8)


def to_digit(image: StrPath | np.ndarray, *, size: int = 28, box: int = 20) -> np.ndarray:
    """Bring a picture of one digit to the form of MNIST: bright ink on black, boxed and centred.

    The picture may be dark on light or light on dark, of any colours, unevenly lit, noisy,
    shifted, framed, or partly transparent. A digit that has MNIST's form already hardly changes.

    Shape: (height, width), or (height, width, channels) with 1, 3 or 4 channels -> (size, size)
    dtype: uint8, or float from 0 to 1 or from 0 to 255 -> uint8

    Raises:
        DataError: nothing, or no more than a speck, is drawn; values are out of range; the file
            cannot be read (see `read_picture`).
        ShapeError, DtypeError: the array has not the shape of a picture, or holds no numbers.
        OptionError: `box` is not from 1 to `size`.

    >>> page = np.full((90, 60), 255, np.uint8)
    >>> page[10:80, 25:35] = 40
    >>> digit = to_digit(page)
    >>> digit.shape, int(digit[4:24, 13:16].min())
    ((28, 28), 255)
    """
    if not 1 <= box <= size:
        raise OptionError(f"box is {box} and size is {size}; expected 1 <= box <= size")
    name, pixels = _load(image)
    small = _scale(_thicken(_find_ink(_reduce(_over_paper(pixels)), name)), box)
    return _centre(np.rint(255.0 * small / small.max()).astype(np.uint8), size)


def _load(image: object) -> tuple[str, np.ndarray]:
    """What messages call the picture, and its uint8 pixels of shape (height, width, channels)."""
    if isinstance(image, str | os.PathLike):
        name, pixels = f"picture {os.fspath(image)!r}", read_picture(image)
    else:
        name, pixels = "the picture", numeric_array(image, "image")
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise ShapeError(
            f"{name} has shape {pixels.shape}; expected (height, width) or (height, width, 1, 3 or "
            "4). .reshape(28, 28) mends a row of MNIST, .transpose(1, 2, 0) channels at the front."
        )
    return name, _eight_bits(pixels, name)


def _over_paper(pixels: np.ndarray) -> np.ndarray:
    """Lay a picture with transparency over white or black, whichever its ink stands out from."""
    if pixels.shape[2] < 4:
        return pixels
    opacity = pixels[:, :, 3:] / np.float32(255.0)
    visible = pixels[:, :, :3] * opacity
    paper = 255.0 if visible.sum() < 3 * 127.5 * opacity.sum() else 0.0
    return visible + paper * (1.0 - opacity)


def _reduce(pixels: np.ndarray) -> np.ndarray:
    """Average blocks of a large picture so that its longer side comes near `_WORKING_SIDE`."""
    step = max(1, max(pixels.shape[:2]) // _WORKING_SIDE)
    tall, wide = (min(step, side) for side in pixels.shape[:2])
    height, width = pixels.shape[0] // tall, pixels.shape[1] // wide
    whole = pixels[: height * tall, : width * wide]
    return whole.reshape(height, tall, width, wide, -1).mean((1, 3), dtype=np.float32)


def _find_ink(pixels: np.ndarray, name: str) -> np.ndarray:
    """How much of each pixel ink covers, 0 to 1, cropped to the digit."""
    ink, strokes = _strokes(_signal(pixels), name)
    card = _card(strokes)
    if card is not None:
        colour = np.median(pixels[card], axis=0)
        return _find_ink(np.where(card[:, :, None], pixels, colour)[_extent(card)], name)
    # A pixel beside a stroke is its anti-aliased edge, however faint.
    digit = _near(_digit(strokes)) & (ink > 0.0)
    if _length(digit) < 5:
        raise DataError(
            f"nothing larger than a speck is drawn in {name}. Draw it larger, or crop it closer."
        )
    return np.where(digit, ink, 0.0)[_extent(digit)]


def _signal(pixels: np.ndarray) -> np.ndarray:
    """How far each pixel lies from the paper, along the axis of colour that leads to the ink.

    The axis is the principal direction of the differences, so that ink is told from paper by its
    hue where their grey levels agree.
    """
    paper = _paper(pixels)
    flat = (pixels - paper).reshape(-1, pixels.shape[2])
    weight = np.einsum("nc,nc->n", flat, flat)
    along = flat @ _principal_axis(flat * weight[:, None])
    # Contrast is a share of the light that falls on the paper, which near black cannot be told.
    light = 16.0 + np.clip(paper.mean(axis=2), 0.0, None)
    return np.sign(weight @ along) * along.reshape(light.shape) * (light.mean() / light)


def _paper(pixels: np.ndarray) -> np.ndarray:
    """The colour of the empty paper at every pixel: a smooth surface of the second degree.

    Fitted to the picture, its border above all, by iteratively reweighted least squares with
    Tukey's biweight, which takes no notice of what lies far off the surface: the ink.
    """
    coarse = _scale(pixels, min(48, max(pixels.shape[:2])))
    terms = _surface_terms(*coarse.shape[:2])
    edge = np.abs(terms[:, 1:3])
    border = np.flatnonzero((edge >= 0.95 * edge.max(axis=0)).any(axis=1))
    repeats = round(1.5 * len(terms) / border.size)
    sample = np.append(np.arange(len(terms)), np.tile(border, repeats))
    colours, terms = coarse.reshape(len(terms), -1)[sample], terms[sample]
    # The start is the middle of the larger of the two classes of colours that differ most.
    along = colours @ _principal_axis(colours - colours.mean(axis=0))
    upper = along >= _otsu(along)
    paper = colours[upper == (2 * upper.sum() > upper.size)]
    surface = np.median(paper, axis=0, keepdims=True)
    for count in (1, 3, 3, 6, 6, 6):
        distance = np.linalg.norm(colours - terms[:, : len(surface)] @ surface, axis=1)
        reach = max(8.0, 12.0 * float(np.quantile(distance, 0.3)))
        weight = np.clip(1.0 - (distance / reach) ** 2, 0.0, None) ** 2
        weighted = terms[:, :count].T * weight
        surface = np.linalg.lstsq(weighted @ terms[:, :count], weighted @ colours, rcond=None)[0]
    return (_surface_terms(*pixels.shape[:2]) @ surface).reshape(pixels.shape)


def _surface_terms(height: int, width: int) -> np.ndarray:
    """The terms 1, x, y, x^2, xy, y^2 of each pixel, with x and y from -1 to 1."""
    y = ((np.arange(height) + 0.5) * (2.0 / height) - 1.0).repeat(width)
    x = np.tile((np.arange(width) + 0.5) * (2.0 / width) - 1.0, height)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _principal_axis(vectors: np.ndarray) -> np.ndarray:
    """The unit vector along which vectors reach farthest in the mean square."""
    return np.linalg.eigh(vectors.T @ vectors)[1][:, -1]


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values into the two classes that differ most.

    It maximises w0 w1 (m0 - m1)^2 over their weights and means (Otsu, "A threshold selection
    method from gray-level histograms", IEEE Trans. Systems, Man and Cybernetics, 1979).
    """
    # The range is one level at least, so that values which are all but equal are one class.
    counts, edges = np.histogram(values, bins=256, range=(values.min() - 1.0, values.max()))
    mass = np.cumsum(counts * edges[:-1])
    lower = np.cumsum(counts)[:-1]
    upper = values.size - lower
    gap = mass[:-1] / np.maximum(lower, 1) - (mass[-1] - mass[:-1]) / np.maximum(upper, 1)
    return float(edges[1 + np.argmax(lower * upper * gap**2)])


def _strokes(signal: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The ink, 0 to 1, of each pixel; and its strokes (connected parts), numbered from 1."""
    # Noise is what most of the paper keeps to, and lies on the side away from the ink as well.
    below = -signal[signal < -0.1]
    spread = np.quantile(np.abs(signal), 0.25) / 0.32
    noise = float(min(spread, np.median(below) / 0.67)) if below.size else 0.0
    strong = signal >= _otsu(signal[signal >= min(max(4.0 * noise, 1.0), signal.max())])
    level = float(np.median(signal[strong]))
    if level < max(_LEAST_CONTRAST, 5.0 * noise):
        raise DataError(
            f"nothing is drawn in {name}: no part stands out from the paper by {_LEAST_CONTRAST:g} "
            "of 255 levels and from the noise. Draw in a strong colour, with paper around it."
        )
    strokes = _components(signal >= level * np.clip(4.0 * noise / level, 0.3, 0.5))
    inked = np.bincount(strokes[strong], minlength=int(strokes.max()) + 1)
    strokes[inked[strokes] == 0] = 0
    faint = level * np.clip(4.0 * noise / level, 0.1, 0.5) if below.size else 1.0
    return np.where(signal > faint, np.clip(signal / level, 0.0, 1.0), 0.0), strokes


def _components(mask: np.ndarray, *, diagonal: bool = True) -> np.ndarray:
    """Number the connected parts of a mask from 1 in reading order; 0 is where the mask is not.

    Rows are cut into runs, runs that touch in neighbouring rows are joined by an edge, and the
    least number spreads over the edges, with pointer jumping, until the ends of each agree.
    """
    height, stride = mask.shape[0], mask.shape[1] + 2
    padded = np.pad(mask, ((0, 0), (1, 1))).ravel()
    start, stop = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2).T + 1
    first = np.searchsorted(stop, start + stride - diagonal, side="right")
    count = np.searchsorted(start, stop + stride + diagonal) - first
    upper = np.repeat(np.arange(start.size), count)
    lower = np.arange(upper.size) - np.repeat(np.cumsum(count) - count - first, count)
    number = np.arange(start.size)
    while not np.array_equal(number[upper], number[lower]):
        least, most = np.sort([number[upper], number[lower]], axis=0)
        np.minimum.at(number, most, least)
        number = number[number]
    labels = np.zeros(padded.size, np.int64)
    labels[start] = np.unique(number, return_inverse=True)[1] + 1
    labels[stop] -= labels[start]
    return np.cumsum(labels).reshape(height, stride)[:, 1:-1]


def _extent(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that the mask touches."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _length(mask: np.ndarray) -> int:
    """The longer side of the box around a mask; 0 for an empty one."""
    return max(mask[_extent(mask)].shape) if mask.any() else 0


def _near(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask and their eight neighbours."""
    wide = np.pad(mask, 1)
    tall = wide[:-2] | wide[1:-1] | wide[2:]
    return tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]


def _card(strokes: np.ndarray) -> np.ndarray | None:
    """The inside of the rectangle that a digit is drawn in, where the largest stroke is one.

    Such is a sheet on a table, turned by any angle, or a dark panel in a light margin.
    """
    body = strokes == 1 + np.argmax(np.bincount(strokes.ravel())[1:])
    rows, columns = np.nonzero(body & _near(np.pad(~body, 1, constant_values=True))[1:-1, 1:-1])
    outline = columns + 1j * rows

    def sides(turn: complex) -> np.ndarray:
        return np.array([np.ptp((outline * turn).real), np.ptp((outline * turn).imag)]) + 1.0

    turns = np.exp(1j * np.deg2rad(np.arange(0.0, 90.0, 2.0)))
    turn = min(turns, key=lambda turn: sides(turn).prod())
    short, long = sorted(sides(turn))
    # No digit of MNIST's own size is taken for a card, nor is a long bar.
    if short < 22.0 or short < 0.3 * long:
        return None
    rim, inside = 1.0 + 0.02 * short, np.ones(body.shape, bool)
    grid = np.arange(body.shape[1]) + 1j * np.arange(body.shape[0])[:, None]
    for quarter in turn * np.array([1, 1j, -1, -1j]):
        reach = (outline * quarter).real
        along = sides(quarter)[1] * max(abs(quarter.real), abs(quarter.imag))
        if np.sum(reach.max() - reach < rim) < 0.75 * along:
            return None
        inside &= (grid * quarter).real <= reach.max() - rim
    drawn = inside & ~body
    fits = 0.01 < drawn.sum() / inside.sum() < 0.5 and _length(drawn) > 0.25 * short
    return inside if fits else None


def _digit(strokes: np.ndarray) -> np.ndarray:
    """The mask of the strokes that are the digit, without frames, edges of a table and dust."""
    areas = np.bincount(strokes.ravel())
    areas[0] = 0
    # Noise leaves thousands of specks, but only the largest parts can be the digit.
    parts = {n: strokes == n for n in np.argsort(areas)[::-1][:12] if areas[n]}
    # What lies along the border of the picture is the edge of a table.
    contact = {n: part[[0, -1]].sum() + part[:, [0, -1]].sum() for n, part in parts.items()}
    inner = {n: part for n, part in parts.items() if contact[n] <= _length(part)}
    if any(_length(part) > 0.1 * min(strokes.shape) for part in inner.values()):
        parts = inner
    widest = max(parts, key=lambda n: _length(parts[n]))
    ground = _components(~np.pad(parts[widest], 1), diagonal=False)[1:-1, 1:-1]
    enclosed = np.isin(strokes, list(parts)) & (ground > 1)
    if _length(enclosed) > 0.3 * _length(parts[widest]):
        del parts[widest]
    least = 0.02 * max(areas[n] for n in parts)
    return np.isin(strokes, [n for n in parts if areas[n] >= least])


def _thicken(ink: np.ndarray) -> np.ndarray:
    """Widen the strokes of a thin pen to 2.4 pixels in a box of 20, the median of MNIST.

    The width is twice the area by the outline. 99 of 100 digits of MNIST have more than 1.3.
    """
    fine = _scale(ink, 80)
    mask = np.pad(fine > 0.5, 1)
    # Counted along the two axes, an outline is 4 / pi times too long on average.
    outline = np.diff(mask, axis=0).sum() + np.diff(mask, axis=1).sum()
    width = 2.0 * mask.sum() / max(outline, 1) * 4.0 / np.pi
    if width >= 4.0 * 1.3:
        return ink
    reach = round(0.5 * (4.0 * 2.4 - width) / (1.0 - 2.4 / 20.0))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    windows = sliding_window_view(np.pad(fine, 2 * reach), x.shape)
    return windows[:, :, np.hypot(x, y) <= reach + 0.5].max(axis=2)


def _scale(values: np.ndarray, longest: int) -> np.ndarray:
    """Resample the first two axes so that the longer one has `longest` pixels."""
    factor = longest / max(values.shape[:2])
    for axis, side in enumerate(values.shape[:2]):
        matrix = _resampling(side, max(1, round(side * factor)))
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return values


def _resampling(old: int, new: int) -> np.ndarray:
    """The matrix that resamples a row: by area where it shrinks, linearly where it grows.

    Shape: (new, old); the identity when both are the same
    """
    step, place, start = old / new, np.arange(old), np.arange(new)[:, None] * (old / new)
    if new < old:
        return np.clip(np.minimum(start + step, place + 1) - np.maximum(start, place), 0, 1) / step
    centre = np.clip(start + 0.5 * step - 0.5, 0.0, old - 1.0)
    return np.clip(1.0 - np.abs(centre - place), 0.0, 1.0)


def _centre(digit: np.ndarray, size: int) -> np.ndarray:
    """Move a digit by whole pixels until its centre of mass is within half a pixel of `size / 2`.

    Rows count from 0: in MNIST's own digits the mean row and column are from 13.5 to 14.5.
    """
    canvas = np.zeros((size, size), np.uint8)
    place = []
    for axis, side in enumerate(digit.shape):
        mean = np.arange(side) @ digit.sum(axis=1 - axis) / digit.sum()
        first = min(max(math.ceil((size - 1) / 2 - mean), 0), size - side)
        place.append(slice(first, first + side))
    canvas[tuple(place)] = digit
    return canvas
