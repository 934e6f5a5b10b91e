"""Compiled code reads and writes nothing outside its buffers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="guard pages are made for Linux")


def run(where: str, what: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tests.compiler.guarded", where, what]
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("what", ["programs", pytest.param("convolutions", marks=pytest.mark.slow)])
@pytest.mark.parametrize("where", ["behind", pytest.param("before", marks=pytest.mark.slow)])
def test_nothing_outside_is_touched(where, what):
    done = run(where, what)
    last = (done.stdout.splitlines() or [""])[-1]
    assert done.returncode == 0, f"ended by {done.returncode} in {last!r}\n{done.stderr}"
    assert last == "nothing outside was touched"


def test_the_guard_is_on_watch():
    assert run("behind", "overrun").returncode == -signal.SIGSEGV
