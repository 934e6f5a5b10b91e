"""Optimizers: pure updates of parameters from gradients."""

from chainrule.optim import schedules
from chainrule.optim.adam import Adam, AdamW, NAdam, RAdam
from chainrule.optim.adaptive import AdaDelta, AdaGrad, RMSProp
from chainrule.optim.clipping import clip_by_norm, clip_by_value
from chainrule.optim.config import from_config, to_config
from chainrule.optim.descent import SGD, Momentum
from chainrule.optim.groups import Groups
from chainrule.optim.layerwise import LAMB, Lion
from chainrule.optim.lbfgs import LBFGS, Minimum, minimize
from chainrule.optim.muon import Muon
from chainrule.optim.names import by_name, names, wrap, wrapper_names
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.stepper import Stepper
from chainrule.optim.wrappers import EMA, SWA, Lookahead

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
