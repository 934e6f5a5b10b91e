"""Stepping a model's parameters from the gradients that `backward` leaves on them."""

from typing import Any

from chainrule.errors import GradientError
from chainrule.optim.optimizer import Optimizer, State


class Stepper:
    """An optimizer at work on one model, for training loops in PyTorch's manner.

    `model` is a chainrule.nn.Module.

    >>> from chainrule import nn
    >>> model = nn.Linear(2, 1)
    >>> stepper = Stepper(model, SGD(lr=0.1))
    >>> nn.mse(model(np.ones((4, 2))), np.zeros((4, 1))).backward()
    >>> stepper.step()
    """

    def __init__(self, model: Any, optimizer: Optimizer):
        self.model = model.initialize()
        self.optimizer = optimizer
        self.lr = optimizer.lr
        self.count = 0
        self.memory: dict[str, State] = {}

    def step(self) -> None:
        """Update every parameter that has a gradient, and forget the gradients.

        Raises:
            GradientError: no parameter has one.
        """
        live: dict[str, Any] = {
            path: parameter
            for path, parameter in self.model.named_parameters()
            if parameter.grad is not None
        }
        if not live:
            raise GradientError("no parameter has a gradient. Call loss.backward() before step().")
        self.count += 1
        for path, parameter in live.items():
            state = self.memory.get(path) or self.optimizer.init(parameter.data)
            gradient = parameter.grad.data
            value, self.memory[path] = self.optimizer.update(
                parameter.data, gradient, state, self.count, self.lr
            )
            parameter.data = value
        self.model.zero_grad()
