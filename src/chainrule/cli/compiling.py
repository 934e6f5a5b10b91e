"""What is typed about compiled training, and `chainrule cache`."""

import argparse
from argparse import Namespace
from types import MappingProxyType
from typing import Any

import chainrule as cr
from chainrule import compiler
from chainrule.cli.console import Console
from chainrule.cli.environment import Environment
from chainrule.cli.values import positive_count

_CHOICES = MappingProxyType({"auto": "auto", "yes": True, "no": False})


def add_options(parser: argparse.ArgumentParser) -> None:
    """How steps are computed; what comes out is the same up to rounding."""
    speed = parser.add_argument_group("speed")
    speed.add_argument(
        "--compile",
        choices=_CHOICES,
        help="steps as machine code; default: auto, where it saves time and llvmlite is there",
    )
    speed.add_argument(
        "--threads",
        metavar="N",
        type=positive_count,
        help="for a compiled step; default: as many as are free and worth it",
    )
    add_kernels(speed)


def add_kernels(parser: Any) -> None:
    """Where machine code is kept."""
    parser.add_argument("--kernels", metavar="DIR", help="the folder that keeps machine code")


def settings(options: Namespace, environment: Environment) -> dict[str, Any]:
    """What `cr.fit` and `cr.resume` take of these options."""
    made = {
        "compile": None if options.compile is None else _CHOICES[options.compile],
        "threads": options.threads,
        **kernels(options, environment),
    }
    return {name: value for name, value in made.items() if value is not None}


def kernels(options: Namespace, environment: Environment) -> dict[str, str]:
    """The setting for where machine code is kept, where that was said."""
    folder = options.kernels or environment.kernels
    return {} if folder is None else {"kernels": str(folder)}


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule cache`."""
    parser.add_argument("--clear", action="store_true", help="remove the machine code")
    add_kernels(parser)


def cache(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule cache`: machine code is made again when it is needed, so it may go at any time."""
    kept = compiler.ObjectCache(options.kernels or environment.kernels)
    found = kept.clear() if options.clear else kept.kept()
    data = [row.name for row in cr.data.describe(environment.cache) if row.cached]
    document = {
        "kernels": {"folder": str(found.folder), "files": found.files, "bytes": found.bytes},
        "cleared": options.clear,
        "datasets": data,
    }
    verb = "removed" if options.clear else "kept"
    files = f"{found.files:,} file{'' if found.files == 1 else 's'}"
    text = f"machine code: {verb} {files}, {found.bytes / 1e6:.1f} MB, in {found.folder}"
    if not options.clear:
        text += f"\ndata sets: {', '.join(data) or 'none'}"
    console.answer(document, text)
    return 0
