"""What all benchmarks beside peers can be asked for on the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def parser(doc: str | None, only: Sequence[str] = ()) -> argparse.ArgumentParser:
    """A parser with the options that all have; `only` is the default of --only."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--rounds", type=positive, default=9)
    made.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(only),
        help="parts of the titles of contenders, separated by commas",
    )
    made.add_argument(
        "--python",
        action="append",
        type=package_and_path,
        default=[],
        metavar="PACKAGE=PATH",
        help="the interpreter of a package that has an environment of its own; may be repeated",
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    made.add_argument("--write", action="store_true", help="put the table into README.md")
    return made


def positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def package_and_path(text: str) -> tuple[str, str]:
    package, _, path = text.partition("=")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(
            f"{text!r} names no interpreter; expected such as tensorflow-cpu=tf/bin/python"
        )
    return package, path


def add_seconds(made: argparse.ArgumentParser) -> None:
    made.add_argument("--seconds", type=float, default=0.3, help="of a slice of time")
