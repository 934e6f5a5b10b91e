"""What five layers of a net give at the start, by how their weights are drawn.

    python examples/initializations.py [FOLDER] [--quick]

Histograms of the activations of 100 units by layer: weights of deviation 1 and 0.01, Xavier's
(Glorot and Bengio, 2010) and He's (2015), with sigmoid, tanh and ReLU. And zeros, trained: the
hidden units stay copies of one another.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, nn, random

INITS = {
    "std 1": "normal(1.0)",
    "std 0.01": "normal(0.01)",
    "Xavier": "xavier_normal",
    "He": "he_normal",
}
ACTIVATIONS = ("sigmoid", "tanh", "relu")
UNITS, DEPTH = 100, 5


class Numbers(NamedTuple):
    """Activations by layer for each (activation, init); how far trained units are apart."""

    layers: dict[tuple[str, str], list[np.ndarray]]
    apart: dict[str, float]


def measure(quick: bool = False) -> Numbers:
    inputs = random.normal(random.key(0), (200 if quick else 1000, UNITS))
    layers = {
        (activation, name): activations_by_layer(activation, init, inputs)
        for activation in ACTIVATIONS
        for name, init in INITS.items()
    }
    apart = {init: difference(init, quick) for init in ("zeros", "xavier_normal")}
    return Numbers(layers, apart)


def hidden_layers(widths: Sequence[int], activation: str, init: str) -> list[nn.Module]:
    """Linear layers with biases of 0, each with an activation."""
    found: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        found.append(nn.Linear(inputs, outputs, weight_init=init, bias_init="zeros"))
        found.append(nn.catalogue.by_name(activation, outputs))
    return found


def activations_by_layer(activation: str, init: str, inputs: np.ndarray) -> list[np.ndarray]:
    net = nn.Sequential(*hidden_layers((UNITS,) * (DEPTH + 1), activation, init))
    outputs = nn.outputs_by_layer(net.initialize(1), inputs)
    return [outputs[str(place)] for place in range(1, 2 * DEPTH, 2)]


def difference(init: str, quick: bool) -> float:
    """How far 25 hidden units are apart at most after training on MNIST, by the largest weight."""
    train, _ = data.mnist()
    output = nn.Linear(25, 10, weight_init=init, bias_init="zeros")
    net = nn.Sequential(*hidden_layers((784, 25), "sigmoid", init), output)
    cr.fit(net, train[:1000], epochs=2 if quick else 10, show=False)
    weight = net[0].weight.numpy()
    return float(np.ptp(weight, axis=0).max() / np.abs(weight).max())


def finding(numbers: Numbers) -> experiment.Finding:
    def last(activation: str, name: str) -> float:
        return float(numbers.layers[activation, name][-1].std())

    saturated = np.mean(np.abs(numbers.layers["tanh", "std 1"][-1]) > 0.99)
    return (
        f"With weights of deviation 1, {saturated:.0%} of tanh's activations in layer {DEPTH} lie "
        f"beyond 0.99, with 0.01 their deviation is {last('tanh', 'std 0.01'):.0e}; Xavier's keep "
        f"it at {last('tanh', 'Xavier'):.2f}, and for ReLU He's keep {last('relu', 'He'):.2f} "
        f"where Xavier's leave {last('relu', 'Xavier'):.2f}.",
        f"Trained from zeros 25 hidden units stay copies of one another, for all get the same "
        f"gradient: their weights differ by {numbers.apart['zeros']:.0e} of the largest, which is "
        f"rounding, and from Xavier's by {numbers.apart['xavier_normal']:.1f}.",
    )


def draw(numbers: Numbers) -> Any:
    rows, columns = len(ACTIVATIONS), len(INITS)
    figure, axes = experiment.panels(rows, columns, size=(13, 7.5), sharex="row")
    bounds = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 3)}
    for (activation, name), panel in zip(numbers.layers, axes.flat, strict=True):
        edges = np.linspace(*bounds[activation], 41)
        for place, layer in enumerate(numbers.layers[activation, name], start=1):
            counts, _ = np.histogram(np.clip(layer, edges[0], edges[-1]), edges)
            shade = f"C{place - 1}"
            panel.stairs(counts / layer.size, edges, color=shade, label=f"layer {place}")
        panel.set(yscale="log", ylim=(1e-4, 2))
        if activation == ACTIVATIONS[0]:
            panel.set_title(name)
        if activation == ACTIVATIONS[-1]:
            panel.set_xlabel("activation; 3 stands for 3 and more")
    for row, activation in zip(axes, ACTIVATIONS, strict=True):
        row[0].set_ylabel(f"{activation}: share of values")
    axes[0, 0].legend(fontsize=8, ncols=2)
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
