"""A workload with its numbers, as a worker gets it, and what a contender makes of it.

Workers import this with NumPy alone, for a peer may live in an environment without chainrule.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from nets import forward
from referee import Referee
from workloads import CHECKED, PRODUCT, WORKLOADS, Workload

Weights = list[np.ndarray]


@dataclass(frozen=True)
class Task:
    """A workload, its batches and its first weights: the same for every contender.

    Shape: `x` (CHECKED, batch, *inputs), `y` (CHECKED, batch), `weights` in the order of the net's
    layers, each as `nets.py` says.
    dtype: float32; `y` int64.
    """

    work: Workload
    threads: int
    x: np.ndarray
    y: np.ndarray
    weights: Weights

    @classmethod
    def load(cls, name: str, threads: int, folder: Path) -> "Task":
        """What `prepare.write_task` wrote."""
        if name == PRODUCT.name:
            square = np.random.default_rng(0).random(PRODUCT.net.sizes, np.float32)
            return cls(PRODUCT, threads, square, np.zeros(0), [])
        with np.load(task_file(folder, name)) as stored:
            pixels, y = stored["x"], stored["y"]
            weights = [stored[name] for name in stored.files if name not in {"x", "y"}]
        return cls(WORKLOADS[name], threads, scaled(pixels), y, weights)

    @property
    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """All batches, in the order in which `chainrule.fit` takes them."""
        return list(zip(self.x, self.y, strict=True))

    def copy_weights(self) -> Weights:
        """The first weights, to be trained in place."""
        return [array.copy() for array in self.weights]

    def layers(self, weights: Iterable) -> list[tuple]:
        """The pairs (weight, bias) of the layers."""
        arrays = list(weights)
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    @property
    def without_dropout(self) -> "Task":
        return replace(self, work=self.work.without_dropout)

    def loss(self, weights: Iterable) -> float:
        """The cross-entropy of a net on the first batch, in float64: the same referee for all.

        Norms take the statistics of the batch, and dropout is off.
        """
        arrays = [np.asarray(array, np.float64) for array in weights]
        net = self.work.net.without_dropout
        logits = forward(net, Referee(), self.x[0].astype(np.float64), arrays)
        return cross_entropy(logits, self.y[0])


@dataclass(frozen=True)
class Runner:
    """A contender that is ready to be timed.

    Args:
        call: does `steps` steps, and comes back when they are done; gives the seconds that they
            took where it knows better than a clock around it, for it also did something else.
        steps: training steps, predictions or products in one call.
        loss: of the net after CHECKED steps, or of CHECKED predictions; None for a product.
        warms_up: whether each call begins with steps that are not counted.
    """

    call: Callable[[], object]
    steps: int
    loss: float | None = None
    warms_up: bool = False


@dataclass(frozen=True)
class Training:
    """A net in training.

    Args:
        call: does `task.work.stride` steps.
        weights: gives the weights, in the order and the shapes of the task's.
    """

    call: Callable[[], object]
    weights: Callable[[], Iterable]


def hold_to(threads: int) -> None:
    """Hold this process to one core where it has one thread.

    To be called before a peer is imported, for its pools are as large as what it finds then.
    """
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def task_file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '-')}.npz"


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Bytes as float32 from 0 to 1, with the very rounding of chainrule's data sets."""
    return pixels.astype(np.float32) * np.float32(1 / 255)


def cross_entropy(logits: np.ndarray, y: np.ndarray) -> float:
    top = logits.max(axis=1, keepdims=True)
    totals = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    return float((totals - logits[np.arange(len(y)), y]).mean())


def trained(task: Task, make: Callable[[Task], Training]) -> Runner:
    """A contender that was trained to the step that is checked.

    A net with dropout is checked without it, for all draw other random numbers, and timed with it.
    """
    checked = make(task.without_dropout)
    for _ in range(CHECKED // task.work.stride):
        checked.call()
    loss = task.loss(checked.weights())
    timed = checked
    if task.work.net.is_random:
        timed = make(task)
        # What is compiled at the first step is compiled now.
        timed.call()
    return Runner(timed.call, task.work.stride, loss)


def step_by_step(
    task: Task,
    step: Callable,
    weights: Callable[[], Iterable],
    batches: Iterable[tuple] | None = None,
) -> Training:
    """A net whose step is called with the next of its batches each time."""
    supply = cycle(task.batches if batches is None else batches)
    stride = task.work.stride

    def call() -> None:
        for x, y in islice(supply, stride):
            step(x, y)

    return Training(call, weights)


def one_by_one(
    task: Task,
    predict: Callable[[np.ndarray], np.ndarray],
    to_logits: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Runner:
    """A contender that gives the outputs (1, classes) of one sample (1, *inputs) in each call."""
    inputs = list(task.x)
    logits = to_logits(np.concatenate([predict(x) for x in inputs]))

    def call() -> None:
        for x in inputs:
            predict(x)

    return Runner(call, len(inputs), cross_entropy(logits, task.y[:, 0]))
