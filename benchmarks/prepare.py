"""Write the numbers that all contenders share, before anything is timed.

Usage: python prepare.py --mnist FOLDER, for MNIST as four plain .npy files
       python prepare.py --forget FOLDER, to empty chainrule's cache in the current home; it must
           lie in FOLDER, and data stays
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from task import task_file
from workloads import CHECKED, Workload

import chainrule as cr

_SHUFFLE = 1
"""What `chainrule.fit` folds its key with for the order of the samples. If that changed, the loss
of chainrule would stand apart from all others in every table, and tests/test_benchmarks.py fail."""


def first_weights(work: Workload) -> list[np.ndarray]:
    """W1 (out, in), b1, W2, b2, ...: drawn as Kaiming would, from a fixed key."""
    key, arrays = cr.random.key(7), []
    for layer, (inputs, outputs) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        spread = np.float32(np.sqrt(2.0 / inputs))
        drawn = np.asarray(cr.random.normal(cr.random.fold_in(key, layer), (outputs, inputs)))
        arrays += [drawn * spread, np.zeros(outputs, np.float32)]
    return arrays


def write_task(work: Workload, folder: Path) -> None:
    """The batches that `chainrule.fit(seed=0)` takes of the first CHECKED of them, as bytes."""
    train, _ = cr.data.mnist()
    part = train[: CHECKED * work.batch]
    key = cr.random.fold_in(cr.random.key(0), _SHUFFLE)
    order = cr.data.Loader(part, work.batch, key=key).order(0).reshape(CHECKED, work.batch)
    arrays: dict[str, Any] = {f"weight{i}": w for i, w in enumerate(first_weights(work))}
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
