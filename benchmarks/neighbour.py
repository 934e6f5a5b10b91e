"""What a busy neighbour costs: training on two threads alone, and beside a process that spins.

Usage: python benchmarks/neighbour.py [--workload W1] [--rounds 9] [--seconds 0.3]
           [--only chainrule] [--json FILE] [--write]

The neighbour is pinned to one of two cores, to which the contenders are held as well. Threads that
wait for each other spinning lose 10 to 100 times there. The exit status is 1 where chainrule
compiled loses more than LIMIT times, or cannot run.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from options import add_seconds, parser
from pool import Result, Setup, Worker, avx512_shim, started
from prepare import write_task
from report import machine, table, write_json, write_section
from workloads import WORKLOADS

LIMIT = 2.5
THREADS = 2
HELD = "chainrule compiled"


@contextmanager
def busy_neighbour(core: int) -> Iterator[None]:
    """A process that spins on one core."""
    code = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def measure(workers: Sequence[Worker], rounds: int, seconds: float, core: int) -> list[Result]:
    """Each alone and then beside the neighbour, in turns; gives the second times apart."""
    beside = [Result(worker.result.contender) for worker in workers]
    for _ in range(rounds):
        for worker, second in zip(workers, beside, strict=True):
            worker.result.times.append(worker.time(seconds))
            with busy_neighbour(core):
                second.times.append(worker.time(seconds))
    return beside


def main() -> int:
    made = parser(__doc__, only=["chainrule", "by hand", "PyTorch fused", "JAX scan"])
    add_seconds(made)
    made.add_argument("--workload", choices=sorted(WORKLOADS), default="W1")
    options = made.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:THREADS]
    if len(cores) < THREADS:
        made.error(f"needs {THREADS} cores; this process may use {len(cores)}")
    # Before any contender starts: they inherit it.
    os.sched_setaffinity(0, cores)
    work = WORKLOADS[options.workload]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setup = Setup(folder, dict(options.python), avx512_shim(folder), options.only)
        write_task(work, folder)
        with started(setup, setup.contenders(work), work, THREADS) as (workers, missing):
            beside = measure(workers, options.rounds, options.seconds, cores[0])
    alone = [worker.result for worker in workers]
    how = f"{machine()}; {work.title}, {THREADS} threads on {THREADS} cores."
    lines = [how, "", *lines_of(alone, beside, missing)]
    print("\n".join(lines))
    if options.json:
        pairs = zip(alone, beside, strict=True)
        runs = [{**a.to_json(), "rounds beside": b.times} for a, b in pairs]
        write_json(options.json, {"workload": work.name, "runs": runs})
    if options.write:
        write_section("neighbour", lines)
    return int(held_ratio(alone, beside) > LIMIT)


def ratio(alone: Result, beside: Result) -> float:
    """The median over the rounds of how many times longer a step took."""
    return median(b / a for a, b in zip(alone.times, beside.times, strict=True))


def held_ratio(alone: Sequence[Result], beside: Sequence[Result]) -> float:
    """The ratio that is held to the limit; infinite where there is none."""
    pairs = zip(alone, beside, strict=True)
    return next((ratio(a, b) for a, b in pairs if a.contender.title == HELD), float("inf"))


def lines_of(
    alone: Sequence[Result], beside: Sequence[Result], missing: Sequence[Result]
) -> list[str]:
    head = ("contender", "us a step alone", "beside the neighbour", "times as long")
    rows = [
        (a.contender.title, f"{a.microseconds:.1f}", f"{b.microseconds:.1f}", f"{ratio(a, b):.2f}")
        for a, b in zip(alone, beside, strict=True)
    ]
    return [
        *table(head, rows),
        "",
        f"{HELD}: at most {LIMIT} times.",
        *[f"- {r.contender.title} is not here: {r.missing}" for r in missing],
    ]


if __name__ == "__main__":
    sys.exit(main())
