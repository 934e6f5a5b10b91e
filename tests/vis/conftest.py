"""Nets to look into, with their twins in PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def convolutional(seed: int = 3) -> nn.Sequential:
    """Two convolutions with a stride, padding and dilation, and three outputs; float64."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, dtype=np.float64),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 5, 3, stride=2, padding=2, dilation=2, dtype=np.float64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(45, 3, dtype=np.float64),
    ).initialize(seed)


def twin(torch: Any, model: nn.Sequential) -> Any:
    """The same net in PyTorch."""
    made = torch.nn.Sequential(
        torch.nn.Conv2d(2, 6, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 5, 3, stride=2, padding=2, dilation=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(45, 3),
    ).double()
    made.load_state_dict({k: torch.as_tensor(v) for k, v in model.state_dict().items()})
    return made


@pytest.fixture
def net() -> nn.Sequential:
    return convolutional()


@pytest.fixture
def image() -> np.ndarray:
    """A picture of two channels, 10x10, that `net` takes."""
    return cr.random.normal(cr.random.key(5), (2, 10, 10), np.float64)


@pytest.fixture
def picture_of() -> Callable[[Any], np.ndarray]:
    """Gives the array that a panel shows."""
    return lambda axes: np.asarray(axes.images[0].get_array())


@pytest.fixture(scope="session")
def digits() -> Any:
    """A run of a small convolutional net that knows MNIST a little, with 300 images to test on."""
    train, test = cr.data.load("mnist", flatten=False)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(216, 10),
    )
    options = {"epochs": 2, "batch_size": 50, "optimizer": cr.optim.Adam(lr=0.005)}
    return cr.fit(model, train[:3000], validation=test[:300], show=False, **options)


@pytest.fixture(scope="session")
def rows() -> Any:
    """A run of a multilayer perceptron on the same digits, which come to it as rows of pixels."""
    train, test = cr.data.mnist()
    model = cr.models.mlp(784, 10, hidden=(12,))
    return cr.fit(model, train[:2000], validation=test[:300], epochs=2, show=False)
