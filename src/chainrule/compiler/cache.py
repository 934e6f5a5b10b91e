"""Machine code that is kept on disk, so that the next process need not make it again."""

import hashlib
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import llvmlite

from chainrule.compiler.keys import generator, processor
from chainrule.writing import StrPath, cache_folder, write_whole

if TYPE_CHECKING:
    from chainrule.compiler.target import Target

_SUFFIX = ".program"
_DIGEST = 32


class Kept(NamedTuple):
    """What a cache holds."""

    files: int
    bytes: int
    folder: Path


class ObjectCache:
    """A folder of compiled programs, each under the hash of all that it depends on.

    That is the graph, how it is to be run, the processor (`target`; None for the one here), and the
    versions of the generator and of LLVM. A file is written whole or not at all; each begins with
    the hash of its contents, so that a damaged one is noticed, and made again. Where the folder
    cannot be written, or belongs to someone else, nothing is kept.

    >>> ObjectCache("nowhere").find("some graph")
    """

    def __init__(self, folder: StrPath | None = None):
        self.folder = cache_folder("kernels") if folder is None else Path(folder)

    def _path(self, key: str, target: "Target | None") -> Path:
        parts = (key, processor(target), generator(), _llvm(), platform.system())
        return self.folder / (hashlib.sha256("\n".join(parts).encode()).hexdigest() + _SUFFIX)

    def find(self, key: str, target: "Target | None" = None) -> bytes | None:
        """What is kept under a key, or None where there is nothing that is whole."""
        try:
            if not _is_ours(self.folder):
                return None
            stored = self._path(key, target).read_bytes()
        except OSError:
            return None
        digest, code = stored[:_DIGEST], stored[_DIGEST:]
        return code if code and hashlib.sha256(code).digest() == digest else None

    def keep(self, key: str, code: bytes, target: "Target | None" = None) -> None:
        """Store a program; where that is impossible, go on without."""
        stored = hashlib.sha256(code).digest() + code
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _is_ours(self.folder):
                write_whole(self._path(key, target), lambda file: file.write(stored))
        except OSError:
            return

    def kept(self) -> Kept:
        """How many files there are, and how large they are together."""
        sizes = [path.stat().st_size for path in self._files()]
        return Kept(len(sizes), sum(sizes), self.folder)

    def clear(self) -> Kept:
        """Remove all programs; gives what there was."""
        before = self.kept()
        for path in self._files():
            path.unlink(missing_ok=True)
        return before

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("?" * 64 + _SUFFIX)) if self.folder.is_dir() else []


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can have put code there: it would be run."""
    if os.name == "nt":
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _llvm() -> str:
    """LLVM's version, without loading it: that of llvmlite, and its library's size and date."""
    library = Path(llvmlite.__path__[0]) / "binding"
    files = [(path.name, path.stat()) for path in sorted(library.glob("*llvmlite*"))]
    facts = [f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in files]
    return " ".join((llvmlite.__version__, *facts))
