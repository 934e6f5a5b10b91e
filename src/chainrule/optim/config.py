"""Optimizers by name, and as plain data that JSON can hold."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from chainrule.errors import OptionError, unknown
from chainrule.optim.adam import Adam, AdamW, NAdam, RAdam
from chainrule.optim.adaptive import AdaDelta, AdaGrad, RMSProp
from chainrule.optim.descent import SGD, Momentum
from chainrule.optim.groups import Groups
from chainrule.optim.layerwise import LAMB, Lion
from chainrule.optim.muon import Muon
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.wrappers import EMA, SWA, Lookahead
from chainrule.settings import parse_spec

_OPTIMIZERS = MappingProxyType(
    {
        "sgd": SGD,
        "momentum": Momentum,
        "nesterov": partial(Momentum, nesterov=True),
        **{
            kind.__name__.lower(): kind
            for kind in (AdaGrad, AdaDelta, RMSProp, Adam, AdamW, NAdam, RAdam, LAMB, Lion, Muon)
        },
    }
)
_WRAPPERS = MappingProxyType({"lookahead": Lookahead, "ema": EMA, "swa": SWA})
_KINDS = MappingProxyType(
    {
        kind.__name__.lower(): kind
        for kind in (*_OPTIMIZERS.values(), *_WRAPPERS.values(), Groups)
        if isinstance(kind, type)
    }
)


def names() -> tuple[str, ...]:
    """The names of the optimizers.

    >>> names()[:4]
    ('sgd', 'momentum', 'nesterov', 'adagrad')
    """
    return tuple(_OPTIMIZERS)


def wrapper_names() -> tuple[str, ...]:
    """The names of the wrappers.

    >>> wrapper_names()
    ('lookahead', 'ema', 'swa')
    """
    return tuple(_WRAPPERS)


def by_name(name: str, **options: Any) -> Optimizer:
    """Make an optimizer from its name and settings; these may also stand in brackets.

    Raises:
        OptionError: unknown name or setting, or a value outside its range.

    >>> by_name("adam", lr=0.01).lr
    0.01
    >>> by_name("momentum(0.1, nesterov=True)")
    Momentum(lr=0.1, weight_decay=0.0, decoupled=False, momentum=0.9, nesterov=True, ...)
    """
    spec = parse_spec("optimizer", name)
    if spec.name in ("lbfgs", "l_bfgs"):
        raise OptionError(
            "L-BFGS minimises one function of all samples, whose steps cannot be taken batch by "
            "batch: use optim.minimize(function, parameters, optim.LBFGS()). For training in "
            f"batches take one of {', '.join(_OPTIMIZERS)}."
        )
    return _made("optimizer", _OPTIMIZERS, name, (), options)


def wrap(optimizer: Optimizer, name: str, **options: Any) -> Optimizer:
    """Put a wrapper around an optimizer, by name as in `by_name`.

    Raises:
        OptionError: unknown name or setting, or a value outside its range.

    >>> wrap(SGD(lr=0.1), "ema(decay=0.99)")
    EMA(lr=0.1, inner=SGD(lr=0.1, weight_decay=0.0, decoupled=False), decay=0.99)
    """
    return _made("wrapper", _WRAPPERS, name, (optimizer,), options)


def _made(
    what: str, kinds: Mapping[str, Any], name: str, inside: tuple, options: Mapping[str, Any]
) -> Optimizer:
    spec = parse_spec(what, name)
    make = kinds.get(spec.name)
    if make is None:
        raise unknown(what, name, kinds)
    kind: Any = make.func if isinstance(make, partial) else make
    known = [field.name for field in dataclasses.fields(kind) if field.init]
    positional = dict(zip(known[len(inside) : len(inside) + 1], spec.args, strict=False))
    if len(spec.args) > len(positional) or (inside and spec.args):
        raise OptionError(
            f"{what} {name!r}: too many values without a name; write {spec.name}(option=value)."
        )
    given = {**positional, **spec.options, **options}
    for option in given:
        if option not in known[len(inside) :]:
            raise unknown(f"option of {spec.name}", option, known[len(inside) :])
    return make(*inside, **given)


def to_config(optimizer: Optimizer) -> dict[str, Any] | None:
    """Name and settings of an optimizer; None where one of the user's own is in it.

    >>> to_config(SGD(lr=0.5))
    {'name': 'sgd', 'options': {'lr': 0.5, 'weight_decay': 0.0, 'decoupled': False}}
    """
    name = type(optimizer).__name__.lower()
    if _KINDS.get(name) is not type(optimizer):
        return None
    fields = [field.name for field in dataclasses.fields(optimizer) if field.init]
    options = {field: _plain(getattr(optimizer, field)) for field in fields}
    return None if _has_unknown(options) else {"name": name, "options": options}


def _plain(value: Any) -> Any:
    if isinstance(value, Optimizer):
        return to_config(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _has_unknown(options: Mapping[str, Any]) -> bool:
    return any(
        item is None or (isinstance(item, Mapping) and _has_unknown(item))
        for item in options.values()
    )


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `to_config` described.

    Raises:
        OptionError: an unknown name.

    >>> from_config({"name": "adam", "options": {"lr": 0.5}}).lr
    0.5
    """
    kind = _KINDS.get(config["name"])
    if kind is None:
        raise unknown("optimizer", config["name"], _KINDS)
    return kind(**{name: _read(value) for name, value in config["options"].items()})


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"name", "options"}:
            return from_config(value)
        return {key: _read(item) for key, item in value.items()}
    return value
