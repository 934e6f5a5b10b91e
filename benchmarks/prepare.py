"""Write the numbers that all contenders share, before anything is timed.

Usage: python prepare.py --mnist FOLDER, for MNIST as four plain .npy files
       python prepare.py --forget FOLDER, to empty chainrule's cache in the current home; it must
           lie in FOLDER, and data stays
"""

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from nets import RESNET20, Net, Norm
from task import task_file
from workloads import CHECKED, Workload

import chainrule as cr

_SHUFFLE = 1
"""What `chainrule.fit` folds its key with for the order of the samples. If that changed, the loss
of chainrule would stand apart from all others in every table, and tests/test_benchmarks.py fail."""
_COLOURS = 64 * CHECKED
"""As many made-up pictures as W7 is checked on."""
_PATTERN = 0.8
"""The share of a picture's pixels that show its class."""


def first_weights(net: Net) -> list[np.ndarray]:
    """W1 (out, in), b1, W2, b2, ...: drawn as Kaiming would, from a fixed key; norms plain."""
    key, arrays = cr.random.key(7), []
    for place, (layer, shape) in enumerate(net.weighted):
        first, *rest = layer.arrays(shape)
        if isinstance(layer, Norm):
            arrays.append(np.ones(first, np.float32))
        else:
            spread = np.float32(np.sqrt(2.0 / math.prod(first[1:])))
            drawn = np.asarray(cr.random.normal(cr.random.fold_in(key, place), first))
            arrays.append(drawn * spread)
        arrays += [np.zeros(shape, np.float32) for shape in rest]
    return arrays


def data_of(work: Workload, samples: int) -> cr.data.Dataset:
    """The first samples of what a workload is trained on: MNIST, or pictures in colour."""
    if work.net.in_shape == RESNET20.in_shape:
        return colours()[:samples]
    train, _ = cr.data.mnist(flatten=not work.has_pictures)
    return train[:samples]


def colours() -> cr.data.Dataset:
    """Pictures shaped as CIFAR-10's, for none is downloaded: each is one of ten, and some noise."""
    draw = np.random.default_rng(0)
    patterns = draw.integers(0, 256, (10, *RESNET20.in_shape), np.uint8)
    y = draw.integers(0, 10, _COLOURS)
    noise = draw.integers(0, 256, (_COLOURS, *RESNET20.in_shape), np.uint8)
    x = np.where(draw.random(noise.shape, np.float32) < _PATTERN, patterns[y], noise)
    scale = cr.data.Affine(1 / 255)
    return cr.data.Dataset(x, y, "patterns", image_shape=RESNET20.in_shape, transform=scale)


def write_task(work: Workload, folder: Path) -> None:
    """The batches that `chainrule.fit(seed=0)` takes of the first CHECKED of them, as bytes."""
    part = data_of(work, CHECKED * work.batch)
    key = cr.random.fold_in(cr.random.key(0), _SHUFFLE)
    order = cr.data.Loader(part, work.batch, key=key).order(0).reshape(CHECKED, work.batch)
    arrays: dict[str, Any] = {f"weight{i}": w for i, w in enumerate(first_weights(work.net))}
    np.savez(task_file(folder, work.name), x=part.x[order], y=part.y[order], **arrays)


def write_mnist(folder: Path) -> None:
    """MNIST as the peers read it: uint8 pixels and int64 labels."""
    for name, part in zip(("train", "test"), cr.data.mnist(), strict=True):
        np.save(folder / f"{name}-x.npy", part.x)
        np.save(folder / f"{name}-y.npy", part.y)


def forget(folder: Path) -> None:
    """Remove what chainrule keeps for this user, but for data.

    Raises:
        ValueError: the user's cache is not in the folder, so it is a real one.
    """
    cache = cr.data.cache_folder()
    if not cache.is_relative_to(folder):
        raise ValueError(f"{cache} is not in {folder}; set HOME to a folder in it")
    for entry in cache.iterdir() if cache.exists() else ():
        if entry.name != "datasets":
            shutil.rmtree(entry)


if __name__ == "__main__":
    {"--mnist": write_mnist, "--forget": forget}[sys.argv[1]](Path(sys.argv[2]))
