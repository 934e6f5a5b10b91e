"""Nine trials on a grid against nine at random, where one of two parameters matters.

    python examples/random_search.py [FOLDER] [--quick]

A net learns 1,000 digits; the learning rate matters to it, the rate of an L2 penalty hardly. A grid
of 3 x 3 tries three learning rates, random search nine (Bergstra and Bengio, "Random search for
hyper-parameter optimization", 2012).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, optim, tune

SPACE = {"lr": "log:1e-3..1e1/3", "l2": "log:1e-8..1e-5/3"}


class Numbers(NamedTuple):
    """The search on the grid, and those at random, one for each seed."""

    grid: tune.Sweep
    random: list[tune.Sweep]

    @property
    def wins(self) -> int:
        """How many random searches found something better than the grid."""
        return sum(least(found) < least(self.grid) for found in self.random)


def least(found: tune.Sweep) -> float:
    """The lowest validation loss of a search."""
    return min(trial.figure for trial in found.trials if trial.figure is not None)


def measure(quick: bool = False) -> Numbers:
    images, _ = data.mnist()
    learnt, judged = images[:1000], images[50000:51000]

    def validation_loss(parameters: Mapping[str, Any]) -> float:
        net = models.mlp(784, 10, hidden=(25,), activation="tanh")
        sgd = optim.SGD(lr=parameters["lr"])
        run = cr.fit(net, learnt, optimizer=sgd, l2=parameters["l2"], epochs=4, show=False)
        return run.evaluate(judged).loss

    grid = cr.sweep(validation_loss, SPACE, method="grid", show=False)
    seeds = range(5 if quick else 40)
    found = [cr.sweep(validation_loss, SPACE, trials=9, seed=s, show=False) for s in seeds]
    return Numbers(grid, found)


def finding(numbers: Numbers) -> experiment.Finding:
    bests = [least(found) for found in numbers.random]
    rates = {trial.parameters["lr"] for trial in numbers.grid.trials}
    return (
        f"Nine random trials beat the 3 x 3 grid in {numbers.wins} of {len(bests)} searches: "
        f"the validation loss is {np.median(bests):.2f} in the middle, the grid's "
        f"{least(numbers.grid):.2f}.",
        f"The grid spends its nine trials on {len(rates)} learning rates and finds that the "
        "penalty changes nothing; random search tries nine rates for the same price.",
    )


def draw(numbers: Numbers) -> Any:
    figure, ((where, losses, outcome),) = experiment.panels(1, 3, size=(14, 4.2))
    searches = {"grid": numbers.grid, "random": numbers.random[0]}
    for (name, found), marker in zip(searches.items(), "so", strict=True):
        rates = [trial.parameters["lr"] for trial in found.trials]
        penalties = [trial.parameters["l2"] for trial in found.trials]
        where.loglog(rates, penalties, marker, label=name)
        losses.loglog(rates, [trial.figure for trial in found.trials], marker, label=name)
    where.set(xlabel="learning rate", ylabel="L2 penalty", title="the trials", ylim=(4e-9, 8e-5))
    losses.set(xlabel="learning rate", ylabel="validation loss", title="what they found")
    bests = [least(found) for found in numbers.random]
    outcome.hist(bests, bins=20, color="C1", label="random searches")
    outcome.axvline(least(numbers.grid), color="C0", label="the grid")
    outcome.set(xlabel="best validation loss of nine trials", ylabel="searches", title="outcome")
    for panel in (where, losses, outcome):
        panel.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
