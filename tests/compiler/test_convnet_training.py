"""Nets with convolutions train compiled as they do eagerly, and alike for any number of threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from tests.compiler.machine import same_bits

EXACT = 1e-10


class Block(nn.Module):
    """Two convolutions with batch normalisation, and a way past them."""

    def __init__(self, before: int, after: int, dtype: Any, stride: int = 1):
        super().__init__()
        bare = {"bias": False, "dtype": dtype}
        self.first = nn.Conv2d(before, after, 3, stride, 1, **bare)
        self.norm = nn.BatchNorm(after, dtype=dtype)
        self.second = nn.Conv2d(after, after, 3, padding=1, **bare)
        self.last = nn.BatchNorm(after, dtype=dtype)
        self.past = nn.Conv2d(before, after, 1, stride, **bare)

    def forward(self, x: Any) -> Any:
        y = self.last(self.second(cr.relu(self.norm(self.first(x)))))
        return cr.relu(y + self.past(x))


class Residual(nn.Module):
    """Two blocks, the mean of each picture, and a full layer."""

    def __init__(self, dtype: Any):
        super().__init__()
        self.blocks = nn.Sequential(Block(3, 5, dtype), Block(5, 8, dtype, 2))
        self.full = nn.Linear(8, 4, dtype=dtype)

    def forward(self, x: Any) -> Any:
        return self.full(cr.mean(self.blocks(x), axis=(2, 3)))


def lenet(dtype: Any) -> nn.Module:
    """LeNet-5 for smaller pictures."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 9, 3, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 20, dtype=dtype),
        nn.ReLU(),
        nn.Linear(20, 4, dtype=dtype),
    )


MAKERS: dict[str, Callable[[Any], nn.Module]] = {"LeNet": lenet, "residual": Residual}


def trained(name: str, dtype: Any, **options: Any) -> tuple[dict[str, np.ndarray], list[float]]:
    """What a net has after some steps, of which the last of each epoch is of fewer samples."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (57, 3, 12, 12)).astype(np.uint8)
    data = cr.data.Dataset(pixels, random.integers(0, 4, 57), image_shape=(3, 12, 12))
    model = MAKERS[name](dtype)
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 20, "seed": 3, "show": False}
    run = cr.fit(model, data, optimizer=optim.Momentum(lr=0.05), **settings, **options)
    return run.model.state_dict(), [row["loss"] for row in run.history]


@pytest.mark.parametrize("name", MAKERS)
def test_compiled_training_is_eager_training(name):
    eager, losses = trained(name, np.float64, compile=False)
    made, compiled_losses = trained(name, np.float64, compile=True)
    np.testing.assert_allclose(compiled_losses, losses, EXACT)
    assert losses[0] != losses[1]
    assert list(made) == list(eager)
    for path, array in eager.items():
        largest = float(np.abs(array).max(initial=0.0))
        np.testing.assert_allclose(made[path], array, EXACT, EXACT * largest, err_msg=path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_training_has_the_same_bits_for_any_number_of_threads(name):
    want = trained(name, np.float32, compile=True, threads=1)
    for threads in (2, 3, 4):
        assert same_bits(trained(name, np.float32, compile=True, threads=threads), want), threads
