"""How long `import chainrule` takes beyond `import numpy`, and how long `chainrule --help`.

    python benchmarks/import_time.py [--runs 20]

Each row is a whole process, started anew; the rows take turns, so that a busy moment of the
machine meets them all. Shown are the median and the fastest of the runs, and what must hold.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("chainrule.exe" if os.name == "nt" else "chainrule")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import chainrule": [sys.executable, "-c", "import chainrule"],
    "chainrule --help": [str(SCRIPT), "--help"],
}
IMPORT_LIMIT = 60.0
HELP_LIMIT = 200.0


def milliseconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def measure(runs: int) -> dict[str, list[float]]:
    """The times of every command, taken in turns; the first turn fills the caches and is left."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(runs + 1):
        for name, command in COMMANDS.items():
            taken = milliseconds(command)
            if turn:
                times[name].append(taken)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the import and the command line.")
    parser.add_argument("--runs", type=int, default=20)
    times = measure(parser.parse_args().runs)
    medians = {name: statistics.median(values) for name, values in times.items()}

    print(f"Python {platform.python_version()} on {platform.machine()}, {platform.system()}")
    print(f"{'':<20}{'median ms':>12}{'fastest ms':>12}")
    for name, values in times.items():
        print(f"{name:<20}{medians[name]:>12.1f}{min(values):>12.1f}")

    over_numpy = medians["import chainrule"] - medians["import numpy"]
    print(f"import chainrule over import numpy: {over_numpy:.1f} ms, limit {IMPORT_LIMIT:.0f} ms")
    print(f"chainrule --help: {medians['chainrule --help']:.1f} ms, limit {HELP_LIMIT:.0f} ms")
    return int(over_numpy > IMPORT_LIMIT or medians["chainrule --help"] > HELP_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
