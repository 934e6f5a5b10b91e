"""One contender in a process of its own, which answers each line on stdin with a line of JSON.

Usage: python worker.py MODULE.FUNCTION PACKAGE WORKLOAD THREADS FOLDER

It first says {"loss": ..., "version": ...}. Then a number of seconds is answered with
{"microseconds": ...}, the mean time of a step over about that long.
"""

import importlib
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from task import Runner, Task, hold_to

WARM_UP = 0.2
"""The share of a slice that is run before it, untimed: others have filled the caches meanwhile."""


def repeat(runner: Runner, seconds: float) -> float:
    """Microseconds a step, the mean over calls that take `seconds` or one call."""
    calls, taken, began = 0, 0.0, time.perf_counter()
    end = began
    while end - began < seconds or not calls:
        start, told = end, runner.call()
        end = time.perf_counter()
        taken += told if isinstance(told, float) else end - start
        calls += 1
    return taken / (calls * runner.steps) * 1e6


def main() -> None:
    build, package, name, threads, folder = sys.argv[1:]
    # Libraries may print; only answers go where the benchmark reads.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**facts: Any) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    hold_to(int(threads))
    module, function = build.split(".")
    task = Task.load(name, int(threads), Path(folder))
    runner = getattr(importlib.import_module(f"peers.{module}"), function)(task)
    answer(loss=runner.loss, version=metadata.version(package))
    for line in sys.stdin:
        seconds = float(line)
        if not runner.warms_up:
            repeat(runner, seconds * WARM_UP)
        answer(microseconds=repeat(runner, seconds))


if __name__ == "__main__":
    main()
