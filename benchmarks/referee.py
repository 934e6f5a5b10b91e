"""The forward pass in NumPy, in whatever dtype it is given: it judges everybody's weights."""

import numpy as np
from nets import Activation, Conv, Dense, Dropout, Mean, Norm, Pool, Residual
from numpy.lib.stride_tricks import sliding_window_view


class Referee:
    """See `nets.Kit`. Norms take the statistics of the batch, as in training.

    Shape: pictures (n, channels, height, width).
    """

    def dense(self, layer: Dense, x: np.ndarray, weight: np.ndarray, bias: np.ndarray):
        return x.reshape(len(x), -1) @ weight.T + bias

    def conv(self, layer: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None):
        sides = (layer.padding, layer.padding)
        padded = np.pad(x, ((0, 0), (0, 0), sides, sides))
        windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
        windows = windows[:, :, :: layer.stride, :: layer.stride]
        sums = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        return sums if bias is None else sums + bias[:, None, None]

    def norm(self, layer: Norm, x: np.ndarray, scale: np.ndarray, shift: np.ndarray):
        mean, variance = (f(x, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
        standard = (x - mean) / np.sqrt(variance + layer.epsilon)
        return standard * scale[:, None, None] + shift[:, None, None]

    def activation(self, layer: Activation, x: np.ndarray):
        return np.maximum(x, 0) if layer.name == "relu" else 1 / (1 + np.exp(-x))

    def dropout(self, layer: Dropout, x: np.ndarray):
        raise ValueError("weights are compared without dropout; give the net's `without_dropout`")

    def pool(self, layer: Pool, x: np.ndarray):
        count, channels, tall, wide = x.shape
        tall, wide, size = tall // layer.size, wide // layer.size, layer.size
        whole = x[:, :, : tall * size, : wide * size]
        return whole.reshape(count, channels, tall, size, wide, size).max(axis=(3, 5))

    def mean(self, layer: Mean, x: np.ndarray):
        return x.mean(axis=(2, 3))

    def shortcut(self, layer: Residual, x: np.ndarray, body: np.ndarray):
        fewer = x[:, :, :: layer.stride, :: layer.stride]
        missing = body.shape[1] - x.shape[1]
        return np.pad(fewer, ((0, 0), (0, missing), (0, 0), (0, 0)))
