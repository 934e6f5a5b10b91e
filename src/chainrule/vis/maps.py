"""Feature maps: what each channel of a layer makes of an image."""

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.vis import canvas
from chainrule.vis.layers import has_weights, layer_of, output_of, titled
from chainrule.vis.subject import Subject
from chainrule.writing import StrPath

_MOST = 64
_PANELS = 12


def feature_maps(model: Any, image: Any, layer: str) -> np.ndarray:
    """What a layer gives for an image.

    Shape: (channels, height, width), or (units,) of a layer that gives a row.

    Raises:
        OptionError: no such layer.
        ShapeError, DtypeError, DataError: it is no image that the model takes.

    >>> net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU())
    >>> feature_maps(net, np.zeros((28, 28)), "1").shape
    (6, 24, 24)
    """
    subject = Subject.of(model)
    inputs = subject.look(image).inputs
    with subject.ready() as net:
        return np.asarray(output_of(net, layer, inputs))[0]


def _layers_to_show(model: nn.Module, inputs: np.ndarray) -> list[str]:
    """The layers that give something new: all that compute, or where they are many, fewer.

    Flatten and dropout, in evaluation, show the layer before again.
    """
    shown = nn.outputs_by_layer(model, inputs)
    dull = (nn.Flatten, nn.Dropout, nn.Identity)
    paths = [path for path in shown if not isinstance(layer_of(model, path), dull)]
    if len(paths) > _PANELS:
        paths = [path for path in paths if has_weights(layer_of(model, path))]
    steps = -(-len(paths) // _PANELS)
    return paths[:: max(steps, 1)]


def maps(model: Any, image: Any, layer: str | None = None, *, path: StrPath | None = None) -> Any:
    """Draw an image, and what a layer makes of it: a small picture for each channel.

    Each layer has its own scale, which its colour bar shows. The numbers of a row are small
    squares.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        layer: its path; by default the layers of the net in turn, where they are many some of them.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer.
        ShapeError, DtypeError, DataError: it is no image that the model takes.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = Subject.of(model)
    look = subject.look(image)
    with subject.ready() as net:
        paths = _layers_to_show(net, look.inputs) if layer is None else [layer]
    found = {name: feature_maps(subject, image, name) for name in paths}
    columns = min(len(found) + 1, 4)
    rows = -(-(len(found) + 1) // columns)
    figure, grid = canvas.panels(rows, columns, (3.3 * columns, 3.2 * rows))
    flat = grid.reshape(-1)
    canvas.draw_picture(flat[0], look.picture, "image")
    for axes, (name, array) in zip(flat[1:], found.items(), strict=False):
        _draw(figure, axes, array, titled(subject.model, name))
    for axes in flat[len(found) + 1 :]:
        axes.set_axis_off()
    canvas.entitle(figure, "feature maps: what each channel of a layer gives")
    return canvas.finished(figure, path)


def _draw(figure: Any, axes: Any, array: np.ndarray, title: str) -> None:
    tiles = array.reshape(-1, 1, 1) if array.ndim == 1 else array.reshape(-1, *array.shape[-2:])
    gap = 1 if tiles.shape[1:] != (1, 1) else 0
    image = axes.imshow(
        canvas.mosaic(tiles[:_MOST], gap=gap), cmap=canvas.AMOUNT, interpolation="nearest"
    )
    high, wide = tiles.shape[1:]
    size = f"{len(tiles)} of {high}x{wide}" if gap else f"{len(tiles)} units"
    part = f", first {_MOST}" if len(tiles) > _MOST else ""
    canvas.bare(axes, f"{title}: {size}{part}")
    figure.colorbar(image, ax=axes, shrink=0.8)
