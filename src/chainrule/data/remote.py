"""Data sets that are downloaded, brought from their published forms to arrays."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from chainrule.data.cache import Arrays, dataset_folder, open_arrays, save_arrays
from chainrule.data.catalogue import Entry
from chainrule.data.dataset import Dataset
from chainrule.data.download import fetch
from chainrule.data.idx import read_idx, read_idx_stream
from chainrule.data.images import image_dataset
from chainrule.errors import DataError
from chainrule.writing import Progress, StrPath

_DAMAGES = (OSError, EOFError, KeyError, zlib.error, zipfile.BadZipFile, tarfile.TarError)


def open_entry(
    entry: Entry,
    *,
    flatten: bool = True,
    cache: StrPath | None = None,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, Dataset]:
    """Open a data set of the catalogue, or one described as those are: (train, test).

    Raises:
        OptionError: a mirror is no address.
        DataError: the files cannot be had or are not what they should be, or the cache cannot be
            written.
    """
    try:
        root = dataset_folder(cache)
    except RuntimeError as error:
        raise DataError(
            "this user has no home folder to keep data sets in; give cache='/a/folder'"
        ) from error
    folder = root / entry.name
    arrays = open_arrays(folder)
    if arrays is None:
        downloads = root / "downloads" / entry.archive
        addresses = entry.mirrors if mirrors is None else mirrors
        paths = [fetch(file, downloads, addresses, progress=progress) for file in entry.files]
        built = _build(entry, paths)
        try:
            save_arrays(folder, built)
        except OSError as error:
            raise DataError(
                f"cannot keep {entry.name} in {folder} ({error.strerror or error}). Make room or "
                "allow it, or keep data sets elsewhere: cache='/another/folder'."
            ) from error
        arrays = open_arrays(folder) or built
    return _part(entry, arrays, "train", flatten), _part(entry, arrays, "test", flatten)


def _part(entry: Entry, arrays: Arrays, part: str, flatten: bool) -> Dataset:
    x, y = arrays[f"{part}-x"], arrays[f"{part}-y"]
    name = entry.name if part == "train" else f"{entry.name} test"
    return image_dataset(x, y, name=name, classes=entry.classes, flatten=flatten)


def _build(entry: Entry, paths: list[Path]) -> Arrays:
    """Read the files, and check that they hold what the entry says."""
    try:
        arrays = _FORMS[entry.form](entry, paths)
    except _DAMAGES as error:
        raise DataError(
            f"cannot read {', '.join(map(str, paths))} as {entry.name} in the form "
            f"{entry.form!r}: {error}"
        ) from error
    for part in ("train", "test"):
        x, y = arrays[f"{part}-x"], arrays[f"{part}-y"]
        if x.shape[1:] != entry.image_shape or y.shape != (len(x),):
            raise DataError(
                f"the {part} part of {entry.name} has pictures of shape {x.shape[1:]} for labels "
                f"of shape {y.shape}; expected {entry.image_shape} and ({len(x)},)"
            )
    return arrays


def _from_idx(entry: Entry, paths: list[Path]) -> Arrays:
    """Four IDX files, as MNIST has them."""
    arrays = [read_idx(path) for path in paths]
    return _named(entry, *arrays)


def _from_emnist(entry: Entry, paths: list[Path]) -> Arrays:
    """The four files of one split in EMNIST's archive, whose pictures lie on their side."""
    arrays = []
    with zipfile.ZipFile(paths[0]) as archive:
        for part in ("train", "test"):
            for kind in ("images-idx3", "labels-idx1"):
                member = f"gzip/{entry.name}-{part}-{kind}-ubyte.gz"
                with archive.open(member) as packed, gzip.open(packed) as stream:
                    arrays.append(read_idx_stream(stream, f"{paths[0]}, {member}"))
    train_x, train_y, test_x, test_y = arrays
    return _named(entry, train_x.swapaxes(-1, -2), train_y, test_x.swapaxes(-1, -2), test_y)


def _from_cifar(entry: Entry, paths: list[Path]) -> Arrays:
    """CIFAR's binary form: a byte for the class, then the red, green and blue plane, by rows."""
    train = [f"data_batch_{number}.bin" for number in range(1, 6)]
    with tarfile.open(paths[0], "r:gz") as archive:
        # In the order of the archive, for going back in it means to unpack it again.
        found = {Path(member.name).name: _rows(archive, member) for member in archive}
    train_rows = np.concatenate([found[name] for name in train])
    test_rows = found["test_batch.bin"]
    return _named(entry, *_cut(train_rows, entry), *_cut(test_rows, entry))


def _rows(archive: tarfile.TarFile, member: tarfile.TarInfo) -> np.ndarray:
    stream = archive.extractfile(member) if member.name.endswith(".bin") else None
    return np.frombuffer(stream.read() if stream else b"", np.uint8)


def _cut(content: np.ndarray, entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    channels, height, width = entry.image_shape
    length = 1 + channels * height * width
    if content.size == 0 or content.size % length:
        raise DataError(
            f"a part of {entry.name} has {content.size} bytes; expected a multiple of {length}, a "
            "byte for the class and one for each colour of each pixel"
        )
    rows = content.reshape(-1, length)
    return rows[:, 1:].reshape(-1, *entry.image_shape), rows[:, 0]


def _named(
    entry: Entry, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray
) -> Arrays:
    """The arrays as they are stored: pictures with their channels, ids from 0 on."""
    return {
        "train-x": _with_channels(train_x),
        "train-y": train_y - np.uint8(entry.first_id),
        "test-x": _with_channels(test_x),
        "test-y": test_y - np.uint8(entry.first_id),
    }


def _with_channels(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[:, None] if x.ndim == 3 else x)


_FORMS: dict[str, Callable[[Entry, list[Path]], Arrays]] = {
    "idx": _from_idx,
    "emnist": _from_emnist,
    "cifar": _from_cifar,
}
