"""Runs that are killed outright, as `benchmarks/kill_test.py` does it fifty times."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_test.py"


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed_ends_the_same(compiled: bool) -> None:
    if compiled:
        pytest.importorskip("llvmlite")
    options = ["--compile"] if compiled else []
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "3", "--seed", "7", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("identical ends: 3 of 3\n")
    assert "within an epoch" in done.stdout
