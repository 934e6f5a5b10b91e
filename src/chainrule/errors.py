"""The errors that chainrule raises, and the words that they share.

Every message answers three questions: what happened and in what context, what the software
expected, and how the user can mend it. Each class is also the built-in class that a Python
programmer would catch.
"""

import difflib
import importlib
import os
import sys
from collections.abc import Iterable
from types import FrameType, ModuleType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose."""


class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit together."""


class DtypeError(ChainruleError, TypeError):
    """A value has a type that the operation cannot take."""


class DataError(ChainruleError, ValueError):
    """Data is empty, damaged, foreign, or out of its range."""


class OptionError(ChainruleError, ValueError):
    """A name or a number that chooses behaviour is unknown or out of its range."""


class RunError(ChainruleError, ValueError):
    """A run folder or a checkpoint cannot be used as asked."""


class NonFiniteError(ChainruleError, ArithmeticError):
    """NaN or infinity appeared where only finite numbers make sense."""


class GradientError(ChainruleError, RuntimeError):
    """A derivative was asked for that does not exist or cannot be had this way."""


class TraceError(ChainruleError, TypeError):
    """A trace was asked for numbers that it has not."""


class MissingExtraError(ChainruleError, ImportError):
    """An optional dependency is not installed."""


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Say which of `choices` is nearest to `name`, and list them all.

    >>> print(suggestion("rellu", ["relu", "tanh"]))
    Did you mean 'relu'? Known: relu, tanh.
    """
    names = [str(choice) for choice in choices]
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    return f"{guess}Known: {', '.join(names)}."


def unknown(kind: str, name: object, choices: Iterable[str]) -> OptionError:
    """Build the error for a name that is not in `choices`.

    >>> raise unknown("optimizer", "adm", ["adam", "sgd"])
    Traceback (most recent call last):
        ...
    chainrule.errors.OptionError: unknown optimizer 'adm'. Did you mean 'adam'? Known: adam, sgd.
    """
    return OptionError(f"unknown {kind} {name!r}. {suggestion(str(name), choices)}")


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional third-party module, or say which extra brings it.

    Raises:
        MissingExtraError: `module` is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed. "
            f"Install it with: pip install 'chainrule[{extra}]'"
        ) from error


def user_line() -> str:
    """The line outside the package that led here, as `script.py:12`, for messages."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return "an unknown line"
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
