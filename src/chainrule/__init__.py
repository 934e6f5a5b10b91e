"""chainrule: a deep-learning framework from first principles.

    import chainrule as cr
    from chainrule import nn, optim

    train, test = cr.data.mnist()
    model = nn.Sequential(nn.Linear(784, 25), nn.ReLU(), nn.Linear(25, 10))
    run = cr.fit(model, train, loss="cross_entropy", optimizer=optim.Adam(lr=1e-3), epochs=5)
    print(run.evaluate(test))

The ops (`cr.exp`, `cr.matmul`, ...), tensors and derivatives are loaded with the package; the
larger parts (`cr.nn`, `cr.data`, `cr.fit`, ...) when they are first named.
"""

import importlib
from typing import TYPE_CHECKING, Any

from chainrule import ops
from chainrule.grad import grad, value_and_grad, vjp
from chainrule.ops import *  # noqa: F403 - every op stands at the top of the package
from chainrule.tensor import Tensor, tensor

if TYPE_CHECKING:
    from chainrule import data, errors, models, nn, optim, random, train, tree
    from chainrule.train import Run, fit, load_run, resume

__version__ = "0.1.0"

_MODULES = ("data", "errors", "models", "nn", "optim", "random", "train", "tree")
_FROM_TRAIN = ("Run", "fit", "load_run", "resume")

__all__ = [
    "Tensor",
    "grad",
    "tensor",
    "value_and_grad",
    "vjp",
    *ops.__all__,
    *_MODULES,
    *_FROM_TRAIN,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"chainrule.{name}")
    if name in _FROM_TRAIN:
        return getattr(importlib.import_module("chainrule.train"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
