"""Small data and models that train in a moment."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim


@pytest.fixture(scope="session")
def digits() -> tuple[cr.data.Dataset, cr.data.Dataset]:
    """250 pictures of MNIST to train on and 100 to test on."""
    train, test = cr.data.mnist()
    return train[:250], test[:100]


@pytest.fixture
def net() -> Callable[[], nn.Sequential]:
    """Makes the same small net for MNIST each time."""
    return lambda: nn.Sequential(nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 10))


@pytest.fixture
def fit(digits: tuple, net: Callable) -> Callable[..., cr.Run]:
    """Trains the small net on the small data, quietly."""

    def run(**options: Any) -> cr.Run:
        settings: dict[str, Any] = {"epochs": 3, "batch_size": 32, "seed": 5, "show": False}
        settings |= {"optimizer": optim.Adam(lr=0.01)} | options
        model, data = settings.pop("model", None), settings.pop("data", digits[0])
        return cr.fit(net() if model is None else model, data, **settings)

    return run


@pytest.fixture
def same_weights() -> Callable[[cr.Run, cr.Run], bool]:
    """Whether two runs ended with the same weights, bit for bit, and the same history."""

    def compare(one: cr.Run, other: cr.Run) -> bool:
        mine, yours = one.model.state_dict(), other.model.state_dict()
        timeless = [
            [
                {name: value for name, value in row.items() if name != "seconds"}
                for row in run.history
            ]
            for run in (one, other)
        ]
        return (
            list(mine) == list(yours)
            and all(np.array_equal(mine[name], yours[name]) for name in mine)
            and timeless[0] == timeless[1]
        )

    return compare


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for machine code: tests that compile the same step do so once."""
    return str(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def pair(fit: Callable, kernels: str) -> Callable[..., tuple[cr.Run, cr.Run]]:
    """Trains twice in the same way, eagerly and compiled; `make` makes the model."""

    def run(make: Callable[[], nn.Module] | None = None, **options: Any) -> tuple[cr.Run, cr.Run]:
        options = {"threads": 1, "kernels": kernels} | options
        runs = [
            fit(model=None if make is None else make(), compile=compiled, **options)
            for compiled in (False, True)
        ]
        return runs[0], runs[1]

    return run
