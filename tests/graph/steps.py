"""Graphs that the tests of this folder share."""

from itertools import pairwise
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.graph import Graph


def network(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them, drawn from seed 0."""
    layers: list[Any] = []
    for inner, outer in pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).initialize(0)


def training_step(model: nn.Module, optimizer: optim.Optimizer) -> Any:
    """One step of training as a function of parameters, memory, batch, number and rate."""

    def step(params: dict, memory: dict, x: Any, y: Any, count: Any, lr: Any) -> dict:
        def loss_of(params: dict) -> Any:
            return nn.cross_entropy(nn.functional_call(model, params, x), y)

        loss, gradients = cr.value_and_grad(loss_of)(params)
        moved = {
            path: optimizer.update(params[path], gradients[path], memory[path], count, lr)
            for path in params
        }
        return {
            "params": {path: value for path, (value, _) in moved.items()},
            "memory": {path: state for path, (_, state) in moved.items()},
            "loss": loss,
        }

    return step


def arguments(model: nn.Module, optimizer: optim.Optimizer, batch: int, sizes: tuple) -> tuple:
    """Arguments for `training_step`: random pixels, and labels."""
    params = model.state_dict()
    memory = {path: optimizer.init(value) for path, value in params.items()}
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, sizes[0])).astype(np.float32)
    y = random.integers(0, sizes[-1], batch)
    return params, memory, x, y, np.asarray(1), np.float32(1e-3)


def traced_step(*sizes: int, batch: int = 4) -> tuple[Any, tuple, Graph]:
    """A step of Adam on such a network, its arguments, and its graph."""
    model, adam = network(*sizes), optim.Adam(lr=1e-3)
    step, args = training_step(model, adam), arguments(model, adam, batch, sizes)
    return step, args, cr.trace(step)(*args)
