"""Augmentation in training: what a step sees of its samples, by draws that the step decides."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import data as datasets
from chainrule.data import Dataset
from chainrule.ops import random
from chainrule.ops.table import shape_of

if TYPE_CHECKING:
    from chainrule.train.run import Run

_AUGMENTING = 1 << 32
"""What a batch's key is folded with to give that of its augmentation; no layer has this place."""


def check_pictures(run: "Run", data: Dataset) -> None:
    """Refuse to augment what the run's augmentation cannot change.

    Raises:
        ShapeError: the samples are no pictures.
        DtypeError, OptionError: pictures of other numbers, or of another size.
    """
    augment = run.settings.augment
    if augment is not None:
        picture = datasets.image_shape_of(data.x.shape[1:], run.info.image_shape)
        augment.check(picture, data.x.dtype)


def augmented(run: "Run", x: Any, key: Any, step: Any, number: int = 0) -> Any:
    """Samples of batch `number` of a step, changed as the run's settings say, before the transform.

    `key` is the stepper's; it and `step` may be traced.
    """
    augment = run.settings.augment
    if augment is None:
        return x
    own = random.fold_in(random.fold_in(random.fold_in(key, step), number), _AUGMENTING)
    return augment.floats(x, own, datasets.image_shape_of(shape_of(x)[1:], run.info.image_shape))


def next_batch(
    run: "Run", data: Dataset, rows: np.ndarray, number: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The samples of some rows as batch `number` of the step that comes next."""
    x = augmented(run, data.x.take(rows, axis=0), run.stepper.key, run.step + 1, number)
    return data.transform(x), data.y.take(rows, axis=0)
