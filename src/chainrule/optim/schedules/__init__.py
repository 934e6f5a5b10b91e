"""Schedules of the learning rate: pure functions, as classes and by name."""

from chainrule.optim.schedules.curves import (
    ByEpoch,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)
from chainrule.optim.schedules.names import AROUND, SCHEDULES, by_name, names
from chainrule.optim.schedules.plateau import Plateau, Waiting

__all__ = [
    "AROUND",
    "SCHEDULES",
    "ByEpoch",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Step",
    "Waiting",
    "Warmup",
    "by_name",
    "names",
]
