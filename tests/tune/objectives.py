"""Functions that workers can import."""

import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parabola(parameters: Mapping[str, Any]) -> float:
    return (parameters["x"] - 0.3) ** 2 + (parameters["y"] - 0.7) ** 2


def one_matters(parameters: Mapping[str, Any]) -> float:
    """As in Bergstra and Bengio's figure 1: a narrow peak in one parameter, little in the other."""
    return math.exp(-(((parameters["x"] - 0.37) / 0.08) ** 2)) + 0.05 * parameters["y"]


def slow_down(parameters: Mapping[str, Any], progress: Any) -> float:
    """A figure that each step lowers to `level`: hopeless ones show it at once."""
    for step in range(5):
        if progress.report(parameters["level"] + 1 / (step + 1), step):
            progress.prune()
    return parameters["level"]


def killed_once(parameters: Mapping[str, Any]) -> float:
    """Kills its process at its first call with x above 1/2."""
    flag = Path(parameters["flag"])
    if parameters["x"] > 0.5 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return parameters["x"]


def interrupted_once(parameters: Mapping[str, Any]) -> float:
    """Presses Ctrl-C at its third call."""
    calls = Path(parameters["flag"])
    number = int(calls.read_text()) if calls.exists() else 0
    calls.write_text(str(number + 1))
    if number == 2:
        signal.raise_signal(signal.SIGINT)
    return parameters["x"]
