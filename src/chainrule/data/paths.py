"""Data by its path: the reader is chosen by what the path is."""

from collections.abc import Sequence
from pathlib import Path

from chainrule.data.arrays import npz_parts, read_npz
from chainrule.data.dataset import Dataset
from chainrule.data.idx import read_idx_pair
from chainrule.data.images import read_image_folder
from chainrule.data.tables import read_csv
from chainrule.errors import DataError, unknown
from chainrule.writing import StrPath

_PARTS = {"train": ("train", "training"), "test": ("test", "testing", "t10k")}
_TABLES = frozenset((".csv", ".tsv", ".txt"))


def open_path(
    path: StrPath,
    *,
    part: str = "train",
    classes: Sequence[str] = (),
    flatten: bool = True,
    label: str | int = -1,
    target: str = "auto",
) -> Dataset:
    r"""Open a table, a .npz file, IDX files, or a folder of pictures by class.

    A folder may have the IDX files of MNIST (`train-images-idx3-ubyte`, ..., also .gz), or folders
    `train` and `test` with a folder for each class, or a folder for each class itself. The labels
    of an IDX file of images are looked for beside it.

    Args:
        path: a file (.csv, .tsv, .txt, .npz, -ubyte, .idx; tables and IDX also .gz) or a folder.
        part: "train", or "test" where the path has a test part.
        classes: the names of the classes; give those of the training part for the test part.
        flatten: whether pictures become rows of pixels.
        label: of a table, the column of labels: see `read_csv`.
        target: of a table, what the labels are: see `read_csv`.

    Raises:
        DataError: there is nothing there, nothing that can be read, or no such part.
        ShapeError, DtypeError, OptionError, MissingExtraError: as the readers do.

    >>> path = Path("points.csv")
    >>> _ = path.write_text("1,2,a\n3,4,b\n")
    >>> open_path(path)
    Dataset('points', 2 samples of shape (2,) float32, 2 classes)
    """
    if part not in _PARTS:
        raise unknown("part", part, _PARTS)
    file = _existing(path)
    if file.is_dir():
        return _open_folder(file, part, classes, flatten)
    if file.suffix == ".npz":
        return read_npz(file, part=part, classes=classes, flatten=flatten)
    if part == "test":
        raise DataError(f"{file} is one part; hold some of it back with data.split(0.1, seed=0)")
    kind = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    if kind in _TABLES:
        return read_csv(file, label=label, target=target, classes=classes or None)
    if kind == ".idx" or "ubyte" in file.name:
        labels = _labels_beside(file)
        return read_idx_pair(file, labels, classes=classes, flatten=flatten)
    raise DataError(
        f"cannot tell what {file} is; expected .csv, .tsv, .txt, .npz, .idx or -ubyte, or a "
        "folder. Arrays of your own go in as a pair (x, y)."
    )


def path_parts(path: StrPath) -> tuple[str, ...]:
    r"""The parts that `open_path` finds at a path: "train", "test" or both.

    Raises:
        DataError: there is nothing there, or it is damaged.

    >>> path = Path("one.csv")
    >>> _ = path.write_text("1,2,a\n")
    >>> path_parts(path)
    ('train',)
    """
    file = _existing(path)
    if file.is_dir():
        found = tuple(part for part in _PARTS if _find_part(file, part) is not None)
    else:
        found = npz_parts(file) if file.suffix == ".npz" else ()
    return found or ("train",)


def _existing(path: StrPath) -> Path:
    file = Path(path)
    if not file.exists():
        raise DataError(f"there is no file or folder {file}; check the path and its spelling")
    return file


def _open_folder(folder: Path, part: str, classes: Sequence[str], flatten: bool) -> Dataset:
    place = _find_part(folder, part)
    if place is None:
        if part == "test" or _find_part(folder, "test") is not None:
            raise DataError(
                f"{folder} has no {part} part; expected {' or '.join(_PARTS[part])}: a folder with "
                "a folder of pictures for each class, or IDX files of that name"
            )
        place = folder
    if place.is_dir():
        return read_image_folder(place, classes=classes or None, flatten=flatten)
    labels, title = _labels_beside(place), folder.resolve().name
    return read_idx_pair(place, labels, name=title, classes=classes, flatten=flatten)


def _find_part(folder: Path, part: str) -> Path | None:
    """The file of images, or the folder of classes, that is this part."""
    for name in _PARTS[part]:
        images = _first_file(folder, f"{name}-images-idx3-ubyte", f"{name}-images.idx3-ubyte")
        if images is not None:
            return images
        # A folder of pictures alone is a class: some classify trains.
        if any(entry.is_dir() for entry in folder.glob(f"{name}/*")):
            return folder / name
    return None


def _first_file(folder: Path, *names: str) -> Path | None:
    """The first of the names that is a file, packed or not."""
    choices = [folder / f"{name}{suffix}" for name in names for suffix in ("", ".gz")]
    return next((choice for choice in choices if choice.is_file()), None)


def _labels_beside(images: Path) -> Path:
    """The file of labels that belongs to a file of images, by its name."""
    name = images.name.removesuffix(".gz")
    wanted = name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    found = None if wanted == name else _first_file(images.parent, wanted)
    if found is None:
        raise DataError(
            f"cannot find the labels of {images}; expected them beside it as "
            f"{wanted if wanted != name else 'a file with labels in place of images in its name'}. "
            "Or use read_idx_pair(images, labels)."
        )
    return found
