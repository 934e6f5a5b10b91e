"""The first neurons: the threshold unit, and the perceptron with its own rule of learning.

Neither has a derivative to learn by; their numbers are buffers, and so saved with a model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import DataError, ShapeError
from chainrule.nn import functions
from chainrule.nn.module import Module
from chainrule.nn.parameter import Buffer, as_numbers
from chainrule.ops.elementwise import as_dtype
from chainrule.ops.table import shape_of
from chainrule.settings import FINITE, POSITIVE, count, number


class McCullochPitts(Module):
    """A unit that fires (gives 1) where the weighted sum of its inputs reaches a threshold.

    y = 1 if sum_i weights_i x_i >= threshold, else 0. In the paper the inputs are 0 or 1, and an
    input that inhibits does so wholly; a weight below minus the sum of the others is such a one.

    Reference: McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity",
    Bulletin of Mathematical Biophysics 5, 1943.

    Shape: (..., inputs) gives (...).

    Raises:
        ShapeError: weights that are no row of numbers, or (when called) another number of inputs.
        OptionError: a threshold that is no finite number.

    >>> both = McCullochPitts([1.0, 1.0], threshold=2.0)
    >>> both([[0, 0], [0, 1], [1, 0], [1, 1]])
    tensor([0., 0., 0., 1.])
    """

    def __init__(self, weights: Any, threshold: float, dtype: Any = DEFAULT_FLOAT):
        self.weights = Buffer(np.asarray(weights, as_dtype(dtype)))
        if len(self.weights.shape) != 1 or not self.weights.size:
            raise ShapeError(
                f"McCullochPitts: weights have shape {self.weights.shape}; expected a row of "
                "numbers, one for each input, such as [1.0, 1.0]."
            )
        self.threshold = number("McCullochPitts", "threshold", threshold, FINITE)

    def options(self) -> dict[str, Any]:
        return {
            "weights": self.weights.tolist(),
            "threshold": self.threshold,
            "dtype": self.weights.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        _check_inputs(shape_of(x), self.weights.shape[0])
        return functions.step(ops.sum(x * self.weights, axis=-1), self.threshold)


@dataclass(frozen=True)
class Lesson:
    """How a perceptron learnt: whether it came to an end, after how much, and if not, why not.

    `common` is a point that lies between samples of both classes, as a weighted mean of each: where
    there is one, no line parts the classes.
    """

    converged: bool
    epochs: int
    updates: int
    mistakes: int
    reason: str
    common: tuple[float, ...] | None = None

    def __str__(self) -> str:
        return self.reason


class Perceptron(Module):
    """Rosenblatt's perceptron: y = 1 if x @ weight + bias > 0, else 0.

    `learn` goes through the samples in turn and, at each mistake, adds the sample to the weights or
    takes it away. Where a line parts the classes this ends (Novikoff, "On convergence proofs on
    perceptrons", 1962), and else it never does.

    Reference: Rosenblatt, "The perceptron: a probabilistic model for information storage and
    organization in the brain", Psychological Review 65, 1958.

    Shape: (..., in_features) gives (...); weight (in_features,), bias ().

    Raises:
        OptionError: in_features below 1.
        ShapeError: (when called) another number of inputs.

    >>> unit = Perceptron(2)
    >>> x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(unit.learn(x, [0, 0, 0, 1]))
    converged: in epoch 6 no sample was on the wrong side, after 10 updates.
    >>> unit(x)
    tensor([0., 0., 0., 1.], dtype=float64)
    """

    def __init__(self, in_features: int):
        self.in_features = count("Perceptron", "in_features", in_features)
        self.weight: Any = Buffer(np.zeros(self.in_features))
        self.bias: Any = Buffer(np.zeros(()))

    @classmethod
    def of(cls, weight: Any, bias: float) -> "Perceptron":
        """A perceptron with given weights.

        >>> Perceptron.of([0.5, 0.5], -0.7)([1, 1])
        tensor(1., dtype=float64)
        """
        unit = cls(len(weight))
        unit.weight, unit.bias = np.asarray(weight, np.float64), np.asarray(bias, np.float64)
        return unit

    def options(self) -> dict[str, Any]:
        return {"in_features": self.in_features}

    def forward(self, x: Any) -> Any:
        _check_inputs(shape_of(x), self.in_features)
        fires = ops.sum(x * self.weight, axis=-1) + self.bias > 0
        return ops.cast(fires, dtype=self.weight.dtype)

    def learn(self, x: Any, y: Any, lr: float = 1.0, epochs: int = 1000) -> Lesson:
        """Learn by Rosenblatt's rule, from the weights as they are: w <- w + lr (y - output) x.

        It ends with the first epoch without a mistake, or where the weights at the end of an epoch
        are those of an earlier one, for then they go round for ever.

        Shape: x (n, in_features), y (n,) of 0 and 1.

        Raises:
            ShapeError: not one label for each row of in_features numbers.
            DataError: labels other than 0 and 1, numbers that are not finite, or no samples.
            OptionError: lr is not above 0, or epochs is below 1.
        """
        number("Perceptron", "lr", lr, POSITIVE)
        count("Perceptron", "epochs", epochs)
        samples, labels = self._lesson(x, y)
        # The bias is the weight of an input that is always 1.
        rows = np.column_stack([samples, np.ones(len(samples))])
        weights = np.append(self.weight.numpy(), self.bias.numpy())
        seen = {weights.tobytes(): 0}
        wrong = np.zeros((epochs + 1, len(rows)), np.int8)
        for epoch in range(1, epochs + 1):
            for i, row in enumerate(rows):
                error = labels[i] - (row @ weights > 0)
                if error:
                    weights = weights + lr * error * row
                    wrong[epoch, i] = error
            self.weight, self.bias = weights[:-1], weights[-1]
            updates = int(np.abs(wrong).sum())
            mistakes = int(np.abs(wrong[epoch]).sum())
            if not mistakes:
                reason = (
                    f"in epoch {epoch} no sample was on the wrong side, after {updates} updates"
                )
                return Lesson(True, epoch, updates, 0, f"converged: {reason}.")
            first = seen.setdefault(weights.tobytes(), epoch)
            if first < epoch:
                return _circle(rows, wrong[first + 1 : epoch + 1], first, epoch, updates)
        reason = (
            f"does not converge: after {epochs} epochs and {updates} updates {mistakes} of "
            f"{len(rows)} samples were still met on the wrong side. Either no line parts the "
            "classes, or the gap between them is narrow: try more epochs."
        )
        return Lesson(False, epochs, updates, mistakes, reason)

    def _lesson(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Samples and labels, when they are such."""
        samples = as_numbers(x).astype(np.float64)
        labels = as_numbers(y)
        if samples.ndim != 2 or samples.shape[1] != self.in_features or labels.ndim != 1:
            raise ShapeError(
                f"Perceptron: got samples of shape {samples.shape} and labels of shape "
                f"{labels.shape}; expected (n, {self.in_features}) and (n,)."
            )
        if len(samples) != len(labels) or not len(labels):
            raise DataError(
                f"Perceptron: got {len(samples)} samples and {len(labels)} labels; expected one "
                "label for each sample, and at least one."
            )
        if not np.isfinite(samples).all():
            raise DataError("Perceptron: the samples hold NaN or infinity; clean them first.")
        if not np.isin(labels, (0, 1)).all():
            odd = labels[~np.isin(labels, (0, 1))][0]
            raise DataError(f"Perceptron: the labels hold {odd}; expected 0 and 1.")
        return samples, labels.astype(np.int64)


def _circle(rows: np.ndarray, wrong: np.ndarray, first: int, epoch: int, updates: int) -> Lesson:
    """Why the perceptron will never end: the mistakes of one round prove it.

    They add up to nothing, so weighted by them the samples of both classes have one mean.
    """
    times = wrong.sum(axis=0, dtype=np.int64)
    mistakes = int(np.abs(wrong[-1]).sum())
    reason = (
        f"does not converge: after epoch {epoch} the weights are again those after epoch {first}, "
        "so they go round for ever."
    )
    # Weights may also come back because small samples are lost in rounding; that proves nothing.
    if np.abs(times @ rows).max() > 1e-9 * (np.abs(times) @ np.abs(rows)).max():
        return Lesson(False, epoch, updates, mistakes, reason)
    positive = np.maximum(times, 0)
    common = tuple((positive @ rows[:, :-1] / positive.sum()).tolist())
    point = ", ".join(f"{value:g}" for value in common)
    reason += (
        f" No line parts the classes, for the point ({point}) lies between samples of the one and "
        "also between samples of the other."
    )
    return Lesson(False, epoch, updates, mistakes, reason, common)


def _check_inputs(shape: tuple[int, ...], inputs: int) -> None:
    if shape[-1:] != (inputs,):
        raise ShapeError(f"expected an input of shape (..., {inputs}), got {shape}.")
