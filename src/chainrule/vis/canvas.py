"""Matplotlib figures: panels, pictures, mosaics of small pictures, maps of signed numbers.

Colours: grey for pictures; `viridis` and `inferno`, whose lightness rises evenly, for numbers from
0 up; `RdBu_r`, white at 0 and equally far on both sides, for signed ones.
"""

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError, import_extra, unknown
from chainrule.train.plot import kept
from chainrule.writing import StrPath

FORMATS = ("png", "svg", "pdf")
SIGNED, AMOUNT, HEAT = "RdBu_r", "viridis", "inferno"


def check_target(path: StrPath | None) -> None:
    """Refuse, before anything is computed, a file that could not be written.

    Raises:
        OptionError: its ending is none of .png, .svg and .pdf, or its folder does not exist.
    """
    if path is None:
        return
    target = Path(path)
    ending = target.suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise unknown(f"format of {target}, by its ending", ending, FORMATS)
    if not target.parent.is_dir():
        raise OptionError(
            f"{target} cannot be written: there is no folder {target.parent}. Make it first."
        )


def finished(figure: Any, path: StrPath | None) -> Any:
    """The figure, written to `path` if there is one: whole or not at all.

    Raises:
        OptionError, RunError: it cannot be written.
    """
    check_target(path)
    return kept(figure, None if path is None else Path(path))


def panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, np.ndarray]:
    """A figure and its axes (rows, columns).

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    figures = import_extra("matplotlib.figure", extra="plot", purpose="drawing")
    figure = figures.Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def entitle(figure: Any, text: str) -> None:
    """A title over all panels, broken into lines where the figure is narrow."""
    figure.suptitle(textwrap.fill(text, int(figure.get_figwidth() * 10)), fontsize=11)


def bare(axes: Any, title: str = "") -> None:
    """No ticks: for what has no scale."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=10)


def pixels(picture: np.ndarray) -> np.ndarray:
    """(channels, H, W) as Matplotlib takes it: (H, W) of grey, (H, W, 3) of colour.

    Raises:
        ShapeError: neither 1 nor 3 channels.
    """
    if picture.ndim != 3 or picture.shape[0] not in (1, 3):
        raise ShapeError(
            f"cannot show an array of shape {picture.shape} as a picture; expected "
            "(channels, height, width) with 1 or 3 channels."
        )
    return picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)


def draw_picture(axes: Any, picture: np.ndarray, title: str = "") -> None:
    """A picture of numbers from 0 to 1."""
    axes.imshow(pixels(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    bare(axes, title)


def draw_signed(axes: Any, array: np.ndarray, title: str, limit: float = 0.0) -> Any:
    """Signed numbers (H, W): red above 0, blue below, white at 0; gives the image."""
    bound = limit or float(np.nanmax(np.abs(array), initial=0.0)) or 1.0
    image = axes.imshow(array, cmap=SIGNED, vmin=-bound, vmax=bound, interpolation="nearest")
    bare(axes, title)
    return image


def columns_for(count: int) -> int:
    """How many columns make so many tiles a rectangle that is a little wider than high.

    >>> [columns_for(count) for count in (1, 6, 25, 30)]
    [1, 3, 5, 6]
    """
    return math.ceil(math.sqrt(count))


def mosaic(tiles: np.ndarray, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Tiles (n, h, w, ...) side by side, row by row; NaN, which is drawn white, between them.

    Shape: (n, h, w, ...) gives (rows (h + gap) - gap, columns (w + gap) - gap, ...).

    >>> mosaic(np.ones((3, 1, 1)), 2)
    array([[ 1., nan,  1.],
           [nan, nan, nan],
           [ 1., nan, nan]])
    """
    count, high, wide = tiles.shape[:3]
    across = columns_for(count) if columns is None else columns
    down = math.ceil(count / across)
    shape = (down * (high + gap) - gap, across * (wide + gap) - gap, *tiles.shape[3:])
    out = np.full(shape, np.nan)
    for number, tile in enumerate(tiles):
        row, column = (number // across) * (high + gap), (number % across) * (wide + gap)
        out[row : row + high, column : column + wide] = tile
    return out


def opaque(colours: np.ndarray) -> np.ndarray:
    """(H, W, 3) with NaN as white, for Matplotlib draws NaN of colours black."""
    return np.nan_to_num(np.clip(colours, 0.0, 1.0), nan=1.0)
