"""explain: one training step of a model as checked arithmetic."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule import optim, rng
from chainrule.aval import as_operand
from chainrule.data import one_hot
from chainrule.errors import DataError, DtypeError, GradientError, OptionError, ShapeError, unknown
from chainrule.explain.build import build
from chainrule.explain.builder import Origin
from chainrule.explain.document import Report
from chainrule.explain.report import LEVELS
from chainrule.explain.step import Task
from chainrule.explain.words import CATALOGUES
from chainrule.nn import Module, keyed, losses, swapped
from chainrule.nn.regularization import random_layers
from chainrule.optim import Optimizer, clip_by_norm, clip_by_value
from chainrule.train.settings import Settings


@dataclass(frozen=True)
class Options:
    """How a step is explained.

    Args:
        lang: the language of the words; a report can be written in any later.
        detail: "brief", "normal" or "full".
        step: the number of the step, from 1.
        memory: the optimizer's state before the step, by path and name; zeros if left out.
        lr: the learning rate, where it is not the optimizer's own.
        seed: draws the key of random layers such as dropout.
        settings: clip_norm, clip_value, penalties and limit, as in `fit`.
        keyed: gives the random layers their key in place of `seed`.
        origin: where the inputs come from.
        weight: one weight to follow, such as "0.weight[3,200]".

    Raises:
        OptionError: an unknown language or detail, or a step below 1.
    """

    lang: str = "en"
    detail: str = "normal"
    step: int = 1
    memory: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    lr: float | None = None
    seed: int = 0
    settings: Settings = field(default_factory=Settings)
    keyed: Callable[[], AbstractContextManager] | None = None
    origin: Origin = field(default_factory=Origin)
    weight: str | None = None

    def __post_init__(self) -> None:
        if self.lang not in CATALOGUES:
            raise unknown("language", self.lang, CATALOGUES)
        if self.detail not in LEVELS:
            raise unknown("detail", self.detail, LEVELS)
        if isinstance(self.step, bool) or not isinstance(self.step, int) or self.step < 1:
            raise OptionError(f"step is {self.step!r}; expected an integer of 1 or more.")


def explain(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    loss: str | Callable | None = None,
    optimizer: str | Optimizer = "sgd",
    **options: Any,
) -> Report:
    """Explain one training step: forward, loss, backward, update, with all its numbers.

    Every number is computed again from the numbers printed before it, and every derivative is
    compared with central differences; `report.right` says whether all agree. Nothing is changed,
    neither the model nor the optimizer.

    Args:
        model: a module; or a run, then `sample`, `data`, `step` as in `explain_run`.
        x: one sample, or a batch with the samples on the first axis.
        y: its target: a class id, or numbers; for a batch one for each sample.
        loss: a name or a function, as for `fit`; by default cross-entropy for class ids and the
            mean squared error for numbers.
        optimizer: a name, or such as optim.Adam(lr=1e-3).
        options: lang="en", detail="normal", step=1, memory={}, weight="0.weight[3,200]", ...:
            see chainrule.explain.Options.

    Shape: x (features...) with y (), or x (N, features...) with y (N, ...).

    Raises:
        OptionError: an unknown name, or a setting outside its range.
        ShapeError: the inputs, the model and the targets do not fit.
        DataError: no samples, or numbers that are not finite.
        TraceError: the model branches on numbers, so that it has no graph.

    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    >>> report = explain(model, [1.0, 0.0], 1)
    >>> report.right
    True
    >>> print(report["dL/dz2"])
    dL/dz2 = p - y
    """
    chosen = options_of(options)
    task, origin = prepare(model, x, y, loss, optimizer, chosen)
    return Report(build(task, origin, chosen.weight), chosen.lang, chosen.detail)


def options_of(options: Mapping[str, Any]) -> Options:
    """Options from keyword arguments.

    Raises:
        OptionError: an unknown name or a value outside its range.
    """
    known = Options.__dataclass_fields__
    for name in options:
        if name not in known:
            raise unknown("option of explain", name, known)
    return Options(**options)


def prepare(
    model: Any,
    x: Any,
    y: Any,
    loss: str | Callable | None,
    optimizer: str | Optimizer,
    chosen: Options,
) -> tuple[Task, Origin]:
    """The step that is asked for, with everything checked at the door."""
    if not isinstance(model, Module):
        raise DtypeError(
            f"explain: got a {type(model).__name__} as the model; expected a chainrule.nn.Module, "
            "such as nn.Sequential(nn.Linear(784, 10))."
        )
    model.initialize()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise GradientError(
            f"explain: this {type(model).__name__} has no parameters to train, so there is no "
            "step. Give it a layer such as nn.Linear(784, 10)."
        )
    inputs, targets = _batch(model, x, y)
    kind = optim.by_name(optimizer) if isinstance(optimizer, str) else optimizer
    key = _keyed(model, chosen)
    # The trial leaves the model's buffers as they were.
    with key(), swapped(model, {}):
        function, targets = _loss(model, inputs, targets, loss)
    task = Task(
        model,
        inputs,
        targets,
        function,
        kind,
        _memory(model, kind, chosen.memory),
        chosen.step,
        kind.lr if chosen.lr is None else chosen.lr,
        key,
        chosen.settings.penalties,
        _holder(chosen.settings),
        chosen.settings.limit,
    )
    return task, chosen.origin


def _holder(settings: Settings) -> Callable[[Any], Any] | None:
    """What keeps gradients within the bounds of the settings, if there are any."""
    value, norm = settings.clip_value, settings.clip_norm
    if value is None and norm is None:
        return None

    def hold(gradients: Any) -> Any:
        held = gradients if value is None else clip_by_value(gradients, value)
        return held if norm is None else clip_by_norm(held, norm)

    return hold


def _keyed(model: Module, chosen: Options) -> Callable[[], AbstractContextManager]:
    """What gives the model's random layers the key of this step."""
    if chosen.keyed is not None:
        return chosen.keyed
    if not random_layers(model):
        return nullcontext
    return lambda: keyed(model, rng.fold_in(rng.key(chosen.seed), chosen.step))


def _batch(model: Module, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets with a batch axis, in dtypes that the model takes."""
    if x is None or y is None:
        raise OptionError("explain: needs a sample and its target: explain(model, x, y).")
    # Not float32, as lists become elsewhere: the model's dtype is known, and may be wider.
    inputs, targets = (
        np.asarray(part) if isinstance(part, (list, tuple)) else np.asarray(as_operand(part))
        for part in (x, y)
    )
    for name, part in (("x", inputs), ("y", targets)):
        if part.dtype.kind not in "fiub":
            raise DtypeError(
                f"explain: {name} has dtype {part.dtype}; expected numbers. Convert it first."
            )
    if targets.ndim == 0 or inputs.ndim == 1:
        inputs, targets = inputs[None], targets[None]
    if len(inputs) != len(targets) or not inputs.size:
        raise ShapeError(
            f"explain: x has shape {inputs.shape} and y {targets.shape}; expected one sample and "
            "its target, or as many targets as samples on the first axis."
        )
    dtype = next(iter(model.parameters())).dtype
    inputs = inputs.astype(dtype)
    if targets.dtype.kind == "f":
        targets = targets.astype(dtype)
    for name, part in (("x", inputs), ("y", targets)):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise DataError(f"explain: {name} holds NaN or infinity; expected finite numbers.")
    return inputs, targets


def _loss(
    model: Module, x: np.ndarray, y: np.ndarray, loss: str | Callable | None
) -> tuple[Callable, np.ndarray]:
    """The loss, and the targets in the form that it takes; the model is tried on the inputs."""
    ids = y.dtype.kind in "iu" and y.ndim == 1
    name = ("cross_entropy" if ids else "mse") if loss is None else loss
    function = losses.by_name(name) if isinstance(name, str) else name
    output = np.asarray(getattr(model(x), "data", None))
    if ids and isinstance(name, str) and function is not losses.cross_entropy:
        columns = output.shape[-1] if output.ndim == 2 else 1
        y = one_hot(y, columns) if columns > 1 else y.reshape(output.shape)
        y = y.astype(output.dtype)
    function(model(x), y)
    return function, y


def _memory(
    model: Module, optimizer: Optimizer, given: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, np.ndarray]]:
    """The optimizer's state before the step: what is given, and else its own beginning."""
    paths = {path: p for path, p in model.named_parameters() if p.requires_grad}
    parts = optimizer.assign({path: parameter.shape for path, parameter in paths.items()})
    for path in given:
        if path not in paths:
            raise unknown("parameter", path, paths)
    memory = {}
    for path, parameter in paths.items():
        begun = parts[path].init(parameter.data)
        own = given.get(path, begun)
        if set(own) != set(begun):
            raise OptionError(
                f"explain: the memory of {path} holds {sorted(own)}; {type(parts[path]).__name__} "
                f"keeps {sorted(begun)}."
            )
        memory[path] = {name: np.asarray(own[name]) for name in begun}
    return memory
