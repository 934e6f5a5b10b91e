"""A workload with its numbers, as a worker gets it, and what a contender makes of it.

Workers import this with NumPy alone, for a peer may live in an environment without chainrule.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from workloads import CHECKED, PRODUCT, WORKLOADS, Workload

Weights = list[np.ndarray]


@dataclass(frozen=True)
class Task:
    """A workload, its batches and its first weights: the same for every contender.

    Shape: `x` (CHECKED, batch, inputs), `y` (CHECKED, batch), `weights` W1 (out, in), b1, W2, ...
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
            square = np.random.default_rng(0).random(PRODUCT.sizes, np.float32)
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

    def loss(self, weights: Iterable) -> float:
        """The cross-entropy of a net on the first batch, in float64: the same referee for all."""
        hidden = self.x[0].astype(np.float64)
        *inner, last = [
            (np.asarray(weight, np.float64), np.asarray(bias, np.float64))
            for weight, bias in self.layers(weights)
        ]
        for weight, bias in inner:
            z = hidden @ weight.T + bias
            hidden = np.maximum(z, 0) if self.work.activation == "relu" else 1 / (1 + np.exp(-z))
        return cross_entropy(hidden @ last[0].T + last[1], self.y[0])


@dataclass(frozen=True)
class Runner:
    """A contender that is ready to be timed.

    Args:
        call: does `steps` steps, and comes back when they are done.
        steps: training steps, predictions or products in one call.
        loss: of the net after CHECKED steps, or of CHECKED predictions; None for a product.
    """

    call: Callable[[], object]
    steps: int
    loss: float | None = None


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


def trained(task: Task, call: Callable[[], object], weights: Callable[[], Iterable]) -> Runner:
    """A contender whose call does `task.work.stride` steps: run to the step that is checked."""
    for _ in range(CHECKED // task.work.stride):
        call()
    return Runner(call, task.work.stride, task.loss(weights()))


def step_by_step(
    task: Task,
    step: Callable,
    weights: Callable[[], Iterable],
    batches: Iterable[tuple] | None = None,
) -> Runner:
    """A contender that is called once for each step, with the next of its batches."""
    supply = cycle(task.batches if batches is None else batches)
    stride = task.work.stride

    def call() -> None:
        for x, y in islice(supply, stride):
            step(x, y)

    return trained(task, call, weights)


def one_by_one(
    task: Task,
    predict: Callable[[np.ndarray], np.ndarray],
    to_logits: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Runner:
    """A contender that gives the outputs (1, classes) of one sample (1, inputs) in each call."""
    inputs = list(task.x)
    logits = to_logits(np.concatenate([predict(x) for x in inputs]))

    def call() -> None:
        for x in inputs:
            predict(x)

    return Runner(call, len(inputs), cross_entropy(logits, task.y[:, 0]))
