"""A whole epoch as machine code: many steps in one call, each the same as the eager step."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule import ops, rng
from chainrule.aval import Aval
from chainrule.data import Affine, Dataset
from chainrule.grad import value_and_grad
from chainrule.graph.trace import trace
from chainrule.nn import keyed, swapped
from chainrule.ops.table import shape_of
from chainrule.optim import clip_by_norm, clip_by_value
from chainrule.train.step import TrainingStep

if TYPE_CHECKING:
    from chainrule.train.run import Run

_CHUNK_SECONDS = 0.08
"""A call without a look at Ctrl-C, progress and checkpoints lasts about so long."""
_FIRST_STEPS = 16
"""Steps of the first call, by which the others are measured."""
_KEY = Aval((2,), np.dtype(np.uint64))
_COUNT, _RATE = Aval((), np.dtype(np.int64)), Aval((), np.dtype(np.float64))


class Results(NamedTuple):
    """What steps gave: for each one the mean loss, and how many samples were right."""

    losses: np.ndarray
    correct: np.ndarray


class _Leaves(NamedTuple):
    """What a step changes: weights and optimizer states by group and part, and buffers."""

    weights: list
    states: list
    buffers: list


class CompiledSteps:
    """The steps of a run on full batches, compiled.

    It works on memory of its own; the run takes over what came out when all of it is finite, so
    that a failure leaves the run as it was.
    """

    def __init__(self, run: "Run", data: Dataset, compiler: Any, threads: int):
        self.stepper: TrainingStep = run.stepper
        self.batch = run.settings.batch_size
        self.threads = threads
        self.paths = list(self.stepper.buffers.paths)
        leaves = self._read()
        given = [*leaves.weights, *_flat(leaves.states), *leaves.buffers]
        count = len(given)
        step = step_function(run, data.transform, bool(run.info.classes))
        rows = Aval((self.batch,), np.dtype(np.int64))
        graph = trace(step)(*leaves, data.x, data.y, rows, _COUNT, _RATE, _KEY)
        self.program = compiler.Program(
            graph,
            donated={i: i for i in range(count)},
            moving=[("in", count + k) for k in range(2, 6)] + [("out", count), ("out", count + 1)],
            cache=compiler.ObjectCache(run.settings.kernels),
        )
        self.own = [compiler.aligned(value.shape, value.dtype) for value in given]
        for number, (memory, value) in enumerate(zip(self.own, given, strict=True)):
            memory[...] = value
            self.program.bind_input(number, memory)
        self.program.bind_input(count, np.ascontiguousarray(data.x))
        self.program.bind_input(count + 1, np.ascontiguousarray(data.y))
        self.count = count
        self.seconds_a_step = 0.0
        self._current: list = []

    def _read(self) -> _Leaves:
        """The run's numbers now: weights by parameter, states by parameter and name."""
        weights, states = [], []
        for group in self.stepper.groups:
            value = group.current()
            weights += group.parts(value)
            named = {name: group.parts(part) for name, part in group.state.items()}
            states += [
                {name: parts[k] for name, parts in named.items()} for k in range(len(group.paths))
            ]
        held = self.stepper.buffers.read()
        return _Leaves(weights, states, [np.asarray(buffer.data) for buffer in held])

    def chunk(self) -> int:
        """How many steps to do in one call."""
        if not self.seconds_a_step:
            return _FIRST_STEPS
        return max(1, int(_CHUNK_SECONDS / self.seconds_a_step))

    def __call__(self, rows: np.ndarray, rates: Sequence[float]) -> Results | None:
        """Do a step for each rate, on `rows` one batch after another; None where it went wrong.

        Then nothing has changed, and the eager steps will say what it was.
        """
        steps, stepper = len(rates), self.stepper
        self._take_up()
        losses, correct = np.zeros(steps, self._loss_dtype()), np.zeros(steps, np.int64)
        counts = np.arange(stepper.step + 1, stepper.step + 1 + steps)
        # What is copied in here must live until the call is over: the program knows addresses.
        held = [
            np.concatenate([rows, rows[: self.batch]]),  # the last step looks ahead, too
            counts,
            np.array(rates, np.float64),
            self._keys(counts),
        ]
        for number, memory in enumerate(held, self.count + 2):
            self.program.bind_input(number, memory)
        self.program.bind_output(self.count, losses)
        self.program.bind_output(self.count + 1, correct)
        self.program.fault[0] = 0
        began = time.perf_counter()
        self.program.run_steps(0, steps, self.threads)
        self.seconds_a_step = (time.perf_counter() - began) / steps
        if self.program.fault[0] or not np.isfinite(losses).all() or not self._finite():
            self._current = []
            return None
        self._give_back(steps)
        return Results(losses, correct)

    def _loss_dtype(self) -> np.dtype:
        return self.program.graph.outputs[self.count].aval.dtype

    def _keys(self, counts: np.ndarray) -> np.ndarray:
        if not self.stepper.random:
            return np.zeros((len(counts), 2), np.uint64)
        key = self.stepper.key
        return np.stack([rng.fold_in(rng.fold_in(key, int(step)), 0) for step in counts])

    def _take_up(self) -> None:
        """Copy the run's numbers, unless they are those that were given back last."""
        leaves = self._read()
        given = [*leaves.weights, *_flat(leaves.states), *leaves.buffers]
        same = len(self._current) == len(given) and all(
            _is_same(old, new) for old, new in zip(self._current, given, strict=True)
        )
        if not same:
            for memory, value in zip(self.own, given, strict=True):
                memory[...] = value

    def _finite(self) -> bool:
        return all(np.isfinite(memory).all() for memory in self.own if memory.dtype.kind == "f")

    def _give_back(self, steps: int) -> None:
        """Let the run have what came out."""
        stepper = self.stepper
        memory = iter(self.own)
        values = [group.join([next(memory) for _ in group.paths]) for group in stepper.groups]
        for group, value in zip(stepper.groups, values, strict=True):
            parts = [{name: next(memory) for name in group.state} for _ in group.paths]
            group.assign(np.array(value))
            group.state = {
                name: np.array(group.join([part[name] for part in parts])) for name in group.state
            }
        for buffer in stepper.buffers.read():
            buffer.assign(next(memory))
        stepper.step += steps
        leaves = self._read()
        self._current = [*leaves.weights, *_flat(leaves.states), *leaves.buffers]


def _is_same(old: np.ndarray, new: np.ndarray) -> bool:
    return old is new or (
        old.base is new.base is not None and old.ctypes.data == new.ctypes.data
    )


def _flat(states: list[dict]) -> list:
    """The values of dictionaries, as a trace flattens them."""
    return [value for state in states for value in state.values()]


def step_function(run: "Run", transform: Affine, classifies: bool) -> Callable:
    """One training step as a function of all that it reads; made of the run's own parts."""
    stepper, model, loss_of = run.stepper, run.model, run.loss
    paths = [path for group in stepper.groups for path in group.paths]

    def step(
        weights: list, states: list, buffers: list, x: Any, y: Any,
        rows: Any, count: Any, rate: Any, key: Any,
    ) -> tuple:
        inputs, targets = transformed(transform, x[rows]), y[rows]

        def cost(weights: list) -> tuple:
            leaves = dict(zip(paths, weights, strict=True))
            leaves |= dict(zip(stepper.buffers.paths, buffers, strict=True))
            with swapped(model, leaves) as held:
                with keyed(model, key):
                    output = model(inputs)
                kept = dict(zip(held.paths, held.read(), strict=True))
                loss = loss_of(output, targets)
            after = [kept[path] for path in stepper.buffers.paths]
            whole = loss + sum(penalty(weights) for penalty in stepper.penalties)
            return whole, (loss, output, after)

        (_, (loss, output, after)), gradients = value_and_grad(cost, has_aux=True)(weights)
        moved, states = _update(stepper, weights, gradients, states, count, rate)
        right = _right(output, targets) if classifies else np.int64(0)
        return moved, states, after, loss, right

    return step


def _update(
    stepper: TrainingStep, weights: list, gradients: list, states: list, count: Any, rate: Any
) -> tuple[list, list]:
    """Weights and optimizer states after the step, as TrainingStep computes them."""
    if stepper.clip_value is not None:
        gradients = clip_by_value(gradients, stepper.clip_value)
    if stepper.clip_norm is not None:
        gradients = clip_by_norm(gradients, stepper.clip_norm)
    moved, kept = [], []
    each = zip(weights, gradients, states, strict=True)
    for group in stepper.groups:
        for _, (weight, gradient, state) in zip(group.paths, each, strict=False):
            value, after = group.optimizer.update(
                weight, gradient, state, count, rate * group.share
            )
            moved.append(value if stepper.limit is None else stepper.limit(value))
            kept.append({name: after[name] for name in state})
    return moved, kept


def transformed(transform: Affine, x: Any) -> Any:
    """A batch as floats, as `transform` makes them."""
    x = ops.cast(x, dtype=np.float32)
    if np.any(transform.scale != 1.0):
        x = x * np.asarray(transform.scale)
    return x + np.asarray(transform.shift) if np.any(transform.shift) else x


def _right(output: Any, targets: Any) -> Any:
    """How many samples the outputs decide rightly; see `train.inference.decide`."""
    shape = shape_of(output)
    if len(shape) == 1 or shape[1] == 1:
        decided = ops.reshape(output, shape=(-1,)) > 0
        decided = ops.cast(decided, dtype=np.int64)
    else:
        decided = ops.argmax(output, axis=-1)
    ids = targets if len(shape_of(targets)) == 1 else ops.argmax(targets, axis=-1)
    return ops.sum(ops.cast(decided == ids, dtype=np.int64))


