"""Matt Mazur's "A Step by Step Backpropagation Example" (2015), computed with chainrule.

Two inputs, two hidden and two output neurons, all with a sigmoid. The weights begin as in the text,
the biases stay as they are, the learning rate is 0.5, and the error is the sum of squares over two.

    python examples/mazur.py
"""

import numpy as np

from chainrule import nn, optim

INPUTS = np.array([[0.05, 0.10]])
TARGETS = np.array([[0.01, 0.99]])


def make_model() -> nn.Sequential:
    """The net of the text. A buffer is part of a model, but no optimizer moves it."""
    hidden = nn.Linear(2, 2, dtype=np.float64)
    hidden.weight.assign([[0.15, 0.20], [0.25, 0.30]])
    hidden.bias = nn.Buffer(np.array([0.35, 0.35]))
    output = nn.Linear(2, 2, dtype=np.float64)
    output.weight.assign([[0.40, 0.45], [0.50, 0.55]])
    output.bias = nn.Buffer(np.array([0.60, 0.60]))
    return nn.Sequential(hidden, nn.Sigmoid(), output, nn.Sigmoid())


def error_of(model: nn.Module):
    return 0.5 * nn.mse(model(INPUTS), TARGETS, reduction="sum")


def main() -> None:
    model = make_model()
    stepper = optim.Stepper(model, optim.SGD(lr=0.5))

    error = error_of(model)
    print(f"error before            {error.item():.9f}")
    error.backward()
    print(f"slope by w5             {model[2].weight.grad.numpy()[0, 0]:.9f}")
    stepper.step()
    print(f"w5 after one update     {model[2].weight.numpy()[0, 0]:.9f}")
    print(f"error after one update  {error_of(model).item():.9f}")

    for _ in range(9_999):
        error_of(model).backward()
        stepper.step()
    first, second = model(INPUTS).numpy()[0]
    print(f"error after 10,000      {error_of(model).item():.9f}")
    print(f"outputs after 10,000    {first:.8f} {second:.8f}")


if __name__ == "__main__":
    main()
