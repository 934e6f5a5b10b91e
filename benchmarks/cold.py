"""The whole process, cold: train W1 for five epochs on MNIST and print the test accuracy.

Usage: python benchmarks/cold.py [--threads 1] [--rounds 9] [--only chainrule,NumPy]
           [--python neural-network-digits=PATH] [--json FILE] [--write]

Each run is a fresh interpreter that imports its library, reads MNIST, trains, and evaluates; the
files it reads are in the system's cache. The contenders take turns. Shown are the medians of the
wall time and of the peak memory. Needs a POSIX system.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from contenders import Contender
from job import JOB
from options import parser
from pool import HERE, NotHereError, Setup, avx512_shim, reason
from report import machine, table, write_json, write_section

NOTE = (
    "chainrule reads MNIST from its cache and tests the checksum each time; the peers read the "
    "same bytes from plain .npy files. neural-network-digits has no Adam, so it trains with its "
    "momentum: once its network in the shortest loop around it, and once its trainer, which keeps "
    "a tenth of the data to validate on. `Cache empty` means that no compiled code was kept from "
    "an earlier run."
)
_KILOBYTE = 1 if sys.platform == "darwin" else 1024
"""The unit of a process's peak memory differs between systems."""


@dataclass
class Whole:
    """The runs of a contender: seconds, peak megabytes, and what it printed."""

    contender: Contender
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    printed: str = ""
    missing: str = ""

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    def to_json(self) -> dict[str, Any]:
        return {
            "contender": self.contender.title,
            "seconds": self.seconds,
            "megabytes": self.megabytes,
            "printed": self.printed,
            "missing": self.missing,
        }


def run(setup: Setup, whole: Whole, threads: int) -> None:
    """One run of a contender, with its figures.

    Raises:
        NotHereError: it cannot run here.
    """
    contender = whole.contender
    environment = {**setup.environment(contender, threads), "HOME": str(setup.folder / "home")}
    # All have their bytecode, as what is installed has, also where this shell forbids to write it.
    environment |= {"PYTHONPYCACHEPREFIX": str(setup.folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if contender.fresh:
        prepare(setup.folder, "--forget", environment)
    command = [setup.python(contender), str(HERE / "whole.py"), contender.build]
    with tempfile.TemporaryFile("w+", dir=setup.folder) as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            [*command, str(threads), str(setup.folder)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        text = log.read()
    if process.returncode:
        raise NotHereError(reason(text, process.returncode))
    whole.seconds.append(taken)
    # A child's peak is never below its parent's: this process must stay smaller than all of them,
    # and so leaves MNIST to others.
    whole.megabytes.append(usage.ru_maxrss * _KILOBYTE / 1e6)
    whole.printed = text.splitlines()[-1]


def prepare(folder: Path, what: str, environment: dict[str, str]) -> None:
    """See `prepare.py`."""
    command = [sys.executable, str(HERE / "prepare.py"), what, str(folder)]
    subprocess.run(command, env=environment, check=True)


def measure(setup: Setup, threads: int, rounds: int) -> list[Whole]:
    """All contenders in turns; the first round fills the caches and is left out."""
    wholes = [Whole(contender) for contender in setup.contenders(JOB)]
    for number in range(rounds + 1):
        for whole in wholes:
            if whole.missing:
                continue
            try:
                run(setup, whole, threads)
            except (NotHereError, OSError) as error:
                whole.missing = str(error)
            if number == 0:
                whole.seconds.clear()
                whole.megabytes.clear()
    return wholes


def lines_of(wholes: Sequence[Whole]) -> list[str]:
    here = sorted((w for w in wholes if w.seconds), key=lambda w: w.median_seconds)
    peers = [w.median_seconds for w in here if not w.contender.ours]
    fastest = min(peers, default=float("nan"))
    rows = [
        (
            w.contender.title,
            f"{w.median_seconds:.2f}",
            f"{w.median_seconds / fastest:.2f}",
            f"{median(w.megabytes):.0f}",
            w.printed.split()[-1],
        )
        for w in here
    ]
    head = ("contender", "seconds", "times the fastest peer", "peak MB", "test accuracy")
    return [
        *table(head, rows),
        "",
        *[f"- {w.contender.title} is not here: {w.missing}" for w in wholes if w.missing],
    ]


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--threads", type=int, default=1)
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        prepare(folder, "--mnist", dict(os.environ))
        setup = Setup(folder, dict(options.python), avx512_shim(folder), options.only)
        wholes = measure(setup, options.threads, options.rounds)
    how = f"{machine()}; {options.threads} thread(s), {options.rounds} rounds, medians."
    lines = [how, "", *lines_of(wholes)]
    print("\n".join(lines))
    if options.json:
        runs = [whole.to_json() for whole in wholes]
        write_json(options.json, {"threads": options.threads, "runs": runs})
    if options.write:
        write_section("cold", [*lines, "", NOTE])


if __name__ == "__main__":
    main()
