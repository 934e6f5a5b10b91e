"""How a run trains."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from chainrule import rng
from chainrule.errors import OptionError, unknown
from chainrule.train.source import Source

MAY_CHANGE = ("epochs", "show", "checkpoint_seconds")
"""The settings that a resumed run may change and still do the same steps."""


@dataclass(frozen=True)
class Settings:
    """How a run trains. Checked when made.

    Args:
        epochs: how often to go through the data.
        batch_size: samples in a batch.
        seed: draws the weights that have no numbers yet, and the order of the samples.
        clip_norm: the largest norm of a gradient; a larger one is scaled down to it.
        clip_value: the largest element of a gradient, up or down; done before `clip_norm`.
        accumulate: batches for each update, which uses the mean gradient over their samples.
        checkpoint_seconds: how often to write a checkpoint within an epoch.
        show: whether to show progress on standard error.
        source: where the data came from, so that `resume` can open it by itself.

    Raises:
        OptionError: a value outside its range.
    """

    epochs: int = 5
    batch_size: int = 100
    seed: int = 0
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1
    checkpoint_seconds: float = 30.0
    show: bool = True
    source: Source | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 0), ("batch_size", 1), ("accumulate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise OptionError(f"{name} is {value!r}; expected an integer of {lowest} or more.")
        rng.key(self.seed)
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{name} is {value!r}; expected a positive number.")
        if not self.checkpoint_seconds >= 0:
            raise OptionError(
                f"checkpoint_seconds is {self.checkpoint_seconds!r}; expected 0 or more."
            )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Settings":
        """Settings from keyword arguments.

        Raises:
            OptionError: an unknown name or a value outside its range.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise unknown("setting", name, known)
        return cls(**options)

    def changed(self, options: Mapping[str, Any]) -> "Settings":
        """The settings of a run that goes on with some of them changed.

        Raises:
            OptionError: a change that would alter the steps, or an unknown name.
        """
        fixed = [field.name for field in fields(self) if field.name not in MAY_CHANGE]
        for name in options:
            if name in fixed:
                raise OptionError(
                    f"{name} of a run is fixed: its steps would not be the same. A resumed run may "
                    f"change {', '.join(MAY_CHANGE)}."
                )
            if name not in MAY_CHANGE:
                raise unknown("setting", name, MAY_CHANGE)
        return replace(self, **options)

    def to_json(self) -> dict[str, Any]:
        """The same, as JSON can hold it, without `show`."""
        facts = asdict(self) | {"source": self.source and self.source.to_json()}
        del facts["show"]
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Settings":
        """Take up what `to_json` gave."""
        source = facts["source"]
        return cls(**{**facts, "source": None if source is None else Source(**source)})
