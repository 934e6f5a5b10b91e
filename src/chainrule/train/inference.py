"""Using a model on data without recording anything: outputs, predictions, evaluation."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Dataset
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.train.metrics import Evaluation, confusion_matrix
from chainrule.train.settings import DataInfo

_BATCH = 1000


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode, computing on plain arrays and recording nothing."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        arrays = {path: leaf.data for path, leaf in model.named_parameters()}
        arrays |= {path: leaf.data for path, leaf in model.named_buffers()}
        with nn.swapped(model, arrays), np.errstate(all="ignore"):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _slices(count: int) -> list[slice]:
    return [slice(i, min(i + _BATCH, count)) for i in range(0, count, _BATCH)]


def _batches(info: DataInfo, x: Any) -> Iterator[np.ndarray]:
    """Inputs as the model takes them, a thousand at a time."""
    if isinstance(x, Dataset):
        x = x.x
    array = np.asarray(x)
    if array.shape == info.sample_shape:
        array = array[None]
    if array.shape[1:] != info.sample_shape or array.ndim == 0:
        raise ShapeError(
            f"predict: got shape {np.shape(x)}; the model was trained on samples of shape "
            f"{info.sample_shape}, so give (n, ...) of these, or one."
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"predict: got dtype {array.dtype}; expected numbers.")
    scaled_already = np.dtype(info.dtype).kind in "iu" and array.dtype.kind == "f"
    for rows in _slices(len(array)):
        part = array[rows]
        yield part.astype(np.float32) if scaled_already else info.transform(part)


def outputs(model: nn.Module, info: DataInfo, x: Any) -> np.ndarray:
    """The model's raw outputs (logits for a classifier)."""
    with evaluating(model):
        parts = [np.asarray(model(part)) for part in _batches(info, x)]
    if not parts:
        raise DataError("predict: got no samples.")
    return np.concatenate(parts)


def decide(logits: np.ndarray) -> np.ndarray:
    """The class that each row of logits speaks for; of one logit, whether it is positive."""
    if logits.ndim == 1 or logits.shape[1] == 1:
        return (logits.reshape(-1) > 0).astype(np.int64)
    return logits.argmax(axis=-1)


def true_ids(y: np.ndarray) -> np.ndarray:
    """Class ids, from ids or from one-hot rows."""
    if y.ndim > 1 and y.shape[1] > 1:
        return np.asarray(y).argmax(axis=-1)
    return np.asarray(y).reshape(-1).astype(np.int64)


def evaluate(model: nn.Module, loss: Callable, info: DataInfo, data: Any) -> Evaluation:
    """Loss, accuracy, rates by class and confusion matrix on a data set or an (x, y) pair."""
    if not isinstance(data, Dataset):
        x, y = data
        data = Dataset(
            np.asarray(x), np.asarray(y), classes=info.classes, transform=info.transform
        )
    if tuple(data.x.shape[1:]) != info.sample_shape:
        raise ShapeError(
            f"evaluate: samples have shape {tuple(data.x.shape[1:])}; the model was trained on "
            f"{info.sample_shape}."
        )
    if info.classes and len(data.classes) not in (0, len(info.classes)):
        raise DataError(
            f"evaluate: the data has {len(data.classes)} classes, the model {len(info.classes)}."
        )
    total, predicted = 0.0, []
    with evaluating(model):
        for rows in _slices(len(data)):
            x, y = data.batch(rows)
            logits = np.asarray(model(x))
            total += float(loss(logits, y)) * len(x)
            if info.classes:
                predicted.append(decide(logits))
    confusion = None
    if info.classes:
        truth = true_ids(data.y)
        confusion = confusion_matrix(truth, np.concatenate(predicted), len(info.classes))
    return Evaluation(total / len(data), len(data), info.classes, confusion)


def classifier_only(info: DataInfo) -> None:
    """Refuse class probabilities of a regressor."""
    if not info.classes:
        raise OptionError("predict_proba needs a classifier; this run predicts numbers.")
