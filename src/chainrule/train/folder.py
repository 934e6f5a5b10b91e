"""The run folder: what a training run leaves on disk, written whole or not at all.

    config.json     what was asked for: model, data, loss, optimizer, settings (for people)
    last.npz        the last checkpoint: weights, optimizer state, position, history, callbacks
    best.npz        the checkpoint with the best validation, where there is one
    history.jsonl   one line an epoch

A checkpoint is an .npz file without pickle. Its entry `state` is JSON; the other entries are the
arrays, named by their paths.
"""

import contextlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import RunError

CONFIG = "config.json"
LAST = "last.npz"
BEST = "best.npz"
HISTORY = "history.jsonl"
FORMAT = 1


def write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file so that readers find the old one or the new one, never a part.

    Raises:
        RunError: the disk is full, or the folder may not be written to.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(
            f"could not write {path}: {error.strerror or error}. What stood there before is "
            "unchanged. Free some space or choose another folder with out=..."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_arrays(path: Path, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
    """Write a checkpoint whole.

    Raises:
        RunError: it cannot be written; the one before is unchanged.
    """
    text = np.frombuffer(json.dumps({"format": FORMAT, **state}).encode(), np.uint8)
    write_whole(path, lambda file: np.savez(file, state=text, **arrays))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint.

    Raises:
        RunError: there is none, or it is damaged, or it is not one of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = json.loads(arrays.pop("state").tobytes())
    except FileNotFoundError:
        raise RunError(f"no checkpoint at {path}. Was training stopped before it began?") from None
    except KeyError:
        raise RunError(f"{path} is an .npz file, but not a checkpoint of chainrule.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise RunError(
            f"{path} is damaged or not a checkpoint ({error}). "
            f"If there is a {BEST} beside it, load that one."
        ) from error
    if state.get("format") != FORMAT:
        raise RunError(
            f"{path} has checkpoint format {state.get('format')!r}; this version reads {FORMAT}."
        )
    return arrays, state


def write_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Write the history, a line of JSON an epoch."""
    write_text(folder / HISTORY, "".join(json.dumps(row) + "\n" for row in history))


def claim(folder: Path, config: dict[str, Any]) -> None:
    """Make a folder for a new run and write its configuration; never touch another run.

    Raises:
        RunError: the folder holds a run or other files, or cannot be written to.
    """
    if (folder / CONFIG).exists():
        raise RunError(
            f"{folder} holds another run. Choose a new folder, or go on with it: "
            f"chainrule resume {folder}"
        )
    if folder.is_file():
        raise RunError(f"{folder} is a file; expected a folder for the run.")
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty and holds no run. Choose a new or empty folder.")
    text = json.dumps(config, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / CONFIG, "x") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"another process has just begun a run in {folder}.") from None
    except OSError as error:
        raise RunError(
            f"could not begin a run in {folder}: {error.strerror or error}. "
            "Choose a folder that can be written to."
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run folder.

    Raises:
        RunError: the folder is missing, holds no run, or its configuration is damaged.
    """
    path = folder / CONFIG
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise RunError(
            f"{folder} is not a run folder: it has no {CONFIG}. "
            "Begin one with: chainrule train mnist --out " + str(folder)
        ) from None
    except NotADirectoryError:
        raise RunError(f"{folder} is a file; expected a run folder.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}).") from error
