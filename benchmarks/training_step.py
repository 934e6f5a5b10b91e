"""Time one training step, chainrule beside its peers, interleaved in one run.

Usage: python benchmarks/training_step.py [--workloads W1,W2] [--threads 1,2] [--rounds 15]

Each contender runs in a process of its own; they take turns, a block of steps each, so that a
noisy moment of the machine hits all alike. Shown are the medians over the rounds, the ratio to the
fastest peer, and the ratio to `ideal`: the step's matrix products at this machine's measured peak.
The loss of step 50 stands beside, to show that all compute the same.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).parent
NEEDS = {
    "ours": "chainrule",
    "by_hand": "numpy",
    "sklearn_mlp": "sklearn",
    "pytorch": "torch",
    "jax_jit": "jax",
}
TITLES = {
    "ours": "chainrule",
    "by_hand": "NumPy by hand",
    "sklearn_mlp": "scikit-learn",
    "pytorch": "PyTorch",
    "jax_jit": "JAX",
}
BLOCK_SECONDS = 0.05


@dataclass
class Contender:
    """A worker process and what it measured."""

    peer: str
    mode: str
    threads: int
    process: Any
    loss: float = float("nan")
    block: int = 1
    times: list[float] = field(default_factory=list)

    def ask(self, command: str) -> str:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    @property
    def title(self) -> str:
        return f"{TITLES[self.peer]} {self.mode}".strip()


def modes_of(peer: str) -> list[str]:
    """The modes that a peer's module lists, read without importing the peer."""
    for line in (HERE / "peers" / f"{peer}.py").read_text().splitlines():
        if line.startswith("MODES = "):
            return list(eval(line.removeprefix("MODES = ")))
    raise ValueError(f"{peer} lists no modes")


def avx512_library(folder: Path) -> Path | None:
    """A shim that lets MKL take its AVX-512 path on AMD; None where it cannot be built."""
    if "avx512f" not in cpu_flags() or "AuthenticAMD" not in Path("/proc/cpuinfo").read_text():
        return None
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
    built = subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False)
    return library if built.returncode == 0 else None


def cpu_flags() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def start(peer: str, mode: str, work: str, threads: int, shim: Path | None) -> Contender:
    environment = {**os.environ, "XLA_FLAGS": "", "PYTHONPATH": str(HERE)}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[name] = str(threads)
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if "avx512" in mode:
        environment["LD_PRELOAD"] = str(shim)
    process: Any = subprocess.Popen(
        [sys.executable, HERE / "worker.py", peer, mode, work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=HERE,
    )
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    contender = Contender(peer, mode, threads, process)
    if process.stdout.readline().strip() != "ready":
        raise RuntimeError(f"{contender.title} did not start")
    contender.loss = float(contender.ask("loss"))
    contender.block = max(1, round(BLOCK_SECONDS * 1e6 / float(contender.ask("run 20"))))
    return contender


def matrix_peak(threads: int) -> float:
    """GFLOP/s of a large float32 matrix product with NumPy, best of several."""
    code = (
        "import numpy as np, time\n"
        "a = np.ones((1536, 1536), np.float32); best = 0\n"
        "for _ in range(12):\n"
        "    t = time.perf_counter(); a @ a\n"
        "    best = max(best, 2 * 1536**3 / (time.perf_counter() - t) / 1e9)\n"
        "print(best)"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def measure(work: str, threads: int, rounds: int, shim: Path | None) -> list[Contender]:
    contenders = [
        start(peer, mode, work, threads, shim)
        for peer, module in NEEDS.items()
        if find_spec(module) is not None
        for mode in modes_of(peer)
        if "avx512" not in mode or shim is not None
    ]
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            contender.times.append(float(contender.ask(f"run {contender.block}")))
    for contender in contenders:
        contender.ask("quit")
        contender.process.wait()
    return contenders


def table(work: str, threads: int, contenders: list[Contender], ideal: float) -> list[str]:
    peers = [c for c in contenders if c.peer != "ours"]
    fastest = min(median(c.times) for c in peers)
    lines = [
        f"### {work}, {threads} thread{'s' if threads > 1 else ''} (ideal {ideal:.0f} us)",
        "",
        "| contender | us a step | times the fastest peer | times ideal | loss at step 50 |",
        "|---|---:|---:|---:|---:|",
    ]
    for c in sorted(contenders, key=lambda c: median(c.times)):
        us = median(c.times)
        lines.append(
            f"| {c.title} | {us:.1f} | {us / fastest:.2f} | {us / ideal:.1f} | {c.loss:.5f} |"
        )
    return [*lines, ""]


def main() -> None:
    sys.path.insert(0, str(HERE))
    from workloads import WORKLOADS

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workloads", default="W1,W2")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}\n"
    )
    results = []
    with tempfile.TemporaryDirectory() as folder:
        shim = avx512_library(Path(folder))
        for name in options.workloads.split(","):
            for threads in map(int, options.threads.split(",")):
                peak = matrix_peak(threads)
                ideal = WORKLOADS[name].flops / peak / 1e3
                contenders = measure(name, threads, options.rounds, shim)
                print("\n".join(table(name, threads, contenders, ideal)), flush=True)
                results += [
                    {
                        "workload": name,
                        "threads": threads,
                        "contender": c.title,
                        "microseconds": median(c.times),
                        "ideal": ideal,
                        "loss": c.loss,
                    }
                    for c in contenders
                ]
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
