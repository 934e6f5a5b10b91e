"""Weights for contenders whose pictures have their channels last, and back."""

from collections.abc import Iterable, Iterator

import numpy as np
from nets import Conv, Dense, Net, Shape


def to_channels_last(net: Net, weights: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Kernels (out, in, height, width) become (height, width, in, out); see `_each`."""
    found = []
    for weight, kind, shape in _each(net, weights):
        if kind is Conv:
            weight = weight.transpose(2, 3, 1, 0)
        elif shape:
            weight = weight.reshape(-1, *shape).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        found.append(np.ascontiguousarray(weight))
    return found


def to_channels_first(net: Net, weights: Iterable[np.ndarray]) -> list[np.ndarray]:
    """What undoes `to_channels_last`."""
    found = []
    for weight, kind, shape in _each(net, weights):
        if kind is Conv:
            weight = weight.transpose(3, 2, 0, 1)
        elif shape:
            channels, *sides = shape
            pixels = weight.reshape(-1, *sides, channels).transpose(0, 3, 1, 2)
            weight = pixels.reshape(len(weight), -1)
        found.append(np.ascontiguousarray(weight))
    return found


def _each(
    net: Net, weights: Iterable[np.ndarray]
) -> Iterator[tuple[np.ndarray, type | None, Shape]]:
    """Each array with what it is: a kernel, a matrix that reads a flattened picture, or neither.

    Of the matrix the picture's shape is given, else ().
    """
    arrays = iter(weights)
    for layer, shape in net.weighted:
        reads_picture = isinstance(layer, Dense) and len(shape) == 3
        kind = Conv if isinstance(layer, Conv) else None
        yield next(arrays), kind, shape if reads_picture else ()
        for _ in layer.arrays(shape)[1:]:
            yield next(arrays), None, ()
