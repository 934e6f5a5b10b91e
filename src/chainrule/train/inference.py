"""Using a model on data without recording anything: outputs, predictions, evaluation."""

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import nn
from chainrule.data import Affine, Dataset, as_dataset
from chainrule.errors import DataError, DtypeError, OptionError
from chainrule.tensor import Tensor
from chainrule.train.forward import settled
from chainrule.train.info import DataInfo
from chainrule.train.metrics import Evaluation, confusion_matrix

if TYPE_CHECKING:
    from chainrule.train.run import Run

_BATCH = 1000
NONE: Mapping[str, np.ndarray] = MappingProxyType({})
"""No weights but the model's own."""


@contextlib.contextmanager
def evaluating(model: nn.Module, weights: Mapping[str, np.ndarray] = NONE) -> Iterator[None]:
    """The model in eval mode, recording nothing, with `weights` in the place of its own."""
    with settled(model):
        leaves = [*model.named_parameters(), *model.named_buffers()]
        # Tensors and not arrays, so that a model's own code finds the methods that it uses.
        constants = {path: leaf.detach() for path, leaf in leaves}
        constants |= {path: Tensor(array) for path, array in weights.items()}
        with nn.swapped(model, constants), np.errstate(all="ignore"):
            yield


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


def _inputs(x: Any, info: DataInfo) -> tuple[np.ndarray, Affine]:
    """Samples as they are kept, and how they become what the model takes."""
    if isinstance(x, Dataset):
        data = prepared(x, info)
        return data.x, data.transform
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"predict: got dtype {array.dtype}; expected numbers.")
    if array.shape == info.sample_shape:
        array = array[None]
    info.check_shape(array.shape[1:])
    if len(array) == 0:
        raise DataError("predict: got no samples; give at least one.")
    return array, _transform_for(array.dtype, info)


def outputs(run: "Run", x: Any) -> np.ndarray:
    """The model's raw outputs (logits for a classifier)."""
    samples, transform = _inputs(x, run.info)
    return np.concatenate([part for _, part in _forward(run, samples, transform)])


def _forward(run: "Run", x: np.ndarray, transform: Affine) -> Iterator[tuple[slice, np.ndarray]]:
    """The outputs for a thousand samples at a time, by machine code where the run has it."""
    weights = run.averages
    compiled = run.compiled_outputs(len(x))
    for rows in _slices(len(x)):
        part = None if compiled is None else compiled(x[rows], transform, weights)
        if part is None:
            with evaluating(run.model, weights):
                part = np.asarray(run.model(transform(x[rows])))
        yield rows, part[: rows.stop - rows.start]


def decide(logits: np.ndarray) -> np.ndarray:
    """The class that each row of logits speaks for; of one logit, whether it is positive."""
    if logits.ndim == 1 or logits.shape[1] == 1:
        return (logits.reshape(-1) > 0).astype(np.int64)
    return logits.argmax(axis=-1)


def true_ids(y: np.ndarray) -> np.ndarray:
    """Class ids, from ids or from one-hot rows."""
    return y if y.ndim == 1 else y.argmax(axis=-1)


def evaluate(run: "Run", data: Dataset) -> Evaluation:
    """Loss, accuracy, rates by class and confusion matrix on prepared data."""
    total, predicted, classes = 0.0, [], run.info.classes
    with np.errstate(all="ignore"):
        for rows, logits in _forward(run, data.x, data.transform):
            total += float(run.loss(Tensor(logits), data.y[rows])) * len(logits)
            if classes:
                predicted.append(decide(logits))
    confusion = None
    if classes:
        confusion = confusion_matrix(true_ids(data.y), np.concatenate(predicted), len(classes))
    return Evaluation(total / len(data), len(data), classes, confusion)


def classifier_only(info: DataInfo) -> None:
    """Refuse class probabilities of a regressor.

    Raises:
        OptionError: the run predicts numbers.
    """
    if not info.classes:
        raise OptionError(
            "predict_proba needs a classifier; this run predicts numbers. Use predict."
        )
