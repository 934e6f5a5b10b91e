"""NumPy's own files."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from chainrule.data.dataset import Dataset, label_ids
from chainrule.data.images import image_dataset
from chainrule.errors import DataError, unknown
from chainrule.writing import StrPath

_PAIRS = {
    "train": (("x", "y"), ("X", "y"), ("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
"""The names under which the two arrays are commonly saved."""

_DAMAGES = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


def read_npy(path: StrPath) -> np.ndarray:
    """Memory-map the array of a .npy file, read-only. Python objects are refused: they run code.

    Raises:
        DataError: the file is missing, damaged, foreign, or holds objects.

    >>> np.save("numbers.npy", np.arange(3))
    >>> read_npy("numbers.npy").tolist()
    [0, 1, 2]
    """
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except _DAMAGES as error:
        raise DataError(f"cannot read {path} as a .npy file: {error}") from error


def read_npz(
    path: StrPath,
    *,
    x: str | None = None,
    y: str | None = None,
    part: str = "train",
    classes: Sequence[str] = (),
    flatten: bool = True,
) -> Dataset:
    """Read samples and targets from a .npz file. Python objects are refused: they run code.

    uint8 arrays of 3 or 4 axes are pictures; where their channels come last, as Keras has them,
    they are moved to the front. Targets of text are numbered by their sorted names.

    Args:
        path: the file.
        x: the name of the samples in it; one of the common names by default.
        y: the name of the targets in it; one of the common names by default.
        part: "train" or "test": which of the common names to look for.
        classes: the names of the classes.
        flatten: whether pictures become rows of pixels.

    Raises:
        DataError: the file is missing, damaged, foreign, or has no such arrays.
        ShapeError, DtypeError: the two arrays make no data set.

    >>> np.savez("tiny.npz", x=np.float32([[1, 2], [3, 4]]), y=np.array([0, 1]))
    >>> read_npz("tiny.npz")
    Dataset('tiny', 2 samples of shape (2,) float32, 2 classes)
    """
    if part not in _PAIRS:
        raise unknown("part", part, _PAIRS)
    with _opened(path) as archive:
        x_name, y_name = _find_pair(Path(path), archive.files, (x, y), part)
        samples, targets = archive[x_name], archive[y_name]
    if targets.dtype.kind == "U":
        targets, classes = label_ids(targets, classes or None)
    if samples.dtype == np.uint8 and samples.ndim == 4 and _channels_last(samples.shape):
        samples = samples.transpose(0, 3, 1, 2)
    name = Path(path).stem
    return image_dataset(samples, targets, name=name, classes=classes, flatten=flatten)


def npz_parts(path: StrPath) -> tuple[str, ...]:
    """Which of "train" and "test" a .npz file has under the common names.

    Raises:
        DataError: the file is missing, damaged or foreign.

    >>> np.savez("split.npz", x_train=[[1]], y_train=[0], x_test=[[2]], y_test=[1])
    >>> npz_parts("split.npz")
    ('train', 'test')
    """
    with _opened(path) as archive:
        found = set(archive.files)
    return tuple(part for part, pairs in _PAIRS.items() if any(found >= set(p) for p in pairs))


@contextmanager
def _opened(path: StrPath) -> Iterator[np.lib.npyio.NpzFile]:
    try:
        # NumPy leaves a file open that it opened itself and then finds damaged.
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path} holds one array; expected the samples and their targets")
            yield archive
    except DataError:
        raise
    except _DAMAGES as error:
        raise DataError(f"cannot read {path} as a .npz file: {error}") from error


def _find_pair(
    path: Path, found: list[str], asked: tuple[str | None, str | None], part: str
) -> tuple[str, str]:
    pairs = [(asked[0] or x, asked[1] or y) for x, y in _PAIRS[part]]
    for x, y in pairs:
        if x in found and y in found:
            return x, y
    wanted = " or ".join(f"{x!r} and {y!r}" for x, y in dict.fromkeys(pairs))
    raise DataError(
        f"{path} has the arrays {', '.join(found) or '(none)'}; expected {wanted}. Say which to "
        "take: read_npz(path, x=..., y=...)."
    )


def _channels_last(shape: tuple[int, ...]) -> bool:
    return shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)
