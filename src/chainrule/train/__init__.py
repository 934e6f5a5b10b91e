"""Training runs: fit a model, watch it, keep it, go on with it."""

from chainrule.train.api import fit, load_run, resume
from chainrule.train.callbacks import (
    BestCheckpoint,
    Callback,
    EarlyStopping,
    HistoryLines,
    Schedule,
)
from chainrule.train.metrics import Evaluation, confusion_matrix
from chainrule.train.run import Run
from chainrule.train.settings import Settings
from chainrule.train.step import TrainingStep

__all__ = [
    "BestCheckpoint",
    "Callback",
    "EarlyStopping",
    "Evaluation",
    "HistoryLines",
    "Run",
    "Schedule",
    "Settings",
    "TrainingStep",
    "confusion_matrix",
    "fit",
    "load_run",
    "resume",
]
