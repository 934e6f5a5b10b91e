"""XOR four ways: by one perceptron in vain, stacked from gates, and learnt by two layers.

    python examples/xor.py [FOLDER] [--quick]

Minsky and Papert, "Perceptrons" (1969), for what one cannot do; Rumelhart, Hinton and Williams,
"Learning representations by back-propagating errors" (1986), for what a hidden layer can.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim

WIDTHS = (1, 2, 3, 4, 8)
CORNERS = data.gate("xor")


class Numbers(NamedTuple):
    """What was found; `learnt` is the share of starts that ended with all four right, by width."""

    lesson: nn.Lesson
    gates: np.ndarray
    learnt: dict[int, float]
    units: dict[str, nn.Module]


def measure(quick: bool = False) -> Numbers:
    single = nn.Perceptron(2)
    lesson = single.learn(CORNERS.x, CORNERS.y)
    gates = models.gate("xor")
    starts = 5 if quick else 40
    learnt, net = {}, None
    for width in WIDTHS:
        nets = [learn(width, seed) for seed in range(starts)]
        right = [net for net in nets if all_right(net)]
        learnt[width] = len(right) / starts
        net = right[0] if right else nets[0]
    units = {"one perceptron": single, "NAND, OR and AND": gates, f"{WIDTHS[-1]} learnt units": net}
    return Numbers(lesson, gates(CORNERS.x).numpy(), learnt, units)


def learn(width: int, seed: int) -> nn.Module:
    """A net with a hidden layer, trained on the four corners."""
    net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))
    cr.fit(net, CORNERS, optimizer=optim.Adam(lr=0.1), epochs=150, seed=seed, show=False)
    return net


def all_right(net: nn.Module) -> bool:
    return bool((decide(net, CORNERS.x) == CORNERS.y).all())


def decide(unit: Any, points: np.ndarray) -> np.ndarray:
    """0 or 1 for each point: what a threshold unit gives, or the larger of two logits."""
    outputs = cr.tensor(unit(points)).numpy()
    return outputs if outputs.ndim == 1 else outputs.argmax(axis=1)


def finding(numbers: Numbers) -> experiment.Finding:
    shares = ", ".join(f"{share:.0%} with {width}" for width, share in numbers.learnt.items())
    return (
        f"One perceptron goes round for ever on XOR (its weights come back after epoch "
        f"{numbers.lesson.epochs}), but NAND, OR and AND stacked give "
        f"{''.join(f'{output:.0f}' for output in numbers.gates)}.",
        f"A layer of tanh units learns it by descent from these shares of random starts, by the "
        f"number of units: {shares}.",
    )


def draw(numbers: Numbers) -> Any:
    figure, (axes,) = experiment.panels(1, 4, size=(13, 3.8))
    side = np.linspace(-0.5, 1.5, 161, dtype=np.float32)
    across, up = np.meshgrid(side, side)
    points = np.stack([across.ravel(), up.ravel()], axis=1)
    for panel, (name, unit) in zip(axes, numbers.units.items(), strict=False):
        decided = decide(unit, points).reshape(across.shape)
        panel.contourf(across, up, decided, levels=(-0.5, 0.5, 1.5), colors=("#dbe9f6", "#fde0c5"))
        for target, marker in ((0, "o"), (1, "s")):
            corners = CORNERS.x[CORNERS.y == target]
            panel.plot(*corners.T, f"k{marker}", label=f"XOR = {target}", markersize=8)
        panel.set(xlabel="first input", ylabel="second input", title=name, aspect="equal")
    axes[1].legend(loc="upper center", ncols=2, fontsize=8)
    axes[-1].bar([str(width) for width in WIDTHS], list(numbers.learnt.values()))
    axes[-1].set(xlabel="hidden units", ylabel="share of starts that learn XOR", ylim=(0, 1.05))
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
