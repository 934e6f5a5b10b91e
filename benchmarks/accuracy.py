"""Train nets of three sizes on MNIST, and hold their test accuracy to what is expected of them.

Usage: python benchmarks/accuracy.py [--slack 0.004]

The last bits of a matrix product differ from processor to processor, and with them a whole run:
slack is how far below its mark an accuracy may stay before the exit status says so.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import chainrule as cr
from chainrule import models, optim


@dataclass(frozen=True)
class Case:
    """A net, how it is trained, and the accuracy that is expected of it."""

    hidden: tuple[int, ...]
    activation: str
    optimizer: optim.Optimizer
    epochs: int
    seeds: Sequence[int]
    mean: float
    least: float


CASES = (
    Case((25, 25), "relu", optim.Adam(lr=1e-3), 5, range(5), mean=0.950, least=0.942),
    Case((100,), "sigmoid", optim.SGD(lr=0.1), 17, [0], mean=0.94, least=0.94),
    Case((256, 128), "relu", optim.Adam(lr=1e-3), 10, [0], mean=0.978, least=0.978),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slack", type=float, default=0.0)
    slack = parser.parse_args().slack
    train, test = cr.data.mnist()
    failed = False
    for case in CASES:
        found, start = [], time.perf_counter()
        for seed in case.seeds:
            model = models.by_name(
                "mlp", in_features=784, classes=10, hidden=case.hidden, activation=case.activation
            )
            run = cr.fit(
                model,
                train,
                optimizer=case.optimizer,
                epochs=case.epochs,
                batch_size=100,
                seed=seed,
                show=False,
            )
            found.append(run.evaluate(test).accuracy)
        seconds = (time.perf_counter() - start) / len(found)
        mean, least = sum(found) / len(found), min(found)
        good = mean >= case.mean and least >= case.least
        failed = failed or mean < case.mean - slack or least < case.least - slack
        sizes = "-".join(map(str, (784, *case.hidden, 10)))
        print(
            f"{sizes} {case.activation}, {type(case.optimizer).__name__} {case.optimizer.lr:g}, "
            f"{case.epochs} epochs: mean {mean:.4f} (at least {case.mean}), least {least:.4f} "
            f"(at least {case.least}), seeds {', '.join(f'{a:.4f}' for a in found)}; "
            f"{seconds:.1f} s a run{'' if good else '  <- MISSED'}",
            flush=True,
        )
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
