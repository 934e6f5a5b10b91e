"""Optimizers: pure updates of parameters from gradients."""

import dataclasses
from types import MappingProxyType
from typing import Any

from chainrule.errors import unknown
from chainrule.optim.clipping import clip_by_norm, clip_by_value
from chainrule.optim.optimizer import SGD, Adam, Momentum, Optimizer
from chainrule.optim.stepper import Stepper

_BY_NAME = MappingProxyType({"sgd": SGD, "momentum": Momentum, "adam": Adam})

__all__ = [
    "SGD",
    "Adam",
    "Momentum",
    "Optimizer",
    "Stepper",
    "by_name",
    "clip_by_norm",
    "clip_by_value",
    "names",
]


def names() -> tuple[str, ...]:
    """The names of the optimizers.

    >>> names()
    ('sgd', 'momentum', 'adam')
    """
    return tuple(_BY_NAME)


def by_name(name: str, **options: Any) -> Optimizer:
    """Make an optimizer from its name and settings.

    Raises:
        OptionError: unknown name or setting, or a value outside its range.

    >>> by_name("adam", lr=0.01).lr
    0.01
    """
    kind = _BY_NAME.get(str(name).lower())
    if kind is None:
        raise unknown("optimizer", name, _BY_NAME)
    known = [field.name for field in dataclasses.fields(kind)]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    return kind(**options)
