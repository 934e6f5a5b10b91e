"""The program: parse, run the command, turn what goes wrong into words and an exit status."""

import contextlib
import io
import os
import shlex
import signal
import sys
import threading
import traceback
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from types import FrameType, MappingProxyType
from typing import Any

import chainrule as cr
from chainrule.cli import benching, commands, compiling, parser, showing, sweeping
from chainrule.cli.commands import INTERRUPTED
from chainrule.cli.console import Console
from chainrule.cli.environment import Environment
from chainrule.errors import ChainruleError, OptionError

FAILED, MISUSED, TERMINATED, PIPE_CLOSED = 1, 2, 143, 141

_COMMANDS = MappingProxyType(
    {
        "train": commands.train,
        "find-lr": commands.find_lr,
        "sweep": sweeping.sweep,
        "resume": commands.resume,
        "evaluate": commands.evaluate,
        "certify": commands.certify,
        "explain": commands.explain,
        "show": showing.show,
        "predict": commands.predict,
        "summary": commands.summary,
        "datasets": commands.datasets,
        "models": commands.models,
        "bench": benching.bench,
        "cache": compiling.cache,
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and give the exit status.

    >>> main(["--version"])
    chainrule ...
    0
    """
    # A file's name may be no text in the terminal's encoding; it is still to be shown.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser.parse(sys.argv[1:] if argv is None else argv)
    except SystemExit as end:
        return int(end.code or 0)
    environment = Environment.read()
    quiet = getattr(options, "quiet", False)
    console = Console(environment, as_json=options.json, quiet=quiet)
    with _terminable() as signals, _plain_warnings(console):
        status = _run(options, console, environment)
    return TERMINATED if status == INTERRUPTED and signals else status


def _run(options: Namespace, console: Console, environment: Environment) -> int:
    try:
        status = _COMMANDS[options.command](options, console, environment)
        sys.stdout.flush()
    except KeyboardInterrupt:
        console.error(f"interrupted{_how_to_go_on(options)}")
        return INTERRUPTED
    except BrokenPipeError:
        # As with `| head`.
        _drop_output()
        return PIPE_CLOSED
    except (ChainruleError, OSError, MemoryError) as error:
        if options.debug:
            traceback.print_exc()
        console.error(_words(error))
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return MISUSED if isinstance(error, OptionError) else FAILED
    return status


def _drop_output() -> None:
    """Send what is left to print nowhere; Python would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _how_to_go_on(options: Namespace) -> str:
    """What to type to go on with a run that a second Ctrl-C cut short."""
    folder = getattr(options, "out" if options.command == "train" else "folder", None)
    if folder is None or options.command not in ("train", "resume"):
        return ""
    try:
        run = cr.load_run(folder)
    except ChainruleError:
        return ""
    return f" after step {run.step}; go on with: chainrule resume {shlex.quote(folder)}"


def _words(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        return f"not enough memory{detail}. Choose a smaller model, batch size or data set."
    return str(error) or type(error).__name__


@contextlib.contextmanager
def _terminable() -> Iterator[list[int]]:
    """Take SIGTERM as Ctrl-C is taken, so that a run is left whole; give those that were heard."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):
            raise KeyboardInterrupt
        interrupt(signal.SIGINT, frame)

    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _plain_warnings(console: Console) -> Iterator[None]:
    """Show warnings as words, without the line of code that gave them."""

    def show(message: Any, *details: Any, **more: Any) -> None:
        console.warn(str(message))

    with warnings.catch_warnings():
        # Python would be silent about the second of two alike, or stop at the first under -W error.
        warnings.filterwarnings("always", "training goes on", RuntimeWarning)
        warnings.showwarning = show
        yield
