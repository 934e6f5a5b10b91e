"""Random streams made from a key and a counter.

A key is an array of two unsigned 64-bit words. The stream of a key is Philox4x64-10 (Salmon,
Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) run over the
counters 1, 2, 3, ...: word `i` of a stream depends on the key and on `i` alone. So the numbers do
not depend on threads, on the order of calls, or on whether the code is compiled, and the state of
a run is two integers. `numpy.random.Philox` makes the same words and is the referee.
"""

import math
import operator

import numpy as np

from chainrule.aval import aval_of
from chainrule.errors import DtypeError, OptionError

Key = np.ndarray
"""Two unsigned 64-bit words, shape (2,)."""


def key(seed: int) -> Key:
    """Make the key of a seed.

    Raises:
        OptionError: `seed` is negative or is not an integer below 2**64.

    >>> key(7)
    array([7, 0], dtype=uint64)
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise OptionError(f"seed is {seed!r}; expected an integer, such as seed=0")
    if not 0 <= seed < 2**64:
        raise OptionError(f"seed is {seed}; expected an integer from 0 to 2**64 - 1")
    return np.array([seed, 0], dtype=np.uint64)


def check_key(value: object) -> Key:
    """Return `value` when it is a key, else say how to make one."""
    if not (isinstance(value, np.ndarray) and value.dtype == np.uint64 and value.shape == (2,)):
        found = aval_of(value) if isinstance(value, np.ndarray) else repr(value)
        raise DtypeError(
            f"expected a random key (an array of two uint64 words), got {found}. "
            "Make one with chainrule.random.key(seed)."
        )
    return value


def split(parent: Key, count: int = 2) -> np.ndarray:
    """Derive `count` independent keys; the parent must not be used for numbers as well.

    Shape: (count, 2)

    Raises:
        OptionError: `count` is negative.

    >>> split(key(0)).shape
    (2, 2)
    """
    return bits(parent, 2 * count).reshape(count, 2)


def fold_in(parent: Key, number: int) -> Key:
    """Derive the key that belongs to `number`, such as an epoch or a step.

    Raises:
        OptionError: `number` is negative or not below 2**64.

    >>> bool((fold_in(key(0), 1) == fold_in(key(0), 2)).all())
    False
    """
    place = operator.index(number)
    if not 0 <= place < 2**64:
        raise OptionError(f"fold_in needs a number from 0 to 2**64 - 1, got {number}")
    # An array: a list with a number above 2**63 would go through float64, and lose digits.
    counter = np.array([0, place, 1, 0], np.uint64)
    return np.random.Philox(key=check_key(parent), counter=counter).random_raw(2)


def bits(stream: Key, count: int) -> np.ndarray:
    """The first `count` words of a stream, uint64.

    Raises:
        OptionError: `count` is negative.

    >>> bits(key(0), 3).dtype
    dtype('uint64')
    """
    if count < 0:
        raise OptionError(f"random: a count of {count}; expected 0 or more")
    return np.random.Philox(key=check_key(stream)).random_raw(count)


def check_dtype(dtype: np.dtype | type) -> np.dtype:
    """Return a dtype in which random numbers come.

    Raises:
        DtypeError: it is neither float32 nor float64.
    """
    result = np.dtype(dtype)
    if result not in (np.float32, np.float64):
        raise DtypeError(f"random numbers come as float32 or float64, not {result}")
    return result


def uniform(stream: Key, shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """Numbers spread evenly over [0, 1): 24 random bits in float32, 53 in float64.

    >>> bool((uniform(key(0), (4,)) < 1).all())
    True
    """
    count = math.prod(shape)
    if check_dtype(dtype) == np.float64:
        words = bits(stream, count) >> np.uint64(11)
        return (words * 2.0**-53).reshape(shape)
    halves = bits(stream, (count + 1) // 2).astype("<u8", copy=False).view("<u4")[:count]
    # Cast first: NumPy multiplies uint32 and float32 in float64.
    return ((halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def normal(stream: Key, shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """Numbers of the standard normal distribution, by Box and Muller's transform.

    Pairs (u, v) of uniform numbers give sqrt(-2 log(1 - u)) cos(2 pi v) (Box and Muller, "A note
    on the generation of random normal deviates", Annals of Mathematical Statistics, 1958).

    >>> normal(key(0), (2, 3)).shape
    (2, 3)
    """
    dtype = check_dtype(dtype)
    u, v = uniform(stream, (2, math.prod(shape)), np.float64)
    return (np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v)).reshape(shape).astype(dtype)


def permutation(stream: Key, count: int) -> np.ndarray:
    """A random order of 0 .. count - 1: the order that sorts the stream's first words.

    >>> permutation(key(0), 5).shape
    (5,)
    """
    # A stable sort takes 7 times as long, and only equal words (1 in 10**10 for 60,000) need one.
    return np.argsort(bits(stream, count))
