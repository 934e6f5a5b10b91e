"""Keys by which equal parts of expressions are found, and constants that nobody changes."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.ops.table import Box


def hashable(value: Any) -> Any:
    """A key that tells an op's params apart, also 1 from 1.0 and True."""
    if isinstance(value, Mapping):
        return tuple((key, hashable(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return (type(value), *map(hashable, value))
    if isinstance(value, np.ndarray):
        return _array_key(value)
    try:
        hash(value)
    except TypeError:
        return ("id", id(value))
    return (type(value), value)


def constant_key(value: Any) -> Any:
    """A key that tells constants apart, also a Python number from an array of one element."""
    if isinstance(value, Box):
        return ("box", id(value))
    weak = None if hasattr(value, "dtype") else type(value)
    return (weak, *_array_key(np.asarray(value)))


def _array_key(array: np.ndarray) -> tuple:
    if array.size > 1 and not any(array.strides):
        return ("full", array.dtype, array.shape, array.flat[0].tobytes())
    data = np.ascontiguousarray(array).tobytes()
    return (array.dtype, array.shape, hashlib.sha256(data).digest() if len(data) > 64 else data)


def kept(value: Any) -> Any:
    """A constant that a later write to the user's array does not change."""
    if isinstance(value, np.ndarray) and any(value.strides):
        value = value.copy()
        value.flags.writeable = False
    return value
