"""Optimizers and schedules as plain data that JSON can hold."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chainrule.errors import unknown
from chainrule.optim.groups import Groups
from chainrule.optim.naming import OPTIMIZERS, WRAPPERS
from chainrule.optim.schedules import AROUND, SCHEDULES

_KINDS: Mapping[str, Any] = MappingProxyType(
    {
        name: kind
        for kinds in (OPTIMIZERS, WRAPPERS, {"groups": Groups}, SCHEDULES, AROUND)
        for name, kind in kinds.items()
        if isinstance(kind, type)
    }
)
_NAMES = MappingProxyType({kind: name for name, kind in _KINDS.items()})


class _OwnKindError(Exception):
    """It is of a class of the user's own."""


def to_config(thing: Any) -> dict[str, Any] | None:
    """Name and settings of an optimizer or a schedule; None where a kind of your own is in it.

    >>> from chainrule.optim import SGD
    >>> to_config(SGD(lr=0.5))
    {'name': 'sgd', 'options': {'lr': 0.5, 'weight_decay': 0.0, 'decoupled': False}}
    """
    try:
        return _plain(thing)
    except _OwnKindError:
        return None


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        if type(value) not in _NAMES:
            raise _OwnKindError
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        options = {field: _plain(getattr(value, field)) for field in fields}
        return {"name": _NAMES[type(value)], "options": options}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def from_config(config: Mapping[str, Any]) -> Any:
    """The optimizer or schedule that `to_config` described.

    Raises:
        OptionError: an unknown name.

    >>> from_config({"name": "adam", "options": {"lr": 0.5}}).lr
    0.5
    """
    kind = _KINDS.get(config["name"])
    if kind is None:
        raise unknown("optimizer or schedule", config["name"], _KINDS)
    return kind(**{name: _read(value) for name, value in config["options"].items()})


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"name", "options"}:
            return from_config(value)
        return {key: _read(item) for key, item in value.items()}
    return value
