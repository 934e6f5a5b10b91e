"""Using a model on data without recording anything: outputs, predictions, evaluation."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Affine, Dataset, as_dataset
from chainrule.errors import DataError, DtypeError, OptionError
from chainrule.tensor import Tensor
from chainrule.train.info import DataInfo
from chainrule.train.metrics import Evaluation, confusion_matrix

_BATCH = 1000
NONE: Mapping[str, np.ndarray] = MappingProxyType({})
"""No weights but the model's own."""


@contextlib.contextmanager
def evaluating(model: nn.Module, weights: Mapping[str, np.ndarray] = NONE) -> Iterator[None]:
    """The model in eval mode, recording nothing, with `weights` in the place of its own."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        leaves = [*model.named_parameters(), *model.named_buffers()]
        # Tensors and not arrays, so that a model's own code finds the methods that it uses.
        constants = {path: leaf.detach() for path, leaf in leaves}
        constants |= {path: Tensor(array) for path, array in weights.items()}
        with nn.swapped(model, constants), np.errstate(all="ignore"):
            yield
    finally:
        for module, training in modes:
            module.training = training


def prepared(data: Any, info: DataInfo) -> Dataset:
    """A data set, or a pair (x, y) taken as the training data was, that fits the model.

    Raises:
        ShapeError: samples of another shape than those trained on.
        DataError: other classes, or another transform of the same kind of numbers.
    """
    if not isinstance(data, Dataset):
        pair = as_dataset(data)
        info.check_shape(pair.x.shape[1:])
        y = pair.y if info.classes else pair.y.astype(np.float32)
        return Dataset(
            pair.x, y, classes=info.classes, transform=_transform_for(pair.x.dtype, info)
        )
    info.check_shape(data.x.shape[1:])
    if data.classes != info.classes:
        raise DataError(
            f"{data.name!r} has the classes {_listed(data.classes)}; the model was trained on "
            f"{_listed(info.classes)}. Number the labels alike, and name the classes: "
            "Dataset(x, y, classes=run.info.classes)."
        )
    if str(data.x.dtype) == info.dtype and data.transform != info.transform:
        raise DataError(
            f"{data.name!r} has another transform than the training data, so the model would see "
            "numbers on another scale. Use data.with_transform(training_data.transform)."
        )
    return data


def _transform_for(dtype: np.dtype, info: DataInfo) -> Affine:
    """How plain arrays are read: where training data is bytes, floats are scaled already."""
    scaled_already = np.dtype(info.dtype).kind in "iu" and dtype.kind == "f"
    return Affine.identity() if scaled_already else info.transform


def _listed(names: tuple[str, ...]) -> str:
    return f"({', '.join(names[:10])}{', ...' if len(names) > 10 else ''})"


def _slices(count: int) -> list[slice]:
    return [slice(i, min(i + _BATCH, count)) for i in range(0, count, _BATCH)]


def _inputs(x: Any, info: DataInfo) -> Iterator[np.ndarray]:
    """Inputs as the model takes them, a thousand at a time."""
    if isinstance(x, Dataset):
        data = prepared(x, info)
        return (data.transform(data.x[rows]) for rows in _slices(len(data)))
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"predict: got dtype {array.dtype}; expected numbers.")
    if array.shape == info.sample_shape:
        array = array[None]
    info.check_shape(array.shape[1:])
    if len(array) == 0:
        raise DataError("predict: got no samples; give at least one.")
    transform = _transform_for(array.dtype, info)
    return (transform(array[rows]) for rows in _slices(len(array)))


def outputs(
    model: nn.Module, info: DataInfo, x: Any, weights: Mapping[str, np.ndarray] = NONE
) -> np.ndarray:
    """The model's raw outputs (logits for a classifier)."""
    with evaluating(model, weights):
        return np.concatenate([np.asarray(model(part)) for part in _inputs(x, info)])


def decide(logits: np.ndarray) -> np.ndarray:
    """The class that each row of logits speaks for; of one logit, whether it is positive."""
    if logits.ndim == 1 or logits.shape[1] == 1:
        return (logits.reshape(-1) > 0).astype(np.int64)
    return logits.argmax(axis=-1)


def true_ids(y: np.ndarray) -> np.ndarray:
    """Class ids, from ids or from one-hot rows."""
    return y if y.ndim == 1 else y.argmax(axis=-1)


def evaluate(
    model: nn.Module,
    loss: Callable,
    info: DataInfo,
    data: Dataset,
    weights: Mapping[str, np.ndarray] = NONE,
) -> Evaluation:
    """Loss, accuracy, rates by class and confusion matrix on prepared data."""
    total, predicted = 0.0, []
    with evaluating(model, weights):
        for rows in _slices(len(data)):
            logits = model(data.transform(data.x[rows]))
            total += float(loss(logits, data.y[rows])) * len(logits)
            if info.classes:
                predicted.append(decide(np.asarray(logits)))
    confusion = None
    if info.classes:
        confusion = confusion_matrix(true_ids(data.y), np.concatenate(predicted), len(info.classes))
    return Evaluation(total / len(data), len(data), info.classes, confusion)


def classifier_only(info: DataInfo) -> None:
    """Refuse class probabilities of a regressor.

    Raises:
        OptionError: the run predicts numbers.
    """
    if not info.classes:
        raise OptionError(
            "predict_proba needs a classifier; this run predicts numbers. Use predict."
        )
