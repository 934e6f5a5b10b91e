"""How a run trains."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from chainrule import data, optim, rng
from chainrule.errors import OptionError, unknown
from chainrule.nn import L1, L2, MaxNorm, Penalty
from chainrule.optim.schedules import Plateau, Schedule
from chainrule.settings import NOT_NEGATIVE, number
from chainrule.train.source import Source

MAY_CHANGE = ("epochs", "show", "checkpoint_seconds", "compile", "threads", "kernels")
"""The settings that a resumed run may change and still do the same steps."""
_PENALIZED = ("weights", "all")


@dataclass(frozen=True)
class Settings:
    """How a run trains. Checked when made.

    Args:
        epochs: how often to go through the data.
        batch_size: samples in a batch.
        seed: draws the weights that have no numbers yet, and the order of the samples.
        clip_norm: the largest norm of a gradient; a larger one is scaled down to it.
        clip_value: the largest element of a gradient, up or down; done before `clip_norm`.
        l1: the rate of a penalty on the weights' absolute values, rate * sum(|w|).
        l2: the rate of a penalty on the weights' squares, rate / 2 * sum(w^2).
        penalize: "weights", or "all": biases and the scales of norms, too.
        max_norm: the largest length of a unit's incoming weights; longer ones are shortened to it.
        mixup: the alpha of mixup, which trains on mixtures of two samples; 0 for none.
        augment: how pictures are changed at random in training, such as "shift=2, rotate=10", or
            data.RandomAffine(rotate=10), or several in a list; see chainrule.data.as_augmentation.
        measure_cost: whether to measure cost and objective on the training data after each epoch.
        schedule: by what the learning rate is multiplied at each step, such as "cosine",
            "step(2, gamma=0.5, by=epoch)" or optim.schedules.OneCycle(); see
            chainrule.optim.schedules. Where it has no length, it is laid over all epochs.
        accumulate: batches for each update, which uses the mean gradient over their samples.
        checkpoint_seconds: how often to write a checkpoint within an epoch.
        show: whether to show progress on standard error.
        source: where the data came from, so that `resume` can open it by itself.
        compile: whether steps run as machine code: True, False, or "auto": where llvmlite is
            installed (the extra `jit`) and the run is long enough to be worth it.
        threads: how many threads share a compiled step; None: as many as are free and worth it.
            The bits of the result do not depend on it.
        kernels: the folder in which machine code is kept; None: one of the user's own.

    Raises:
        OptionError: a value outside its range.
    """

    epochs: int = 5
    batch_size: int = 100
    seed: int = 0
    clip_norm: float | None = None
    clip_value: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    penalize: str = "weights"
    max_norm: float | None = None
    mixup: float = 0.0
    augment: Any = None
    measure_cost: bool = False
    schedule: str | Schedule | Plateau | None = None
    accumulate: int = 1
    checkpoint_seconds: float = 30.0
    show: bool = True
    source: Source | None = None
    compile: bool | str = "auto"
    threads: int | None = None
    kernels: str | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 0), ("batch_size", 1), ("accumulate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise OptionError(f"{name} is {value!r}; expected an integer of {lowest} or more.")
        rng.key(self.seed)
        self._check_schedule()
        self._check_augment()
        if self.compile not in (True, False, "auto") or type(self.compile) not in (bool, str):
            raise OptionError(f"compile is {self.compile!r}; expected True, False or 'auto'.")
        threads = self.threads
        if threads is not None and (type(threads) is not int or threads < 1):
            raise OptionError(f"threads is {threads!r}; expected an integer of 1 or more, or None.")
        for name in ("l1", "l2", "mixup"):
            number("fit", name, getattr(self, name), NOT_NEGATIVE)
        if self.penalize not in _PENALIZED:
            raise unknown("penalize", self.penalize, _PENALIZED)
        for name in ("clip_norm", "clip_value", "max_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{name} is {value!r}; expected a positive number.")
        if not self.checkpoint_seconds >= 0:
            raise OptionError(
                f"checkpoint_seconds is {self.checkpoint_seconds!r}; expected 0 or more."
            )

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """The terms that the objective has beside the cost."""
        spare = self.penalize == "weights"
        rated = ((L1, self.l1), (L2, self.l2))
        return tuple(kind(rate, spare) for kind, rate in rated if rate)

    @property
    def limit(self) -> MaxNorm | None:
        """What holds the weights' norms in bounds after each update."""
        return None if self.max_norm is None else MaxNorm(self.max_norm)

    def _check_schedule(self) -> None:
        schedule = self.schedule
        if isinstance(schedule, str):
            schedule = optim.schedules.by_name(schedule)
            object.__setattr__(self, "schedule", schedule)
        known = isinstance(schedule, Schedule | Plateau) and optim.to_config(schedule) is not None
        if schedule is not None and not known:
            raise OptionError(
                f"schedule is {schedule!r}; expected a name such as 'cosine', or such as "
                "optim.schedules.Cosine(). For a function of your own take the callback "
                "chainrule.train.Schedule."
            )

    def _check_augment(self) -> None:
        if self.augment is None:
            return
        augment = data.as_augmentation(self.augment)
        if data.augmentation_config(augment) is None:
            raise OptionError(
                f"augment is {augment!r}, in which there is a class of your own; expected what "
                "chainrule.data has, such as 'shift=2, rotate=10': a resumed run must be able to "
                "make it again."
            )
        object.__setattr__(self, "augment", augment)

    def steps_in_epoch(self, samples: int) -> int:
        """How many updates an epoch over so many samples has."""
        batches = math.ceil(samples / self.batch_size)
        return math.ceil(batches / self.accumulate)

    def over(self, samples: int) -> "Settings":
        """The settings of a run over so many samples, which says how long its schedule is."""
        if not isinstance(self.schedule, Schedule):
            return self
        steps = self.steps_in_epoch(samples)
        return replace(self, schedule=self.schedule.over(max(self.epochs, 1) * steps, steps))

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
        """The same, as JSON can hold it, without what belongs to this machine and terminal."""
        facts = asdict(self) | {"source": self.source and self.source.to_json()}
        facts["schedule"] = None if self.schedule is None else optim.to_config(self.schedule)
        facts["augment"] = self.augment and data.augmentation_config(self.augment)
        for name in ("show", "threads", "kernels"):
            del facts[name]
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Settings":
        """Take up what `to_json` gave."""
        source, schedule, augment = facts["source"], facts.get("schedule"), facts.get("augment")
        made = {
            "source": None if source is None else Source(**source),
            "schedule": None if schedule is None else optim.from_config(schedule),
            "augment": None if augment is None else data.augmentation_from_config(augment),
        }
        return cls(**{**facts, **made})
