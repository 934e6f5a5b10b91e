"""What the losses ask of their arguments, and how they reduce to one number."""

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError, DtypeError, ShapeError, unknown
from chainrule.ops.losses import REDUCTIONS
from chainrule.ops.table import Box, dtype_of, operand, shape_of
from chainrule.tensor import Tensor

_SUM_TOLERANCE = 1e-3
_LEAST_LOG = -100.0
"""Where probabilities are given, their logarithm is held above this, as in PyTorch."""


def matched(loss: str, output: Any, target: Any) -> tuple[Any, Any]:
    """Both, when their shapes are equal, the target in the output's dtype."""
    output, target = operand(output), operand(target)
    shape, given = shape_of(output), shape_of(target)
    if shape != given:
        raise ShapeError(
            f"{loss}: the output has shape {shape} and the target {given}; losses do not "
            f"broadcast, so they must be equal. {_mend_equal(shape, given)}"
        )
    return output, in_dtype(target, dtype_of(output))


def _mend_equal(shape: tuple[int, ...], given: tuple[int, ...]) -> str:
    if shape == (*given, 1):
        return "Give the target that axis, target[..., None], or take it from the output, [..., 0]."
    if given == (*shape, 1):
        return "Take that axis from the target: write target[..., 0]."
    if len(shape) > 0 and shape[:-1] == given:
        return "Class ids go with cross_entropy."
    return "Give the model as many outputs as there are targets."


def in_dtype(target: Any, dtype: np.dtype) -> Any:
    """The target in the output's dtype, where that is a float."""
    fits = dtype_of(target) == dtype or dtype.kind != "f"
    return target if fits else ops.cast(target, dtype=dtype)


def plain_numbers(value: Any) -> np.ndarray | None:
    """The plain array inside, or None for a value that is being traced or differentiated."""
    while isinstance(value, Tensor):
        value = value.data
    return None if isinstance(value, Box) else np.asarray(value)


def check_unit(loss: str, what: str, value: Any, mend: str) -> None:
    """Refuse numbers outside 0 to 1."""
    numbers = plain_numbers(value)
    if numbers is not None and ((numbers < 0) | (numbers > 1)).any():
        worst = numbers.max() if numbers.max() > 1 else numbers.min()
        raise DataError(f"{loss}: the {what} holds {worst}; expected numbers from 0 to 1. {mend}")


def check_rows(loss: str, what: str, value: Any, mend: str) -> None:
    """Refuse rows that are no probabilities."""
    numbers = plain_numbers(value)
    if numbers is None or not numbers.size:
        return
    total = numbers.sum(axis=-1, dtype=np.float64)
    # Written so that NaN counts as wrong.
    wrong = ~((np.abs(total - 1) <= _SUM_TOLERANCE) & (numbers.min(axis=-1) >= 0))
    if wrong.any():
        row = np.argwhere(wrong)[0].tolist()
        place = row[0] if len(row) == 1 else tuple(row)
        raise DataError(
            f"{loss}: the {what}'s row {place} is no set of probabilities (it sums to "
            f"{total[tuple(row)]:.6g}); expected numbers of 0 or more that sum to 1. {mend}"
        )


def check_ids(loss: str, ids: Any, classes: int, ignored: int | None = None) -> None:
    """Refuse class ids that are no integers, or name no class."""
    if dtype_of(ids).kind not in "iu":
        raise DtypeError(
            f"{loss}: class ids have dtype {dtype_of(ids)}; expected integers. "
            "Convert them with .astype('int64')."
        )
    numbers = plain_numbers(ids)
    if numbers is None:
        return
    wrong = (numbers < 0) | (numbers >= classes)
    if ignored is not None:
        wrong &= numbers != ignored
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        but = "" if ignored is None else f" (or {ignored}, which is ignored)"
        raise DataError(
            f"{loss}: class id {numbers[place]} in row {place[0] if len(place) == 1 else place}, "
            f"but there are {classes} classes, so ids go from 0 to {classes - 1}{but}. Mend the "
            "labels, or give the last layer as many outputs as there are classes."
        )


def safe_log(probabilities: Any) -> Any:
    """ln, held above -100, so that a probability of 0 costs 100 and not infinity."""
    return ops.log(ops.maximum(probabilities, float(np.exp(_LEAST_LOG))))


def reduced(loss: str, losses: Any, reduction: str) -> Any:
    """The losses themselves, their sum, or their mean."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return ops.sum(losses)
    if reduction != "mean":
        raise unknown("reduction", reduction, REDUCTIONS)
    if 0 in shape_of(losses):
        raise ShapeError(f"{loss}: the batch is empty; expected at least one sample.")
    return ops.mean(losses)
