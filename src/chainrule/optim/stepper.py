"""Stepping a model's parameters from the gradients that `backward` leaves on them."""

from typing import Any

from chainrule.errors import GradientError
from chainrule.optim.optimizer import Optimizer, State


class Stepper:
    """An optimizer at work on one model, for training loops in PyTorch's manner.

    `model` is a chainrule.nn.Module. `lr` may be changed between steps. Each parameter counts its
    own steps, so that one which joins in late begins at 1.

    >>> from chainrule import nn, optim
    >>> model = nn.Linear(2, 1)
    >>> stepper = Stepper(model, optim.SGD(lr=0.1))
    >>> for _ in range(2):
    ...     nn.mse(model([[1.0, 1.0]]), [[0.0]]).backward()
    ...     stepper.step()
    """

    def __init__(self, model: Any, optimizer: Optimizer):
        self.model = model
        self.optimizer = optimizer
        self.lr = optimizer.lr
        shapes = {path: parameter.shape for path, parameter in model.named_parameters()}
        self.parts = optimizer.assign(shapes)
        self.counts: dict[str, int] = {}
        self.memory: dict[str, State] = {}

    def step(self) -> None:
        """Update every parameter that has a gradient, and forget the gradients.

        Raises:
            GradientError: no parameter has one.
        """
        named = list(self.model.named_parameters())
        if all(parameter.grad is None for _, parameter in named):
            raise GradientError("no parameter has a gradient. Call loss.backward() before step().")
        for path, parameter in named:
            if parameter.grad is None:
                continue
            value, gradient = parameter.data, parameter.grad.data
            part = self.parts[path]
            if path not in self.memory:
                self.memory[path], self.counts[path] = part.init(value), 0
            self.counts[path] += 1
            lr = self.lr * (part.lr / self.optimizer.lr)
            parameter.data, self.memory[path] = part.update(
                value, gradient, self.memory[path], self.counts[path], lr
            )
            parameter.grad = None
