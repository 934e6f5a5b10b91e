"""Searching for hyper-parameters: `chainrule.sweep`, its spaces, its outcome."""

from chainrule.tune.outcome import Sweep, Trial
from chainrule.tune.search import sweep
from chainrule.tune.space import Choice, Domain, Real, Whole, read_domain
from chainrule.tune.study import METHODS, PRUNERS, Plan, Progress
from chainrule.tune.training import Training

__all__ = [
    "METHODS",
    "PRUNERS",
    "Choice",
    "Domain",
    "Plan",
    "Progress",
    "Real",
    "Sweep",
    "Training",
    "Trial",
    "Whole",
    "read_domain",
    "sweep",
]
