"""Showing long text a screen at a time."""

import shlex
import subprocess
import sys
from collections.abc import Sequence


def show(text: str, pager: str) -> None:
    """Show a text with the pager on a terminal, and write it out anywhere else.

    A pager that is not there, or fails, loses nothing: the text is written out.
    """
    command = shlex.split(pager)
    if not (sys.stdout.isatty() and command and _paged(text, command)):
        sys.stdout.write(text)


def _paged(text: str, command: Sequence[str]) -> bool:
    try:
        subprocess.run(command, input=text.encode(), check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
