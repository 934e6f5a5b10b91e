"""Schedules by name."""

from types import MappingProxyType
from typing import Any

from chainrule.errors import OptionError, unknown
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
from chainrule.optim.schedules.plateau import Plateau
from chainrule.optim.schedules.schedule import Schedule
from chainrule.settings import make, parse_spec

SCHEDULES = MappingProxyType(
    {
        "constant": Constant,
        "step": Step,
        "multi_step": MultiStep,
        "exponential": Exponential,
        "polynomial": Polynomial,
        "cosine": Cosine,
        "cosine_restarts": CosineRestarts,
        "one_cycle": OneCycle,
        "plateau": Plateau,
    }
)
AROUND = MappingProxyType({"warmup": Warmup, "by_epoch": ByEpoch})
"""Schedules around schedules."""

_UNITS = ("step", "epoch")


def names() -> tuple[str, ...]:
    """The names of the schedules.

    >>> names()[:3]
    ('constant', 'step', 'multi_step')
    """
    return tuple(SCHEDULES)


def by_name(text: str) -> Schedule | Plateau:
    """Make a schedule from its name, with its settings in brackets.

    Any of them but plateau also takes by=epoch, where lengths are in epochs, and warmup=N, which
    puts a warm-up of N steps before it.

    Raises:
        OptionError: unknown name or setting, or a value outside its range.

    >>> by_name("cosine(warmup=100)")
    Warmup(steps=100, then=Cosine(steps=None, end=0.0), first=0.01)
    >>> by_name("step(2, gamma=0.5, by=epoch)")
    ByEpoch(inner=Step(every=2, gamma=0.5), per_epoch=None)
    """
    spec = parse_spec("schedule", text)
    if spec.name not in SCHEDULES:
        raise unknown("schedule", text, SCHEDULES)
    if spec.name == "plateau":
        return make("schedule", spec, Plateau)
    options: dict[str, Any] = dict(spec.options)
    unit, warmup = options.pop("by", "step"), options.pop("warmup", 0)
    if unit not in _UNITS:
        raise unknown("unit of a schedule", unit, _UNITS)
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise OptionError(f"warmup is {warmup!r}; expected a number of steps, 0 or more.")
    schedule: Schedule = make("schedule", spec._replace(options=options), SCHEDULES[spec.name])
    if unit == "epoch":
        schedule = ByEpoch(schedule)
    return Warmup(warmup, schedule) if warmup else schedule
