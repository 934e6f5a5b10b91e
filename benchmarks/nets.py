"""The nets of the workloads as plain descriptions, from which every contender builds its own.

The module needs nothing but the standard library, for a peer may live in an environment of its own.
Pictures have the shape (channels, height, width), whatever layout a contender computes in.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """Every output sees every input; a picture is flattened first. Weights (out, in), biases."""

    outputs: int

    def out_shape(self, shape: Shape) -> Shape:
        return (self.outputs,)

    def arrays(self, shape: Shape) -> tuple[Shape, ...]:
        return (self.outputs, math.prod(shape)), (self.outputs,)

    def products(self, shape: Shape) -> int:
        return self.outputs * math.prod(shape)


@dataclass(frozen=True)
class Conv:
    """A convolution with a square kernel. Weights (out, in, kernel, kernel), and biases."""

    outputs: int
    kernel: int
    padding: int = 0
    stride: int = 1
    bias: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        _, *sides = shape
        reach = 2 * self.padding - self.kernel
        return (self.outputs, *((side + reach) // self.stride + 1 for side in sides))

    def arrays(self, shape: Shape) -> tuple[Shape, ...]:
        weight = (self.outputs, shape[0], self.kernel, self.kernel)
        return (weight, (self.outputs,)) if self.bias else (weight,)

    def products(self, shape: Shape) -> int:
        """Those with zeros of the padding count as well: to skip them is not less work done."""
        return math.prod(self.out_shape(shape)) * shape[0] * self.kernel**2


@dataclass(frozen=True)
class _Plain:
    """A layer without weights that keeps the shape. Abstract."""

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def arrays(self, shape: Shape) -> tuple[Shape, ...]:
        return ()

    def products(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Activation(_Plain):
    """A function of each number: "relu" or "sigmoid"."""

    name: str


@dataclass(frozen=True)
class Dropout(_Plain):
    """Each number is dropped with this probability, the others grow by as much."""

    rate: float


@dataclass(frozen=True)
class Norm(_Plain):
    """Batch norm of pictures, with running statistics. Scales and shifts, one for each channel."""

    epsilon = 1e-5
    momentum = 0.1
    """The share of a batch in the running statistics, as PyTorch writes it."""

    def arrays(self, shape: Shape) -> tuple[Shape, ...]:
        return (shape[0],), (shape[0],)


@dataclass(frozen=True)
class Pool(_Plain):
    """The maximum of squares that do not overlap; what is left over at the edges is dropped."""

    size: int = 2

    def out_shape(self, shape: Shape) -> Shape:
        channels, *sides = shape
        return (channels, *(side // self.size for side in sides))


@dataclass(frozen=True)
class Mean(_Plain):
    """The mean over the pixels of each channel."""

    def out_shape(self, shape: Shape) -> Shape:
        return shape[:1]


@dataclass(frozen=True)
class Residual(_Plain):
    """body(x) + shortcut(x): each `stride`-th pixel, and zeros for channels that x has not.

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015,
    section 3.3, option A.
    """

    body: "tuple[Layer, ...]"
    stride: int = 1

    def out_shape(self, shape: Shape) -> Shape:
        for layer in self.body:
            shape = layer.out_shape(shape)
        return shape


Layer: TypeAlias = Dense | Conv | Activation | Dropout | Norm | Pool | Mean | Residual


def weighted(layers: Sequence[Layer], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The layers that have weights, in the order of these, and the shape that goes into each."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from weighted(layer.body, shape)
        elif layer.arrays(shape):
            yield layer, shape
        shape = layer.out_shape(shape)


@dataclass(frozen=True)
class Net:
    """A net.

    Args:
        model: the name of the same net among chainrule's models.
        title: how the tables call it.
        in_shape: of one sample.
        layers: in order.
    """

    model: str
    title: str
    in_shape: Shape
    layers: tuple[Layer, ...]

    @property
    def weighted(self) -> list[tuple[Layer, Shape]]:
        return list(weighted(self.layers, self.in_shape))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The neurons of each layer, of a net that has only dense ones."""
        return (*self.in_shape, *(layer.out_shape(shape)[0] for layer, shape in self.weighted))

    @property
    def is_random(self) -> bool:
        return any(isinstance(layer, Dropout) for layer in self.layers)

    @property
    def without_dropout(self) -> "Net":
        kept = tuple(layer for layer in self.layers if not isinstance(layer, Dropout))
        return replace(self, layers=kept)


class Kit(Protocol):
    """What a library has for each layer, given the layer, what goes in, and its weights."""

    def dense(self, layer: Dense, x: Any, weight: Any, bias: Any) -> Any: ...
    def conv(self, layer: Conv, x: Any, weight: Any, bias: Any = None) -> Any: ...
    def norm(self, layer: Norm, x: Any, scale: Any, shift: Any) -> Any: ...
    def activation(self, layer: Activation, x: Any) -> Any: ...
    def dropout(self, layer: Dropout, x: Any) -> Any: ...
    def pool(self, layer: Pool, x: Any) -> Any: ...
    def mean(self, layer: Mean, x: Any) -> Any: ...
    def shortcut(self, layer: Residual, x: Any, body: Any) -> Any: ...


def forward(net: Net, kit: Kit, x: Any, weights: Sequence[Any]) -> Any:
    """The outputs of a net, for a library of functions."""
    return _forward(net.layers, kit, x, iter(weights))


def _forward(layers: Sequence[Layer], kit: Kit, x: Any, weights: Iterator[Any]) -> Any:
    for layer in layers:
        if isinstance(layer, Residual):
            body = _forward(layer.body, kit, x, weights)
            x = body + kit.shortcut(layer, x, body)
        else:
            # The shape does not matter to how many there are.
            arrays = [next(weights) for _ in layer.arrays((1, 1, 1))]
            x = getattr(kit, type(layer).__name__.lower())(layer, x, *arrays)
    return x


def mlp(sizes: Sequence[int], activation: str) -> Net:
    first, *hidden, last = sizes
    layers: list[Layer] = []
    for size in hidden:
        layers += [Dense(size), Activation(activation)]
    title = f"{'-'.join(map(str, sizes))} {activation}"
    return Net("mlp", title, (first,), (*layers, Dense(last)))


_RELU = Activation("relu")


def _blocks(*layers: Layer) -> tuple[Layer, ...]:
    """Layers, with ReLU after each convolution and each dense one but the last."""
    found: list[Layer] = []
    for layer in layers:
        found += [layer, _RELU] if isinstance(layer, Conv | Dense) else [layer]
    return tuple(found[:-1])


CNN = Net(
    "cnn",
    "conv 30 of 5x5, pool, 100, 10",
    (1, 28, 28),
    _blocks(Conv(30, 5), Pool(), Dense(100), Dense(10)),
)

LENET = Net(
    "lenet",
    "LeNet-5",
    (1, 28, 28),
    _blocks(Conv(6, 5, 2), Pool(), Conv(16, 5), Pool(), Dense(120), Dense(84), Dense(10)),
)

DEEP = Net(
    "deep",
    "conv 16-16-pool-32-32-pool-64-64-pool, 50, dropout, 10",
    (1, 28, 28),
    _blocks(
        *(Conv(16, 3, 1), Conv(16, 3, 1), Pool()),
        *(Conv(32, 3, 1), Conv(32, 3, 2), Pool()),
        *(Conv(64, 3, 1), Conv(64, 3, 1), Pool()),
        *(Dense(50), Dropout(0.5), Dense(10)),
    ),
)


def _residual(channels: int, stride: int) -> tuple[Layer, ...]:
    first = Conv(channels, 3, 1, stride, bias=False)
    second = Conv(channels, 3, 1, bias=False)
    return Residual((first, Norm(), _RELU, second, Norm()), stride), _RELU


RESNET20 = Net(
    "resnet20",
    "ResNet-20 on 3x32x32",
    (3, 32, 32),
    (
        *(Conv(16, 3, 1, bias=False), Norm(), _RELU),
        *(_residual(16, 1) * 3),
        *(_residual(32, 2) + _residual(32, 1) * 2),
        *(_residual(64, 2) + _residual(64, 1) * 2),
        *(Mean(), Dense(10)),
    ),
)
