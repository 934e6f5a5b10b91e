"""A data set: samples, their targets, and how a batch of them becomes floats."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from chainrule import rng
from chainrule.data.checks import check_id_range, check_inputs, check_targets, numeric_array
from chainrule.data.splits import held_out_count, random_split, stratified_split
from chainrule.data.transforms import Affine
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError

Index = slice | np.ndarray | Sequence[int]
"""What picks several samples: a slice, an array or list of indices, or a mask of booleans."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and their targets, checked when they enter.

    `x` keeps its dtype (pixels stay uint8, a memory map stays on disk); `batch` and `data[i]` give
    transform(x) in float32.

    Shape: x (samples, ...); y (samples,) class ids, or (samples, ...) float targets.
    dtype: y is int64 (class ids) or float32 (targets).

    Args:
        x: the inputs.
        y: integer class ids, or floats: the targets of a regression or one-hot rows.
        name: what the data is called in summaries and messages.
        classes: the names of the classes; () where `y` are targets of a regression. Left empty
            beside integer ids, they become "0", "1", ...
        image_shape: (channels, height, width) where a sample is a picture, flattened or not.
        transform: how a batch becomes floats.

    Raises:
        ShapeError: lengths differ, or a shape is not one of these; `(N, 1)` ids among them.
        DtypeError: text, objects, booleans as ids.
        DataError: empty, NaN or infinity, an id out of range.

    >>> data = Dataset(np.array([[0, 255], [255, 0]], np.uint8), np.array([0, 1]))
    >>> data
    Dataset('data', 2 samples of shape (2,) uint8, 2 classes)
    >>> x, y = data[0]
    >>> x, int(y)
    (array([  0., 255.], dtype=float32), 0)
    """

    x: np.ndarray
    y: np.ndarray
    name: str = "data"
    classes: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    transform: Affine = field(default_factory=Affine.identity)

    def __post_init__(self) -> None:
        x = check_inputs(self.x)
        y, classes = check_targets(self.y, len(x), self.classes)
        self._set(x=x, y=y, classes=classes)
        if self.image_shape is not None:
            self._set(image_shape=_check_image_shape(self.image_shape, x.shape))
        _check_transform(self.transform, x.shape)

    @classmethod
    def from_labels(
        cls,
        x: np.ndarray,
        labels: Sequence[object] | np.ndarray,
        *,
        classes: Sequence[str] | None = None,
        name: str = "data",
        image_shape: tuple[int, ...] | None = None,
        transform: Affine | None = None,
    ) -> "Dataset":
        """Make a data set whose classes come as names or as any numbers.

        `classes` are the labels in the order of their ids; the sorted distinct labels by default.
        Give those of the training part to number a test part alike.

        Raises:
            DataError: a label is not in `classes`.

        >>> data = Dataset.from_labels([[1.0], [2.0], [3.0]], ["dog", "cat", "dog"])
        >>> data.y, data.classes
        (array([1, 0, 1]), ('cat', 'dog'))
        """
        ids, names = label_ids(labels, classes)
        return cls(x, ids, name, names, image_shape, transform or Affine.identity())

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return (self._sample(index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def __getitem__(self, index: Index) -> "Dataset": ...

    def __getitem__(self, index: int | Index) -> "tuple[np.ndarray, np.ndarray] | Dataset":
        """One sample `(x, y)` after the transform for an integer, else a `Dataset`.

        Raises:
            IndexError: there is no such sample.
            DataError: the selection is empty.
        """
        if isinstance(index, (bool, np.bool_)) or not isinstance(index, (int, np.integer)):
            return self._select(index)
        return self._sample(int(index))

    def batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gather samples, then transform them.

        Shape: x (len(indices), ...), y (len(indices), ...)
        dtype: x float32.

        >>> data = Dataset(np.array([[0], [3], [8]], np.uint8), np.array([0, 1, 2]))
        >>> data.with_transform(Affine(0.5)).batch(np.array([2, 1]))
        (array([[4. ],
               [1.5]], dtype=float32), array([2, 1]))
        """
        return self.transform(self.x.take(indices, axis=0)), self.y.take(indices, axis=0)

    def with_transform(self, transform: Affine) -> "Dataset":
        """The same data with another transform, such as one that `standardize` fitted.

        Raises:
            ShapeError: the transform is per feature and does not fit the features.

        >>> data = Dataset([[1.0], [2.0]], [0, 1])
        >>> data.with_transform(Affine(2.0))[0][0]
        array([2.], dtype=float32)
        """
        _check_transform(transform, self.x.shape)
        return self._derive(transform=transform)

    def split(
        self, amount: float, *, seed: int, stratify: bool = True
    ) -> tuple["Dataset", "Dataset"]:
        """Hold out a random part; give (rest, held out), both in the order of the data.

        Args:
            amount: a fraction of the samples (a float), or their count (an integer).
            seed: chooses the samples.
            stratify: take each class in proportion to its size. Without class ids there is
                nothing to balance.

        Raises:
            OptionError: one of the parts would be empty.

        >>> data = Dataset([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        >>> rest, held = data.split(0.5, seed=0)
        >>> held.y
        array([0, 1])
        """
        count = held_out_count(amount, len(self))
        key = rng.key(seed)
        if stratify and self.y.dtype.kind == "i":
            rest, held = stratified_split(self.y, count, key)
        else:
            rest, held = random_split(len(self), count, key)
        return self._take(rest), self._take(held)

    def to_one_hot(self) -> "Dataset":
        """The same data with one-hot rows as targets.

        Shape: y (samples, classes)

        Raises:
            DataError: the targets are not class ids.

        >>> Dataset([[1.0], [2.0]], [1, 0]).to_one_hot().y
        array([[0., 1.],
               [1., 0.]], dtype=float32)
        """
        if self.y.dtype.kind != "i":
            raise DataError(
                f"the targets of {self.name!r} are {self.y.dtype} of shape {self.y.shape}; "
                "expected class ids, which are integers of shape (samples,)"
            )
        return self._derive(y=one_hot(self.y, len(self.classes)))

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else f"targets {self.y.shape[1:]}"
        picture = "" if self.image_shape is None else f", pictures {self.image_shape}"
        return (
            f"Dataset({self.name!r}, {len(self):,} samples of shape {self.x.shape[1:]} "
            f"{self.x.dtype}{picture}, {kind})"
        )

    def _sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not -len(self) <= index < len(self):
            raise IndexError(
                f"there is no sample {index} in {self.name!r}, which has {len(self)}; expected an "
                f"index from {-len(self)} to {len(self) - 1}"
            )
        return self.transform(self.x[index]), self.y[index]

    def _select(self, index: Index | bool) -> "Dataset":
        if isinstance(index, slice):
            # Every index of a slice exists; `arange` makes the copy that contiguity asks for.
            if index.step in (None, 1):
                return self._part(self.x[index], self.y[index])
            return self._take(np.arange(len(self))[index])
        chosen = np.asarray(index)
        if chosen.dtype.kind == "b":
            if chosen.shape != (len(self),):
                raise ShapeError(
                    f"the mask has shape {chosen.shape}; expected ({len(self)},), one boolean "
                    "per sample"
                )
            chosen = np.flatnonzero(chosen)
        if chosen.size and (chosen.dtype.kind not in "iu" or chosen.ndim != 1):
            raise DtypeError(
                f"samples are chosen by an integer, a slice, a list of integers or a mask; got "
                f"{chosen.dtype} of shape {chosen.shape}"
            )
        return self._take(chosen.astype(np.intp, copy=False))

    def _take(self, indices: np.ndarray) -> "Dataset":
        return self._part(self.x.take(indices, axis=0), self.y.take(indices, axis=0))

    def _part(self, x: np.ndarray, y: np.ndarray) -> "Dataset":
        if len(x) == 0:
            raise DataError(f"nothing of {self.name!r} is selected; choose at least one sample")
        return self._derive(x=x, y=y)

    def _derive(self, **changes: object) -> "Dataset":
        """A copy with other fields, not checked again: a part of checked data is right too."""
        made = copy.copy(self)
        made._set(**changes)
        return made

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)


def as_dataset(data: object, name: str = "data") -> Dataset:
    """Take a `Dataset` as it is, or make one from a pair `(x, y)`.

    Each of the pair may be an array, a nested list, or anything with `__array__`.

    Raises:
        DtypeError: `data` is neither.
        ShapeError, DtypeError, DataError: the pair does not make a data set.

    >>> as_dataset(([[0.0, 1.0]], [1]))
    Dataset('data', 1 samples of shape (2,) float64, 2 classes)
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, (tuple, list)) and len(data) == 2:
        if isinstance(data[0], Dataset):
            raise DtypeError(
                "expected one Dataset, got a pair of them. Give the training part, as in "
                "train, test = data.mnist(), and the other one as validation=test."
            )
        return Dataset(data[0], data[1], name)
    found = f"{len(data)} values" if isinstance(data, (tuple, list)) else type(data).__name__
    raise DtypeError(
        f"expected a Dataset or a pair (x, y) of arrays, got {found}. Give them as (x, y)."
    )


def label_ids(
    labels: Sequence[object] | np.ndarray, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number labels: give their ids and the names of the classes, in the order of the ids.

    Args:
        labels: names or numbers, one per sample.
        classes: the names to number by; the sorted distinct labels by default.

    Raises:
        ShapeError: `labels` is not one label per sample.
        DataError: a label is not in `classes`.

    >>> label_ids([3, 10, 3])
    (array([0, 1, 0]), ('3', '10'))
    """
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ShapeError(f"the labels have shape {values.shape}; expected (samples,): one for each")
    try:
        distinct, ids = np.unique(values, return_inverse=True)
    except TypeError as error:
        raise DtypeError(
            f"the labels mix types that cannot be sorted ({error}); give all as text, such as "
            "[str(label) for label in labels]"
        ) from error
    found = [str(label) for label in distinct]
    if classes is None:
        return ids.astype(np.int64), tuple(found)
    places = {str(name): place for place, name in enumerate(classes)}
    for number, name in enumerate(found):
        if name not in places:
            row = int(np.argmax(ids == number))
            raise DataError(
                f"row {row} has the label {name!r}, which is not among the {len(places)} classes "
                f"{', '.join(places)}. Add it to the classes, or leave such rows out."
            )
    return np.array([places[name] for name in found], np.int64)[ids], tuple(places)


def one_hot(
    ids: np.ndarray | Sequence[int], classes: int, dtype: np.dtype | type = np.float32
) -> np.ndarray:
    """Rows with a 1 at each id's place: out[i, j] = 1 if ids[i] = j else 0.

    Shape: ids (...), out (..., classes)

    Raises:
        DtypeError: the ids are not integers.
        DataError: an id is not in 0 .. classes - 1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 1:
        raise OptionError(f"classes is {classes!r}; expected how many there are, 1 or more")
    places = numeric_array(ids, "ids")
    if places.dtype.kind not in "iu":
        raise DtypeError(
            f"ids has dtype {places.dtype}; expected integers, as ids.astype('int64') gives them"
        )
    if places.size:
        check_id_range(places.ravel(), int(classes), "ids")
    out = np.zeros((*places.shape, int(classes)), dtype)
    np.put_along_axis(out, places[..., None].astype(np.int64), 1, axis=-1)
    return out


def _check_image_shape(image_shape: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    picture = tuple(int(size) for size in image_shape)
    if len(picture) == 3 and math.prod(picture) == math.prod(shape[1:]):
        return picture
    raise ShapeError(
        f"image_shape is {picture}, but a sample has shape {shape[1:]}, "
        f"{math.prod(shape[1:])} numbers; expected (channels, height, width) of as many"
    )


def _check_transform(transform: object, shape: tuple[int, ...]) -> None:
    if not isinstance(transform, Affine):
        raise DtypeError(
            f"transform is a {type(transform).__name__}; expected an Affine, such as "
            "Affine(1 / 255) or what standardize(x) gives"
        )
    if np.shape(transform.scale) not in ((), shape[1:]):
        raise ShapeError(
            f"the transform has one scale for each of shape {np.shape(transform.scale)}, but a "
            f"sample has shape {shape[1:]}; fit it on data of this shape"
        )
