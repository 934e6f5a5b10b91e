"""Pictures as data sets, from arrays and from a folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chainrule.data.checks import numeric_array
from chainrule.data.dataset import Dataset
from chainrule.data.pictures import read_picture
from chainrule.data.transforms import Affine
from chainrule.errors import DataError, OptionError, ShapeError, import_extra
from chainrule.writing import StrPath

_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)


def image_dataset(
    x: np.ndarray,
    y: np.ndarray,
    *,
    name: str = "images",
    classes: Sequence[str] = (),
    flatten: bool = True,
) -> Dataset:
    """Make a data set of pictures whose transform divides pixels by 255.

    Only uint8 arrays of 3 or 4 axes are taken for pictures; others stay as they are.

    Shape: x (n, height, width) or (n, channels, height, width); in the data set
        (n, channels * height * width), or (n, channels, height, width) without `flatten`.

    Raises:
        ShapeError, DtypeError, DataError: as for `Dataset`.

    >>> image_dataset(np.zeros((2, 3, 8, 8), np.uint8), [0, 1], flatten=False)
    Dataset('images', 2 samples of shape (3, 8, 8) uint8, pictures (3, 8, 8), 2 classes)
    """
    pictures = numeric_array(x, "x")
    if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4):
        return Dataset(pictures, y, name, tuple(classes))
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    shape = pictures.shape[1:]
    if flatten and pictures.size:
        pictures = pictures.reshape(len(pictures), -1)
    return Dataset(pictures, y, name, tuple(classes), shape, Affine(1 / 255))


def read_image_folder(
    path: StrPath,
    *,
    size: tuple[int, int] | None = None,
    grey: bool = False,
    classes: Sequence[str] | None = None,
    flatten: bool = True,
) -> Dataset:
    """Read a folder that has a folder of pictures for each class.

    The folders' names, sorted, are the classes; hidden files and files that are no pictures by
    their names are passed over. What is transparent becomes white. The pictures have one channel
    where all are grey, else three.

    Args:
        path: the folder.
        size: (height, width) to which pictures are resized; by default all must have one size.
        grey: make colour pictures grey.
        classes: names in the order of their ids, such as those of the training part.
        flatten: whether pictures become rows of pixels.

    Raises:
        DataError: no such folder, no pictures, a picture that cannot be read, a folder that is
            not among `classes`.
        ShapeError: two pictures differ in size.
        MissingExtraError: Pillow is not installed.

    >>> from PIL import Image
    >>> for kind in ("dark", "light"):
    ...     Path("shades", kind).mkdir(parents=True)
    ...     Image.new("L", (4, 4), 255 * (kind == "light")).save(f"shades/{kind}/1.png")
    >>> read_image_folder("shades")
    Dataset('shades', 2 samples of shape (16,) uint8, pictures (1, 4, 4), 2 classes)
    """
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise OptionError(f"size is {size!r}; expected (height, width), such as (28, 28)")
    root = Path(path)
    names = _class_names(root, classes)
    pictures, ids, first = [], [], None
    for number, name in enumerate(names):
        for file in _picture_files(root / name):
            picture = _read(file, size, grey)
            first = first or (file, picture.shape[:2])
            if picture.shape[:2] != first[1]:
                raise ShapeError(
                    f"{first[0]} is {_size(first[1])} and {file} is {_size(picture.shape[:2])} "
                    "(height x width); expected one size. Give size=(height, width) to resize all."
                )
            pictures.append(picture)
            ids.append(number)
    title = root.resolve().name
    return image_dataset(
        _stack(pictures), np.array(ids), name=title, classes=names, flatten=flatten
    )


def _class_names(root: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; expected one that has a folder for each class")
    found = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise DataError(
            f"{root} has no folders in it; expected one for each class, named after it, with its "
            "pictures inside"
        )
    if classes is None:
        return tuple(found)
    strangers = set(found) - set(classes)
    if strangers:
        raise DataError(
            f"{root / min(strangers)} is not one of the {len(classes)} classes "
            f"{', '.join(classes)}. Rename the folder, or leave it out."
        )
    return tuple(classes)


def _picture_files(folder: Path) -> list[Path]:
    """The pictures of a class, sorted by name; an empty folder is one too many."""
    if not folder.is_dir():
        return []
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise DataError(
            f"{folder} has no pictures ({', '.join(sorted(_SUFFIXES))}); expected at least one for "
            "each class. Add some, or remove the folder."
        )
    return files


def _read(file: Path, size: tuple[int, int] | None, grey: bool) -> np.ndarray:
    """One picture, uint8, (h, w) where it is grey and (h, w, 3) where it has colour."""
    pixels = read_picture(file)
    if pixels.shape[2] == 4:
        opacity = pixels[:, :, 3:] / np.float32(255)
        pixels = np.rint(pixels[:, :, :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    to_grey = grey and pixels.ndim == 3
    if not to_grey and size in (None, pixels.shape[:2]):
        return pixels
    pillow = import_extra("PIL.Image", extra="image", purpose="resizing pictures")
    picture = pillow.fromarray(pixels)
    if to_grey:
        picture = picture.convert("L")
    if size is not None:
        picture = picture.resize((size[1], size[0]), pillow.Resampling.LANCZOS)
    return np.asarray(picture)


def _stack(pictures: list[np.ndarray]) -> np.ndarray:
    """(n, channels, h, w) of pictures, some of which may be grey among coloured ones."""
    if all(picture.ndim == 2 for picture in pictures):
        return np.stack(pictures)[:, None]
    height, width = pictures[0].shape[:2]
    out = np.empty((len(pictures), 3, height, width), np.uint8)
    for place, picture in zip(out, pictures, strict=True):
        place[:] = picture if picture.ndim == 2 else picture.transpose(2, 0, 1)
    return out


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"
