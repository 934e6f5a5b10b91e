"""Why two convolutions of 3x3 stand where one of 5x5 could.

    python examples/why_depth.py [FOLDER] [--quick]

Stacked small kernels see as far as one large one with fewer weights and operations, and bend once
more on the way (Simonyan and Zisserman, 2015, section 2.3). Each stack stands in the same small net
and learns a part of MNIST.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, nn, optim, tensor

CHANNELS, SIDE = 16, 14
STACKS = {"one 5x5": (5,), "two 3x3": (3, 3), "one 7x7": (7,), "three 3x3": (3, 3, 3)}


class Stack(NamedTuple):
    """What a stack of convolutions costs, sees and learns."""

    parameters: int
    operations: int
    sees: int
    accuracies: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.accuracies))


Numbers = dict[str, Stack]


def measure(quick: bool = False) -> Numbers:
    train, test = data.mnist(flatten=False)
    samples, starts = (500, 2) if quick else (1000, 3)
    parts = train[:samples], test[:1000]
    return {name: measure_one(kernels, starts, *parts) for name, kernels in STACKS.items()}


def measure_one(
    kernels: tuple[int, ...], starts: int, train: data.Dataset, test: data.Dataset
) -> Stack:
    weights = [layer for layer in stack(kernels) if isinstance(layer, nn.Conv2d)]
    return Stack(
        parameters=sum(layer.parameter_count for layer in weights),
        operations=sum(layer.weight.size for layer in weights) * SIDE**2,
        sees=field(kernels),
        accuracies=tuple(learn(kernels, seed, train, test) for seed in range(starts)),
    )


def stack(kernels: tuple[int, ...], channels: int = CHANNELS) -> list[nn.Module]:
    steps: list[nn.Module] = []
    for kernel in kernels:
        steps += [nn.Conv2d(channels, channels, kernel, padding=kernel // 2), nn.ReLU()]
    return steps


def field(kernels: tuple[int, ...]) -> int:
    """How many pixels of a row one output sees: those that its derivative is not 0 for."""
    net = nn.Sequential(*stack(kernels, channels=1)).initialize(0)
    for _, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.assign(np.ones(layer.weight.shape, np.float32))
    picture = tensor(np.ones((1, 1, 31, 31)), requires_grad=True)
    net(picture)[0, 0, 15, 15].backward()
    return int(np.count_nonzero(picture.grad.numpy()[0, 0, 15]))


def learn(kernels: tuple[int, ...], seed: int, train: data.Dataset, test: data.Dataset) -> float:
    """The accuracy on the test pictures after training from a start."""
    net = nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        *stack(kernels),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(CHANNELS * 7 * 7, 10),
    )
    adam = optim.Adam(lr=0.003)
    run = cr.fit(net, train, optimizer=adam, epochs=5, batch_size=50, seed=seed, show=False)
    accuracy = run.evaluate(test).accuracy
    assert accuracy is not None
    return accuracy


def finding(numbers: Numbers) -> experiment.Finding:
    one, two, large, three = (numbers[name] for name in STACKS)
    return (
        f"Two convolutions of 3x3 see {two.sees}x{two.sees} pixels as one of 5x5 does, with "
        f"{two.parameters:,} parameters and {two.operations / 1e6:.2f} million products a picture "
        f"against {one.parameters:,} and {one.operations / 1e6:.2f}; three see "
        f"{three.sees}x{three.sees} as one of 7x7, with {three.parameters:,} against "
        f"{large.parameters:,}.",
        f"Trained on the same digits the small kernels reach {two.accuracy:.1%} and "
        f"{three.accuracy:.1%} of the test, the large ones {one.accuracy:.1%} and "
        f"{large.accuracy:.1%}, the mean of {len(one.accuracies)} starts.",
    )


def draw(numbers: Numbers) -> Any:
    figure, (panels,) = experiment.panels(1, 3, size=(14, 4))
    names, colours = list(numbers), ["tab:orange", "tab:blue"] * 2
    stacks = list(numbers.values())
    panels[0].bar(names, [one.parameters for one in stacks], color=colours)
    panels[0].margins(y=0.12)
    panels[0].set(ylabel="parameters", title=f"{CHANNELS} channels")
    panels[1].bar(names, [one.operations / 1e6 for one in stacks], color=colours)
    panels[1].set(ylabel="million products a picture", title=f"{SIDE}x{SIDE} pixels")
    for place, one in enumerate(stacks):
        marks = [place] * len(one.accuracies)
        panels[2].plot(marks, one.accuracies, "o", color=colours[place], alpha=0.5)
        panels[2].plot([place - 0.25, place + 0.25], [one.accuracy] * 2, color=colours[place])
        panels[0].annotate(
            f"sees {one.sees}x{one.sees}", (place, one.parameters), ha="center", va="bottom"
        )
    panels[2].set(ylabel="test accuracy", title="after training, each start and the mean")
    panels[2].set_xticks(range(len(names)), names)
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
