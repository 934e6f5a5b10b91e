"""Contenders in processes of their own, of which one runs at a time."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from contenders import CONTENDERS, Contender
from prepare import write_task
from workloads import PRODUCT, Workload

HERE = Path(__file__).parent
START_SECONDS = 300
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SLEEP, _WAKE = getattr(signal, "SIGSTOP", None), getattr(signal, "SIGCONT", None)


class NotHereError(Exception):
    """A contender cannot run here; says why."""


@dataclass
class Result:
    """What a contender measured, or why it could not.

    Args:
        times: microseconds a step, one for each round.
        loss: see `task.Runner`.
        version: of its package.
        missing: why it is not here.
    """

    contender: Contender
    times: list[float] = field(default_factory=list)
    loss: float | None = None
    version: str = ""
    missing: str = ""

    @property
    def microseconds(self) -> float:
        return median(self.times)

    def to_json(self) -> dict[str, Any]:
        return {
            "contender": self.contender.title,
            "kind": self.contender.kind,
            "microseconds": self.microseconds if self.times else None,
            "rounds": self.times,
            "loss": self.loss,
            "version": self.version,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class Setup:
    """Where and how contenders are started.

    Args:
        folder: for the arrays that they share, and their messages.
        pythons: the interpreter for a package that lives in an environment of its own.
        shim: see `avx512_shim`.
        only: parts of titles; who has none of them is left out, unless it is empty. The matrix
            product is always timed.
    """

    folder: Path
    pythons: Mapping[str, str]
    shim: Path | None
    only: Sequence[str] = ()

    def contenders(self, work: Workload) -> list[Contender]:
        """Those that do a workload and could run on this processor."""
        return [
            contender
            for contender in CONTENDERS
            if contender.does(work)
            and (is_amd_avx512() or not contender.avx512)
            and (
                work == PRODUCT
                or not self.only
                or any(part in contender.title for part in self.only)
            )
        ]

    def python(self, contender: Contender) -> str:
        return self.pythons.get(contender.package, sys.executable)

    def environment(self, contender: Contender, threads: int) -> dict[str, str]:
        """The variables that hold the libraries to a number of threads.

        Raises:
            NotHereError: the shim is needed, and was not built.
        """
        several = "true" if threads > 1 else "false"
        environment = {
            **os.environ,
            **dict.fromkeys(_THREADS, str(threads)),
            "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={several}",
            "PYTHONPATH": str(HERE),
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        if contender.avx512:
            if self.shim is None:
                raise NotHereError("needs a C compiler (cc) for the shim that opens MKL's path")
            environment["LD_PRELOAD"] = str(self.shim)
        return environment


class Worker:
    """A contender's process. It sleeps while it is not asked.

    Idle is not enough: the thread pools of many libraries wait spinning, and would burn the cores
    on which the others are timed. So the process is stopped, where the system can do that. To tell
    the pools to wait asleep (OMP_WAIT_POLICY=passive) made PyTorch's W2 step three times as long.
    """

    def __init__(self, setup: Setup, contender: Contender, work: Workload, threads: int):
        self.result = Result(contender)
        # Not a pipe, which a talkative library would fill until it hangs.
        self._log = tempfile.TemporaryFile("w+", dir=setup.folder)  # noqa: SIM115
        self._process: Any = subprocess.Popen(
            [
                setup.python(contender),
                str(HERE / "worker.py"),
                contender.build,
                contender.package,
                work.name,
                str(threads),
                str(setup.folder),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=setup.environment(contender, threads),
        )

    def start(self) -> None:
        """Wait until the contender is built and has done the steps that are checked.

        Raises:
            NotHereError: it cannot run here.
        """
        limit = threading.Timer(START_SECONDS, self._process.kill)
        limit.start()
        try:
            facts = self._answer()
        finally:
            limit.cancel()
        self.result.loss, self.result.version = facts["loss"], facts["version"]

    def time(self, seconds: float) -> float:
        """Microseconds a step, the mean over about so many seconds after a short warm-up.

        Raises:
            NotHereError: the process died.
        """
        self._signal(_WAKE)
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._answer()["microseconds"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise NotHereError(self._last_words())
        self._signal(_SLEEP)
        return json.loads(line)

    def _signal(self, number: signal.Signals | None) -> None:
        if number is not None:
            self._process.send_signal(number)

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        return reason(self._log.read(), code)


def reason(text: str, code: int) -> str:
    """Why a process ended: the last error that it printed, or else how it ended."""
    errors = [line for line in text.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return errors[-1] if errors else f"the process ended with exit status {code}"


@contextmanager
def started(
    setup: Setup, contenders: Sequence[Contender], work: Workload, threads: int
) -> Iterator[tuple[list[Worker], list[Result]]]:
    """The workers that run, and the results of those contenders that cannot."""
    workers, missing = [], []
    with ExitStack() as stack:
        for contender in contenders:
            try:
                worker = Worker(setup, contender, work, threads)
                stack.callback(worker.close)
                worker.start()
            except (NotHereError, OSError) as error:
                missing.append(Result(contender, missing=str(error)))
            else:
                workers.append(worker)
        yield workers, missing


def measure(
    setup: Setup, work: Workload, threads: int, rounds: int, seconds: float
) -> list[Result]:
    """Time all contenders of a workload and the matrix product beside them, in turns."""
    write_task(work, setup.folder)
    with (
        started(setup, setup.contenders(PRODUCT), PRODUCT, threads) as (products, no_products),
        started(setup, setup.contenders(work), work, threads) as (workers, missing),
    ):
        take_turns([*products, *workers], rounds, seconds)
        done = [worker.result for worker in (*products, *workers)]
    return [*done, *no_products, *missing]


def take_turns(workers: Sequence[Worker], rounds: int, seconds: float) -> None:
    """A slice of time for each in each round, from another one on each time."""
    for number in range(rounds):
        first = number % len(workers)
        for worker in (*workers[first:], *workers[:first]):
            worker.result.times.append(worker.time(seconds))


def is_amd_avx512() -> bool:
    """Whether this is a processor on which MKL leaves AVX-512 unused."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    return "avx512f" in text and "AuthenticAMD" in text


def avx512_shim(folder: Path) -> Path | None:
    """A library that tells MKL to take its AVX-512 path on AMD; None where it cannot be built."""
    compiler = shutil.which("cc")
    if compiler is None or platform.system() != "Linux":
        return None
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
    built = subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=False)
    return library if built.returncode == 0 else None
