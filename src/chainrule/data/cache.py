"""Arrays kept on disk, memory-mapped, and trusted only as far as their checksums go."""

import io
import json
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from chainrule.writing import StrPath, cache_folder, write_whole

Arrays = dict[str, np.ndarray]
"""The arrays of a data set, by `NAMES`."""

NAMES = ("train-x", "train-y", "test-x", "test-y")
"""The arrays that are kept of a data set."""

_STAMP = "stamp.json"
_HEADER_AT_MOST = 1024
_NOT_AS_STORED = (OSError, ValueError, TypeError, LookupError)
"""What reading a file raises that is missing, or that says something else than what was written."""


def dataset_folder(cache: StrPath | None) -> Path:
    """The folder of the data sets: the one given, or `cache_folder("datasets")`."""
    return cache_folder("datasets") if cache is None else Path(cache).expanduser()


def save_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Store arrays as .npy files beside a stamp that knows their sizes and checksums.

    The stamp is written last. A process that is killed before leaves files that the stamp does
    not vouch for, and they are made again.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = {}
    for name in NAMES:
        path = folder / f"{name}.npy"
        # `_open` takes the bytes in C order.
        array = np.ascontiguousarray(arrays[name])
        write_whole(path, partial(np.save, arr=array, allow_pickle=False))
        content, crc32 = _map_bytes(path)
        stamp[name] = {"bytes": content.size, "crc32": crc32}
    text = json.dumps(stamp, indent=1).encode()
    write_whole(folder / _STAMP, lambda file: file.write(text))


def open_arrays(folder: Path) -> Arrays | None:
    """Memory-map the arrays that `save_arrays` stored, or None where any byte is not as it was.

    Every byte is summed: at 5 GB/s and more, that costs less than the page faults that reading
    the data brings anyway.
    """
    try:
        stamp = _read_stamp(folder)
        return {name: _open(folder, name, stamp[name]) for name in NAMES}
    except _NOT_AS_STORED:
        return None


def is_stored(folder: Path) -> bool:
    """Whether the files of a stored data set are there, by their sizes alone."""
    try:
        stamp = _read_stamp(folder)
        files = [(folder / f"{name}.npy", stamp[name]["bytes"]) for name in NAMES]
        return all(path.stat().st_size == size for path, size in files)
    except _NOT_AS_STORED:
        return False


def _read_stamp(folder: Path) -> dict[str, dict]:
    return json.loads((folder / _STAMP).read_bytes())


def _map_bytes(path: Path) -> tuple[np.ndarray, int]:
    """The bytes of a file and their checksum."""
    content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    return content, zlib.crc32(content.data)


def _open(folder: Path, name: str, expected: dict) -> np.ndarray:
    """Map one array, or raise one of `_NOT_AS_STORED`."""
    content, crc32 = _map_bytes(folder / f"{name}.npy")
    if content.size != expected["bytes"] or crc32 != expected["crc32"]:
        raise ValueError(f"{name} is damaged")
    # Only the bytes that were summed are trusted, so the shape comes from them, not from the stamp.
    head = io.BytesIO(content[:_HEADER_AT_MOST].tobytes())
    np.lib.format.read_magic(head)
    shape, _, dtype = np.lib.format.read_array_header_1_0(head)
    return content[head.tell() :].view(dtype).reshape(shape)
