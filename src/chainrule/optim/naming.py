"""Optimizers by name."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from chainrule.errors import OptionError, unknown
from chainrule.optim.adam import Adam, AdamW, NAdam, RAdam
from chainrule.optim.adaptive import AdaDelta, AdaGrad, RMSProp
from chainrule.optim.descent import SGD, Momentum
from chainrule.optim.layerwise import LAMB, Lion
from chainrule.optim.muon import Muon
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.wrappers import EMA, SWA, Lookahead
from chainrule.settings import parse_spec

OPTIMIZERS = MappingProxyType(
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
WRAPPERS = MappingProxyType({"lookahead": Lookahead, "ema": EMA, "swa": SWA})


def names() -> tuple[str, ...]:
    """The names of the optimizers.

    >>> names()[:4]
    ('sgd', 'momentum', 'nesterov', 'adagrad')
    """
    return tuple(OPTIMIZERS)


def wrapper_names() -> tuple[str, ...]:
    """The names of the wrappers.

    >>> wrapper_names()
    ('lookahead', 'ema', 'swa')
    """
    return tuple(WRAPPERS)


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
            f"batches take one of {', '.join(OPTIMIZERS)}."
        )
    return _made("optimizer", OPTIMIZERS, name, (), options)


def wrap(optimizer: Optimizer, name: str, **options: Any) -> Optimizer:
    """Put a wrapper around an optimizer, by name as in `by_name`.

    Raises:
        OptionError: unknown name or setting, or a value outside its range.

    >>> wrap(SGD(lr=0.1), "ema(decay=0.99)")
    EMA(lr=0.1, inner=SGD(lr=0.1, weight_decay=0.0, decoupled=False), decay=0.99)
    """
    return _made("wrapper", WRAPPERS, name, (optimizer,), options)


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
