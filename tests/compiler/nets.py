"""Small nets for pictures, as functions of arrays, with what a rewriting of them may meet."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr


class Net(NamedTuple):
    """A function of pictures (N, *sample) and weights."""

    function: Callable
    sample: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...] = ()

    def arrays(self, batch: int, dtype: str = "float64", seed: int = 0) -> list[np.ndarray]:
        """Pictures and weights; none of them 0, so that each way around is differentiable."""
        random = np.random.default_rng(seed)
        shapes = [(batch, *self.sample), *self.weights]
        return [random.standard_normal(shape).astype(dtype) for shape in shapes]

    def step(self) -> Callable:
        """The results, and the gradients of their weighted sum by all arguments."""

        def step(*args: Any) -> tuple:
            out, pull = cr.vjp(self.function, *args)
            return out, *pull(cr.cos(out))

        return step


def _normed(x: Any, axes: Sequence[int] = (0, 2, 3)) -> Any:
    """What batch normalisation does while it trains."""
    apart = x - cr.mean(x, axis=axes, keepdims=True)
    return apart / cr.sqrt(cr.mean(cr.square(apart), axis=axes, keepdims=True) + 1e-3)


def _residual(x: Any, w: Any, v: Any) -> Any:
    """A block with a shortcut: two convolutions with batch normalisation beside nothing."""
    y = cr.relu(_normed(cr.conv(x, w, padding=1)))
    return cr.relu(x + _normed(cr.conv(y, v, padding=1)))


def _padded_shortcut(x: Any, w: Any) -> Any:
    """Every second place, and zeros in place of further channels."""
    short = cr.pad(x[:, :, ::2, ::2], ((0, 0), (1, 1), (0, 0), (0, 0)))
    return cr.relu(cr.conv(x, w, stride=2, padding=1) + short)


def _flat(x: Any) -> Any:
    return cr.reshape(x, (x.shape[0], -1))


def _linear(x: Any, weight: Any) -> Any:
    return cr.matmul(x, cr.transpose(weight))


def _lenet(x: Any, w: Any, v: Any, full: Any, bias: Any) -> Any:
    x = cr.max_pool(cr.relu(cr.conv(x, w, padding=1) + cr.reshape(bias, (1, -1, 1, 1))), 2)
    x = cr.max_pool(cr.tanh(cr.conv(x, v)), 2)
    return cr.log_softmax(_linear(_flat(x), full))


NETS: dict[str, Net] = {
    "a convolution": Net(lambda x, w: cr.conv(x, w), (3, 6, 5), ((4, 3, 3, 2),)),
    "its padding": Net(lambda x, w: cr.conv(x, w, padding=(2, 1)), (3, 6, 5), ((4, 3, 3, 2),)),
    "its transpose": Net(
        lambda x, w: cr.tanh(cr.conv_transpose(x, w, (9, 9), stride=2)),
        (4, 4, 4),
        ((4, 3, 3, 3),),
    ),
    "a largest of each window": Net(
        lambda x, w: cr.max_pool(cr.conv(x, w), 2), (2, 7, 7), ((3, 2, 2, 2),)
    ),
    "overlapping windows": Net(
        lambda x, w: cr.max_pool(cr.conv(x, w), 3, 2, 1), (2, 8, 7), ((3, 2, 2, 2),)
    ),
    "means of windows": Net(
        lambda x, w: cr.avg_pool(cr.tanh(cr.conv(x, w)), 2), (2, 7, 7), ((3, 2, 2, 2),)
    ),
    "a residual block": Net(_residual, (4, 5, 5), ((4, 4, 3, 3), (4, 4, 3, 3))),
    "a padded shortcut": Net(_padded_shortcut, (2, 6, 6), ((4, 2, 3, 3),)),
    "branches side by side": Net(
        lambda x, w, v: cr.concatenate(
            [cr.relu(cr.conv(x, w)), cr.conv(x, v, padding=1), cr.max_pool(x, 3, 1, 1)], axis=1
        ),
        (3, 5, 5),
        ((2, 3, 1, 1), (4, 3, 3, 3)),
    ),
    "full layers behind": Net(_lenet, (1, 10, 10), ((3, 1, 3, 3), (4, 3, 2, 2), (10, 16), (3,))),
    "a wide layer behind": Net(
        lambda x, w, full: cr.relu(_linear(_flat(cr.conv(x, w)), full)),
        (2, 4, 4),
        ((3, 2, 3, 3), (40, 12)),
    ),
    "a global mean": Net(
        lambda x, w, full: _linear(cr.mean(cr.relu(cr.conv(x, w)), axis=(2, 3)), full),
        (2, 5, 5),
        ((6, 2, 3, 3), (5, 6)),
    ),
    "a mean over all samples": Net(
        lambda x, w: cr.conv(x, w) - cr.mean(cr.conv(x, w), axis=0), (2, 4, 4), ((3, 2, 2, 2),)
    ),
    "pictures that are transposed": Net(
        lambda x, w: cr.conv(cr.transpose(x, (0, 3, 1, 2)), w), (5, 4, 3), ((2, 3, 3, 3),)
    ),
    "samples backwards": Net(
        lambda x, w: cr.conv(cr.relu(cr.conv(x, w))[::-1], w, padding=1) * 2.0,
        (3, 5, 5),
        ((3, 3, 3, 3),),
    ),
    "two rows of each sample": Net(
        lambda x, w: cr.tanh(cr.reshape(cr.conv(x, w), (-1, 12))), (2, 6, 2), ((3, 2, 3, 1),)
    ),
    "samples that mix": Net(
        lambda x, w: cr.matmul(cr.transpose(_flat(cr.conv(x, w))), _flat(x)),
        (2, 3, 3),
        ((2, 2, 2, 2),),
    ),
    "one axis": Net(lambda x, w: cr.max_pool(cr.conv(x, w), 3, 1), (3, 9), ((4, 3, 3),)),
    "three axes": Net(
        lambda x, w: cr.max_pool(cr.conv(x, w, padding=1), 2), (2, 4, 3, 5), ((3, 2, 3, 2, 3),)
    ),
    "in groups": Net(lambda x, w: cr.conv(x, w, groups=2, padding=1), (4, 4, 4), ((6, 2, 3, 3),)),
    "channel by channel": Net(
        lambda x, w: cr.relu(cr.conv(x, w, groups=5, stride=2, padding=1)),
        (5, 5, 4),
        ((5, 1, 3, 3),),
    ),
}
