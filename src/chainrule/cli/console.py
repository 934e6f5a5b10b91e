"""Showing things: the answer on standard output, words about it on standard error."""

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from chainrule.cli.environment import Environment

_BOLD, _RED, _YELLOW = "1", "1;31", "33"
_BAR = 30


class Console:
    """Where a command's answer and its words go.

    Args:
        environment: whether colours are wanted.
        as_json: answer with one JSON document in place of text.
        quiet: leave out notes.
    """

    def __init__(self, environment: Environment, *, as_json: bool = False, quiet: bool = False):
        self.environment = environment
        self.as_json = as_json
        self.quiet = quiet
        self.downloading: tuple[str, float] = ("", 0.0)

    def answer(self, document: Any, text: str) -> None:
        """Print the answer, as a JSON document or as text."""
        if self.as_json:
            text = json.dumps(_strict(document), indent=2, ensure_ascii=False)
        sys.stdout.write(f"{text}\n")

    def note(self, text: str) -> None:
        """Say something that is not part of the answer."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """Say that something may be wrong."""
        self._say("warning", _YELLOW, text)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._say("error", _RED, text)

    def _say(self, kind: str, colour: str, text: str) -> None:
        head = self._painted(f"{kind}:", colour, sys.stderr)
        sys.stderr.write(f"chainrule: {head} {text}\n")

    def strong(self, text: str) -> str:
        """Text of the answer that stands out."""
        return self._painted(text, _BOLD, sys.stdout)

    def caution(self, text: str) -> str:
        """Text of the answer that warns."""
        return self._painted(text, _YELLOW, sys.stdout)

    def _painted(self, text: str, colour: str, stream: TextIO) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.environment.colours_on(stream) else text

    def bars(self, names: Sequence[str], shares: Sequence[float]) -> str:
        """A line with a bar for each share, the largest standing out.

        >>> print(Console(Environment()).bars(["no", "yes"], [0.25, 0.75]))
          no   0.250  #######
          yes  0.750  ######################
        """
        width, best = max(map(len, names)), max(shares)
        lines = []
        for name, share in zip(names, shares, strict=True):
            line = f"  {name:<{width}}  {share:.3f}  {'#' * math.ceil(share * _BAR - 0.5)}".rstrip()
            lines.append(self.strong(line) if share == best else line)
        return "\n".join(lines)

    def download(self, name: str, have: int, size: int) -> None:
        """Show how a download goes; see `chainrule.data.load`."""
        before, shown = self.downloading
        new, terminal = name != before, sys.stderr.isatty()
        if self.quiet or not (
            new or (terminal and (time.monotonic() > shown + 0.2 or have == size))
        ):
            return
        self.downloading = (name, time.monotonic())
        text = f"downloading {name}: {have / 1e6:.1f} of {size / 1e6:.1f} MB"
        end = "\n" if not terminal or have == size else ""
        sys.stderr.write(f"\r{text}\x1b[K{end}" if terminal else f"{text}{end}")
        sys.stderr.flush()


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under their titles: numbers to the right, all else to the left.

    >>> print(table(["name", "samples"], [["mnist", 60000], ["sine", 200]]))
    name   samples
    mnist   60,000
    sine       200
    """
    listed = [list(row) for row in rows]
    cells = [[f"{v:,}" if isinstance(v, int) else str(v) for v in row] for row in listed]
    right = [all(isinstance(row[i], int) for row in listed) for i in range(len(titles))]
    lines = [list(titles), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _strict(value: Any) -> Any:
    """The same with null for NaN and infinities, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
