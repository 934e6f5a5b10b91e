"""Small data sets made from formulas, to see a net learn on."""

import math
from collections.abc import Callable

import numpy as np

from chainrule import rng
from chainrule.data.dataset import Dataset
from chainrule.errors import OptionError, unknown

_GATES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "nand": lambda a, b: ~np.logical_and(a, b),
    "xor": np.logical_xor,
}


def gate(name: str, n: int = 4, noise: float = 0.0, *, seed: int = 0) -> Dataset:
    """The truth table of a logic gate: inputs (0, 0), (0, 1), (1, 0), (1, 1), again and again.

    Shape: x (n, 2), y (n,)

    Args:
        name: "and", "or", "nand" or "xor".
        n: samples.
        noise: deviation of the normal noise added to the inputs.
        seed: chooses the noise.

    Raises:
        OptionError: the name is unknown, `n` or `noise` out of range.

    >>> gate("xor").y
    array([0, 1, 1, 0])
    """
    if name not in _GATES:
        raise unknown("gate", name, _GATES)
    _check(n, noise, at_least=4)
    row = np.arange(n) % 4
    a, b = row // 2, row % 2
    ids = _GATES[name](a, b).astype(np.int64)
    return _finish(name, np.stack([a, b], axis=1), ids, 2, noise, rng.key(seed))


def moons(n: int = 200, noise: float = 0.1, *, seed: int = 0) -> Dataset:
    """Two half circles that reach into each other.

    Class 0: (cos t, sin t); class 1: (1 - cos t, 1/2 - sin t); t evenly spaced over [0, pi].

    Shape: x (n, 2), y (n,)

    Args:
        n: samples; half of them, rounded down, in class 0.
        noise: deviation of the normal noise added to the points.
        seed: chooses the noise.

    Raises:
        OptionError: `n` or `noise` is out of range.

    >>> moons(4, noise=0).x.round(3)
    array([[ 1. ,  0. ],
           [-1. ,  0. ],
           [ 0. ,  0.5],
           [ 2. ,  0.5]], dtype=float32)
    """
    _check(n, noise, at_least=2)
    first = np.linspace(0.0, np.pi, n // 2)
    second = np.linspace(0.0, np.pi, n - n // 2)
    upper = np.stack([np.cos(first), np.sin(first)], axis=1)
    lower = np.stack([1.0 - np.cos(second), 0.5 - np.sin(second)], axis=1)
    points = np.concatenate([upper, lower])
    return _finish("moons", points, _ids(n // 2, n - n // 2), 2, noise, rng.key(seed))


def circles(n: int = 200, noise: float = 0.05, *, factor: float = 0.5, seed: int = 0) -> Dataset:
    """A circle inside another: class 0 of radius 1, class 1 of radius `factor`.

    (r cos t, r sin t), t evenly spaced over [0, 2 pi).

    Shape: x (n, 2), y (n,)

    Args:
        n: samples; half of them, rounded down, in class 0.
        noise: deviation of the normal noise added to the points.
        factor: radius of the inner circle, from 0 up to but not 1.
        seed: chooses the noise.

    Raises:
        OptionError: `n`, `noise` or `factor` is out of range.

    >>> circles(4, noise=0).x.round(3) + 0
    array([[ 1. ,  0. ],
           [-1. ,  0. ],
           [ 0.5,  0. ],
           [-0.5,  0. ]], dtype=float32)
    """
    _check(n, noise, at_least=2)
    if not 0.0 <= factor < 1.0:
        raise OptionError(f"factor is {factor!r}; expected from 0 up to but not 1")
    counts = (n // 2, n - n // 2)
    turns = [np.linspace(0.0, 2.0 * np.pi, count, endpoint=False) for count in counts]
    radii = np.repeat([1.0, factor], counts)
    points = _polar(radii, np.concatenate(turns))
    return _finish("circles", points, _ids(*counts), 2, noise, rng.key(seed))


def spirals(
    n: int = 200, noise: float = 0.02, *, classes: int = 2, turns: float = 1.5, seed: int = 0
) -> Dataset:
    """Spirals wound into each other, one for each class.

    (r cos t, r sin t) with t = 2 pi (turns r + class / classes), r evenly spaced over (0, 1].

    Shape: x (n, 2), y (n,)

    Args:
        n: samples, spread over the classes as evenly as can be.
        noise: deviation of the normal noise added to the points.
        classes: how many spirals.
        turns: how often each goes round.
        seed: chooses the noise.

    Raises:
        OptionError: `n`, `noise` or `classes` is out of range.

    >>> spirals(300, classes=3)
    Dataset('spirals', 300 samples of shape (2,) float32, 3 classes)
    """
    counts = _even_counts(n, noise, classes)
    radii = np.concatenate([np.arange(1, count + 1) / count for count in counts])
    ids = _ids(*counts)
    points = _polar(radii, 2.0 * np.pi * (turns * radii + ids / classes))
    return _finish("spirals", points, ids, classes, noise, rng.key(seed))


def blobs(
    n: int = 200, noise: float = 1.0, *, classes: int = 3, features: int = 2, seed: int = 0
) -> Dataset:
    """Round clouds, one for each class, with centres drawn evenly from [-10, 10).

    Shape: x (n, features), y (n,)

    Args:
        n: samples, spread over the classes as evenly as can be.
        noise: deviation of each cloud.
        classes: how many clouds.
        features: how many numbers a sample has.
        seed: chooses the centres and the noise.

    Raises:
        OptionError: `n`, `noise`, `classes` or `features` is out of range.

    >>> blobs(6, noise=0).y
    array([0, 0, 1, 1, 2, 2])
    """
    counts = _even_counts(n, noise, classes)
    if features < 1:
        raise OptionError(f"features is {features!r}; expected 1 or more")
    for_centres, for_noise = rng.split(rng.key(seed))
    centres = 20.0 * rng.uniform(for_centres, (classes, features), np.float64) - 10.0
    ids = _ids(*counts)
    return _finish("blobs", centres[ids], ids, classes, noise, for_noise)


def sine(n: int = 200, noise: float = 0.1, *, seed: int = 0) -> Dataset:
    """A regression: y = sin x, with x evenly spaced over [-pi, pi].

    Shape: x (n, 1), y (n, 1)

    Args:
        n: samples.
        noise: deviation of the normal noise added to the targets.
        seed: chooses the noise.

    Raises:
        OptionError: `n` or `noise` is out of range.

    >>> sine(3, noise=0).x.round(4)
    array([[-3.1416],
           [ 0.    ],
           [ 3.1416]], dtype=float32)
    """
    _check(n, noise, at_least=2)
    x = np.linspace(-np.pi, np.pi, n)[:, None]
    y = _noisy(np.sin(x), noise, rng.key(seed))
    return Dataset(x.astype(np.float32), y, "sine")


def _finish(
    name: str, points: np.ndarray, ids: np.ndarray, classes: int, noise: float, key: rng.Key
) -> Dataset:
    names = tuple(str(number) for number in range(classes))
    return Dataset(_noisy(points, noise, key), ids, name, names)


def _noisy(values: np.ndarray, noise: float, key: rng.Key) -> np.ndarray:
    return (values + noise * rng.normal(key, values.shape, np.float64)).astype(np.float32)


def _polar(radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _ids(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def _even_counts(n: int, noise: float, classes: int) -> list[int]:
    """Samples for each class; the first classes take what does not divide."""
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise OptionError(f"classes is {classes!r}; expected an integer, 1 or more")
    _check(n, noise, at_least=classes)
    return [n // classes + (number < n % classes) for number in range(classes)]


def _check(n: int, noise: float, at_least: int) -> None:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < at_least:
        raise OptionError(f"n is {n!r}; expected an integer, {at_least} or more")
    if not (noise >= 0.0 and math.isfinite(noise)):
        raise OptionError(f"noise is {noise!r}; expected a finite number, 0 or more")
