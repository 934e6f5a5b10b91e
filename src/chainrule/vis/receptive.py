"""Receptive fields: which pixels a unit sees, counted from the layers."""

from typing import Any, NamedTuple

import numpy as np

from chainrule import nn
from chainrule.errors import ShapeError
from chainrule.nn.convolution import Convolution
from chainrule.ops.window import frame
from chainrule.vis.layers import layer_of, output_of, output_shape
from chainrule.vis.subject import Subject

_SLIDING = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
_PIXEL_BY_PIXEL = (
    *(nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh),
    *(nn.Softplus, nn.BatchNorm, nn.Dropout, nn.Identity),
)


class Reach(NamedTuple):
    """Which pixels the units of a layer see.

    rows[i, j] says whether a unit of row i of the layer's maps depends on row j of the image;
    `columns` likewise. A layer that gives rows of numbers has one entry, which sees all.
    """

    rows: np.ndarray
    columns: np.ndarray

    def box(self, row: int, column: int) -> tuple[slice, slice]:
        """The part of the image that the unit at a place sees, from its first pixel to its last."""
        return _extent(self.rows[row]), _extent(self.columns[column])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest part of the image that any unit sees."""
        return _longest(self.rows), _longest(self.columns)


def _extent(seen: np.ndarray) -> slice:
    places = np.flatnonzero(seen)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _longest(matrix: np.ndarray) -> int:
    return max(extent.stop - extent.start for extent in map(_extent, matrix))


def receptive_field(model: Any, layer: str, image_shape: tuple[int, ...]) -> Reach:
    """Which pixels the units of a layer depend on: exact, also at the borders.

    Along each axis, unit i of a layer with kernel k, stride s, padding p and dilation d sees places
    i s - p + d t of the layer below, t = 0 ... k - 1, as far as they exist; the layers' relations
    are multiplied. Where a net is no chain of such layers, or has layers of another kind, it is
    tried out: a row of the image becomes NaN, and NaN comes out of each unit that sees it.

    Args:
        model: a model or a run.
        layer: its path.
        image_shape: (channels, height, width) of the image.

    Raises:
        OptionError: no such layer.
        ShapeError: the model does not take such images.

    Reference: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
    networks", Distill, 2019.

    >>> two = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.MaxPool2d(2))
    >>> [receptive_field(two, path, (1, 28, 28)).size for path in ("0", "1", "2")]
    [(3, 3), (5, 5), (6, 6)]
    >>> receptive_field(two, "2", (1, 28, 28)).box(0, 11)
    (slice(0, 6, None), slice(22, 28, None))
    """
    subject = Subject.of(model)
    layer_of(subject.model, layer)
    inputs = subject.look(np.zeros(image_shape, np.float32)).inputs
    with subject.ready() as net:
        if inputs.ndim != 4:
            return _everything(image_shape)
        shape = output_shape(net, layer, inputs)
        if len(shape) != 3:
            return _everything(image_shape)
        chain = _chain(net, layer)
        counted = None if chain is None else _counted(net, chain, inputs)
        return _tried(net, layer, inputs) if counted is None else counted


def _everything(image_shape: tuple[int, ...]) -> Reach:
    if len(image_shape) < 2:
        raise ShapeError(
            f"image_shape is {image_shape}; expected (channels, height, width), such as "
            "(1, 28, 28)."
        )
    high, wide = image_shape[-2:]
    return Reach(np.ones((1, high), bool), np.ones((1, wide), bool))


def _chain(model: nn.Module, layer: str) -> list[str] | None:
    """The paths of the layers up to one, in a net whose layers run one after the other."""
    paths: list[str] = []
    for path, part in model.named_modules():
        if isinstance(part, nn.Sequential):
            continue
        if not (type(part) in _PIXEL_BY_PIXEL or type(part) in _SLIDING):
            return None
        paths.append(path)
        if path == layer:
            return paths
    return None


def _counted(model: nn.Module, chain: list[str], inputs: np.ndarray) -> Reach | None:
    """The relations of a chain's layers, multiplied."""
    sizes = inputs.shape[2:]
    seen = [np.eye(size, dtype=bool) for size in sizes]
    for path in chain:
        layer = layer_of(model, path)
        if type(layer) in _PIXEL_BY_PIXEL:
            continue
        if _unusual(layer):
            return None
        # As the layer itself reads its padding, "same" among it.
        padding = layer._pairs() if isinstance(layer, Convolution) else layer.padding
        slide = frame(
            "receptive_field",
            sizes,
            layer.kernel_size,
            stride=layer.stride,
            padding=padding,
            dilation=getattr(layer, "dilation", 1),
        )
        seen = [_relation(slide, axis) @ matrix for axis, matrix in enumerate(seen)]
        sizes = slide.out
    return Reach(*seen)


def _unusual(layer: Any) -> bool:
    """Whether windows may see what is mirrored at a border, or run over the end."""
    mirrored = getattr(layer, "padding_mode", "zeros") != "zeros"
    return mirrored or getattr(layer, "ceil_mode", False)


def _relation(slide: Any, axis: int) -> np.ndarray:
    """Which of the places below each window sees: (windows, places)."""
    size, (before, _) = slide.inside[axis], slide.padding[axis]
    first = np.arange(slide.out[axis])[:, None] * slide.stride[axis] - before
    places = first + np.arange(slide.kernel[axis]) * slide.dilation[axis]
    return (places[:, :, None] == np.arange(size)).any(axis=1)


def _tried(model: nn.Module, layer: str, inputs: np.ndarray) -> Reach:
    """The same by trial: NaN in each row, and in each column, and where it comes out."""
    found = []
    for axis in (2, 3):
        seen = []
        for place in range(inputs.shape[axis]):
            marked = inputs.copy()
            marked[(slice(None),) * axis + (place,)] = np.nan
            out = np.asarray(output_of(model, layer, marked))[0]
            seen.append(np.isnan(out).any(axis=(0, 4 - axis)))
        found.append(np.stack(seen, axis=1))
    return Reach(*found)
