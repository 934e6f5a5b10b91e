"""How close one hidden layer comes to a function of one number, by its width.

    python examples/universal_approximation.py [FOLDER] [--quick]

Cybenko, "Approximation by superpositions of a sigmoidal function" (1989), and Hornik, "Multilayer
feedforward networks are universal approximators" (1989), say that width suffices; not that descent
finds the weights, so that each width has several starts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

from chainrule import nn, optim

POINTS = np.linspace(-1.0, 1.0, 200)[:, None]
STARTS = 3


def wanted(x: Any) -> Any:
    """Two hills and a bend, without a formula that tanh units could simply be."""
    return np.sin(5 * x) * np.exp(-x) + np.abs(x)


class Fit(NamedTuple):
    """The best net of a width: its curve at `POINTS`, and the largest and the usual error."""

    curve: np.ndarray
    largest: float
    usual: float


def measure(quick: bool = False) -> dict[int, Fit]:
    """The best fit by width."""
    widths = (1, 4, 16) if quick else (1, 2, 4, 8, 16, 32, 64)
    iterations = 200 if quick else 1000
    return {
        width: min((fit(width, seed, iterations) for seed in range(STARTS)), key=lambda f: f.usual)
        for width in widths
    }


def fit(width: int, seed: int, iterations: int) -> Fit:
    """A hidden layer of so many tanh units, brought to the function by L-BFGS in float64."""
    net = nn.Sequential(
        nn.Linear(1, width, weight_init="normal(3.0)", bias_init="uniform(3.0)", dtype=np.float64),
        nn.Tanh(),
        nn.Linear(width, 1, dtype=np.float64),
    ).initialize(seed)
    target = wanted(POINTS)

    def cost(weights: Any) -> Any:
        return nn.mse(nn.functional_call(net, weights, POINTS), target)

    found = optim.minimize(cost, net.state_dict(), optim.LBFGS(iterations=iterations))
    curve = nn.functional_call(net, found.parameters, POINTS)
    errors = np.abs(curve - target)
    return Fit(curve, float(errors.max()), float(np.sqrt(found.value)))


def finding(fits: dict[int, Fit]) -> experiment.Finding:
    widths = list(fits)
    first, last = fits[widths[0]], fits[widths[-1]]
    course = ", ".join(f"{fit.usual:.1g} with {width}" for width, fit in fits.items())
    return (
        f"One hidden layer comes as close to a curve as its width allows: the largest error falls "
        f"from {first.largest:.2g} with {widths[0]} tanh unit to {last.largest:.2g} with "
        f"{widths[-1]}.",
        f"The root of the mean squared error is {course} units, the best of {STARTS} starts; the "
        "corner at 0 is what smooth units reach last.",
    )


def draw(fits: dict[int, Fit]) -> Any:
    figure, ((curves, course),) = experiment.panels(1, 2)
    curves.plot(POINTS, wanted(POINTS), color="0.75", linewidth=5, label="the function")
    for width in list(fits)[:5]:
        curves.plot(
            POINTS, fits[width].curve, linewidth=1.2, label=f"{width} unit" + "s" * (width > 1)
        )
    curves.set(xlabel="x", ylabel="y", title="fits by width")
    curves.legend()
    widths = list(fits)
    course.loglog(widths, [fit.largest for fit in fits.values()], "o-", label="largest error")
    course.loglog(widths, [fit.usual for fit in fits.values()], "s-", label="root mean square")
    course.set_xticks(widths, [str(width) for width in widths])
    course.set_xticks([], minor=True)
    course.set(xlabel="hidden units", ylabel="error", title="error by width")
    course.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[int, Fit]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
