"""The IDX format, in which MNIST and its relatives are published.

Two bytes of 0, one byte for the dtype, one for the number of axes, the length of each axis as a
big-endian 32-bit integer, then the numbers, big-endian, the last axis fastest. Described by LeCun
on the page of MNIST.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from chainrule.data.checks import numeric_array
from chainrule.data.dataset import Dataset
from chainrule.data.images import image_dataset
from chainrule.errors import DataError, DtypeError, ShapeError
from chainrule.writing import StrPath, write_whole

_DTYPES = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype.newbyteorder("="): code for code, dtype in _DTYPES.items()}
_CHUNK = 1 << 20


class Readable(Protocol):
    """An open binary file, packed or not."""

    def read(self, size: int = -1, /) -> bytes: ...


def read_idx(path: StrPath) -> np.ndarray:
    """Read an IDX file; one whose name ends in .gz is unpacked on the way.

    dtype: what the file says (uint8, int8, int16, int32, float32 or float64), in native order.

    Raises:
        DataError: the file is missing, foreign, truncated, or has bytes left over.

    >>> path = write_idx("digits.idx", np.array([[1, 2], [3, 4]], np.uint8))
    >>> read_idx(path)
    array([[1, 2],
           [3, 4]], dtype=uint8)
    """
    file = Path(path)
    try:
        with gzip.open(file) if file.suffix == ".gz" else open(file, "rb") as stream:
            return read_idx_stream(stream, str(file))
    except OSError as error:
        # A damaged gzip header is an OSError too.
        raise DataError(f"cannot read {file}: {error.strerror or error}") from error


def read_idx_stream(stream: Readable, where: str) -> np.ndarray:
    """Read IDX from an open file.

    Args:
        stream: at the first byte.
        where: the name of the file, for messages.

    Raises:
        DataError: foreign, truncated, or bytes are left over.
    """
    try:
        return _read(stream, where)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{where} is damaged: its compressed data breaks off or is not gzip ({error}). Fetch "
            "it again."
        ) from error


def _read(stream: Readable, where: str) -> np.ndarray:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise DataError(
            f"{where} is not an IDX file: it starts with the bytes {magic.hex(' ') or '(none)'}; "
            "expected 00 00, then 08, 09, 0b, 0c, 0d or 0e for the dtype, then the number of axes"
        )
    dtype, axes = _DTYPES[magic[2]], magic[3]
    header = stream.read(4 * axes)
    if len(header) < 4 * axes:
        raise DataError(
            f"{where} is truncated: the header of its {axes} axes takes {4 + 4 * axes} bytes, and "
            f"{4 + len(header)} were found. Fetch it again."
        )
    shape = struct.unpack(f">{axes}I", header)
    expected = math.prod(shape) * dtype.itemsize
    content, left = _read_up_to(stream, expected), _count_left(stream)
    found = len(content) + left
    if found != expected:
        raise DataError(
            f"{where} {'is truncated' if found < expected else 'has bytes left over'}: its header "
            f"says {dtype.newbyteorder('=')} of shape {shape}, {expected} bytes, and {found} were "
            "found. Fetch it again."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_up_to(stream: Readable, count: int) -> bytearray:
    """Read at most `count` bytes, in parts: a foreign header may promise more than the memory."""
    content = bytearray()
    while len(content) < count:
        part = stream.read(min(_CHUNK, count - len(content)))
        if not part:
            break
        content += part
    return content


def _count_left(stream: Readable) -> int:
    count = 0
    while part := stream.read(_CHUNK):
        count += len(part)
    return count


def write_idx(path: StrPath, array: np.ndarray) -> Path:
    """Write an IDX file, whole or not at all; one whose name ends in .gz is packed.

    Raises:
        DtypeError: IDX has no code for the dtype.
        ShapeError: more axes, or longer ones, than the format can say.

    >>> write_idx("ids.idx", np.array([7, 1], np.int32)).stat().st_size
    16
    """
    values = numeric_array(array, "array")
    native = values.dtype.newbyteorder("=")
    if native not in _CODES:
        known = ", ".join(str(dtype) for dtype in _CODES)
        raise DtypeError(
            f"IDX cannot hold {values.dtype}; expected {known}. Convert it, such as with "
            "array.astype('int32')."
        )
    if values.ndim > 255 or max(values.shape, default=0) >= 2**32:
        raise ShapeError(
            f"IDX cannot hold an array of shape {values.shape}; expected at most 255 axes, each "
            "shorter than 2**32"
        )
    code = _CODES[native]
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    content = header + values.astype(_DTYPES[code]).tobytes()
    if Path(path).suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    return write_whole(path, lambda file: file.write(content))


def read_idx_pair(
    images: StrPath,
    labels: StrPath,
    *,
    name: str | None = None,
    classes: Sequence[str] = (),
    flatten: bool = True,
) -> Dataset:
    """Read a file of samples and the file of their class ids.

    Args:
        images: the samples; uint8 of shape (n, h, w) or (n, c, h, w) are pictures.
        labels: the class ids, of shape (n,).
        name: what the data is called; the name of the images' file by default.
        classes: the names of the classes; "0", "1", ... by default.
        flatten: whether pictures become rows of pixels.

    Raises:
        DataError, ShapeError, DtypeError: a file is no good, or the two do not fit together.

    >>> images = write_idx("images.idx", np.zeros((2, 28, 28), np.uint8))
    >>> labels = write_idx("labels.idx", np.array([0, 1], np.uint8))
    >>> read_idx_pair(images, labels)
    Dataset('images', 2 samples of shape (784,) uint8, pictures (1, 28, 28), 2 classes)
    """
    x, y = read_idx(images), read_idx(labels)
    if y.ndim != 1:
        raise ShapeError(
            f"{labels} holds an array of shape {y.shape}; expected class ids of shape "
            f"({len(x) if x.ndim else 0},). Are the two files swapped?"
        )
    title = Path(images).name.partition(".")[0] if name is None else name
    return image_dataset(x, y, name=title, classes=classes, flatten=flatten)
