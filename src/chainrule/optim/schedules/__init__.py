"""Schedules of the learning rate: pure functions, as classes and by name.

The curves are imported when one of them is first named.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.optim.schedules.plateau import Plateau, Waiting
from chainrule.optim.schedules.schedule import Schedule

if TYPE_CHECKING:
    from chainrule.optim.schedules.curves import (
        ByEpoch,
        Constant,
        Cosine,
        CosineRestarts,
        Exponential,
        MultiStep,
        OneCycle,
        Polynomial,
        Step,
        Warmup,
    )
    from chainrule.optim.schedules.naming import AROUND, SCHEDULES, by_name, names

_LATE = MappingProxyType(
    {
        **dict.fromkeys(("ByEpoch", "Constant", "Cosine", "CosineRestarts"), "curves"),
        **dict.fromkeys(("Exponential", "MultiStep", "OneCycle", "Polynomial"), "curves"),
        **dict.fromkeys(("Step", "Warmup"), "curves"),
        **dict.fromkeys(("AROUND", "SCHEDULES", "by_name", "names"), "naming"),
    }
)

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


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
