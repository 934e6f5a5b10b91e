"""Kill training at random moments, resume it, and compare the end with that of an unkilled run.

    python benchmarks/kill_test.py [--kills 50] [--seed 0] [--compile]

Each time a process that trains, and writes a checkpoint after every step, gets SIGKILL at a random
moment: one in ten while it starts, the others while it trains and writes. Then another process
resumes the run, or begins it where nothing was kept yet. The weights must be those of a run that
nobody disturbed, bit for bit. The exit status is 1 when they are not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import RunError

EPOCHS = 2
WHILE_STARTING = 0.1


def child(folder: Path, compiled: bool) -> None:
    """Train in a folder to the end, from where it is."""
    kernels = str(folder.parent / "kernels")
    # The plot at the end would take longer than the training.
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    train, test = cr.data.mnist()
    train, test = train[:1500], test[:200]
    if has_begun(folder):
        cr.resume(folder, train, validation=test, show=False, kernels=kernels)
        return
    cr.fit(
        nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10)),
        train,
        validation=test,
        optimizer=optim.Adam(lr=0.01),
        epochs=EPOCHS,
        batch_size=50,
        out=folder,
        show=False,
        checkpoint_seconds=0,
        compile=compiled,
        kernels=kernels,
    )


def start(folder: Path, compiled: bool) -> subprocess.Popen:
    command = [sys.executable, __file__, "--child", str(folder)]
    command += ["--compile"] if compiled else []
    # One thread, so that a busy machine does not stretch the runs.
    return subprocess.Popen(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})


def finish(process: subprocess.Popen) -> None:
    """Let a child train to the end."""
    if process.wait() != 0:
        raise SystemExit("training failed")


def wait_for(happened: Callable[[], bool], process: subprocess.Popen) -> float:
    """Wait until something has happened, or the process has ended; give the seconds."""
    began = time.perf_counter()
    while not happened() and process.poll() is None:
        time.sleep(0.001)
    return time.perf_counter() - began


def has_begun(folder: Path) -> bool:
    return (folder / "config.json").exists()


def has_ended(folder: Path) -> bool:
    history = folder / "history.jsonl"
    return history.exists() and len(history.read_text().splitlines()) == EPOCHS


def kill(process: subprocess.Popen, folder: Path, moment: float, lasts: tuple) -> None:
    """Kill training that has just been started, at a moment from 0 to 1 of its life."""
    starting, training = lasts
    if moment < WHILE_STARTING:
        time.sleep(moment / WHILE_STARTING * starting)
    else:
        wait_for(lambda: has_begun(folder), process)
        time.sleep((moment - WHILE_STARTING) / (1 - WHILE_STARTING) * training)
    process.kill()
    process.wait()


def where(folder: Path) -> str:
    """How far a killed run was."""
    try:
        run = cr.load_run(folder)
    except RunError:
        return "before the run began"
    if run.epoch == EPOCHS:
        return "at the end"
    return "within an epoch" if run.batch else "between epochs"


def identical(one: Path, other: Path) -> bool:
    """Whether last and best checkpoints agree, weights and optimizer state, bit for bit."""
    for name in ("last.npz", "best.npz"):
        with np.load(one / name) as mine, np.load(other / name) as yours:
            arrays = [entry for entry in mine.files if entry != "state"]
            same = mine.files == yours.files and all(
                np.array_equal(mine[entry], yours[entry]) for entry in arrays
            )
        if not same:
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill training, resume it, compare the ends.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    parser.add_argument("--compile", action="store_true", help="train with compiled steps")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child, options.compile)
        return 0

    moments = np.random.default_rng(options.seed).random(options.kills)
    places: Counter[str] = Counter()
    same = 0
    with tempfile.TemporaryDirectory() as scratch:
        if options.compile:
            # The first one makes the machine code, and so takes longer than those to be killed.
            finish(start(Path(scratch) / "first", compiled=True))
        whole = Path(scratch) / "whole"
        process = start(whole, options.compile)
        starting = wait_for(lambda: has_begun(whole), process)
        training = wait_for(lambda: has_ended(whole), process)
        finish(process)
        for number, moment in enumerate(moments):
            folder = Path(scratch) / str(number)
            kill(start(folder, options.compile), folder, moment, (starting, training))
            places[where(folder)] += 1
            finish(start(folder, options.compile))
            same += identical(folder, whole)
    for place, count in places.most_common():
        print(f"killed {place:<22}{count:>4}")
    print(f"identical ends: {same} of {options.kills}")
    return 0 if same == options.kills else 1


if __name__ == "__main__":
    sys.exit(main())
