"""The whole job that `cold.py` times: W1 for five epochs on MNIST, and the test accuracy."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from workloads import WORKLOADS

W1 = WORKLOADS["W1"]
JOB = replace(W1, kind="whole")
EPOCHS = 5


@dataclass(frozen=True)
class Mnist:
    """What `prepare.write_mnist` wrote: pixels as bytes, (n, 784), and labels, (n,)."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> "Mnist":
        parts = ("train-x", "train-y", "test-x", "test-y")
        return cls(*(np.load(folder / f"{part}.npy") for part in parts))

    def accuracy(self, outputs: np.ndarray) -> float:
        """Of outputs (n, classes) on the test part."""
        return float((outputs.argmax(axis=1) == self.test_y).mean())


def first_weights(rng: np.random.Generator) -> list[np.ndarray]:
    """Weights (out, in) and biases, drawn as Kaiming would."""
    arrays = []
    for inputs, outputs in zip(W1.net.sizes, W1.net.sizes[1:], strict=False):
        drawn = rng.standard_normal((outputs, inputs), np.float32)
        arrays += [drawn * np.float32(np.sqrt(2 / inputs)), np.zeros(outputs, np.float32)]
    return arrays


def orders(rng: np.random.Generator, samples: int) -> np.ndarray:
    """The rows of each batch of each epoch. Shape: (EPOCHS, batches, batch)."""
    return np.stack([rng.permutation(samples).reshape(-1, W1.batch) for _ in range(EPOCHS)])
