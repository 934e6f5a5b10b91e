"""Schedules: by what the learning rate is multiplied, step by step.

A schedule is a pure function: called with the number t of updates done so far (0 before the first),
it gives the factor of the next one. So a resumed run goes on with the very same rates, and groups
of parameters keep the ratio of theirs. Lengths are in steps; `ByEpoch` makes them epochs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from chainrule.errors import OptionError, unknown
from chainrule.optim.schedules.schedule import Schedule
from chainrule.settings import (
    NOT_NEGATIVE,
    POSITIVE,
    UNIT,
    Range,
    count,
    setting,
)

DECAY = Range(0.0, 1.0, low_included=False, high_included=True)
ABOVE_ONE = Range(1.0, math.inf)


@dataclass(frozen=True)
class Spanning(Schedule):
    """A schedule of `steps` updates; where that is None, of as many as its run has. Abstract."""

    steps: int | None = None

    def over(self, steps: int, per_epoch: int) -> Self:
        return replace(self, steps=steps) if self.steps is None else self

    @property
    def length(self) -> int:
        """The number of steps.

        Raises:
            OptionError: it is that of the run, and there is none yet.
        """
        if self.steps is None:
            raise OptionError(
                f"{type(self).__name__}: steps is None, which means the whole run. Give it a "
                "number to call the schedule by itself."
            )
        return self.steps


@dataclass(frozen=True)
class Constant(Schedule):
    """The factor for the first `steps` updates, and 1 after them; PyTorch's ConstantLR.

    Without `steps` it stays.

    >>> schedule = Constant(0.5, steps=2)
    >>> [schedule(t) for t in range(4)]
    [0.5, 0.5, 1.0, 1.0]
    """

    factor: float = setting(1.0, NOT_NEGATIVE)
    steps: int | None = None

    def __call__(self, t: int) -> float:
        return self.factor if self.steps is None or t < self.steps else 1.0


@dataclass(frozen=True)
class Step(Schedule):
    """gamma^floor(t / every); PyTorch's StepLR.

    >>> schedule = Step(every=2, gamma=0.5)
    >>> [schedule(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    gamma: float = setting(0.1, DECAY)

    def __call__(self, t: int) -> float:
        return self.gamma ** (t // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """gamma^(the milestones at t or before); PyTorch's MultiStepLR.

    >>> schedule = MultiStep((1, 3), gamma=0.5)
    >>> [schedule(t) for t in range(5)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    milestones: tuple[int, ...]
    gamma: float = setting(0.1, DECAY)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.milestones, Sequence) or isinstance(self.milestones, str):
            raise OptionError(
                f"MultiStep: milestones is {self.milestones!r}; expected steps such as (30, 80)."
            )
        for milestone in self.milestones:
            count("MultiStep", "a milestone", milestone)
        object.__setattr__(self, "milestones", tuple(sorted(self.milestones)))

    def __call__(self, t: int) -> float:
        return self.gamma ** sum(milestone <= t for milestone in self.milestones)


@dataclass(frozen=True)
class Exponential(Schedule):
    """gamma^t; PyTorch's ExponentialLR.

    >>> Exponential(0.5)(3)
    0.125
    """

    gamma: float = setting(0.999, DECAY)

    def __call__(self, t: int) -> float:
        return self.gamma**t


@dataclass(frozen=True)
class Polynomial(Spanning):
    """end + (1 - end) (1 - t / steps)^power, and `end` after that; PyTorch's PolynomialLR.

    >>> schedule = Polynomial(steps=4)
    >>> [schedule(t) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    power: float = setting(1.0, POSITIVE)
    end: float = setting(0.0, UNIT)

    def __call__(self, t: int) -> float:
        left = 1 - min(t, self.length) / self.length
        return self.end + (1 - self.end) * left**self.power


@dataclass(frozen=True)
class Cosine(Spanning):
    """end + (1 - end) (1 + cos(pi t / steps)) / 2, and `end` after that.

    PyTorch's CosineAnnealingLR with eta_min = end lr; SGDR without restarts (Loshchilov and
    Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017).

    >>> schedule = Cosine(steps=4)
    >>> print(*(f"{schedule(t):.3f}" for t in range(6)))
    1.000 0.854 0.500 0.146 0.000 0.000
    """

    end: float = setting(0.0, UNIT)

    def __call__(self, t: int) -> float:
        return _cosine(min(t, self.length) / self.length, 1.0, self.end)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosines of `period` steps, each `growth` times as long as the one before.

    PyTorch's CosineAnnealingWarmRestarts with eta_min = end lr (Loshchilov and Hutter, 2017).

    >>> schedule = CosineRestarts(period=2, growth=2)
    >>> print(*(f"{schedule(t):.3f}" for t in range(7)))
    1.000 0.500 1.000 0.854 0.500 0.146 1.000
    """

    period: int
    growth: int = 1
    end: float = setting(0.0, UNIT)

    def __call__(self, t: int) -> float:
        period = self.period
        if self.growth == 1:
            t %= period
        while t >= period:
            t -= period
            period *= self.growth
        return _cosine(t / period, 1.0, self.end)


@dataclass(frozen=True)
class OneCycle(Spanning):
    """Up to the full rate during `share` of the run, then down far below where it began.

    The factor goes from 1 / div to 1 and to 1 / (div final_div), along cosines or lines. PyTorch's
    OneCycleLR with max_lr = lr and cycle_momentum=False (Smith and Topin, "Super-convergence: very
    fast training of neural networks using large learning rates", 2018).

    >>> schedule = OneCycle(steps=11, share=0.5, div=10.0)
    >>> print(*(f"{schedule(t):.3f}" for t in (0, 4, 10)))
    0.100 0.973 0.000
    """

    share: float = setting(0.3, Range(0.0, 1.0, low_included=False))
    div: float = setting(25.0, ABOVE_ONE)
    final_div: float = setting(1e4, ABOVE_ONE)
    shape: str = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in _SHAPES:
            raise unknown("shape of OneCycle", self.shape, _SHAPES)

    def __call__(self, t: int) -> float:
        last = self.length - 1
        # The first update is at 0, so a share of n steps ends at that share less 1.
        top = self.share * self.length - 1
        between = _SHAPES[self.shape]
        if t <= top:
            return between(t / top if top > 0 else 1.0, 1 / self.div, 1.0)
        down = (min(t, last) - top) / (last - top) if last > top else 1.0
        return between(down, 1.0, 1 / (self.div * self.final_div))


def _cosine(share: float, first: float, last: float) -> float:
    """From `first` to `last` along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _line(share: float, first: float, last: float) -> float:
    return first + (last - first) * share


_SHAPES: Any = {"cosine": _cosine, "linear": _line}


@dataclass(frozen=True)
class Warmup(Schedule):
    """From `first` to 1 along a line during `steps` updates, then another schedule.

    PyTorch's LinearLR in a SequentialLR (Goyal et al., "Accurate, large minibatch SGD", 2017).

    >>> schedule = Warmup(2, Step(every=2, gamma=0.5), first=0.5)
    >>> [schedule(t) for t in range(6)]
    [0.5, 0.75, 1.0, 1.0, 0.5, 0.5]
    """

    steps: int
    then: Schedule = Constant()
    first: float = setting(0.01, UNIT)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_schedule("Warmup: then", self.then)

    def over(self, steps: int, per_epoch: int) -> Self:
        return replace(self, then=self.then.over(max(steps - self.steps, 1), per_epoch))

    def __call__(self, t: int) -> float:
        if t < self.steps:
            return _line(t / self.steps, self.first, 1.0)
        return self.then(t - self.steps)


@dataclass(frozen=True)
class ByEpoch(Schedule):
    """A schedule whose lengths are in epochs; the factor changes from epoch to epoch.

    `per_epoch` is the number of updates in an epoch; a run knows it.

    >>> schedule = ByEpoch(Step(every=1, gamma=0.5), per_epoch=3)
    >>> [schedule(t) for t in range(7)]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    """

    inner: Schedule
    per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_schedule("ByEpoch: inner", self.inner)
        if self.per_epoch is not None:
            count("ByEpoch", "per_epoch", self.per_epoch)

    def over(self, steps: int, per_epoch: int) -> Self:
        inner = self.inner.over(math.ceil(steps / per_epoch), 1)
        return replace(self, inner=inner, per_epoch=self.per_epoch or per_epoch)

    def __call__(self, t: int) -> float:
        if self.per_epoch is None:
            raise OptionError(
                "ByEpoch: per_epoch is None, for a run to set. Give it a number to call the "
                "schedule by itself."
            )
        return self.inner(t // self.per_epoch)


def _check_schedule(name: str, value: Any) -> None:
    if not isinstance(value, Schedule):
        raise OptionError(f"{name} is {value!r}; expected a schedule such as Cosine().")
