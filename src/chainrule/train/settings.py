"""How a run trains, and what is remembered of the data it was trained on."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data import Affine, Dataset
from chainrule.errors import OptionError, RunError


@dataclass(frozen=True)
class Settings:
    """How a run trains. Checked when made.

    Raises:
        OptionError: a value outside its range.
    """

    epochs: int = 5
    batch_size: int = 100
    seed: int = 0
    clip_norm: float | None = None
    accumulate: int = 1
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 0), ("batch_size", 1), ("seed", 0), ("accumulate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise OptionError(f"{name} is {value!r}; expected an integer of {lowest} or more.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise OptionError(f"clip_norm is {self.clip_norm!r}; expected a positive number.")
        if not self.checkpoint_seconds >= 0:
            raise OptionError(
                f"checkpoint_seconds is {self.checkpoint_seconds!r}; expected 0 or more."
            )


@dataclass(frozen=True)
class DataInfo:
    """What a run remembers of its training data: enough to predict, and to know it again."""

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
        """The facts of a data set; its checksum covers the targets and a sample of the inputs."""
        rows = np.unique(np.linspace(0, len(data) - 1, min(len(data), 256)).astype(np.int64))
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
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        state = {name: np.asarray(value).tolist() for name, value in self.transform.state().items()}
        return {**facts, "transform": state}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "DataInfo":
        """Take up what `to_json` gave."""
        shape = facts["image_shape"]
        return cls(
            **{
                **facts,
                "sample_shape": tuple(facts["sample_shape"]),
                "classes": tuple(facts["classes"]),
                "image_shape": None if shape is None else tuple(shape),
                "transform": Affine.from_state(
                    {k: np.asarray(v, np.float32) for k, v in facts["transform"].items()}
                ),
            }
        )

    def must_match(self, data: Dataset) -> None:
        """Refuse to go on with other data than the run began with.

        Raises:
            RunError: the data differs.
        """
        other = DataInfo.of(data)
        for name in ("samples", "sample_shape", "dtype", "crc32"):
            if getattr(self, name) != getattr(other, name):
                raise RunError(
                    f"this is not the data that the run began with: {name} was "
                    f"{getattr(self, name)} and is now {getattr(other, name)}. "
                    "Give the same data, or begin a new run."
                )
