"""Losses on numbers: squared and absolute error, Huber's loss, and margins."""

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.nn.losses.checks import check_ids, matched, plain_numbers, reduced
from chainrule.ops.table import operand, shape_of
from chainrule.settings import POSITIVE, number


def mse(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The mean squared error: the mean of (prediction - target)^2 over all elements.

    Shape: prediction and target of one shape; the result is (), or that shape with
    reduction="none".

    Raises:
        ShapeError: the shapes differ, or there is nothing to take the mean of.
        OptionError: unknown reduction.

    >>> mse(np.array([1.0, 2.0]), np.array([1.5, 1.5]))
    np.float64(0.25)
    """
    prediction, target = matched("mse", prediction, target)
    return reduced("mse", ops.square(prediction - target), reduction)


def mae(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The mean absolute error: the mean of |prediction - target|; its derivative at 0 is 0.

    Shape: as `mse`.

    Raises:
        ShapeError: the shapes differ, or there is nothing to take the mean of.
        OptionError: unknown reduction.

    >>> mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    np.float64(1.0)
    """
    prediction, target = matched("mae", prediction, target)
    return reduced("mae", ops.abs(prediction - target), reduction)


def huber(prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Squared error near the target, absolute error far from it, so that outliers weigh less.

    e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), with e = prediction - target.

    Reference: Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35, 1964.

    Shape: as `mse`.

    Raises:
        ShapeError: the shapes differ, or there is nothing to take the mean of.
        OptionError: delta is not above 0, or unknown reduction.

    >>> huber(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    number("huber", "delta", delta, POSITIVE)
    prediction, target = matched("huber", prediction, target)
    error = prediction - target
    held = ops.clip(error, -delta, delta)
    return reduced("huber", held * (error - 0.5 * held), reduction)


def hinge(output: Any, target: Any, *, margin: float = 1.0, reduction: str = "mean") -> Any:
    """The loss of a support vector machine: max(0, margin - target output), targets -1 and 1.

    Reference: Cortes and Vapnik, "Support-vector networks", Machine Learning 20, 1995.

    Shape: output and target of one shape; the result is (), or that shape with reduction="none".

    Raises:
        ShapeError: the shapes differ, or there is nothing to take the mean of.
        DataError: targets other than -1 and 1.
        OptionError: a margin that is not above 0, or unknown reduction.

    >>> hinge(np.array([0.5, 2.0]), np.array([1, -1]), reduction="none")
    array([0.5, 3. ])
    """
    number("hinge", "margin", margin, POSITIVE)
    output, target = matched("hinge", output, target)
    numbers = plain_numbers(target)
    if numbers is not None and not (np.abs(numbers) == 1).all():
        odd = numbers[np.abs(numbers) != 1].flat[0]
        raise DataError(
            f"hinge: the target holds {odd}; expected -1 for no and 1 for yes. Of labels 0 and 1, "
            "write 2 * target - 1."
        )
    return reduced("hinge", ops.relu(margin - output * target), reduction)


def multi_margin(
    scores: Any, target: Any, *, margin: float = 1.0, power: int = 1, reduction: str = "mean"
) -> Any:
    """The hinge loss of several classes: how far others come up to the right class's score.

    sum over j != id of max(0, margin - scores[id] + scores[j])^power, divided by the number of
    classes, as PyTorch has it.

    Reference: Weston and Watkins, "Support vector machines for multi-class pattern recognition",
    ESANN 1999.

    Shape: scores (..., classes) and integer ids (...) give (), or (...) with reduction="none".

    Raises:
        ShapeError: the shapes do not fit, or there are no rows.
        DtypeError: class ids that are no integers.
        DataError: a class id out of range.
        OptionError: a margin that is not above 0, a power other than 1 and 2, unknown reduction.

    >>> multi_margin(np.array([[1.0, 2.0, -4.0]]), np.array([1])).round(4)
    np.float64(0.0)
    """
    number("multi_margin", "margin", margin, POSITIVE)
    if power not in (1, 2):
        raise OptionError(f"multi_margin: power is {power!r}; expected 1 or 2.")
    scores, ids = operand(scores), operand(target)
    shape = shape_of(scores)
    if len(shape) < 2 or shape_of(ids) != shape[:-1]:
        raise ShapeError(
            f"multi_margin: scores have shape {shape} and the target {shape_of(ids)}; expected "
            f"class ids of shape {shape[:-1]}, one for each row of scores (..., classes)."
        )
    check_ids("multi_margin", ids, shape[-1])
    places = ids[..., None]
    over = ops.relu(margin - ops.take_along_axis(scores, places, -1) + scores)
    if power == 2:
        over = ops.square(over)
    others = ops.where(np.arange(shape[-1]) == places, 0.0, over)
    return reduced("multi_margin", ops.sum(others, axis=-1) / shape[-1], reduction)
