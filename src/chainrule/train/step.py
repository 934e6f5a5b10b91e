"""One training step: forward, loss, backward, update."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import rng
from chainrule.nn import Buffer, Leaves, Module, keyed
from chainrule.nn.heads import first_head
from chainrule.nn.regularization import random_layers
from chainrule.optim import Optimizer
from chainrule.tensor import leaf_cotangents
from chainrule.train.settings import Settings

Batch = tuple[np.ndarray, np.ndarray]
_NOISE = 2
"""What the run's key is folded with to give the key of the model's random layers."""
_USUAL = Settings()


class StepError(Exception):
    """The loss, the gradient or the update is not finite; carries the batches that gave it."""

    def __init__(self, what: str, batches: Sequence[Batch]):
        super().__init__(what)
        self.what = what
        self.batches = batches


class _Group:
    """Parameters that are updated together as one vector, and their optimizer state.

    `share` is the group's learning rate as a share of the whole optimizer's.
    """

    def __init__(
        self, named: list[tuple[str, Any]], optimizer: Optimizer, share: float, flat: bool
    ):
        self.optimizer = optimizer
        self.share = share
        self.paths = [path for path, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self.flat = flat
        self.shapes = [parameter.shape for parameter in self.parameters]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        self.places = list(zip([0, *ends[:-1]], ends, self.shapes, strict=True))
        self.take()
        self.state: dict[str, Any] = optimizer.init(self.value)

    def join(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        if not self.flat:
            return arrays[0]
        return np.concatenate([array.ravel() for array in arrays])

    def parts(self, value: np.ndarray) -> list[np.ndarray]:
        if not self.flat:
            return [value]
        return [value[start:end].reshape(shape) for start, end, shape in self.places]

    def take(self) -> None:
        """Read the vector from the parameters."""
        self.assign(self.join([parameter.data for parameter in self.parameters]))

    def assign(self, value: np.ndarray) -> None:
        """Give the parameters their new numbers: views into the new vector."""
        self.value = value
        self.views = self.parts(value)
        for parameter, view in zip(self.parameters, self.views, strict=True):
            parameter.data = view

    def current(self) -> np.ndarray:
        """The vector; read again where someone else gave a parameter other numbers."""
        for parameter, view in zip(self.parameters, self.views, strict=True):
            if parameter.data is not view:
                self.take()
                break
        return self.value


class TrainingStep:
    """The update of a model's parameters from one batch or several.

    Where the optimizer acts element by element, all parameters of one dtype and the same settings
    are updated as one vector: a handful of array operations instead of a handful for each.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable,
        optimizer: Optimizer,
        settings: Settings = _USUAL,
    ):
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.clip_norm = settings.clip_norm
        self.clip_value = settings.clip_value
        self.penalties = settings.penalties
        self.limit = settings.limit
        self.key = rng.fold_in(rng.key(settings.seed), _NOISE)
        self.random = bool(random_layers(model))
        self.buffers = Leaves(model, (Buffer,))
        self.step = 0
        self.groups = self._make_groups()

    def _make_groups(self) -> list[_Group]:
        named = [(p, v) for p, v in self.model.named_parameters() if v.requires_grad]
        parts = self.optimizer.assign({path: parameter.shape for path, parameter in named})
        joined: dict[Any, list[tuple[str, Any]]] = {}
        for path, parameter in named:
            part = parts[path]
            alone = None if part.elementwise else path
            joined.setdefault((part, parameter.dtype, alone), []).append((path, parameter))
        return [
            _Group(group, part, part.lr / self.optimizer.lr, flat=alone is None)
            for (part, _, alone), group in joined.items()
        ]

    def __call__(self, batches: Sequence[Batch], lr: float) -> tuple[float, list[np.ndarray]]:
        """Update from the mean gradient over all samples of `batches`; nothing changes on failure.

        Gives the mean loss and the model's output for each batch.

        Raises:
            StepError: the loss, the gradient or the update is NaN or infinite.
        """
        buffers = self.buffers.read()
        try:
            return self._update(batches, lr)
        except BaseException:  # Ctrl-C, too, must not part buffers from weights
            self.buffers.put(buffers)
            raise

    def _update(self, batches: Sequence[Batch], lr: float) -> tuple[float, list[np.ndarray]]:
        if len(batches) == 1:
            loss, output, gradients = self._gradients(batches[0])
            outputs = [output]
        else:
            loss, outputs, gradients = self._accumulate(batches)
        self._clip(gradients, batches)
        step, updates = self.step + 1, []
        for group, gradient in zip(self.groups, gradients, strict=True):
            value, state = group.optimizer.update(
                group.current(), gradient, group.state, step, lr * group.share
            )
            if self.limit is not None:
                value = group.join([self.limit(part) for part in group.parts(value)])
            if not math.isfinite(_square(value)) and not np.isfinite(value).all():
                raise StepError("update", batches)
            updates.append((group, value, state))
        for group, value, state in updates:
            group.assign(value)
            group.state = state
        self.step = step
        return loss, outputs

    def keyed(self, batch: int = 0) -> contextlib.AbstractContextManager:
        """The keys of the step that comes next for the model's random layers, if it has any."""
        if not self.random:
            return contextlib.nullcontext()
        return keyed(self.model, rng.fold_in(rng.fold_in(self.key, self.step + 1), batch))

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """Run the model as the next step will, but leave its buffers as they are."""
        buffers = self.buffers.read()
        try:
            with self.keyed():
                yield
        finally:
            self.buffers.put(buffers)

    def penalty(self) -> Any:
        """The penalties on the weights as they are: one number."""
        parameters = [parameter for group in self.groups for parameter in group.parameters]
        return sum(penalty(parameters) for penalty in self.penalties)

    def _gradients(
        self, batch: Batch, number: int = 0
    ) -> tuple[float, np.ndarray, list[np.ndarray]]:
        x, y = batch
        with self.keyed(number):
            output = self.model(x)
        loss = self.loss(output, y)
        value = float(loss.data)
        if not math.isfinite(value):
            raise StepError("loss", [batch])
        if self.penalties:
            loss = loss + self.penalty()
        found = {id(leaf): g for leaf, g in leaf_cotangents([loss], [np.ones((), loss.dtype)])}
        vectors = []
        for group in self.groups:
            parts = [
                found[id(p)] if id(p) in found else np.zeros(p.shape, p.dtype)
                for p in group.parameters
            ]
            vectors.append(group.join(parts))
        return value, first_head(output).data, vectors

    def _accumulate(self, batches: Sequence[Batch]) -> tuple[float, list, list[np.ndarray]]:
        """The mean over several batches, each weighed by its samples."""
        total = sum(len(x) for x, _ in batches)
        loss, outputs, sums = 0.0, [], None
        for number, batch in enumerate(batches):
            value, output, gradients = self._gradients(batch, number)
            share = len(batch[0]) / total
            loss += value * share
            outputs.append(output)
            scaled = [gradient * share for gradient in gradients]
            sums = scaled if sums is None else [a + b for a, b in zip(sums, scaled, strict=True)]
        return loss, outputs, sums or []

    def _clip(self, gradients: list[np.ndarray], batches: Sequence[Batch]) -> None:
        """Refuse a gradient that is not finite; hold its elements, then its norm, in bounds."""
        square = sum(map(_square, gradients))
        if not math.isfinite(square):
            if not all(np.isfinite(gradient).all() for gradient in gradients):
                raise StepError("gradient", batches)
            square = sum(_square(gradient.astype(np.float64)) for gradient in gradients)
        if self.clip_value is not None:
            limit = self.clip_value
            gradients[:] = [np.clip(gradient, -limit, limit) for gradient in gradients]
            square = sum(_square(gradient.astype(np.float64)) for gradient in gradients)
        if self.clip_norm is not None and square > self.clip_norm**2:
            scale = self.clip_norm / math.sqrt(square)
            gradients[:] = [gradient * scale for gradient in gradients]

    def averages(self) -> dict[str, np.ndarray]:
        """The averaged weights by path, as far as the optimizer keeps any; see `optim.EMA`."""
        return {
            path: part
            for group in self.groups
            if "average" in group.state
            for path, part in zip(group.paths, group.parts(group.state["average"]), strict=True)
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, buffers and optimizer state, named by path, for a checkpoint."""
        entries = {f"model/{path}": value for path, value in self.model.state_dict().items()}
        for group in self.groups:
            for name, value in group.state.items():
                for path, part in zip(group.paths, group.parts(value), strict=True):
                    entries[f"optimizer/{path}/{name}"] = part
        return entries

    def load(self, entries: dict[str, np.ndarray], step: int) -> None:
        """Take up what `arrays` gave."""
        weights = {
            name.removeprefix("model/"): value
            for name, value in entries.items()
            if name.startswith("model/")
        }
        self.model.load_state_dict(weights)
        for group in self.groups:
            group.take()
            group.state = {
                name: group.join([entries[f"optimizer/{path}/{name}"] for path in group.paths])
                for name in group.state
            }
        self.step = step


def _square(array: np.ndarray) -> float:
    """The sum of squares, in the array's own precision: not finite if any number is not."""
    flat = array.ravel()
    return float(np.dot(flat, flat))
