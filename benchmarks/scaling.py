"""Time and size: chains, wide graphs and scans, differentiated and traced, at growing sizes.

Usage: python benchmarks/scaling.py

Each column should grow in step with the size: the last line of a block gives the time per element
of the largest size over that of the smallest.
"""

import time
from collections.abc import Callable

import numpy as np

import chainrule as cr


def seconds(function: Callable) -> float:
    """The best of three calls."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def chain(length: int) -> Callable:
    def run(x):
        for _ in range(length):
            x = cr.sin(x) + 0.1
        return x.sum()

    return run


def lattice(nodes: int) -> Callable:
    """Every value is used by the next two, so that paths multiply while nodes do not."""

    def run(x):
        before, now = x, cr.sin(x)
        for _ in range(nodes // 2):
            before, now = now, cr.tanh(before + now)
        return now.sum()

    return run


def recurrent(steps: int) -> Callable:
    rows = np.linspace(-1.0, 1.0, steps * 4).reshape(steps, 4)

    def run(weight):
        def step(hidden, row):
            hidden = cr.tanh(cr.matmul(weight, hidden) + row)
            return hidden, hidden.sum()

        last, sums = cr.scan(step, np.zeros(4), rows)
        return last.sum() + sums.sum()

    return run


def timed(function: Callable, x: np.ndarray) -> tuple[float, ...]:
    """Seconds of the gradient, of forward mode, of tracing the gradient, and of running that."""
    gradient = cr.grad(function)
    graph = cr.trace(gradient)(x)
    return (
        seconds(lambda: gradient(x)),
        seconds(lambda: cr.jvp(function, (x,), (x,))),
        seconds(lambda: cr.trace(gradient)(x)),
        seconds(lambda: cr.interpret(graph, x)),
    )


def show(title: str, sizes: tuple[int, ...], make: Callable, x: np.ndarray) -> None:
    print(f"\n{title}\n{'size':>8}  {'grad':>9}  {'jvp':>9}  {'trace':>9}  {'run traced':>10}")
    table = []
    for size in sizes:
        row = timed(make(size), x)
        table.append(row)
        print(f"{size:8,}  " + "  ".join(f"{1e3 * s:6.1f} ms" for s in row), flush=True)
    growth = [
        (last / sizes[-1]) / (first / sizes[0])
        for first, last in zip(table[0], table[-1], strict=True)
    ]
    print("per size  " + "  ".join(f"{g:7.2f} x" for g in growth))


def main() -> None:
    sizes = (5_000, 10_000, 20_000)
    show("A chain: two ops a link", sizes, chain, np.ones(4))
    show(
        "A lattice: two ops a node, every value used twice",
        (12_500, 25_000, 50_000),
        lattice,
        np.ones(4),
    )
    show("A scan: steps of a recurrent net", (250, 500, 1_000), recurrent, np.eye(4) * 0.5)


if __name__ == "__main__":
    main()
