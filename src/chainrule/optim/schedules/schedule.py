"""What all schedules are: pure functions from the number of updates done to a factor."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Self

from chainrule.settings import check_ranges, count

_COUNTS = ("steps", "every", "period", "growth")


@dataclass(frozen=True)
class Schedule(ABC):
    """A function from the number of updates done to the factor of the learning rate. Abstract."""

    def __post_init__(self) -> None:
        check_ranges(self)
        for field in fields(self):
            if field.name in _COUNTS and getattr(self, field.name) is not None:
                count(type(self).__name__, field.name, getattr(self, field.name))

    @abstractmethod
    def __call__(self, t: int) -> float:
        """The factor of the update that comes after t others."""

    def over(self, steps: int, per_epoch: int) -> Self:
        """The same for a run of so many steps, and steps in an epoch."""
        return self
