"""Running the command line, in this process and in one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli import main

ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Result:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    error: str

    @property
    def last_line(self) -> str:
        return self.out.splitlines()[-1]

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Calls `main` with arguments."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        return Result(status, str(written.out), str(written.err))

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts the program as a process that hears Ctrl-C."""
    started: list[subprocess.Popen] = []

    def run(*arguments: object, **options: Any) -> subprocess.Popen:
        settings: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": ENVIRONMENT,
            # A background job is born deaf to Ctrl-C, and so would be its children.
            "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        }
        command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
        process = subprocess.Popen(command, **(settings | options))
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def program(start: Callable) -> Callable[..., Result]:
    """Runs the program as a process."""

    def run(*arguments: object, **options: Any) -> Result:
        process = start(*arguments, **options)
        out, error = process.communicate(timeout=120)
        return Result(process.returncode, out, error)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows MNIST well."""
    folder = tmp_path_factory.mktemp("runs") / "mnist"
    options = ["--hidden", "64", "--epochs", "3", "--lr", "0.003", "--quiet"]
    assert main(["train", "mnist", *options, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def toy(call: Callable, tmp_path: Path) -> Path:
    """A small run of two epochs."""
    folder = tmp_path / "toy"
    assert call("train", "moons", "--epochs", 2, "--out", folder, "--quiet").status == 0
    return folder
