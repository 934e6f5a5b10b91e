"""Showing how a long piece of work goes: a bar in a terminal, plain lines elsewhere."""

import os
import sys
import time
from typing import TextIO

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 30.0
_BAR, _SHORTEST_BAR = 24, 6
_COLUMNS = 80
_CLEARED = "\r\x1b[K"


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.25), duration(75), duration(7300)
    ('0.2s', '1m15s', '2h01m')
    """
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 1:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


class Progress:
    """Progress of training, epoch by epoch: loss, accuracy, speed and time left."""

    def __init__(self, epochs: int, batches: int, samples: int, stream: TextIO | None = None):
        self.epochs = epochs
        self.batches = batches
        self.samples = samples
        self.stream = sys.stderr if stream is None else stream
        self.terminal = bool(getattr(self.stream, "isatty", lambda: False)())
        self.started = time.monotonic()
        self.first = 0
        self.shown = self.started

    def start_epoch(self, batch: int) -> None:
        """An epoch begins at this batch (not 0 after a resume)."""
        self.started = self.shown = time.monotonic()
        self.first = batch

    def due(self) -> bool:
        """Whether it is time to show something again."""
        wait = _REDRAW_SECONDS if self.terminal else _LINE_SECONDS
        return time.monotonic() - self.shown >= wait

    def update(self, epoch: int, batch: int, values: dict[str, float | None]) -> None:
        """Show that `batch` batches of this epoch are done."""
        self.shown = time.monotonic()
        done, elapsed = max(batch - self.first, 1), max(self.shown - self.started, 1e-9)
        batches_left = self.batches - batch + (self.epochs - epoch) * self.batches
        left = duration(batches_left * elapsed / done)
        speed = done * self.samples / self.batches / elapsed
        head = f"epoch {epoch}/{self.epochs}"
        text = f"{self._figures(values)}  {speed:,.0f} samples/s  {left} left"
        if self.terminal:
            self.stream.write(f"\r{self._line(head, batch, text)}\x1b[K")
        else:
            self.stream.write(f"{head} {batch}/{self.batches} {text}\n")
        self.stream.flush()

    def _line(self, head: str, batch: int, text: str) -> str:
        """Head, bar and text, no wider than the terminal: a wrapped line cannot be redrawn."""
        columns = self._columns() - 1
        width = min(_BAR, columns - len(head) - len(text) - 5)
        if width < _SHORTEST_BAR:
            return f"{head} {100 * batch // self.batches}%  {text}"[:columns]
        filled = width * batch // self.batches
        return f"{head} [{'#' * filled}{'-' * (width - filled)}]  {text}"

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError, AttributeError):
            return _COLUMNS

    def end_epoch(self, epoch: int, seconds: float, values: dict[str, float | None]) -> None:
        """Leave one line for the finished epoch."""
        self.say(f"epoch {epoch}/{self.epochs}  {self._figures(values)}  {duration(seconds)}")

    def say(self, line: str) -> None:
        """Write a line of words, in place of what a terminal shows of an epoch under way."""
        head = _CLEARED if self.terminal else ""
        self.stream.write(f"{head}{line}\n")
        self.stream.flush()

    def wait_for(self, work: str) -> None:
        """Show in a terminal what is under way before there is a bar; '' when it is done."""
        if self.terminal:
            self.stream.write(_CLEARED + work[: self._columns() - 1])
            self.stream.flush()

    @staticmethod
    def _figures(values: dict[str, float | None]) -> str:
        shown = {name: value for name, value in values.items() if value is not None}
        return "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shown.items())


class Silence(Progress):
    """Progress that shows nothing."""

    def due(self) -> bool:
        return False

    def say(self, line: str) -> None:
        pass

    def wait_for(self, work: str) -> None:
        pass
