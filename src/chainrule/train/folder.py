"""The run folder: what a training run leaves on disk, written whole or not at all.

    config.json     what was asked for: model, data, loss, optimizer, settings (for people)
    last.npz        the last checkpoint: weights, optimizer state, position, history, callbacks
    best.npz        the checkpoint with the best validation, where there is one
    history.jsonl   one line an epoch
    history.png     the same as a picture, where Matplotlib is installed

A checkpoint is an .npz file without pickle. Its entry `state` is JSON; the other entries are the
arrays, named by their paths. A new run writes config.json last: a folder without one holds no run,
and what a killed process left in it is written over.
"""

import json
import os
import shlex
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from chainrule import writing
from chainrule.errors import RunError

CONFIG = "config.json"
LAST = "last.npz"
BEST = "best.npz"
HISTORY = "history.jsonl"
FORMAT = 1

_DAMAGES = (
    *(OSError, ValueError, EOFError, AttributeError, TypeError, RuntimeError, NotImplementedError),
    *(struct.error, zipfile.BadZipFile),
)
"""What NumPy and zipfile raise on a file that is no checkpoint, or one with a changed byte."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that readers find the old one or the new one, never a part.

    Raises:
        RunError: the disk is full, or the folder may not be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write_whole(path, write)
    except OSError as error:
        raise RunError(
            f"could not write {path}: {error.strerror or error}. What stood there before is "
            "unchanged. Free some space, or choose another folder."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_checkpoint(path: Path, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
    """Write a checkpoint whole.

    Raises:
        RunError: it cannot be written; the one before is unchanged.
    """
    text = np.frombuffer(json.dumps({"format": FORMAT, **state}).encode(), np.uint8)
    entries: dict[str, Any] = {"state": text, **arrays}
    write_whole(path, lambda file: np.savez(file, **entries))


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint: its arrays and its state.

    Raises:
        RunError: there is none, or it is damaged, or it is not one of ours.
    """
    try:
        # Opened here, for np.load leaves a file open that turns out to be no archive.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        state = json.loads(arrays.pop("state").tobytes())
    except FileNotFoundError:
        raise RunError(_no_checkpoint(path)) from None
    except KeyError:
        raise RunError(f"{path} is an .npz file, but not a checkpoint of chainrule.") from None
    except _DAMAGES as error:
        other = path.with_name(BEST)
        mend = f" Load the best one instead: {other}." if path != other and other.exists() else ""
        raise RunError(f"{path} is damaged or not a checkpoint ({error}).{mend}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else None
        raise RunError(f"{path} has checkpoint format {found!r}; this version reads {FORMAT}.")
    return arrays, state


def _no_checkpoint(path: Path) -> str:
    if path.name == BEST:
        return f"{path.parent} has no {BEST}: the run had no validation data. Take which='last'."
    return f"there is no checkpoint {path}."


def write_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Write the history, a line of JSON an epoch."""
    write_text(folder / HISTORY, "".join(json.dumps(row) + "\n" for row in history))


def resume_command(folder: Path) -> str:
    """What to type to go on with a run."""
    return f"chainrule resume {shlex.quote(str(folder))}"


def check_free(folder: str | Path) -> None:
    """Refuse a folder for a new run that holds another run, or anything else.

    Raises:
        RunError: it does, or it is a file.
    """
    path = Path(folder)
    if (path / CONFIG).exists():
        raise RunError(
            f"{path} holds another run. Choose a new folder, or go on with that run: "
            f"{resume_command(path)}"
        )
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; expected a folder for the run.")
    if path.is_dir() and any(not _is_leftover(entry) for entry in path.iterdir()):
        raise RunError(f"{path} is not empty and holds no run. Choose a new or an empty folder.")


def _is_leftover(path: Path) -> bool:
    """Whether this is what a process leaves that was killed while it began a run."""
    temporary = path.name.startswith(".") and path.name.endswith(".tmp")
    return temporary or path.name in (LAST, HISTORY)


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the configuration of a new run, which makes the folder a run folder.

    Raises:
        RunError: another run was begun there meanwhile, or it cannot be written.
    """
    draft = folder / f".{CONFIG}.{os.getpid()}.tmp"
    text = json.dumps(config, indent=2) + "\n"
    try:
        write_text(draft, text)
        # Unlike a rename, a link never replaces what another process has just put there.
        os.link(draft, folder / CONFIG)
    except FileExistsError:
        raise RunError(f"another process has just begun a run in {folder}.") from None
    except OSError:
        # A file system without links, such as FAT.
        write_text(folder / CONFIG, text)
    finally:
        draft.unlink(missing_ok=True)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run folder.

    Raises:
        RunError: the folder is missing, holds no run, or its configuration is damaged.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{folder} is not a run folder: it has no {CONFIG}. "
            f"Begin a run there with: chainrule train mnist --out {folder}"
        ) from None
    except NotADirectoryError:
        raise RunError(f"{folder} is a file; expected a run folder.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}).") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise RunError(f"{path} is not the configuration of a run that this version reads.")
    return config


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files of a process that was killed."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)
