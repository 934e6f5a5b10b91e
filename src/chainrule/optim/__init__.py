"""Optimizers: pure updates of parameters from gradients.

All but Adam's kin are imported when they are first named.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.optim import schedules
from chainrule.optim.adam import Adam, AdamW, NAdam, RAdam
from chainrule.optim.clipping import clip_by_norm, clip_by_value
from chainrule.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from chainrule.optim.adaptive import AdaDelta, AdaGrad, RMSProp
    from chainrule.optim.config import from_config, to_config
    from chainrule.optim.descent import SGD, Momentum
    from chainrule.optim.groups import Groups
    from chainrule.optim.layerwise import LAMB, Lion
    from chainrule.optim.lbfgs import LBFGS, Minimum, minimize
    from chainrule.optim.muon import Muon
    from chainrule.optim.naming import by_name, names, wrap, wrapper_names
    from chainrule.optim.stepper import Stepper
    from chainrule.optim.wrappers import EMA, SWA, Lookahead

_LATE = MappingProxyType(
    {
        **dict.fromkeys(("AdaDelta", "AdaGrad", "RMSProp"), "adaptive"),
        **dict.fromkeys(("from_config", "to_config"), "config"),
        **dict.fromkeys(("SGD", "Momentum"), "descent"),
        "Groups": "groups",
        **dict.fromkeys(("LAMB", "Lion"), "layerwise"),
        **dict.fromkeys(("LBFGS", "Minimum", "minimize"), "lbfgs"),
        "Muon": "muon",
        "Stepper": "stepper",
        **dict.fromkeys(("EMA", "SWA", "Lookahead"), "wrappers"),
        **dict.fromkeys(("by_name", "names", "wrap", "wrapper_names"), "naming"),
    }
)

__all__ = [
    "EMA",
    "LAMB",
    "LBFGS",
    "SGD",
    "SWA",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Groups",
    "Lion",
    "Lookahead",
    "Minimum",
    "Momentum",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "Stepper",
    "by_name",
    "clip_by_norm",
    "clip_by_value",
    "from_config",
    "minimize",
    "names",
    "schedules",
    "to_config",
    "wrap",
    "wrapper_names",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
