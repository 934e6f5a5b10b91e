"""How stored numbers become the floats that a net reads: one multiplication and one addition.

A transform is fitted on the training part alone and then applied to every part, so that nothing
of the test part leaks into the training. It is data, not code: the compiler puts it into the first
kernel, and a run folder stores its two arrays.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.data.checks import check_finite, numeric_array
from chainrule.errors import DataError, ShapeError

_BLOCK = 1 << 19
"""Numbers taken to float64 at once: 4 MB, which stays inside the processor's caches."""


@dataclass(frozen=True, eq=False)
class Affine:
    """Multiply and add: float32(x) * scale + shift.

    Shape: `scale` and `shift` are both scalars, or both of the shape of one sample.
    dtype: float32 whatever comes in.

    Raises:
        DataError: `scale` or `shift` is not finite.
        ShapeError: their shapes differ and neither is a scalar.

    >>> Affine(1 / 255)(np.array([[0, 255]], np.uint8))
    array([[0., 1.]], dtype=float32)
    """

    scale: np.ndarray | float = 1.0
    shift: np.ndarray | float = 0.0

    def __post_init__(self) -> None:
        scale = numeric_array(self.scale, "scale")
        shift = numeric_array(self.shift, "shift")
        if scale.shape != shift.shape and scale.ndim and shift.ndim:
            raise ShapeError(
                f"scale has shape {scale.shape} and shift {shift.shape}; expected two numbers, "
                "or two arrays of the shape of one sample"
            )
        shape = scale.shape or shift.shape
        for name, value in (("scale", scale), ("shift", shift)):
            check_finite(value, name)
            full = np.broadcast_to(value, shape).astype(np.float32)
            full.flags.writeable = False
            object.__setattr__(self, name, full)

    @classmethod
    def identity(cls) -> "Affine":
        """The transform that only makes floats.

        >>> Affine.identity()(np.array([3], np.uint8))
        array([3.], dtype=float32)
        """
        return cls(1.0, 0.0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Transform a batch or one sample; float32 that needs no change is returned as it is."""
        scales, shifts = not _all_equal(self.scale, 1.0), not _all_equal(self.shift, 0.0)
        if not (scales or shifts):
            return np.asarray(x, np.float32)
        out = np.asarray(x).astype(np.float32)
        if scales:
            out *= self.scale
        if shifts:
            out += self.shift
        return out

    def inverse(self) -> "Affine":
        """The transform that undoes this one, up to rounding.

        Raises:
            DataError: a scale is 0, which loses what it multiplies.

        >>> Affine(0.5, 1.0).inverse()(np.float32([2.0]))
        array([2.], dtype=float32)
        """
        if not np.all(self.scale):
            raise DataError("a transform with a scale of 0 has no inverse; give another scale")
        scale = np.asarray(self.scale, np.float64)
        return Affine(1.0 / scale, -np.asarray(self.shift, np.float64) / scale)

    def state(self) -> dict[str, np.ndarray]:
        """The two arrays, float32; `tolist()` makes them fit for JSON without loss.

        >>> Affine(2.0).state()
        {'scale': array(2., dtype=float32), 'shift': array(0., dtype=float32)}
        """
        return {"scale": np.asarray(self.scale), "shift": np.asarray(self.shift)}

    @classmethod
    def from_state(cls, state: Mapping[str, object]) -> "Affine":
        """Make the transform again from what `state` gave, or from lists of the same numbers.

        Raises:
            DataError: `scale` or `shift` is missing.

        >>> Affine.from_state({"scale": 2.0, "shift": 0.0}) == Affine(2.0)
        True
        """
        missing = {"scale", "shift"} - set(state)
        if missing:
            raise DataError(
                f"the state of a transform has {sorted(state)}; expected 'scale' and 'shift'"
            )
        return cls(numeric_array(state["scale"], "scale"), numeric_array(state["shift"], "shift"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Affine):
            return NotImplemented
        return np.array_equal(self.scale, other.scale) and np.array_equal(self.shift, other.shift)

    def __hash__(self) -> int:
        return hash(tuple((v.shape, v.tobytes()) for v in self.state().values()))


def standardize(x: np.ndarray, *, per_feature: bool = True) -> Affine:
    """Fit the transform that gives `x` mean 0 and deviation 1.

    (x - mean) / deviation, with the deviation of the population (divided by the count). A feature
    whose values float32 cannot tell apart keeps its scale and is only shifted to 0. The sums run
    in float64, block by block, merged as in Chan, Golub and LeVeque, "Updating formulae and a
    pairwise algorithm for computing sample variances" (1979).

    Args:
        x: the training part, samples on the first axis.
        per_feature: a mean and a deviation for each feature, or one pair for all of them.

    Raises:
        DataError: `x` is empty or holds NaN or infinity.

    >>> standardize(np.float32([[1.0, 5.0], [3.0, 5.0]]))(np.float32([[1.0, 5.0]]))
    array([[-1.,  0.]], dtype=float32)
    """
    rows = _training_rows(x)
    mean, squares, count = np.zeros(()), np.zeros(()), 0
    for block in _blocks(rows):
        values = block.astype(np.float64)
        values = values if per_feature else values.reshape(-1, 1)
        size = len(values)
        block_mean = values.mean(axis=0)
        values -= block_mean
        delta = block_mean - mean
        squares = squares + np.square(values).sum(axis=0)
        squares += np.square(delta) * (count * size / (count + size))
        count += size
        mean = mean + delta * (size / count)
    deviation = np.sqrt(squares / count)
    constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
    scale = 1.0 / np.where(constant, 1.0, deviation)
    return _affine(scale, -mean * scale, rows, per_feature)


def scale_to_unit(x: np.ndarray, *, per_feature: bool = True) -> Affine:
    """Fit the transform that brings `x` into the range from 0 to 1.

    (x - smallest) / (largest - smallest). A feature that is constant keeps its scale and is only
    shifted to 0.

    Args:
        x: the training part, samples on the first axis.
        per_feature: a range for each feature, or one for all of them.

    Raises:
        DataError: `x` is empty or holds NaN or infinity.

    >>> scale_to_unit(np.float32([[2.0], [6.0]]))(np.float32([[3.0]]))
    array([[0.25]], dtype=float32)
    """
    rows = _training_rows(x)
    axis = 0 if per_feature else None
    low = np.asarray(rows.min(axis=axis), np.float64)
    width = np.asarray(rows.max(axis=axis), np.float64) - low
    scale = 1.0 / np.where(width == 0.0, 1.0, width)
    return _affine(scale, -low * scale, rows, per_feature)


def _training_rows(x: np.ndarray) -> np.ndarray:
    """The data to fit on, checked."""
    rows = numeric_array(x, "x")
    if rows.ndim == 0 or rows.size == 0:
        raise DataError(
            f"cannot fit a transform on data of shape {rows.shape}: expected at least one sample, "
            "on the first axis"
        )
    check_finite(rows, "x")
    return rows


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of the first axis small enough to be copied to float64."""
    step = max(1, _BLOCK // math.prod(rows.shape[1:]))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _affine(scale: np.ndarray, shift: np.ndarray, rows: np.ndarray, per_feature: bool) -> Affine:
    shape = rows.shape[1:] if per_feature else ()
    return Affine(scale.reshape(shape), shift.reshape(shape))


def _all_equal(values: np.ndarray | float, number: float) -> bool:
    """Whether a transform's part is the one number that changes nothing."""
    return np.ndim(values) == 0 and float(values) == number
