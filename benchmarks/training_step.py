"""Time training steps and predictions, chainrule beside its peers, interleaved in one run.

Usage: python benchmarks/training_step.py [--workloads W1,W2] [--threads 1,2] [--rounds 9]
           [--seconds 0.3] [--only chainrule,JAX] [--python tensorflow-cpu=PATH]
           [--json FILE] [--write]

Each contender runs in a process of its own. They take turns, a slice of time each, so that a noisy
moment of the machine hits all alike; who is not running is stopped. Shown are the medians over the
rounds, their ratio to the fastest peer, and to `ideal`: the step's matrix products at the speed of
the fastest large one of the same run. The loss after 50 steps stands beside, computed from
everybody's weights by one referee in float64, to show that all do the same mathematics.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from options import add_seconds, parser
from pool import Result, Setup, avx512_shim, measure
from report import machine, table, write_json, write_section
from workloads import PRODUCT, WORKLOADS, Workload

NOTE = (
    "A peer takes batches that lie ready in its own kind of array, float32, and need not give the "
    "loss of a step to Python. chainrule's figures are those of `cr.fit`: whole epochs, with the "
    "shuffling, the gathering of each batch from the bytes of the data set, the scaling, the "
    "counting of what was right and the history; the first epoch of a call is not counted. A "
    "prediction is NumPy array in, NumPy array out, for all. With one thread every process is held "
    "to one core. `AVX-512` is PyTorch with its MKL made to take the path that it leaves out on "
    "AMD."
)
PICTURES_NOTE = (
    "The FLOPs of `ideal` count every convolution in full, its products with the zeros of the "
    "padding included; who skips those has that much less to do. W5 is timed with its dropout and "
    "checked without, for every library draws other random numbers. Its Adam and W7's batch norm "
    "make much of a rounding, so their losses part in the third digit; in float64 they do not. W7 "
    "trains on made-up pictures shaped as CIFAR-10's. TensorFlow has its channels last."
)


def peak(products: Sequence[Result]) -> tuple[float, str]:
    """GFLOP/s of the fastest product in any round, and whose it was."""
    fastest = min((r for r in products if r.times), key=lambda r: min(r.times))
    return PRODUCT.flops / min(fastest.times) / 1e3, fastest.contender.title


def lines_of(work: Workload, threads: int, results: Sequence[Result]) -> list[str]:
    """The section of one workload on a number of threads."""
    here = [r for r in results if r.times and r.contender.kind == work.kind]
    speed, whose = peak([r for r in results if r.contender.kind == "product"])
    fastest = min((r.microseconds for r in here if not r.contender.ours), default=float("nan"))
    ideal = work.flops / speed / 1e3
    rows = [
        (
            r.contender.title,
            f"{r.microseconds:.1f}",
            f"{r.microseconds / fastest:.2f}",
            f"{r.microseconds / ideal:.2f}",
            f"{r.loss:.5f}",
        )
        for r in sorted(here, key=lambda r: r.microseconds)
    ]
    unit = "a prediction" if work.kind == "predict" else "a step"
    head = ("contender", f"us {unit}", "times the fastest peer", "times ideal", "loss after 50")
    return [
        f"### {work.title}, {threads} thread{'s' if threads > 1 else ''}",
        "",
        f"Ideal {ideal:.3g} us, at {speed:.0f} GFLOP/s ({whose}).",
        "",
        *table(head, rows),
        "",
        *[absence(r) for r in results if r.missing],
        "",
    ]


def absence(result: Result) -> str:
    """Who is not here, and why."""
    what = "The matrix product of " if result.contender.kind == "product" else ""
    return f"- {what}{result.contender.title} is not here: {result.missing}"


def versions(results: Sequence[Result]) -> str:
    found = {r.contender.package: r.version for r in results if r.version}
    return ", ".join(f"{package} {version}" for package, version in sorted(found.items()))


def main() -> None:
    options = parse()
    print(f"{machine()}\n", flush=True)
    records, everybody = [], []
    sections: dict[bool, list[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setup = Setup(folder, dict(options.python), avx512_shim(folder), options.only)
        for work in options.workloads:
            for threads in options.threads:
                results = measure(setup, work, threads, options.rounds, options.seconds)
                section = lines_of(work, threads, results)
                print("\n".join(section), flush=True)
                sections.setdefault(work.has_pictures, []).extend(section)
                everybody += results
                records += [
                    {"workload": work.name, "threads": threads, **r.to_json()} for r in results
                ]
                if options.json:
                    # Each time anew, so that a run that is broken off leaves what it has.
                    write_json(options.json, {"results": records})
    print(versions(everybody))
    if options.write:
        how = f"{options.rounds} rounds of {options.seconds:g} s, medians; {versions(everybody)}."
        write(f"{machine()}; {how}", sections)


def write(how: str, sections: dict[bool, list[str]]) -> None:
    """Put the tables into the page, those of nets that take pictures into a section of theirs."""
    if False in sections:
        write_section("training_step", [how, "", NOTE, "", *sections[False][:-1]])
    if True in sections:
        note = f"{NOTE} {PICTURES_NOTE}"
        write_section("convolutional_step", [how, "", note, "", *sections[True][:-1]])


def parse() -> argparse.Namespace:
    made = parser(__doc__)
    add_seconds(made)
    made.add_argument(
        "--workloads",
        type=lambda text: [WORKLOADS[name] for name in text.split(",")],
        default=list(WORKLOADS.values()),
        help=f"of {','.join(WORKLOADS)}; all by default",
    )
    made.add_argument(
        "--threads", type=lambda text: [int(count) for count in text.split(",")], default=[1, 2]
    )
    return made.parse_args()


if __name__ == "__main__":
    main()
