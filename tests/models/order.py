"""The order in which a run takes its samples, seen from outside."""

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, nn


def orders(samples: int, epochs: int, size: int) -> list[np.ndarray]:
    """The order of the samples in each epoch of a run with seed 0, in batches of `size`.

    It depends on nothing else; so a run over numbered samples, whose loss notes them, shows it.
    """
    seen: list[np.ndarray] = []

    def noting(outputs: Any, targets: Any) -> Any:
        if len(targets) == size:  # and not the few samples that a run tries out first
            seen.append(np.asarray(targets, np.int64))
        return cr.mean(outputs * 0.0)

    numbered = data.Dataset(np.ones((samples, 1), np.float32), np.arange(samples, dtype=np.float32))
    cr.fit(
        nn.Linear(1, 1),
        numbered,
        loss=noting,
        epochs=epochs,
        batch_size=size,
        compile=False,
        show=False,
        optimizer="sgd",
    )
    return list(np.concatenate(seen).reshape(epochs, samples))
