"""Runs that are killed outright, as `benchmarks/kill_test.py` does it fifty times."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_test.py"


def test_killed_at_random_moments_and_resumed_ends_the_same() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "5", "--seed", "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("identical ends: 5 of 5\n")
    assert "within an epoch" in done.stdout
