"""MNIST, which comes with the package."""

from pathlib import Path

import numpy as np

from chainrule.data.cache import Arrays, dataset_folder, open_arrays, save_arrays
from chainrule.data.dataset import Dataset
from chainrule.data.transforms import Affine
from chainrule.errors import DataError
from chainrule.writing import StrPath

try:
    import lzma
except ImportError:  # a Python that was built without liblzma still runs everything else
    lzma = None

PACKED = Path(__file__).with_name("files") / "mnist"
"""The four IDX files, compressed; the README beside them names their source and licence."""

_CLASSES = tuple("0123456789")
_IMAGE_SHAPE = (1, 28, 28)


def mnist(*, flatten: bool = True, cache: StrPath | None = None) -> tuple[Dataset, Dataset]:
    """MNIST: 60,000 training and 10,000 test pictures of handwritten digits.

    They are unpacked once into the cache and memory-mapped after that. Where the cache is damaged
    they are unpacked again; where it cannot be written they are unpacked into memory each time,
    which takes half a second.

    Shape: x (60000, 784) and (10000, 784), or (n, 1, 28, 28) without `flatten`; y (n,)
    dtype: x uint8, which the transform divides by 255; y int64.

    Args:
        flatten: rows of 784 pixels in place of pictures.
        cache: the folder in which data sets are kept; the user's cache by default.

    Raises:
        DataError: the files of the package are missing or damaged.

    Reference: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (1998).

    >>> train, test = mnist()
    >>> test
    Dataset('mnist test', 10,000 samples of shape (784,) uint8, pictures (1, 28, 28), 10 classes)
    """
    try:
        folder = dataset_folder(cache) / "mnist"
    except RuntimeError:
        # There is no home, as in a container whose user is not in the password file.
        arrays = _unpack_all()
    else:
        arrays = _stored(folder)
    return _part(arrays, "train", flatten), _part(arrays, "test", flatten)


def _stored(folder: Path) -> Arrays:
    """The files as the folder has them, put there first where they are missing or damaged."""
    arrays = open_arrays(folder)
    if arrays is not None:
        return arrays
    arrays = _unpack_all()
    try:
        save_arrays(folder, arrays)
    except OSError:
        return arrays
    return open_arrays(folder) or arrays


def _unpack_all() -> Arrays:
    return {
        "train-x": _unpack("train-images-idx3-ubyte.xz", header=16).reshape(-1, 784),
        "train-y": _unpack("train-labels-idx1-ubyte.xz", header=8),
        "test-x": _unpack("t10k-images-idx3-ubyte.xz", header=16).reshape(-1, 784),
        "test-y": _unpack("t10k-labels-idx1-ubyte.xz", header=8),
    }


def _unpack(file: str, *, header: int) -> np.ndarray:
    """The bytes of one of the four files, after its header."""
    if lzma is None:
        raise DataError(
            "MNIST is packed with xz, and this Python was built without the lzma module. Install "
            "liblzma's headers (liblzma-dev, xz-devel) and build Python again, or use another."
        )
    try:
        content = lzma.decompress((PACKED / file).read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise DataError(
            f"cannot unpack {PACKED / file}, which comes with chainrule ({error}). Install "
            "chainrule again: pip install --force-reinstall --no-deps chainrule"
        ) from error
    return np.frombuffer(content, np.uint8, offset=header)


def _part(arrays: Arrays, part: str, flatten: bool) -> Dataset:
    return Dataset(
        arrays[f"{part}-x"].reshape(-1, *((784,) if flatten else _IMAGE_SHAPE)),
        arrays[f"{part}-y"],
        "mnist" if part == "train" else "mnist test",
        _CLASSES,
        _IMAGE_SHAPE,
        Affine(1 / 255),
    )
