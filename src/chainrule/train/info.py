"""What a run remembers of its data."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from chainrule.data import Affine, Dataset
from chainrule.errors import RunError, ShapeError

_MANY_ROWS = 256


@dataclass(frozen=True)
class DataInfo:
    """What a run remembers of a data set: enough to predict, and to know the data again."""

    name: str
    samples: int
    sample_shape: tuple[int, ...]
    dtype: str
    classes: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    transform: Affine
    crc32: int

    @classmethod
    def of(cls, data: Dataset) -> "DataInfo":
        """The facts of a data set; the checksum covers the targets and a part of the inputs."""
        rows = np.linspace(0, len(data) - 1, min(len(data), _MANY_ROWS)).astype(np.int64)
        # They rise, so that equal ones are neighbours. np.unique loads numpy.ma, for 20 ms.
        rows = rows[np.diff(rows, prepend=-1) > 0]
        crc = zlib.crc32(np.ascontiguousarray(data.x[rows]).tobytes())
        return cls(
            name=data.name,
            samples=len(data),
            sample_shape=tuple(data.x.shape[1:]),
            dtype=str(data.x.dtype),
            classes=data.classes,
            image_shape=data.image_shape,
            transform=data.transform,
            crc32=zlib.crc32(np.ascontiguousarray(data.y).tobytes(), crc),
        )

    def to_json(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**facts, "transform": {k: v.tolist() for k, v in self.transform.state().items()}}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "DataInfo":
        """Take up what `to_json` gave."""
        image_shape = facts["image_shape"]
        changed = {
            "sample_shape": tuple(facts["sample_shape"]),
            "classes": tuple(facts["classes"]),
            "image_shape": None if image_shape is None else tuple(image_shape),
            "transform": Affine.from_state(facts["transform"]),
        }
        return cls(**{**facts, **changed})

    def check_shape(self, shape: Sequence[int]) -> None:
        """Refuse samples of another shape.

        Raises:
            ShapeError: the shape is not that of the samples trained on.
        """
        if tuple(shape) != self.sample_shape:
            raise ShapeError(
                f"samples have shape {tuple(shape)}; the model was trained on samples of shape "
                f"{self.sample_shape}. Give data of that shape."
            )

    def must_match(self, data: Dataset, what: str) -> None:
        """Refuse to go on with other data than the run began with.

        Raises:
            RunError: the data differs.
        """
        other = DataInfo.of(data)
        for name in ("samples", "sample_shape", "dtype", "classes", "transform", "crc32"):
            if getattr(self, name) != getattr(other, name):
                raise RunError(
                    f"this is not the {what} data that the run began with: its {name} was "
                    f"{getattr(self, name)} and is now {getattr(other, name)}. Give the same data, "
                    "or begin a new run."
                )
