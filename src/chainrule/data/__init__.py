"""Data: samples with their targets, readers, data sets by name, toys, and batches.

What reads files and what downloads is imported when it is first used: MNIST in the cache, the
toys and your own arrays do without.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.data.bundled import mnist
from chainrule.data.dataset import Dataset, as_dataset, label_ids, one_hot
from chainrule.data.loader import Loader
from chainrule.data.toys import blobs, circles, gate, moons, sine, spirals
from chainrule.data.transforms import Affine, scale_to_unit, standardize
from chainrule.writing import Progress, StrPath, cache_folder

if TYPE_CHECKING:
    from chainrule.data.arrays import read_npy, read_npz
    from chainrule.data.augment import (
        Augmentation,
        ColorJitter,
        Compose,
        Cutout,
        ElasticTransform,
        GaussianNoise,
        RandomAffine,
        RandomApply,
        RandomCrop,
        RandomErasing,
        RandomHorizontalFlip,
        RandomVerticalFlip,
        as_augmentation,
        augmentation_config,
        augmentation_from_config,
        augmentation_names,
        augmented,
        image_shape_of,
        resampled,
    )
    from chainrule.data.catalogue import describe, names
    from chainrule.data.idx import read_idx, read_idx_pair, write_idx
    from chainrule.data.images import image_dataset, read_image_folder
    from chainrule.data.paths import open_path, path_parts
    from chainrule.data.pictures import read_picture, to_digit
    from chainrule.data.remote import open_entry
    from chainrule.data.tables import read_csv

_AUGMENTATIONS = (
    "Augmentation",
    "ColorJitter",
    "Compose",
    "Cutout",
    "ElasticTransform",
    "GaussianNoise",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "as_augmentation",
    "augmentation_config",
    "augmentation_from_config",
    "augmentation_names",
    "augmented",
    "image_shape_of",
    "resampled",
)
_LATE = {
    **dict.fromkeys(_AUGMENTATIONS, "augment"),
    "describe": "catalogue",
    "find_entry": "catalogue",
    "image_dataset": "images",
    "names": "catalogue",
    "open_entry": "remote",
    "open_path": "paths",
    "path_parts": "paths",
    "read_csv": "tables",
    "read_idx": "idx",
    "read_idx_pair": "idx",
    "read_image_folder": "images",
    "read_npy": "arrays",
    "read_npz": "arrays",
    "read_picture": "pictures",
    "to_digit": "pictures",
    "write_idx": "idx",
}

__all__ = [
    "Affine",
    "Augmentation",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Dataset",
    "ElasticTransform",
    "GaussianNoise",
    "Loader",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "as_augmentation",
    "as_dataset",
    "augmentation_config",
    "augmentation_from_config",
    "augmentation_names",
    "augmented",
    "blobs",
    "cache_folder",
    "circles",
    "describe",
    "gate",
    "image_dataset",
    "image_shape_of",
    "label_ids",
    "load",
    "mnist",
    "moons",
    "names",
    "one_hot",
    "open_entry",
    "open_path",
    "path_parts",
    "read_csv",
    "read_idx",
    "read_idx_pair",
    "read_image_folder",
    "read_npy",
    "read_npz",
    "read_picture",
    "resampled",
    "scale_to_unit",
    "sine",
    "spirals",
    "standardize",
    "to_digit",
    "write_idx",
]


def load(
    name: str,
    *,
    flatten: bool = True,
    cache: StrPath | None = None,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, Dataset]:
    """Open a data set by name, downloading it the first time: (train, test).

    What was downloaded stays in the folder `downloads` of the cache, so that a damaged cache is
    mended, and another split of one archive opened, without the network.

    Args:
        name: one of `names()`.
        flatten: whether pictures become rows of pixels.
        cache: the folder in which data sets are kept; the user's cache by default.
        mirrors: addresses (http, https or file) of folders that have the files, in place of the
            known ones.
        progress: is called with a file's name, the bytes that are here and the bytes it has.

    Raises:
        OptionError: the name is unknown, or a mirror is no address.
        DataError: no mirror gave the right file, or the cache cannot be written.

    >>> train, test = load("mnist")
    >>> len(train), len(test)
    (60000, 10000)
    """
    if name == "mnist":
        return mnist(flatten=flatten, cache=cache)
    entry = __getattr__("find_entry")(name)
    return __getattr__("open_entry")(
        entry, flatten=flatten, cache=cache, mirrors=mirrors, progress=progress
    )


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
