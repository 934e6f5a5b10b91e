"""The gradient by difference quotients against the one by the chain rule: agreement and cost.

    python examples/gradient_check.py [FOLDER] [--quick]

Central differences need two evaluations of the loss for each parameter, reverse mode one forward
and one backward pass for all of them.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, nn


class Comparison(NamedTuple):
    """One net: its parameters, how far the gradients are apart, evaluations, and seconds of each.

    `apart` is |numeric - analytic| / |analytic|, with the Euclidean norm.
    """

    parameters: int
    apart: float
    evaluations: int
    numeric_seconds: float
    analytic_seconds: float

    @property
    def ratio(self) -> float:
        return self.numeric_seconds / self.analytic_seconds


class Numbers(NamedTuple):
    """Nets of growing size, and the error of a difference quotient by its step."""

    comparisons: list[Comparison]
    curve: Any


def measure(quick: bool = False) -> Numbers:
    widths = (1, 2) if quick else (1, 3, 10, 30)
    train, _ = data.mnist()
    x, y = train.batch(np.arange(20))
    x = x.astype(np.float64)
    if quick:
        # The middle of each picture, so that there are fewer weights.
        x = x.reshape(-1, 28, 28)[:, 9:19, 9:19].reshape(len(x), -1)
    nets = [models.mlp(x.shape[1], 10, (width,), "tanh").initialize(0) for width in widths]
    comparisons = [compare(*loss_of(net, x, y)) for net in nets]
    loss, weights = loss_of(nets[-1], x, y)
    curve = cr.step_curve(
        loss, weights, exact=cr.grad(loss)(weights), steps=tuple(np.geomspace(1e-1, 1e-13, 25))
    )
    return Numbers(comparisons, curve)


def loss_of(net: nn.Module, x: np.ndarray, y: np.ndarray) -> tuple[Callable, dict]:
    """The loss as a function of the weights, and the weights in float64."""
    weights = {path: array.astype(np.float64) for path, array in net.state_dict().items()}
    return lambda weights: nn.cross_entropy(nn.functional_call(net, weights, x), y), weights


def compare(loss: Callable, weights: dict) -> Comparison:
    calls = []

    def counted(weights: dict) -> Any:
        calls.append(1)
        return loss(weights)

    started = time.perf_counter()
    numeric = flat(cr.numeric_gradient(counted, weights))
    between = time.perf_counter()
    repeats = 10
    for _ in range(repeats):
        analytic = flat(cr.grad(loss)(weights))
    ended = time.perf_counter()
    return Comparison(
        parameters=analytic.size,
        apart=float(np.linalg.norm(numeric - analytic) / np.linalg.norm(analytic)),
        evaluations=len(calls),
        numeric_seconds=between - started,
        analytic_seconds=(ended - between) / repeats,
    )


def flat(gradient: dict) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in gradient.values()])


def finding(numbers: Numbers) -> experiment.Finding:
    largest = numbers.comparisons[-1]
    step, error = numbers.curve.best
    return (
        f"For {largest.parameters:,} parameters central differences take "
        f"{largest.numeric_seconds:.2g} s and the chain rule {1e3 * largest.analytic_seconds:.2g} "
        f"ms, {largest.ratio:,.0f} times less; the two gradients differ by {largest.apart:.0e} of "
        "their size.",
        f"The difference quotient is best at a step of {step:.0e} (error {error:.0e}): above it "
        "the formula errs, below it float64 rounds.",
    )


def draw(numbers: Numbers) -> Any:
    figure, ((cost, error),) = experiment.panels(1, 2)
    sizes = [comparison.parameters for comparison in numbers.comparisons]
    for what, marker in (("numeric", "o-"), ("analytic", "s-")):
        seconds = [getattr(c, f"{what}_seconds") for c in numbers.comparisons]
        cost.loglog(sizes, seconds, marker, label=what)
    cost.set(xlabel="parameters", ylabel="seconds for one gradient", title="cost")
    cost.legend()
    error.loglog(numbers.curve.steps, numbers.curve.errors, "o-", markersize=4)
    error.set(xlabel="step h", ylabel="relative error", title="(f(x + hv) - f(x - hv)) / 2h")
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
