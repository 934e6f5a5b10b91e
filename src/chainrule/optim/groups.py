"""Groups: other settings for the parameters of certain names."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from chainrule.errors import OptionError, unknown
from chainrule.optim.optimizer import Optimizer, Shapes, State
from chainrule.optim.wrappers import Wrapper


@dataclass(frozen=True)
class Groups(Wrapper):
    """Update the parameters of certain names with other settings, or by another optimizer.

    Args:
        inner: updates all parameters that no pattern fits.
        groups: for each pattern, settings that replace those of `inner`, or an optimizer. Patterns
            are those of file names and are tried in their order; "*.bias" also fits "bias". A
            schedule scales the rates of all groups alike. A weight decay that is given here
            reaches biases, and scales of norms, too.

    Raises:
        OptionError: unknown settings, values outside their range, or a pattern that fits nothing.

    >>> from chainrule.optim import AdamW
    >>> groups = Groups(AdamW(weight_decay=0.1), {"*.bias": {"lr": 1e-2}, "0.*": {"lr": 1e-4}})
    >>> parts = groups.assign({"0.weight": (3, 2), "0.bias": (3,), "2.weight": (1, 3)})
    >>> {path: (part.lr, part.weight_decay) for path, part in parts.items()}
    {'0.weight': (0.0001, 0.1), '0.bias': (0.01, 0.0), '2.weight': (0.001, 0.1)}
    """

    groups: Mapping[str, Mapping[str, Any] | Optimizer]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.groups, Mapping):
            raise OptionError(f"Groups: got {self.groups!r}; expected {_EXAMPLE}.")
        for pattern, change in self.groups.items():
            if not isinstance(change, (Mapping, Optimizer)):
                raise OptionError(f"Groups: {pattern!r} has {change!r}; expected {_EXAMPLE}.")

    def assign(self, shapes: Shapes, spare: bool = True) -> dict[str, Optimizer]:
        parts, unused = self.inner.assign(shapes, spare), set(self.groups)
        for path in shapes:
            fitting = [pattern for pattern in self.groups if _fits(path, pattern)]
            unused.difference_update(fitting)
            if fitting:
                parts[path] = _changed(parts[path], self.groups[fitting[0]])
        if unused:
            pattern = next(name for name in self.groups if name in unused)
            raise unknown("parameter pattern", pattern, shapes)
        return parts

    def update(
        self, parameter: Any, gradient: Any, state: State, step: Any, lr: Any
    ) -> tuple[Any, State]:
        """The step of `inner`: a parameter without a name is in no group."""
        return self.inner.update(parameter, gradient, state, step, lr)

    def init(self, parameter: Any) -> State:
        return self.inner.init(parameter)


_EXAMPLE = 'a dict such as {"*.bias": {"weight_decay": 0.0}, "0.weight": SGD(lr=0.1)}'


def _fits(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(f".{path}", pattern)


def _changed(part: Optimizer, change: Mapping[str, Any] | Optimizer) -> Optimizer:
    if isinstance(change, Optimizer):
        return change
    known = [field.name for field in fields(part) if field.init]
    for name in change:
        if name not in known:
            raise unknown(f"setting of {type(part).__name__}", name, known)
    return replace(part, **change)
