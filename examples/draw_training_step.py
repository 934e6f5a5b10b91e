"""Trace one training step of a 784-25-25-10 net (forward, loss, backward, Adam) and draw it.

Writes two pictures into FOLDER, here if none is named: `training_step.svg` shows every op,
`training_step_modules.svg` each layer as one symbol. The pictures in docs/images are made with

    python examples/draw_training_step.py docs/images
"""

import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import models, nn, optim

model = models.by_name("mlp", in_features=784, classes=10, hidden=(25, 25)).initialize(0)
adam = optim.Adam(lr=1e-3)


def loss_of(parameters, x, y):
    return nn.cross_entropy(nn.functional_call(model, parameters, x), y)


def training_step(parameters, memory, x, y, count, lr):
    """Everything that a step changes goes in and comes out; nothing is remembered on the side."""
    loss, gradients = cr.value_and_grad(loss_of)(parameters, x, y)
    moved = {
        path: adam.update(parameters[path], gradients[path], memory[path], count, lr)
        for path in parameters
    }
    return {
        "parameters": {path: value for path, (value, _) in moved.items()},
        "memory": {path: state for path, (_, state) in moved.items()},
        "loss": loss,
    }


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    parameters = model.state_dict()
    memory = {path: adam.init(value) for path, value in parameters.items()}
    x, y = np.zeros((100, 784), np.float32), np.zeros(100, np.int64)
    graph = cr.trace(training_step)(parameters, memory, x, y, np.asarray(1), np.float32(adam.lr))
    graph = cr.optimize(graph)
    print(graph)
    graph.save(folder / "training_step.svg")
    graph.save(folder / "training_step_modules.svg", detail="modules")


if __name__ == "__main__":
    main()
