"""Downloads that survive interruptions and are checked before they are put into place."""

import contextlib
import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from chainrule.data.catalogue import RemoteFile
from chainrule.errors import DataError, OptionError
from chainrule.writing import Progress

try:
    import fcntl
except ImportError:  # Windows, where two downloads of one file at once are not kept apart
    fcntl = None

_CHUNK = 1 << 18
_TRIES = 3
"""Attempts at one mirror; each takes up where the last one broke off."""


class _TransferError(Exception):
    """A mirror did not give the file; the message says why. The next one may."""


def fetch(
    file: RemoteFile,
    folder: Path,
    mirrors: Sequence[str],
    *,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Have a file in a folder: the one that is there, if it is right, else download it.

    The bytes go to a file with .part at its end, which the next attempt, mirror or process
    continues. It gets its name when its checksum is right.

    Args:
        file: what to have.
        folder: where to have it.
        mirrors: addresses of folders that have the file, tried in order.
        progress: is called with the file's name, the bytes that are here and the bytes it has.
        timeout: seconds without a byte after which a mirror counts as dead.

    Raises:
        OptionError: a mirror is no address.
        DataError: no mirror gave the right file (what each did is listed), the folder cannot be
            written, or the disk is full.
    """
    _check_mirrors(mirrors)
    target = folder / file.name
    with _writing(folder):
        if not _is_right(target, file):
            with _lock(folder / f"{file.name}.lock"):
                # Another process may have had the lock, and finished.
                if not _is_right(target, file):
                    _ask_mirrors(file, target, mirrors, progress, timeout)
    return target


def _ask_mirrors(
    file: RemoteFile,
    target: Path,
    mirrors: Sequence[str],
    progress: Progress | None,
    timeout: float,
) -> None:
    """Put the file into place from the first mirror that gives it."""
    part = target.with_name(f"{file.name}.part")
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}"
        try:
            _download(url, part, file, progress, timeout)
        except _TransferError as error:
            failures.append(f"  {url}: {error}")
            continue
        os.replace(part, target)
        return
    raise DataError(
        f"cannot download {file.name}; none of {len(failures)} mirrors gave it:\n"
        + "\n".join(failures)
        + f"\nCheck the network, give other mirrors=[...], or put the file at {target} yourself."
    )


def _check_mirrors(mirrors: Sequence[str]) -> None:
    if isinstance(mirrors, str) or not mirrors:
        raise OptionError(f"mirrors is {mirrors!r}; expected a list of one address or more")
    for mirror in mirrors:
        if not mirror.startswith(("http://", "https://", "file://")):
            raise OptionError(
                f"the mirror {mirror!r} is no address; expected one that starts with http://, "
                "https:// or file://"
            )


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Make the folder, and say what to do where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"cannot write the folder {folder} ({error.strerror or error}). Make room or allow "
            "it, or keep data sets elsewhere: cache='/another/folder'."
        ) from error


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process at a time pass; the system frees the lock of one that dies."""
    with open(path, "wb") as file:
        if fcntl is not None:
            # Some network file systems have no locks; downloads are right without, only double.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_right(path: Path, file: RemoteFile) -> bool:
    return _size(path) == file.size and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(
    url: str, part: Path, file: RemoteFile, progress: Progress | None, timeout: float
) -> None:
    """Bring `part` to the whole, right file, or raise a `_TransferError`."""
    for tries_left in reversed(range(_TRIES)):
        kept = _size(part)
        try:
            if kept < file.size:
                _transfer(url, part, file, progress, timeout)
        except _TransferError:
            if tries_left and _size(part) > kept:
                continue
            raise
        found = _sha256(part)
        if found == file.sha256:
            return
        part.unlink()
        # What an earlier attempt left may be wrong; a file that came in one piece is what it is.
        if kept == 0 or not tries_left:
            raise _TransferError(
                f"this is a damaged or another file: its sha256 is {found}, expected {file.sha256}"
            )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(
    url: str, part: Path, file: RemoteFile, progress: Progress | None, timeout: float
) -> None:
    """Append to `part` what it lacks, as far as the connection holds."""
    start = _size(part)
    _check_room(part.parent, file.size - start)
    with _open(url, start, timeout) as response:
        continues = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        done = start if continues else 0
        _check_length(response, file.size - done)
        with open(part, "ab" if continues else "wb") as out:
            while done < file.size and (chunk := _read(response, file.size - done)):
                out.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(file.name, done, file.size)
    if done < file.size:
        raise _TransferError(f"the connection closed after {done} of {file.size} bytes")


def _open(url: str, start: int, timeout: float) -> HTTPResponse:
    headers = {"User-Agent": "chainrule"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise _TransferError(f"HTTP status {error.code} ({error.reason})") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise _TransferError(str(reason) or type(reason).__name__) from error


def _read(response: HTTPResponse, at_most: int) -> bytes:
    try:
        # `read` would wait for all of it, and lose what had come when the connection breaks.
        return response.read1(min(_CHUNK, at_most))
    except (OSError, HTTPException) as error:
        raise _TransferError(str(error) or type(error).__name__) from error


def _check_length(response: HTTPResponse, expected: int) -> None:
    """Turn away what is not the file, such as a page that says that it has moved."""
    offered = response.headers.get("Content-Length")
    if offered is not None and offered != str(expected):
        raise _TransferError(f"the server offers {offered} bytes; expected {expected}")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"the disk of {folder} has {free / 1e6:.0f} MB free, and the download needs "
            f"{needed / 1e6:.0f} MB more. Make room, or keep data sets elsewhere: "
            "cache='/another/folder'."
        )
