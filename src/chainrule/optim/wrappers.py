"""Optimizers around optimizers: Lookahead, and averages of the weights (EMA, SWA)."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.errors import OptionError
from chainrule.optim.optimizer import Optimizer, Shapes, State, factor
from chainrule.settings import FRACTION, UNIT, count, setting


@dataclass(frozen=True)
class Wrapper(Optimizer):
    """An optimizer that does something around the steps of another. Abstract.

    Its learning rate is that of the optimizer inside.
    """

    lr: float = field(init=False, default=0.0)
    inner: Optimizer
    _: KW_ONLY
    weight_decay: float = field(init=False, default=0.0, repr=False)
    decoupled: bool = field(init=False, default=False, repr=False)

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.inner, Optimizer):
            raise OptionError(
                f"{name}: got {self.inner!r} inside; expected an optimizer such as Adam(lr=1e-3)."
            )
        object.__setattr__(self, "lr", self.inner.lr)
        super().__post_init__()

    @property
    def elementwise(self) -> bool:
        return self.inner.elementwise

    def assign(self, shapes: Shapes, spare: bool = True) -> dict[str, Optimizer]:
        parts = self.inner.assign(shapes, spare)
        return {path: replace(self, inner=part) for path, part in parts.items()}


@dataclass(frozen=True)
class Keeping(Wrapper):
    """A wrapper that keeps one more array with each parameter, first equal to it. Abstract."""

    kept: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(self.kept == getattr(layer, "kept", "") for layer in layers(self.inner)):
            raise OptionError(
                f"{type(self).__name__}: there is one {self.kept} array with each parameter, and "
                f"{self.inner!r} has it already. Leave one of the wrappers out."
            )

    def init(self, parameter: Any) -> State:
        # Times 1 for a copy: the parameter's own array may be written to.
        return {**self.inner.init(parameter), self.kept: parameter * 1}

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        inside = {name: value for name, value in state.items() if name != self.kept}
        moved, after = self.inner.update(parameter, gradient, inside, step, lr)
        moved, kept = self.keep(moved, state[self.kept], ops.cast(step, dtype=np.float64))
        return moved, {**after, self.kept: kept}

    @abstractmethod
    def keep(self, moved: Any, kept: Any, step: Any) -> tuple[Any, Any]:
        """The parameter and the array, from the parameter after the inner step."""


@dataclass(frozen=True)
class Lookahead(Keeping):
    """Lookahead (Zhang, Lucas, Hinton and Ba, "Lookahead optimizer: k steps forward", 2019).

    Every k steps of the inner optimizer, slow <- slow + alpha (p - slow), and p <- slow.

    >>> import numpy as np
    >>> from chainrule.optim import SGD
    >>> ahead = Lookahead(SGD(lr=1.0), k=2)
    >>> tree, state = np.array([0.0]), ahead.start(np.array([0.0]))
    >>> for _ in range(2):
    ...     tree, state = ahead.step(tree, np.array([-1.0]), state)
    ...     print(tree)
    [1.]
    [1.]
    """

    _: KW_ONLY
    k: int = 5
    alpha: float = setting(0.5, UNIT)

    kept: ClassVar[str] = "slow"

    def __post_init__(self) -> None:
        super().__post_init__()
        count("Lookahead", "k", self.k)

    def keep(self, moved: Any, kept: Any, step: Any) -> tuple[Any, Any]:
        due = _chosen(ops.equal(step % self.k, 0), 1.0, 0.0, moved)
        slow = kept + (moved - kept) * (due * self.alpha)
        return moved * (1 - due) + slow * due, slow


@dataclass(frozen=True)
class EMA(Keeping):
    """Also keep an exponential moving average of the weights, which a run evaluates with.

    average <- decay average + (1 - decay) p after each step; after the first it is p. The training
    itself is the same as without. (Polyak and Juditsky, "Acceleration of stochastic approximation
    by averaging", 1992; Tarvainen and Valpola, "Mean teachers", 2017.)

    >>> from chainrule.optim import Adam
    >>> EMA(Adam(lr=0.01), decay=0.99).lr
    0.01
    """

    _: KW_ONLY
    decay: float = setting(0.999, FRACTION)

    kept: ClassVar[str] = "average"

    def keep(self, moved: Any, kept: Any, step: Any) -> tuple[Any, Any]:
        share = _chosen(ops.equal(step, 1), 1.0, 1 - self.decay, moved)
        return moved, moved * share + kept * (1 - share)


@dataclass(frozen=True)
class SWA(Keeping):
    """Also keep the mean of the weights at step `first` and every `every` steps from there.

    A run evaluates with the mean; before `first` it is the weights themselves. The training itself
    is the same as without. (Izmailov et al., "Averaging weights leads to wider optima and better
    generalization", 2018.)

    >>> from chainrule.optim import SGD
    >>> SWA(SGD(lr=0.1), first=1000, every=100).kept
    'average'
    """

    _: KW_ONLY
    first: int = 1
    every: int = 1

    kept: ClassVar[str] = "average"

    def __post_init__(self) -> None:
        super().__post_init__()
        count("SWA", "first", self.first)
        count("SWA", "every", self.every)

    def keep(self, moved: Any, kept: Any, step: Any) -> tuple[Any, Any]:
        past = step - self.first
        # Before the first, the numbers are 1 or less and the share is 1.
        share = 1 / ops.maximum(past // self.every + 1, 1)
        due = ops.logical_or(past < 0, ops.equal(past % self.every, 0))
        share = _chosen(due, share, 0.0, moved)
        return moved, moved * share + kept * (1 - share)


def layers(optimizer: Optimizer) -> Iterator[Optimizer]:
    """An optimizer and those inside it, from the outside."""
    yield optimizer
    while isinstance(optimizer, Wrapper):
        optimizer = optimizer.inner
        yield optimizer


def _chosen(condition: Any, yes: Any, no: float, parameter: Any) -> Any:
    """One of two numbers, in the parameter's dtype."""
    # Two Python numbers alone would become float32.
    return factor(ops.where(condition, yes, np.float64(no)), parameter)
