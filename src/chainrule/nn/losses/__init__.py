"""What training makes small: how far a model's outputs are from their targets.

A loss is of a sample (reduction="none" gives one for each) or the mean over a batch; the cost is
the mean over a whole set (`run.cost`), and the objective, which training makes small, the cost plus
the penalties on the weights (`run.objective`).

A loss never broadcasts: outputs and targets have equal shapes, or class ids stand for one-hot rows.
Targets take the dtype of the outputs, so that float64 targets do not widen a float32 model.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from chainrule.errors import OptionError, unknown
from chainrule.nn.losses.classes import (
    binary_cross_entropy,
    cross_entropy,
    kl_divergence,
    nll,
)
from chainrule.nn.losses.distances import hinge, huber, mae, mse, multi_margin
from chainrule.nn.losses.information import entropy, self_information
from chainrule.settings import parse_spec

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "by_name",
    "cross_entropy",
    "entropy",
    "find",
    "hinge",
    "huber",
    "kl_divergence",
    "mae",
    "mse",
    "multi_margin",
    "nll",
    "self_information",
]


class Loss(NamedTuple):
    """A loss that has a name: its function, and what it takes as targets.

    "ids" are class ids, "rows" an array as the output, "signs" the same of -1 and 1.
    """

    function: Callable
    targets: Literal["ids", "rows", "signs"]


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "cross_entropy": Loss(cross_entropy, "ids"),
        "binary_cross_entropy": Loss(binary_cross_entropy, "rows"),
        "mse": Loss(mse, "rows"),
        "mae": Loss(mae, "rows"),
        "huber": Loss(huber, "rows"),
        "kl_divergence": Loss(kl_divergence, "rows"),
        "hinge": Loss(hinge, "signs"),
        "multi_margin": Loss(multi_margin, "ids"),
        "nll": Loss(nll, "ids"),
    }
)
"""The losses by name."""

_OTHER_NAMES = MappingProxyType(
    {"bce": "binary_cross_entropy", "mean_squared_error": "mse", "mean_absolute_error": "mae"}
    | {"l1": "mae", "kl": "kl_divergence"}
)


def find(name: str) -> Loss:
    """The record of a loss; the options in its name are put into its function.

    Raises:
        OptionError: no loss has that name, or it has no such option.

    >>> find("huber(delta=0.5)").targets
    'rows'
    """
    spec = parse_spec("loss", name)
    plain = _OTHER_NAMES.get(spec.name, spec.name)
    if plain not in LOSSES:
        raise unknown("loss", name, LOSSES)
    function, targets = LOSSES[plain]
    if not (spec.args or spec.options):
        return LOSSES[plain]
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "reduction"]
    for option in spec.options:
        if option not in known:
            raise unknown(f"option of loss {plain}", option, known)
    if spec.args:
        raise OptionError(f"loss {name!r}: give options by name, such as {known[0]}=...")
    return Loss(functools.partial(function, **spec.options), targets)


def by_name(name: str) -> Callable:
    """The loss of that name, with options in brackets; "bce" and hyphens are understood, too.

    Raises:
        OptionError: no loss has that name, or it has no such option.

    >>> by_name("mse") is mse
    True
    >>> by_name("cross_entropy(label_smoothing=0.1)").keywords
    {'label_smoothing': 0.1}
    """
    return find(name).function
