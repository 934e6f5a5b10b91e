"""Files that are written whole or not at all, and the folder of those that can be made again."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

StrPath = str | os.PathLike[str]
"""A path as people write it."""

Progress = Callable[[str, int, int], None]
"""Is called with a file's name, the bytes that are here, and the bytes that it has."""


def cache_folder(name: str = "") -> Path:
    """The folder in which this user's system keeps what programs can make again.

    `~/.cache/chainrule` on Linux, `~/Library/Caches/chainrule` on macOS and
    `~/AppData/Local/chainrule` on Windows, with `name` below it. It need not exist yet.

    Raises:
        RuntimeError: the user has no home folder.

    >>> cache_folder("datasets").parts[-2:]
    ('chainrule', 'datasets')
    """
    below = {"darwin": "Library/Caches", "win32": "AppData/Local"}.get(sys.platform, ".cache")
    return Path.home() / below / "chainrule" / name


def write_whole(path: StrPath, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file under another name in the same folder, then put it into place at once.

    A reader sees the old file or the new one, never a part; two processes that write the same
    file do not disturb each other, and the last one wins.

    Args:
        path: where the file goes; its folder must exist.
        write: is called with the open file.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full; nothing is left behind.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target
