r"""Fused ops written out: the steps that one record computes at once, as ops of the same table.

A fused op such as the cross-entropy of class ids hides its softmax. Here each has its steps, made
of ops alone. The report shows the steps, and checks at every run that they end where the fused
record ends; no number of a report comes from anywhere else than from op records.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule import ops, optim
from chainrule.ops.losses import cross_entropy_ids, cross_entropy_slope
from chainrule.ops.table import Box, Op, dtype_of, shape_of
from chainrule.optim.optimizer import counted, factor

Steps = dict[str, Any]
"""Values by the LaTeX of their symbols, in order; "" stands for what the fused op gives."""

WRITTEN = MappingProxyType({"y": r"\operatorname{onehot}(c)"})
"""How a step is written where that says more than its ops do."""


def _one_hot(ids: Any, logits: Any) -> Any:
    classes = np.arange(shape_of(logits)[-1])
    column = ops.reshape(ids, shape=(*shape_of(ids), 1))
    return ops.cast(ops.equal(column, classes), dtype=dtype_of(logits))


def _softmax(logits: Any) -> Steps:
    top = ops.max(logits, axis=-1, keepdims=True)
    low = logits - top
    powers = ops.exp(low)
    total = ops.sum(powers, axis=-1, keepdims=True)
    return {"m": top, "s": low, "q": powers, "S": total, "p": powers / total}


def _cross_entropy(logits: Any, ids: Any, *, reduction: str) -> Steps:
    steps = {"y": _one_hot(ids, logits), **_softmax(logits)}
    chosen = ops.sum(steps["y"] * steps["s"], axis=-1, keepdims=True)
    steps[r"\ell"] = ops.log(steps["S"]) - chosen
    rows = ops.reshape(steps[r"\ell"], shape=shape_of(ids))
    reduce: dict[str, Callable] = {"mean": ops.mean, "sum": ops.sum, "none": lambda x: x}
    return {**steps, "": reduce[reduction](rows)}


def _cross_entropy_slope(weight: Any, logits: Any, ids: Any, *, reduction: str) -> Steps:
    steps = {"y": _one_hot(ids, logits), **_softmax(logits)}
    slope = steps["p"] - steps["y"]
    rows = int(np.prod(shape_of(ids)))
    if reduction == "mean":
        slope = slope / rows
    if reduction == "none":
        weight = ops.reshape(weight, shape=(*shape_of(ids), 1))
    if isinstance(weight, Box) or not (np.asarray(weight) == 1).all():
        slope = weight * slope
    return {**steps, "": slope}


EXPANSIONS: Mapping[Op, Callable[..., Steps]] = MappingProxyType(
    {cross_entropy_ids: _cross_entropy, cross_entropy_slope: _cross_entropy_slope}
)
"""The fused ops and their steps."""


def _adam(optimizer: Any, memory: Mapping[str, Any], step: Any, lr: Any) -> Steps:
    count = counted(step)
    m = memory["m"] / factor(1 - optimizer.beta1**count, memory["m"])
    v = memory["v"] / factor(1 - optimizer.beta2**count, memory["v"])
    move = factor(lr, m) * m / (ops.sqrt(v) + optimizer.eps)
    return {r"\hat{m}": m, r"\hat{v}": v, "": move}


ASIDES: Mapping[type, Callable[..., Steps]] = MappingProxyType({optim.Adam: _adam})
"""The textbook's form of an update whose code is arranged otherwise; "" is what it subtracts."""
