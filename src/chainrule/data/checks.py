"""What data must be before it is trained on, and the words for what it is not."""

from collections.abc import Sequence

import numpy as np

from chainrule.errors import DataError, DtypeError, ShapeError

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_SCAN_BLOCK = 1 << 18
"""Numbers looked at together when the first bad one is searched."""

_MOST_INFERRED_CLASSES = 1000
"""Up to here the class count may be read off the largest id without asking for names."""


def numeric_array(value: object, what: str) -> np.ndarray:
    """Bring arrays, nested lists and anything with `__array__` to an array of real numbers.

    Args:
        value: what the caller gave.
        what: the name of the argument, for the message.

    Raises:
        ShapeError: nested sequences differ in length.
        DtypeError: the value holds text, objects, dates or complex numbers.

    >>> numeric_array([[1, 2], [3, 4]], "x").shape
    (2, 2)
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(
            f"{what} is a {type(value).__name__} whose rows differ in length or shape; expected "
            "rows of one length. Pad or cut them to one length."
        ) from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{what} has dtype {array.dtype}; expected numbers. {_mend_dtype(array, what)}"
        )
    return array


def _mend_dtype(array: np.ndarray, what: str) -> str:
    if array.dtype.kind == "U":
        return (
            f"If {what} names classes, use Dataset.from_labels(x, {what}); if its text is numbers, "
            f"use {what}.astype('float32')."
        )
    if array.dtype.kind == "c":
        return f"Give its parts as features of their own: {what}.real and {what}.imag."
    return f"Convert it to a numeric array first, such as np.array({what}.tolist(), 'float32')."


def check_finite(array: np.ndarray, what: str) -> None:
    """Refuse NaN, infinity, and numbers that would be infinite in float32.

    Raises:
        DataError: names the first row that holds such a number, and how many rows do.

    >>> check_finite(np.array([[1.0], [np.nan]]), "x")
    Traceback (most recent call last):
        ...
    chainrule.errors.DataError: x holds nan in row 1, column 0; 1 of 2 rows hold NaN, infinity or \
a number too large for float32. Remove those rows, or fill them in, before training.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    # NaN makes both comparisons false, and two reductions write nothing to memory.
    with np.errstate(invalid="ignore"):
        if float(array.max()) <= _FLOAT32_MAX and float(array.min()) >= -_FLOAT32_MAX:
            return
    raise DataError(_describe_bad(np.atleast_1d(array), what))


def _describe_bad(array: np.ndarray, what: str) -> str:
    rows = array.reshape(len(array), -1)
    step = max(1, _SCAN_BLOCK // rows.shape[1])
    blocks = range(0, len(rows), step)
    good = np.concatenate([_representable(rows[start : start + step]) for start in blocks])
    row = int(np.argmin(good))
    column = int(np.argmin(_representable(rows[row, :, None])))
    place = f"row {row}, column {column}" if array.ndim > 1 else f"row {row}"
    return (
        f"{what} holds {rows[row, column]} in {place}; {int((~good).sum())} of {len(rows)} rows "
        "hold NaN, infinity or a number too large for float32. Remove those rows, or fill them "
        "in, before training."
    )


def _representable(rows: np.ndarray) -> np.ndarray:
    """Whether every number of a row is finite in float32."""
    # A float16 comparison would overflow on the limit itself.
    return np.all(np.abs(rows.astype(np.float64)) <= _FLOAT32_MAX, axis=1)


def check_inputs(value: object) -> np.ndarray:
    """Check the inputs of a data set: numbers, finite, at least one sample with one feature.

    Raises:
        ShapeError: there is no axis of features.
        DtypeError: not numbers.
        DataError: empty, or not finite.

    >>> check_inputs([[0.0, 1.0]]).shape
    (1, 2)
    """
    x = numeric_array(value, "x")
    if x.ndim < 2:
        raise ShapeError(
            f"x has shape {x.shape}; expected (samples, features) or (samples, channels, height, "
            "width). One feature per sample is x[:, None]; one sample alone is x[None]."
        )
    if x.size == 0:
        raise DataError(
            f"x has shape {x.shape}, so it is empty; expected at least one sample and one feature"
        )
    check_finite(x, "x")
    return _plain(x)


def check_targets(
    value: object, samples: int, classes: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Check the targets of a data set, and give them with the names of their classes.

    Integers of shape (samples,) are class ids and become int64; where `classes` is empty the
    names are "0", "1", ... up to the largest id. Floats are targets of a regression, or one row of
    probabilities per sample where `classes` is given, and become float32.

    Raises:
        ShapeError: the shape is not one of these.
        DtypeError: not numbers, or floats where class ids are due.
        DataError: an id out of range, or a target that is not finite.

    >>> check_targets([0, 2, 1], 3, ())
    (array([0, 2, 1]), ('0', '1', '2'))
    """
    y = numeric_array(value, "y")
    if y.ndim == 0 or len(y) != samples:
        raise ShapeError(
            f"x has {samples} samples and y has shape {y.shape}; expected one target per sample, "
            "in the same order"
        )
    if y.dtype.kind == "f":
        return _check_floats(y, classes)
    return _check_ids(y, samples, classes)


def _check_floats(y: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    if classes and y.shape[1:] != (len(classes),):
        raise DtypeError(
            f"y has dtype {y.dtype} and shape {y.shape}, but {len(classes)} classes are named; "
            f"expected integer class ids of shape ({len(y)},), as y.astype('int64') gives, or one "
            f"row of probabilities per sample, shape ({len(y)}, {len(classes)})"
        )
    check_finite(y, "y")
    return np.ascontiguousarray(y, np.float32), tuple(classes)


def _check_ids(
    y: np.ndarray, samples: int, classes: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    if y.dtype.kind == "b":
        raise DtypeError(
            "y has dtype bool; expected integer class ids. Use y.astype('int64'): False is class "
            "0 and True is class 1."
        )
    if y.shape == (samples, 1):
        raise ShapeError(
            f"y has shape {y.shape}; expected ({samples},), one class id per sample. "
            "Use y[:, 0], or y.astype('float32') if these are targets of a regression."
        )
    if y.ndim > 1:
        raise ShapeError(
            f"y has dtype {y.dtype} and shape {y.shape}; expected class ids of shape ({samples},). "
            "If each row is one-hot, use y.argmax(axis=1); if these are targets of a regression, "
            "use y.astype('float32')."
        )
    count = len(classes) or _infer_class_count(y)
    check_id_range(y, count, "y")
    return y.astype(np.int64), tuple(classes) or tuple(str(i) for i in range(count))


def _infer_class_count(y: np.ndarray) -> int:
    count = int(y.max()) + 1
    if count > max(_MOST_INFERRED_CLASSES, len(y)):
        raise DataError(
            f"y goes up to {count - 1} in {len(y)} samples; expected class ids 0, 1, 2, ... "
            "Number the classes with Dataset.from_labels(x, y), or use y.astype('float32') if "
            "these are targets of a regression."
        )
    return count


def check_id_range(ids: np.ndarray, count: int, what: str) -> None:
    """Refuse class ids outside 0 .. count - 1.

    Raises:
        DataError: names the first row that is out of range.

    >>> check_id_range(np.array([1, 2]), 2, "y")
    Traceback (most recent call last):
        ...
    chainrule.errors.DataError: y holds 2 in row 1; expected class ids from 0 to 1. The ids seem \
to start at 1: use y - 1.
    """
    low, high = int(ids.min()), int(ids.max())
    if low >= 0 and high < count:
        return
    row = int(np.argmax((ids < 0) | (ids >= count)))
    if low == 1 and high == count:
        mend = f"The ids seem to start at 1: use {what} - 1."
    else:
        mend = "Name more classes, or correct or remove such rows."
    raise DataError(
        f"{what} holds {int(ids[row])} in row {row}; expected class ids from 0 to {count - 1}. "
        f"{mend}"
    )


def _plain(array: np.ndarray) -> np.ndarray:
    """The same numbers as a plain array in native byte order, rows next to each other.

    Taking rows from an array that is not contiguous copies the whole of it for every batch.
    """
    return np.require(np.asarray(array), array.dtype.newbyteorder("="), ["C", "A"])
