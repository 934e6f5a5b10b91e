"""What a classifier or a regressor is worth: counts, rates and tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import DataError, ShapeError


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts of (true class, predicted class).

    Shape: two arrays (n,) of class ids give (classes, classes); rows are the truth.

    Raises:
        ShapeError: the arrays differ in shape.
        DataError: an id is not in 0 .. classes - 1.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1, 0],
           [1, 1]])
    """
    if truth.shape != predicted.shape:
        raise ShapeError(
            f"confusion_matrix: truth has shape {truth.shape} and predictions {predicted.shape}; "
            "they must be equal."
        )
    for what, ids in (("truth", truth), ("predictions", predicted)):
        if ids.size and not (ids.min() >= 0 and ids.max() < classes):
            raise DataError(
                f"confusion_matrix: the {what} go from {ids.min()} to {ids.max()}; expected class "
                f"ids from 0 to {classes - 1}."
            )
    pairs = truth.astype(np.int64) * classes + predicted
    return np.bincount(pairs.ravel(), minlength=classes * classes).reshape(classes, classes)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The ratio part / whole, and 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of evaluating a model on a data set.

    `loss` is the mean loss over the set. For a classifier `confusion` counts (true, predicted)
    pairs, and the rates by class follow from it: precision (how many of those called c are c),
    recall (how many of the c are called c) and F1, their harmonic mean.
    """

    loss: float
    samples: int
    classes: tuple[str, ...] = ()
    confusion: np.ndarray | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of right predictions; None for a regressor."""
        if self.confusion is None:
            return None
        return float(np.trace(self.confusion) / self.samples)

    @property
    def precision(self) -> np.ndarray:
        return _ratio(np.diag(self._counts), self._counts.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        return _ratio(np.diag(self._counts), self._counts.sum(axis=1))

    @property
    def f1(self) -> np.ndarray:
        precision, recall = self.precision, self.recall
        return _ratio(2 * precision * recall, precision + recall)

    @property
    def _counts(self) -> np.ndarray:
        return np.zeros((0, 0), np.int64) if self.confusion is None else self.confusion

    def to_dict(self) -> dict[str, Any]:
        """The same as numbers and lists, for JSON."""
        result: dict[str, Any] = {"samples": self.samples, "loss": self.loss}
        if self.confusion is not None:
            result["accuracy"] = self.accuracy
            result["classes"] = list(self.classes)
            result["precision"] = self.precision.tolist()
            result["recall"] = self.recall.tolist()
            result["f1"] = self.f1.tolist()
            result["confusion"] = self.confusion.tolist()
        return result

    def __str__(self) -> str:
        head = f"loss {self.loss:.4f} on {self.samples:,} samples"
        if self.confusion is None:
            return head
        width = max(5, *(len(name) for name in self.classes))
        cell = max(5, len(str(self.confusion.max())) + 1)
        lines = [f"accuracy {self.accuracy:.4f}, {head}", ""]
        lines.append(f"{'class':>{width}}  precision  recall     F1  samples")
        rates = zip(self.precision, self.recall, self.f1, self._counts.sum(axis=1), strict=True)
        for name, (precision, recall, f1, count) in zip(self.classes, rates, strict=True):
            lines.append(f"{name:>{width}}  {precision:9.4f}  {recall:6.4f}  {f1:5.4f}  {count:7,}")
        lines += ["", "confusion matrix (rows: truth, columns: prediction)"]
        lines.append(" " * width + "".join(f"{name[: cell - 1]:>{cell}}" for name in self.classes))
        for name, row in zip(self.classes, self.confusion, strict=True):
            lines.append(f"{name:>{width}}" + "".join(f"{count:>{cell}}" for count in row))
        return "\n".join(lines)
