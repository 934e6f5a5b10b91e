"""One contender in a process of its own: answers each line on stdin with one measurement.

Usage: python worker.py PEER MODE WORKLOAD; commands: `run COUNT` -> microseconds a step,
`loss` -> the loss of step 50, `quit`.
"""

import importlib
import sys
import time

from workloads import WORKLOADS


def main() -> None:
    peer, mode, name = sys.argv[1:4]
    work = WORKLOADS[name]
    step = importlib.import_module(f"peers.{peer}").build(work, mode)
    x, y = work.batches()
    loss = 0.0
    for i in range(50):
        loss = step(x[i], y[i])
    print("ready", flush=True)
    at = 0
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            break
        if words[0] == "loss":
            print(repr(loss), flush=True)
            continue
        count = int(words[1])
        start = time.perf_counter()
        for _ in range(count):
            step(x[at], y[at])
            at = (at + 1) % len(x)
        print((time.perf_counter() - start) / count * 1e6, flush=True)


if __name__ == "__main__":
    main()
