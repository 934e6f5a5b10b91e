"""Trace one training step of 784-25-25-10 (forward, loss, backward, Adam) and draw it.

Usage: python examples/draw_training_step.py [FILE.svg]

The picture is written to docs/images/training_step.svg, or to FILE; the graph is printed as text.
"""

import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import models, nn, optim

HERE = Path(__file__).resolve().parent


def main() -> None:
    model = models.by_name("mlp", in_features=784, classes=10, hidden=(25, 25)).initialize(0)
    optimizer = optim.Adam(lr=1e-3)
    parameters = {name: parameter.data for name, parameter in model.named_parameters()}

    def loss_of(parameters, x, y):
        return nn.cross_entropy(nn.functional_call(model, parameters, x), y)

    def training_step(parameters, m, v, x, y):
        loss, gradients = cr.value_and_grad(loss_of)(parameters, x, y)
        moved = {
            name: optimizer.update(
                parameters[name], gradients[name], {"m": m[name], "v": v[name]}, 1, optimizer.lr
            )[0]
            for name in parameters
        }
        return loss, moved

    zeros = {name: np.zeros_like(value) for name, value in parameters.items()}
    x, y = np.zeros((100, 784), np.float32), np.zeros(100, np.int64)
    graph = cr.trace(training_step)(parameters, zeros, zeros, x, y)
    print(graph.show())
    target = (
        Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs/images/training_step.svg"
    )
    graph.save(target)
    print(f"\n{len(list(graph.calls))} ops, drawn in {target}")


if __name__ == "__main__":
    main()
