"""How much of the gradient reaches the first layer, by depth and activation.

    python examples/vanishing_gradients.py [FOLDER] [--quick]

The slope of the sigmoid is 1/4 at most, so that each layer takes from what comes through it
(Hochreiter, 1991; Glorot and Bengio, 2010). Each net has the weights that suit its activation.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

from chainrule import data, models, nn

ACTIVATIONS = ("sigmoid", "tanh", "relu")
UNITS, STARTS = 50, 3


class Numbers(NamedTuple):
    """Norms of the gradient by layer, first to last, by activation and depth."""

    norms: dict[str, dict[int, np.ndarray]]

    def share(self, activation: str, depth: int) -> float:
        """The gradient of the first hidden layer over that of the last one."""
        norms = self.norms[activation][depth]
        return float(norms[0] / norms[-1])


def measure(quick: bool = False) -> Numbers:
    depths = (2, 5, 10) if quick else (2, 5, 10, 15, 20, 30)
    train, _ = data.mnist()
    batch = train[: 100 if quick else 500]
    return Numbers(
        {
            activation: {depth: norms_by_layer(activation, depth, batch) for depth in depths}
            for activation in ACTIVATIONS
        }
    )


def norms_by_layer(activation: str, depth: int, batch: data.Dataset) -> np.ndarray:
    """The root mean square of the gradient of each hidden layer's weights, median of the starts."""
    x, y = batch.batch(np.arange(len(batch)))
    found = []
    for seed in range(STARTS):
        net = models.mlp(784, 10, hidden=(UNITS,) * depth, activation=activation).initialize(seed)
        nn.cross_entropy(net(x), y).backward()
        hidden = [layer for layer in net if isinstance(layer, nn.Linear)][:-1]
        found.append([np.sqrt(np.mean(layer.weight.grad.numpy() ** 2)) for layer in hidden])
    return np.median(found, axis=0)


def finding(numbers: Numbers) -> experiment.Finding:
    depths = list(numbers.norms["sigmoid"])
    shallow, deep = depths[0], depths[-1]
    others = " and ".join(
        f"{numbers.share(name, deep):.2g} with {name}" for name in ACTIVATIONS[1:]
    )
    return (
        f"With the sigmoid, the first layer of {deep} gets {numbers.share('sigmoid', deep):.0e} "
        f"of the gradient that the last one gets, and of {shallow} layers it gets "
        f"{numbers.share('sigmoid', shallow):.2f}.",
        f"With {deep} layers and the weights that suit each, it is {others}: a slope of about 1 "
        "lets it through.",
    )


def draw(numbers: Numbers) -> Any:
    figure, ((by_layer, by_depth),) = experiment.panels(1, 2)
    for activation, norms in numbers.norms.items():
        depths = list(norms)
        layers = np.arange(1, depths[-1] + 1)
        by_layer.semilogy(layers, norms[depths[-1]], ".-", label=activation)
        shares = [numbers.share(activation, depth) for depth in depths]
        by_depth.semilogy(depths, shares, "o-", label=activation)
    by_layer.set(xlabel="layer", ylabel="size of the gradient", title=f"{depths[-1]} layers")
    by_depth.set(xlabel="depth", ylabel="first layer's gradient / last's", title="by depth")
    by_layer.legend()
    by_depth.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
