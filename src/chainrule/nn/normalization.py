"""Layers that keep signals centred and of one size: batch, layer, instance, group and RMS norm.

All but RMS norm compute (x - mean) / sqrt(var + eps) * weight + bias, with the biased variance, and
differ in what mean and variance are taken over. For x of shape (N, C, ...):

    BatchNorm      over all axes but C, so over the samples of the batch
    InstanceNorm   over the axes behind C, for each sample and channel
    GroupNorm      over the axes behind C and the channels of a group, for each sample
    LayerNorm      over the last axes, for each sample
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.module import Module
from chainrule.nn.parameter import Buffer, Parameter
from chainrule.nn.pictures import mend_channels
from chainrule.ops.elementwise import as_dtype
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import POSITIVE, UNIT, count, number
from chainrule.tensor import Tensor


class BatchNorm(Module):
    """Normalise each channel over the batch; in evaluation, by running statistics.

    In training, mean and variance are those of the batch, and the running ones move towards them:
    running <- running + momentum (batch - running), with the unbiased variance, as in PyTorch. With
    momentum=None they are the plain average over all batches so far. In evaluation the running ones
    are used and stay, so that the batch may have any size.

    In training a channel needs more than one value: with inputs (N, C), batches of at least 2.
    `chainrule.fit` checks this for the last, smaller batch too, before it begins.

    One class for PyTorch's BatchNorm1d, 2d and 3d, with their names of parameters and buffers.

    Reference: Ioffe and Szegedy, "Batch normalization", ICML 2015.

    Shape: (N, num_features, ...) gives the same.

    Raises:
        OptionError: a size below 1, an eps that is not above 0, a momentum outside [0, 1].
        ShapeError: (when called) another number of channels, or one value a channel in training.

    >>> layer = BatchNorm(2)
    >>> layer([[1.0, 10.0], [3.0, 30.0]]).numpy().round(3)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    >>> layer.running_mean
    Buffer([0.2, 2. ])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.num_features = count("BatchNorm", "num_features", num_features)
        self.eps = number("BatchNorm", "eps", eps, POSITIVE)
        if momentum is not None:
            number("BatchNorm", "momentum", momentum, UNIT)
        self.momentum = momentum
        self.weight, self.bias = _affine((self.num_features,), affine, affine, dtype)
        # Any: in `swapped`, and in a trace, other values stand in the place of buffers.
        self.running_mean: Any = Buffer(np.zeros(self.num_features, as_dtype(dtype)))
        self.running_var: Any = Buffer(np.ones(self.num_features, as_dtype(dtype)))
        self.num_batches_tracked: Any = Buffer(np.zeros((), np.int64))

    def options(self) -> dict[str, Any]:
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "momentum": self.momentum,
            "affine": self.weight is not None,
            "dtype": dtype_of(self.running_mean).name,
        }

    def forward(self, x: Any) -> Any:
        x = _floats(x, dtype_of(self.running_mean))
        shape = shape_of(x)
        _check_channels("num_features", self.num_features, shape, least=2)
        axes = (0, *range(2, len(shape)))
        values = math.prod(shape[axis] for axis in axes)
        along = (self.num_features, *(1,) * (len(shape) - 2))
        if not self.training:
            centred = x - ops.reshape(self.running_mean, shape=along)
            variance = ops.reshape(self.running_var, shape=along)
        else:
            if values < 2:
                raise ShapeError(
                    f"an input of shape {shape} has {values} value(s) for each channel, and their "
                    "variance says nothing; training needs 2 or more. Choose a batch_size that "
                    "leaves no batch of one sample, or call model.eval() to use the running "
                    "statistics."
                )
            mean = ops.mean(x, axes, keepdims=True)
            centred = x - mean
            variance = ops.mean(centred * centred, axes, keepdims=True)
            self._track(mean, variance, values / (values - 1))
        return _finish(centred, variance, self.eps, self.weight, self.bias, along)

    def _track(self, mean: Any, variance: Any, unbiased: float) -> None:
        """Move the running statistics towards those of a batch."""
        shape = (self.num_features,)
        mean = ops.reshape(_undifferentiated(mean), shape=shape)
        variance = ops.reshape(_undifferentiated(variance), shape=shape) * unbiased
        self.num_batches_tracked = self.num_batches_tracked + 1
        part: Any = self.momentum
        if part is None:
            part = 1.0 / ops.cast(self.num_batches_tracked, dtype=dtype_of(mean))
        self.running_mean = self.running_mean + (mean - self.running_mean) * part
        self.running_var = self.running_var + (variance - self.running_var) * part


class GroupNorm(Module):
    """Normalise each group of channels of each sample on its own; batches may have any size.

    Reference: Wu and He, "Group normalization", ECCV 2018.

    Shape: (N, num_channels, ...) gives the same.

    Raises:
        OptionError: sizes below 1, groups that do not part the channels evenly, an eps that is not
            above 0.
        ShapeError: (when called) another number of channels, or one value in a group.

    >>> GroupNorm(1, 2)([[1.0, 3.0]]).numpy().round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.num_groups = count("GroupNorm", "num_groups", num_groups)
        self.num_channels = count("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise OptionError(
                f"GroupNorm: {num_groups} groups do not part {num_channels} channels evenly; "
                "expected a divisor of the channels."
            )
        self.eps = number("GroupNorm", "eps", eps, POSITIVE)
        self.dtype = as_dtype(dtype)
        self.weight, self.bias = _affine((self.num_channels,), affine, affine, dtype)

    def options(self) -> dict[str, Any]:
        return {
            "num_groups": self.num_groups,
            "num_channels": self.num_channels,
            "eps": self.eps,
            "affine": self.weight is not None,
            "dtype": self.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        x = _floats(x, self.dtype)
        shape = shape_of(x)
        _check_channels("num_channels", self.num_channels, shape, least=2)
        return _by_groups(x, self.num_groups, self.eps, self.weight, self.bias)


class InstanceNorm(Module):
    """Normalise each channel of each sample on its own, over its places.

    One class for PyTorch's InstanceNorm1d, 2d and 3d; like these without running statistics and,
    unless asked, without weight and bias.

    Reference: Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.

    Shape: (N, num_features, L, ...) gives the same.

    Raises:
        OptionError: a size below 1, an eps that is not above 0.
        ShapeError: (when called) another number of channels, or one place.

    >>> InstanceNorm(1)([[[1.0, 3.0]]]).round(3)
    array([[[-1.,  1.]]], dtype=float32)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.num_features = count("InstanceNorm", "num_features", num_features)
        self.eps = number("InstanceNorm", "eps", eps, POSITIVE)
        self.dtype = as_dtype(dtype)
        self.weight, self.bias = _affine((self.num_features,), affine, affine, dtype)

    def options(self) -> dict[str, Any]:
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "affine": self.weight is not None,
            "dtype": self.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        x = _floats(x, self.dtype)
        shape = shape_of(x)
        _check_channels("num_features", self.num_features, shape, least=3)
        return _by_groups(x, self.num_features, self.eps, self.weight, self.bias)


class LayerNorm(Module):
    """Normalise over the last axes, each sample on its own.

    Reference: Ba, Kiros and Hinton, "Layer normalization", 2016.

    Shape: (..., *normalized_shape) gives the same.

    Raises:
        OptionError: a size below 1, an eps that is not above 0.
        ShapeError: (when called) other last axes, or one value to normalise over.

    >>> LayerNorm(2)([[1.0, 3.0]]).numpy().round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.eps = number("LayerNorm", "eps", eps, POSITIVE)
        self.dtype = as_dtype(dtype)
        self.weight, self.bias = _affine(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype
        )

    def options(self) -> dict[str, Any]:
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.weight is not None,
            "bias": self.bias is not None,
            "dtype": self.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        x = _floats(x, self.dtype)
        axes = _last_axes(self.normalized_shape, shape_of(x))
        _check_several(math.prod(self.normalized_shape), shape_of(x))
        centred = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(centred * centred, axes, keepdims=True)
        return _finish(centred, variance, self.eps, self.weight, self.bias, self.normalized_shape)


class RMSNorm(Module):
    """Divide by the root of the mean square over the last axes: x / sqrt(mean(x^2) + eps) * weight.

    PyTorch's eps is that of the dtype unless one is given; give it the same to compare.

    Reference: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Shape: (..., *normalized_shape) gives the same.

    Raises:
        OptionError: a size below 1, an eps that is not above 0.
        ShapeError: (when called) other last axes.

    >>> RMSNorm(2)([[3.0, 3.0]]).numpy().round(3)
    array([[1., 1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-6,
        elementwise_affine: bool = True,
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.eps = number("RMSNorm", "eps", eps, POSITIVE)
        self.dtype = as_dtype(dtype)
        self.weight, _ = _affine(self.normalized_shape, elementwise_affine, False, dtype)

    def options(self) -> dict[str, Any]:
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.weight is not None,
            "dtype": self.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        x = _floats(x, self.dtype)
        axes = _last_axes(self.normalized_shape, shape_of(x))
        square = ops.mean(x * x, axes, keepdims=True)
        return _finish(x, square, self.eps, self.weight, None, self.normalized_shape)


def _floats(x: Any, dtype: np.dtype) -> Any:
    """Integers as floats of the layer's dtype, for their squares would not fit."""
    return x if dtype_of(x).kind == "f" else ops.cast(x, dtype=dtype)


def _affine(shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> tuple[Any, Any]:
    """Factors of 1 and summands of 0 to be learnt, or None for those that are not wanted."""
    return (
        Parameter(shape, "ones", dtype) if weight else None,
        Parameter(shape, "zeros", dtype) if bias else None,
    )


def _by_groups(x: Any, groups: int, eps: float, weight: Any, bias: Any) -> Any:
    """Normalise each of `groups` runs of channels of each sample."""
    shape = shape_of(x)
    size = math.prod(shape[1:]) // groups
    _check_several(size, shape)
    rows = ops.reshape(x, shape=(shape[0], groups, size))
    centred = rows - ops.mean(rows, -1, keepdims=True)
    variance = ops.mean(centred * centred, -1, keepdims=True)
    scaled = ops.reshape(centred * ops.rsqrt(variance + eps), shape=shape)
    return _scaled(scaled, weight, bias, (shape[1], *(1,) * (len(shape) - 2)))


def _finish(
    centred: Any, variance: Any, eps: float, weight: Any, bias: Any, along: tuple[int, ...]
) -> Any:
    """centred / sqrt(variance + eps) * weight + bias."""
    return _scaled(centred * ops.rsqrt(variance + eps), weight, bias, along)


def _scaled(x: Any, weight: Any, bias: Any, along: tuple[int, ...]) -> Any:
    """x * weight + bias, both seen in the shape `along`, as far as there are any."""
    if weight is not None:
        x = x * ops.reshape(weight, shape=along)
    return x if bias is None else x + ops.reshape(bias, shape=along)


def _undifferentiated(value: Any) -> Any:
    """What is inside tensors: a plain or traced value, so that no gradient comes out through it."""
    while isinstance(value, Tensor):
        value = value.data
    return value


def _sizes(layer: str, shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if not sizes:
        raise OptionError(f"{layer}: normalized_shape is empty; expected such as 64 or (28, 28).")
    return tuple(count(layer, "normalized_shape", size) for size in sizes)


def _check_channels(name: str, channels: int, shape: tuple[int, ...], least: int) -> None:
    if len(shape) >= least and shape[1] == channels:
        return
    expected = f"(N, {channels}, ...)" if least == 2 else f"(N, {channels}, L, ...)"
    mend = "Is the batch axis missing? For one sample, write x[None]."
    if len(shape) >= least:
        mend = mend_channels(name, channels, shape)
    raise ShapeError(f"expected an input of shape {expected}, got {shape}. {mend}")


def _check_several(size: int, shape: tuple[int, ...]) -> None:
    if size < 2:
        raise ShapeError(
            f"an input of shape {shape} has {size} value(s) to take mean and variance of, which "
            "leaves nothing of them; expected 2 or more. Take fewer groups, or leave this layer "
            "out."
        )


def _last_axes(sizes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    if shape[len(shape) - len(sizes) :] != sizes or len(shape) < len(sizes):
        raise ShapeError(
            f"expected an input of shape (..., {', '.join(map(str, sizes))}), got {shape}. "
            f"normalized_shape={shape[-1:]} would fit its last axis."
        )
    return tuple(range(-len(sizes), 0))
