"""Training runs: fit a model, watch it, keep it, go on with it."""

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.train.api import fit, load_run, resume
from chainrule.train.callbacks import (
    BestCheckpoint,
    Callback,
    EarlyStopping,
    HistoryLines,
    Schedule,
)
from chainrule.train.folder import check_free
from chainrule.train.info import DataInfo
from chainrule.train.metrics import Evaluation, confusion_matrix
from chainrule.train.mixup import mixup
from chainrule.train.run import Run
from chainrule.train.settings import Settings
from chainrule.train.source import TOYS, Source
from chainrule.train.step import TrainingStep

if TYPE_CHECKING:
    from chainrule.train.range_finder import RateRange, find_lr

__all__ = [
    "TOYS",
    "BestCheckpoint",
    "Callback",
    "DataInfo",
    "EarlyStopping",
    "Evaluation",
    "HistoryLines",
    "RateRange",
    "Run",
    "Schedule",
    "Settings",
    "Source",
    "TrainingStep",
    "check_free",
    "confusion_matrix",
    "find_lr",
    "fit",
    "load_run",
    "mixup",
    "resume",
]


def __getattr__(name: str) -> Any:
    if name not in ("RateRange", "find_lr"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.range_finder"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
