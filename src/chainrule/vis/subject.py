"""What is looked into: a model or a run, in evaluation mode, and images in the form it takes."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.data import Affine, Dataset, as_dataset
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError
from chainrule.grad import vjp
from chainrule.nn.parameter import as_numbers
from chainrule.ops.table import shape_of
from chainrule.train import DataInfo, Run
from chainrule.train.inference import evaluating, prepared

_BYTE = Affine(1 / 255)
_BATCH = 100


class Look(NamedTuple):
    """One image: what the model takes, (1, ...), and the same to look at, (channels, H, W)."""

    inputs: np.ndarray
    picture: np.ndarray


@dataclass(frozen=True)
class Subject:
    """A model to look into; of a run it knows the scale and the shape of images, and the classes.

    Where nothing is known of them, bytes are divided by 255, as `data.image_dataset` does, and
    floats are taken as they are.
    """

    model: nn.Module
    dtype: np.dtype
    run: Run | None = None

    @classmethod
    def of(cls, model: Any) -> "Subject":
        """Take a model or a run.

        Raises:
            DtypeError: it is neither.
        """
        if isinstance(model, Subject):
            return model
        if isinstance(model, Run):
            return cls(model.model, _dtype_of(model.model), model)
        if not isinstance(model, nn.Module):
            raise DtypeError(
                f"expected a model or a run to look into, got a {type(model).__name__}. Give a "
                "chainrule.nn.Module, or what chainrule.fit or chainrule.load_run gave."
            )
        return cls(model.initialize(), _dtype_of(model))

    @property
    def info(self) -> DataInfo | None:
        return None if self.run is None else self.run.info

    @property
    def classes(self) -> tuple[str, ...]:
        return () if self.info is None else self.info.classes

    @contextlib.contextmanager
    def ready(self) -> Iterator[nn.Module]:
        """The model as it predicts: in evaluation mode, with averaged weights where a run has them.

        Nothing is recorded but what derivatives of its input need.
        """
        with evaluating(self.model, {} if self.run is None else self.run.averages):
            yield self.model

    def look(self, image: Any) -> Look:
        """Bring an image to the form that the model takes.

        It may be one row of pixels, (height, width) or (channels, height, width); bytes, or floats
        on the scale that the model sees.

        Raises:
            DtypeError: it holds no numbers.
            DataError: it holds NaN or infinity.
            ShapeError: it is no image, its channels stand last, or it is of another size.
        """
        array = as_numbers(image)
        if array.dtype.kind not in "iuf":
            raise DtypeError(f"the image has dtype {array.dtype}; expected numbers.")
        if not np.isfinite(array).all():
            raise DataError("the image holds NaN or infinity; expected finite numbers.")
        if array.ndim == 4 and len(array) == 1:
            array = array[0]
        shape = self._picture_shape(array)
        sample = array.reshape(self._sample_shape(shape))
        scale = self._scale_of(array.dtype)
        # A scale gives float32, and would round what needs none.
        scaled = sample if scale == Affine.identity() else scale(sample)
        return Look(scaled.astype(self.dtype)[None], self.shown(sample).reshape(shape))

    def _picture_shape(self, array: np.ndarray) -> tuple[int, ...]:
        if array.ndim == 3 and array.shape[2] <= 4 < min(array.shape[:2]):
            raise ShapeError(
                f"the image has shape {array.shape}: its channels seem to stand last. Expected "
                "(channels, height, width), as image.transpose((2, 0, 1)) gives it."
            )
        known = None if self.info is None else self.info.image_shape
        if known is not None and array.size == math.prod(known):
            return known
        if self.info is not None:
            self.info.check_shape(array.shape)
        shape = (1, *array.shape) if array.ndim == 2 else array.shape
        if array.ndim == 1:
            shape = guessed_shape(array.size)
        if shape is None or len(shape) != 3:
            raise ShapeError(
                f"the image has shape {array.shape}; expected one picture: (height, width), or "
                "(channels, height, width)."
            )
        return shape

    def _sample_shape(self, picture: tuple[int, ...]) -> tuple[int, ...]:
        if self.info is not None:
            return self.info.sample_shape
        return (math.prod(picture),) if takes_rows(self.model) else picture

    def _scale_of(self, dtype: np.dtype) -> Affine:
        """How numbers of a kind become what the model sees."""
        if self.info is None:
            return _BYTE if dtype == np.uint8 else Affine.identity()
        scaled_already = np.dtype(self.info.dtype).kind in "iu" and dtype.kind == "f"
        return Affine.identity() if scaled_already else self.info.transform

    @property
    def bytes_scale(self) -> Affine | None:
        """How pixels of 0 to 255 become what the model sees; None where it does not see pixels."""
        if self.info is None:
            return _BYTE
        return self.info.transform if self.info.dtype == "uint8" else None

    def shown(self, sample: np.ndarray) -> np.ndarray:
        """A sample's numbers between 0 and 1, to look at; the shape stays."""
        if sample.dtype.kind != "f":
            return np.asarray(sample, np.float32) / 255
        low, high = float(sample.min()), float(sample.max())
        scale = self.bytes_scale
        if scale is None or (self.run is None and (low < 0 or high > 1)):
            return np.asarray((sample - low) / ((high - low) or 1.0), np.float32)
        return np.clip(scale.inverse()(sample) / 255, 0.0, 1.0)

    def black(self, inputs: np.ndarray) -> np.ndarray:
        """What a black image is to the model, of the shape of these inputs."""
        scale = self.bytes_scale or Affine.identity()
        return scale(np.zeros(inputs.shape, np.uint8)).astype(inputs.dtype)

    def samples(self, data: Any = None) -> Dataset:
        """Data as the model takes it; of a run, by default what it was validated on, or its test.

        Raises:
            OptionError: a model alone, and no data.
            ShapeError, DataError: the data does not fit the run.
        """
        if self.run is None:
            if data is None:
                raise OptionError("a model alone knows no data; give data=..., such as a Dataset.")
            return as_dataset(data)
        if data is None:
            known = self.run.validation if self.run.validation is not None else self.run.data
            data = known if known is not None else self.run.reopen()[1]
        return prepared(data, self.run.info)

    def batches(self, data: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The places of a hundred samples at a time, and what the model takes for them."""
        for first in range(0, len(data), _BATCH):
            places = np.arange(first, min(first + _BATCH, len(data)))
            x, _ = data.batch(places)
            if self.run is None and data.image_shape is not None:
                x = x.reshape(len(x), *self._sample_shape(data.image_shape))
            yield places, x.astype(self.dtype, copy=False)

    def scores(self, x: Any, target: int) -> Any:
        """The outputs for a target, one for each sample; see `scores_of`."""
        return scores_of(self.model(x), target)

    def gradients(self, x: np.ndarray, target: int) -> np.ndarray:
        """The gradient of each sample's score by the sample: the shape of x."""
        value, pull = vjp(lambda inputs: self.scores(inputs, target), x)
        return np.asarray(pull(np.ones_like(value))[0])

    def target(self, inputs: np.ndarray, target: int | None) -> int:
        """The output to look for: what is asked for, or the one that the model decides for."""
        if target is not None:
            return target
        out = np.asarray(self.model(inputs)).reshape(-1)
        return int(out[0] > 0) if out.size == 1 else int(out.argmax())

    def name(self, target: int) -> str:
        """What an output stands for."""
        names = self.classes
        return names[target] if target < len(names) else str(target)


def check_run(value: Any) -> Run:
    """Return `value` when it is a run.

    Raises:
        DtypeError: it is none.
    """
    if not isinstance(value, Run):
        raise DtypeError(
            f"expected a run, which knows its classes, loss and data, got a {type(value).__name__}."
            " Give what chainrule.fit or chainrule.load_run gave."
        )
    return value


def _dtype_of(model: nn.Module) -> np.dtype:
    first = next(model.parameters(), None)
    return np.dtype(np.float32) if first is None else first.dtype


def guessed_shape(size: int) -> tuple[int, ...] | None:
    """The picture that so many numbers may be: square, of one channel or three; else None.

    >>> guessed_shape(784), guessed_shape(3072), guessed_shape(10)
    ((1, 28, 28), (3, 32, 32), None)
    """
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if side > 1 and channels * side * side == size:
            return (channels, side, side)
    return None


def takes_rows(model: nn.Module) -> bool:
    """Whether a model begins with a fully connected layer, and not with one for pictures.

    >>> takes_rows(nn.Sequential(nn.Linear(784, 10))), takes_rows(nn.Sequential(nn.Flatten()))
    (True, False)
    """
    for _, module in model.named_modules():
        if isinstance(module, nn.Linear):
            return True
        if isinstance(module, nn.Flatten) or hasattr(module, "in_channels"):
            return False
    return False


def scores_of(out: Any, target: int) -> Any:
    """A model's outputs for a target before any softmax, one for each sample: (N,).

    Where one output parts two classes, class 0 is spoken for by its negative.

    Raises:
        ShapeError: the outputs are no rows.
        OptionError: there is no such output.
    """
    shape = tuple(shape_of(out))
    count = math.prod(shape[1:])
    if len(shape) == 0 or (len(shape) > 2 and count > shape[1]):
        raise ShapeError(
            f"the model gives outputs of shape {shape}; expected a row of numbers for each sample."
        )
    choices = 2 if count == 1 else count
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise OptionError(f"target is {target!r}; expected the number of an output.")
    if not 0 <= target < choices:
        raise OptionError(
            f"target is {target}; expected 0 to {choices - 1}, for the model has {count} "
            f"output{'s' * (count > 1)}."
        )
    rows = out.reshape((shape[0], count))
    if count == 1:
        return rows[:, 0] if target == 1 else -rows[:, 0]
    return rows[:, int(target)]
