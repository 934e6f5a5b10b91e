"""Gradient descent on 4x^2 from x = 2 with four learning rates: where it diverges, and why there.

    python examples/learning_rates.py [FOLDER] [--quick]

The slope is 8x, so that a step multiplies x by 1 - 8 lr. It shrinks where lr < 2 / 8, the limit
2 / curvature of every quadratic.
"""

from collections.abc import Sequence
from typing import Any

import experiment
import numpy as np

import chainrule as cr
from chainrule import optim

RATES = (1.0, 0.25, 0.24, 0.1)
START = 2.0


def parabola(x: Any) -> Any:
    return 4.0 * x**2


def measure(quick: bool = False) -> dict[float, list[float]]:
    """The way of x, by learning rate."""
    return {rate: descend(rate, steps=10 if quick else 30) for rate in RATES}


def descend(rate: float, steps: int) -> list[float]:
    sgd = optim.SGD(lr=rate)
    parameters = np.array(START)
    state = sgd.start(parameters)
    way = [START]
    for _ in range(steps):
        parameters, state = sgd.step(parameters, cr.grad(parabola)(parameters), state)
        way.append(float(parameters))
    return way


def finding(ways: dict[float, list[float]]) -> experiment.Finding:
    diverging = ", ".join(f"{x:g}" for x in ways[1.0][:4])
    circling = ", ".join(f"{x:g}" for x in ways[0.25][:3])
    return (
        f"On 4x^2, of curvature 8, gradient descent with a learning rate of 1 goes {diverging}, "
        f"..., and with 0.25 = 2/8 it goes {circling}, ... for ever.",
        f"Below 2/8 it converges: after {len(ways[0.1]) - 1} steps |x| is {abs(ways[0.24][-1]):.2g}"
        f" with 0.24, jumping from side to side, and {abs(ways[0.1][-1]):.1g} with 0.1.",
    )


def draw(ways: dict[float, list[float]]) -> Any:
    figure, ((curve, course),) = experiment.panels(1, 2)
    x = np.linspace(-2.4, 2.4, 201)
    curve.plot(x, parabola(x), color="0.7", label="4x²")
    for rate in RATES[1:]:
        points = np.array(ways[rate][:8])
        curve.plot(points, parabola(points), "o-", markersize=4, linewidth=1, label=f"lr {rate:g}")
    curve.set(xlabel="x", ylabel="4x²", title="the first steps")
    curve.legend(loc="upper center", ncols=2)
    # The colours of the left panel, whose first is the curve's.
    for rate, colour in zip(RATES, ("C3", "C0", "C1", "C2"), strict=True):
        course.semilogy(np.abs(ways[rate]), color=colour, label=f"lr {rate:g}")
    course.set(xlabel="step", ylabel="|x|", title="distance from the minimum", ylim=(1e-8, 1e8))
    course.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[float, list[float]]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
