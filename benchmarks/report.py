"""Tables, their place in README.md, and the same as JSON."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

README = Path(__file__).with_name("README.md")


def machine() -> str:
    """Processor, cores, versions, date and load: without them no figure means anything."""
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"{time.strftime('%Y-%m-%d')}{load}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def write_section(name: str, lines: Sequence[str], path: Path = README) -> None:
    """Put lines between the markers of a section, in place of what stands there.

    Raises:
        ValueError: the file has no such markers.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text()
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no lines {begin} and {end}; add them where the table belongs")
    write_whole(path, "\n".join([before + begin, "", *lines, "", end + after]))


def write_json(path: Path, facts: dict[str, Any]) -> None:
    write_whole(path, json.dumps({"machine": machine(), **facts}, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        # A temporary file is for its owner alone; this one is for everybody.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
