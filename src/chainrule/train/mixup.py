"""Mixup: training on mixtures of two samples."""

import math
from collections.abc import Iterator

import numpy as np

from chainrule import rng
from chainrule.data import one_hot
from chainrule.errors import OptionError
from chainrule.settings import POSITIVE, number

_CANDIDATES = 16


def mixup(
    x: np.ndarray, y: np.ndarray, key: rng.Key, alpha: float = 0.2, classes: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Mix each sample of a batch with another of it, inputs and targets in the same measure.

    x' = m x + (1 - m) x[order] and y' = m y + (1 - m) y[order], with one m for the batch from the
    distribution Beta(alpha, alpha) and a random order. Class ids become rows of probabilities, as
    `cross_entropy` takes them.

    Reference: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization",
    ICLR 2018; they use an alpha of 0.1 to 0.4.

    Shape: x (n, ...), y (n,) of ids or (n, ...) give x' (n, ...) and y' (n, classes) or (n, ...).

    Raises:
        OptionError: alpha is not above 0, or class ids without the number of classes.

    >>> x, y = mixup(np.eye(4, dtype=np.float32), np.arange(4), rng.key(0), classes=4)
    >>> bool((x == y).all())
    True
    """
    number("mixup", "alpha", alpha, POSITIVE)
    if y.dtype.kind in "iu" and y.ndim == 1:
        if not classes:
            raise OptionError("mixup: class ids need their number; give classes=..., such as 10.")
        y = one_hot(y, classes)
    share = beta(rng.fold_in(key, 0), alpha)
    order = rng.permutation(rng.fold_in(key, 1), len(x))
    return _mixed(x, order, share), _mixed(y, order, share)


def _mixed(array: np.ndarray, order: np.ndarray, share: float) -> np.ndarray:
    array = array if array.dtype.kind == "f" else array.astype(np.float32)
    return array * share + array[order] * (1.0 - share)


def mixed_batches(
    batches: Iterator[tuple], key: rng.Key, start: int, alpha: float, classes: int
) -> Iterator[tuple]:
    """Batches from number `start` of an epoch on, mixed: batch i by fold_in(key, i)."""
    for place, (x, y) in enumerate(batches, start):
        yield mixup(x, y, rng.fold_in(key, place), alpha, classes)


def beta(key: rng.Key, alpha: float) -> float:
    """A random number of the distribution Beta(alpha, alpha).

    g / (g + h) with two numbers of the gamma distribution; their logarithms are drawn, since at a
    small alpha the numbers themselves underflow.

    >>> 0 < beta(rng.key(0), 0.2) < 1
    True
    """
    g, h = (_log_gamma(part, alpha) for part in rng.split(key))
    # The two branches are the same; each keeps its exponent from overflowing.
    return 1 / (1 + math.exp(h - g)) if g > h else 1 - 1 / (1 + math.exp(g - h))


def _log_gamma(key: rng.Key, alpha: float) -> float:
    """The logarithm of a random number of the gamma distribution.

    Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000: of
    candidates d (1 + c z)^3 with normal z, the first that passes their test; it has the shape
    alpha + 1, and times u^(1 / alpha) the shape alpha.
    """
    d = alpha + 2 / 3
    c = 1 / math.sqrt(9 * d)
    power = math.log1p(-float(rng.uniform(rng.fold_in(key, 0), (), np.float64))) / alpha
    block, accepted = 0, np.zeros(1, bool)
    log_v = np.zeros(1)
    while not accepted.any():
        block += 1
        normal, even = rng.split(rng.fold_in(key, block))
        z = rng.normal(normal, (_CANDIDATES,), np.float64)
        u = 1 - rng.uniform(even, (_CANDIDATES,), np.float64)
        log_v = 3 * np.log(np.maximum(1 + c * z, np.finfo(np.float64).tiny))
        accepted = np.log(u) < z * z / 2 + d * (1 - np.exp(log_v) + log_v)
    return math.log(d) + float(log_v[accepted.argmax()]) + power
