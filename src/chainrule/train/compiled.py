"""A whole epoch as machine code: many steps in one call, each the same as the eager step."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule import compiler, ops, tree
from chainrule.aval import Aval
from chainrule.data import Affine, Dataset
from chainrule.grad import value_and_grad
from chainrule.graph.trace import trace_closed
from chainrule.nn import Module, keyed, swapped
from chainrule.nn.heads import first_head
from chainrule.ops import random
from chainrule.ops.table import dtype_of, shape_of
from chainrule.optim import Optimizer, clip_by_norm, clip_by_value
from chainrule.train.augmenting import augmented
from chainrule.train.step import TrainingStep

if TYPE_CHECKING:
    from chainrule.train.run import Run

_CHUNK_SECONDS = 0.08
"""A call without a look at Ctrl-C, progress and checkpoints lasts about so long."""
_COUNT, _RATE = Aval((), np.dtype(np.int64)), Aval((), np.dtype(np.float64))
_PLAIN = (bool, int, float, str, type(None))
_OWN = ("_ready", "_key", "_dtype")
"""What a module notes for itself."""


class Results(NamedTuple):
    """What steps gave: for each one the mean loss, and how many samples were right."""

    losses: np.ndarray
    correct: np.ndarray


class _Leaves(NamedTuple):
    """What a step changes: weights and optimizer states by group and part, and buffers."""

    weights: list
    states: list
    buffers: list

    def flat(self) -> list:
        """All values, in the order in which a trace takes them."""
        return tree.flatten(tuple(self))[0]


class CompiledSteps:
    """The steps of a run on full batches, compiled.

    It works on memory of its own; the run takes over what came out when all of it is finite, so
    that a failure leaves the run as it was.
    """

    def __init__(self, run: "Run", data: Dataset, threads: int):
        self.run = run
        self.stepper: TrainingStep = run.stepper
        self.data = data
        self.batch = run.settings.batch_size
        self.threads = threads
        self.seconds_a_step = 0.0
        self.held: list[np.ndarray] = []
        self._make()

    def _make(self) -> None:
        """Trace the step as the model is now, compile it, and give it memory."""
        data = self.data
        leaves = self._read()
        given = leaves.flat()
        rows = Aval((self.batch,), np.dtype(np.int64))
        step = step_function(self.run, data.transform, bool(self.run.info.classes))
        still = frozen(self.run.model)
        args = (leaves, (data.x, data.y), self.stepper.key, rows, _COUNT, _RATE, still)
        graph, self.captured = trace_closed(step, args, lift=True)
        self.fixed = fixed(self.run.model)
        self.count = count = len(given)
        self.loss_dtype = graph.outputs[count].aval.dtype
        self.program = compiler.Program(
            graph,
            donated={i: i for i in range(count)},
            moving=[*(("in", count + k) for k in (3, 4, 5)), ("out", count), ("out", count + 1)],
            cache=compiler.ObjectCache(self.run.settings.kernels),
            shared=self.threads > 1,
        )
        self.own = [compiler.aligned(value.shape, value.dtype) for value in given]
        fixed_inputs = (data.x, data.y, self.stepper.key)
        for number, memory in enumerate((*self.own, *fixed_inputs)):
            self.program.bind_input(number, np.ascontiguousarray(memory))

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
        """How many steps to do in one call; the first one shows how long a step takes."""
        if not self.seconds_a_step:
            return 1
        settings, kept = self.run.settings, self.run.folder is not None
        seconds = min(_CHUNK_SECONDS, settings.checkpoint_seconds) if kept else _CHUNK_SECONDS
        return max(1, int(seconds / self.seconds_a_step))

    def __call__(self, rows: np.ndarray, rates: Sequence[float]) -> Results | None:
        """Do a step for each rate, on `rows` one batch after another; None where it went wrong.

        Then nothing has changed, and the eager steps will say what it was.
        """
        if fixed(self.run.model) != self.fixed and not self._made_again():
            return None
        steps, program = len(rates), self.program
        for memory, value in zip(self.own, self._read().flat(), strict=True):
            memory[...] = value
        losses, correct = np.zeros(steps, self.loss_dtype), np.zeros(steps, np.int64)
        first = self.stepper.step + 1
        # The program knows the addresses of what is bound here alone, so that it must live on.
        self.held = held = [
            np.concatenate([rows, rows[: self.batch]]),  # the last step looks ahead, too
            np.arange(first, first + steps),
            np.array(rates, np.float64),
            *map(np.ascontiguousarray, frozen(self.run.model).values()),
            *(np.ascontiguousarray(box.data) for box in self.captured),
        ]
        for number, memory in enumerate(held, self.count + 3):
            program.bind_input(number, memory)
        self.held += [losses, correct]
        program.bind_output(self.count, losses)
        program.bind_output(self.count + 1, correct)
        program.fault[0] = 0
        began = time.perf_counter()
        program.run_steps(0, steps, self.threads)
        self.seconds_a_step = (time.perf_counter() - began) / steps
        if program.fault[0] or not np.isfinite(losses).all() or not self._finite():
            return None
        self._give_back(steps)
        return Results(losses, correct)

    def _made_again(self) -> bool:
        """Compile the step of a model that someone has changed; whether that is possible."""
        try:
            self._make()
        # As where it is compiled first: the user's own code may stumble in a trace in its own way.
        except Exception:
            if self.run.settings.compile is True:
                raise
            return False
        return True

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


def fixed(model: Module) -> list[tuple]:
    """What a trace of a model takes for granted: its modules' modes and their plain settings.

    A callback may change them between steps, such as the p of a dropout.
    """
    return [
        (path, name, value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if type(value) in _PLAIN and name not in _OWN
    ]


def frozen(model: Module) -> dict[str, np.ndarray]:
    """The parameters that are not trained, by path."""
    named = model.named_parameters()
    return {path: leaf.data for path, leaf in named if not leaf.requires_grad}


def step_function(run: "Run", transform: Affine, classifies: bool) -> Callable:
    """One training step as a function of all that it reads; made of the run's own parts."""
    stepper, model, loss_of = run.stepper, run.model, run.loss
    paths = [path for group in stepper.groups for path in group.paths]

    def step(
        leaves: _Leaves, data: tuple, key: Any, rows: Any, count: Any, rate: Any, still: dict
    ) -> tuple:
        x, y = data
        weights, states, buffers = leaves
        inputs = transformed(transform, augmented(run, x[rows], key, count))
        targets = y[rows]
        own_key = random.fold_in(random.fold_in(key, count), 0) if stepper.random else key

        def cost(weights: list) -> tuple:
            leaves = still | dict(zip(paths, weights, strict=True))
            leaves |= dict(zip(stepper.buffers.paths, buffers, strict=True))
            with swapped(model, leaves) as held:
                with keyed(model, own_key):
                    output = model(inputs)
                kept = dict(zip(held.paths, held.read(), strict=True))
                loss = loss_of(output, targets)
            after = [kept[path] for path in stepper.buffers.paths]
            whole = loss + sum(penalty(weights) for penalty in stepper.penalties)
            return whole, (loss, first_head(output), after)

        (_, (loss, output, after)), gradients = value_and_grad(cost, has_aux=True)(weights)
        if hides_gradients(stepper):
            loss = _watched(loss, gradients)
        moved, states = _update(stepper, weights, gradients, states, count, rate)
        right = _right(output, targets) if classifies else np.int64(0)
        return moved, states, after, loss, right

    return step


def hides_gradients(stepper: TrainingStep) -> bool:
    """Whether the update may be finite where a gradient is not.

    The optimizers of chainrule carry infinity and NaN on, into the weights or their own state.
    """
    return stepper.clip_value is not None or not _is_ours(stepper.optimizer)


def _is_ours(optimizer: Optimizer) -> bool:
    """Whether an optimizer, and what it is wrapped around, is of this package."""
    inside = [part for part in vars(optimizer).values() if isinstance(part, Optimizer)]
    ours = type(optimizer).__module__.startswith("chainrule.optim.")
    return ours and all(map(_is_ours, inside))


def _watched(loss: Any, gradients: list) -> Any:
    """The loss, made NaN where a gradient is not finite: 0 times what is finite adds nothing."""
    zeros = [ops.sum(gradient * 0.0) for gradient in gradients]
    return loss + sum(ops.cast(zero, dtype=dtype_of(loss)) for zero in zeros)


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
