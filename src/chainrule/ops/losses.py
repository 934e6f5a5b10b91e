"""Losses as single ops, where one op is faster or more exact than several."""

import math
from typing import Any

import numpy as np

from chainrule.aval import Aval, aval_of, float_dtype
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError, unknown
from chainrule.ops.arithmetic import binary, like, where
from chainrule.ops.elementwise import REAL, cast, sigmoid
from chainrule.ops.lowering import Expand
from chainrule.ops.promotion import as_floating
from chainrule.ops.reduce import reduce_sum
from chainrule.ops.softmax import logsumexp, softmax
from chainrule.ops.table import Ids, defop, dtype_of, sample, shape_of

REDUCTIONS = ("mean", "sum", "none")
_SHORT = 100
"""Up to so many classes, computing on columns is faster than on rows (on 100 rows of 10: twice)."""


def _infer_cross_entropy(logits: Aval, ids: Aval, *, reduction: str = "mean") -> Aval:
    if reduction not in REDUCTIONS:
        raise unknown("reduction", reduction, REDUCTIONS)
    if ids.dtype.kind not in "iu":
        raise DtypeError(
            f"cross_entropy: class ids have dtype {ids.dtype}; expected integers. "
            "Convert them with .astype('int64')."
        )
    if logits.ndim < 1 or ids.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy: logits have shape {logits.shape} and class ids {ids.shape}; expected "
            f"one id for each row, shape {logits.shape[:-1]}."
        )
    if 0 in (logits.shape if reduction == "mean" else logits.shape[-1:]):
        raise ShapeError(
            f"cross_entropy: logits of shape {logits.shape} are empty; expected at least one row "
            "and one class."
        )
    return Aval(ids.shape if reduction == "none" else (), float_dtype(logits.dtype))


def _infer_slope(g: Aval, logits: Aval, ids: Aval, *, reduction: str = "mean") -> Aval:
    out = _infer_cross_entropy(logits, ids, reduction=reduction)
    if g.shape != out.shape:
        raise ShapeError(
            f"cross_entropy_slope: the loss has shape {out.shape} and its weight {g.shape}; they "
            "must be equal."
        )
    return Aval(logits.shape, out.dtype)


def _shifted(logits: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, int, tuple]:
    """Logits minus their row's largest as a new table, its class axis, the ids' places in it."""
    classes = logits.shape[-1]
    rows = as_floating(logits).reshape(ids.size, classes)
    axis = 0 if classes <= _SHORT else 1
    table = np.array(rows.T if axis == 0 else rows, order="C")
    table -= np.maximum.reduce(table, axis=axis, keepdims=True)
    each, flat = np.arange(ids.size), ids.reshape(-1)
    return table, axis, (flat, each) if axis == 0 else (each, flat)


def _plainly_fit(logits: np.ndarray, ids: np.ndarray, reduction: str) -> bool:
    """Whether the common case needs no closer look; the rule itself takes 3 us."""
    fit = ids.shape == logits.shape[:-1] and ids.dtype.kind in "iu" and 0 not in logits.shape
    return fit and reduction in REDUCTIONS


def _check_ids(ids: np.ndarray, classes: int) -> None:
    if ids.size == 0 or (ids.max() < classes and (ids.dtype.kind == "u" or ids.min() >= 0)):
        return
    place = tuple(np.argwhere((ids < 0) | (ids >= classes))[0].tolist())
    where = place[0] if len(place) == 1 else place
    raise DataError(
        f"cross_entropy: class id {ids[place]} in row {where}, but the logits have {classes} "
        f"classes, so ids go from 0 to {classes - 1}. Mend the labels, or give the last layer as "
        "many outputs as there are classes."
    )


def _infer_checked_ids(ids: Aval, *, classes: int) -> Aval:
    if ids.dtype.kind not in "iu":
        raise DtypeError(f"checked_ids: ids have dtype {ids.dtype}; expected integers.")
    return ids


def _checked_ids(ids: Any, *, classes: int) -> Any:
    array = np.asarray(ids)
    if array.dtype.kind not in "iu":
        _infer_checked_ids(aval_of(array), classes=classes)
    _check_ids(array, classes)
    return ids


checked_ids = defop(
    "checked_ids",
    np=_checked_ids,
    infer=_infer_checked_ids,
    emit=lambda b, ids, classes: b.demand(ids, 0, classes),
    idempotent=True,
    latex="{0}",
    samples=(sample(Ids((4,), 3), classes=3), sample(Ids((), 3), classes=3)),
    errors=(
        (sample(np.array([0, 3]), classes=3), DataError, "class id 3 in row 1, .* 0 to 2"),
        (sample(np.zeros(2), classes=3), DtypeError, "expected integers"),
    ),
    doc="""Class ids as they are, once each is known to be from 0 to classes - 1.

Raises:
    DataError: one is not; the message names its row.

>>> checked_ids(np.array([0, 2]), classes=3)
array([0, 2])
""",
)


def _cross_entropy(logits: Any, ids: Any, *, reduction: str = "mean") -> Any:
    logits, ids = np.asarray(logits), np.asarray(ids)
    if not _plainly_fit(logits, ids, reduction):
        _infer_cross_entropy(aval_of(logits), aval_of(ids), reduction=reduction)
    _check_ids(ids, logits.shape[-1])
    table, axis, places = _shifted(logits, ids)
    chosen = table[places]
    np.exp(table, out=table)
    rows = np.log(np.add.reduce(table, axis=axis)) - chosen
    if reduction == "none":
        return rows.reshape(ids.shape)
    total = np.add.reduce(rows)
    return total / ids.size if reduction == "mean" else total


def _slope(g: Any, logits: Any, ids: Any, *, reduction: str = "mean") -> np.ndarray:
    g, logits, ids = np.asarray(g), np.asarray(logits), np.asarray(ids)
    if g.shape or not _plainly_fit(logits, ids, reduction):
        _infer_slope(aval_of(g), aval_of(logits), aval_of(ids), reduction=reduction)
    table, axis, places = _shifted(logits, ids)
    np.exp(table, out=table)
    total = np.add.reduce(table, axis=axis, keepdims=True)
    weight = g.reshape(total.shape) if reduction == "none" else _share(g, ids, reduction)
    table *= weight / total
    table[places] -= weight.reshape(-1) if reduction == "none" else weight
    return (table.T if axis == 0 else table).reshape(logits.shape)


def _is_class(logits: Any, ids: Any) -> Any:
    """For each row and class, whether it is the row's own."""
    classes = shape_of(logits)[-1]
    # As numbers of 32 bits, of which a register holds twice as many.
    checked = cast(checked_ids(ids, classes=classes), dtype=np.int32)
    return checked[..., None] == np.arange(classes, dtype=np.int32)


def _composed_cross_entropy(logits: Any, ids: Any, reduction: str) -> Any:
    chosen = reduce_sum(where(_is_class(logits, ids), logits, 0.0), axis=-1)
    rows = logsumexp(logits, axis=-1) - chosen
    if reduction == "none":
        return rows
    total = reduce_sum(rows)
    return total / math.prod(shape_of(ids)) if reduction == "mean" else total


def _composed_slope(g: Any, logits: Any, ids: Any, reduction: str) -> Any:
    return _share(g, ids, reduction) * (softmax(logits, -1) - _is_class(logits, ids))


def _share(g: Any, ids: Any, reduction: str) -> Any:
    """What each row's loss weighs where the whole weighs g, with an axis for the classes."""
    if reduction == "none":
        return g[..., None]
    return g / math.prod(shape_of(ids)) if reduction == "mean" else g


def _softmax_slope(direction: Any, logits: Any) -> Any:
    """The derivative of softmax in a direction: p (d - sum(p d)); it is its own transpose."""
    p = softmax(logits, -1)
    weighted = p * direction
    return weighted - p * reduce_sum(weighted, axis=-1, keepdims=True)


def _dot_slope(direction: Any, logits: Any, ids: Any, reduction: str) -> Any:
    """The derivative of the loss when the logits move in a direction."""
    shape = shape_of(ids) if reduction == "none" else ()
    one = np.ones(shape, float_dtype(dtype_of(logits)))
    product = direction * cross_entropy_slope(one, logits, ids, reduction=reduction)
    return reduce_sum(product, axis=-1 if reduction == "none" else None)


def _cross_entropy_vjp(g: Any, out: Any, logits: Any, ids: Any, reduction: str) -> tuple:
    return cross_entropy_slope(g, logits, ids, reduction=reduction), None


def _cross_entropy_jvp(tangents: tuple, out: Any, logits: Any, ids: Any, reduction: str) -> Any:
    return _dot_slope(tangents[0], logits, ids, reduction)


def _slope_vjp(c: Any, out: Any, g: Any, logits: Any, ids: Any, reduction: str) -> tuple:
    by_logits = _softmax_slope(_share(g, ids, reduction) * c, logits)
    return _dot_slope(c, logits, ids, reduction), by_logits, None


def _slope_jvp(tangents: tuple, out: Any, g: Any, logits: Any, ids: Any, reduction: str) -> Any:
    by_weight = cross_entropy_slope(tangents[0], logits, ids, reduction=reduction)
    return by_weight + _share(g, ids, reduction) * _softmax_slope(tangents[1], logits)


cross_entropy_ids = defop(
    "cross_entropy_ids",
    np=_cross_entropy,
    infer=_infer_cross_entropy,
    vjp=_cross_entropy_vjp,
    jvp=_cross_entropy_jvp,
    emit=Expand(_composed_cross_entropy),
    latex=r"\ln \textstyle\sum e^{{{0}}} - {0}_{{{1}}}",
    samples=(
        sample((4, 3), Ids((4,), 3)),
        sample((4, 3), Ids((4,), 3), reduction="sum"),
        sample((2, 3, 4), Ids((2, 3), 4), reduction="none"),
        sample((3, 120), Ids((3,), 120)),
        sample((5,), Ids((), 5)),
        sample((0, 3), Ids((0,), 3), reduction="none"),
    ),
    errors=(
        (sample((2, 3), np.array([0, 3])), DataError, "class id 3 in row 1, .* 0 to 2"),
        (sample((2, 3), np.array([-1, 0])), DataError, "class id -1 in row 0"),
        (sample((2, 3), np.array([0.0, 1.0])), DtypeError, r"float64; .*\.astype\('int64'\)"),
        (sample((2, 3), np.array([[0], [1]])), ShapeError, r"ids \(2, 1\); .* shape \(2,\)"),
        (sample((0, 3), np.zeros(0, int)), ShapeError, "are empty"),
        (sample((2, 0), np.array([0, 0]), reduction="sum"), ShapeError, "are empty"),
        (sample((1, 2), np.array([0]), reduction="avg"), OptionError, "unknown reduction 'avg'"),
    ),
    doc="""Cross-entropy of logits against class ids: ln(sum(e^x)) - x[id] for each row.

`reduction` gives the mean or the sum over all rows, or with "none" each row's own.

Shape: logits (..., classes), ids (...) give (), or (...) with reduction="none".

Raises:
    DataError: an id outside 0 to classes - 1; the message names its row.
    DtypeError: ids that are no integers.
    ShapeError: not one id for each row, or nothing to take the mean of.

>>> logits = np.array([[0.0, 0.0], [0.0, 1000.0]])
>>> cross_entropy_ids(logits, np.array([0, 1]), reduction="none")
array([0.69314718, 0.        ])
""",
)

cross_entropy_slope = defop(
    "cross_entropy_slope",
    np=_slope,
    infer=_infer_slope,
    vjp=_slope_vjp,
    jvp=_slope_jvp,
    emit=Expand(_composed_slope),
    latex=r"{0} \cdot (\operatorname{{softmax}}({1}) - 1_{{{2}}})",
    samples=(
        sample((), (4, 3), Ids((4,), 3)),
        sample((), (4, 3), Ids((4,), 3), reduction="sum"),
        sample((2, 3), (2, 3, 4), Ids((2, 3), 4), reduction="none"),
        sample((), (3, 120), Ids((3,), 120)),
        sample((0,), (0, 3), Ids((0,), 3), reduction="none"),
    ),
    errors=((sample((3,), (2, 3), np.array([0, 1])), ShapeError, r"its weight \(3,\)"),),
    doc="""The derivative of cross_entropy_ids by the logits times g: g (softmax(x) - onehot(id)).

Shape: g as the loss, logits (..., classes), ids (...) give (..., classes).

>>> cross_entropy_slope(1.0, np.array([[0.0, 0.0]]), np.array([0]))
array([[-0.5,  0.5]])
""",
)


def _binary_cross_entropy(x: Any, t: Any) -> Any:
    if not hasattr(x, "dtype"):  # a Python number would meet the 0 in float64
        x = t.dtype.type(x)
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))


def _emit_binary_cross_entropy(b: Any, x: Any, t: Any) -> Any:
    x, t = map(b.floating, b.promote(x, t))
    tail = b.log1p(b.exp(b.negative(b.absolute(x))))
    return b.add(b.subtract(b.relu(x), b.multiply(x, t)), tail)


binary_cross_entropy_logits = binary(
    "binary_cross_entropy_logits",
    _binary_cross_entropy,
    """Cross-entropy of sigmoid(x) against a target t: max(x, 0) - x t + ln(1 + e^-|x|).

The same as ln(1 + e^x) - x t, but exact to the last digits where that is small, too.

>>> binary_cross_entropy_logits(np.array([0.0, 1000.0]), np.array([1.0, 1.0]))
array([0.69314718, 0.        ])""",
    real=True,
    domain=(REAL, (0.0, 1.0)),
    partials=(lambda out, x, t: sigmoid(x) - t, lambda out, x, t: -like(out, x)),
    latex=r"\ln(1 + e^{{{0}}}) - {0} \cdot {1}",
    emit=_emit_binary_cross_entropy,
)
