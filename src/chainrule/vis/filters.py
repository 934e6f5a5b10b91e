"""The filters of a layer: its weights as pictures, before and after training."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import OptionError, RunError, ShapeError
from chainrule.nn.convolution import Convolution
from chainrule.train import Run
from chainrule.train.folder import read_config
from chainrule.vis import canvas
from chainrule.vis.layers import layer_of, titled
from chainrule.vis.subject import Subject, guessed_shape
from chainrule.writing import StrPath

_MOST = 64
_MOST_DEEP = 12


def initial_weights(run: Run) -> dict[str, np.ndarray]:
    """The weights with which a run began, by path: drawn again from its seed.

    Exact where `fit` drew them, as `chainrule train` lets it do. Numbers that the model had
    before, from `model.initialize(7)` or from another training, are not known any more.

    Raises:
        RunError: the model is of a class of your own, or has weights that were never drawn.

    >>> from chainrule import data, train
    >>> net = nn.Sequential(nn.Linear(2, 2))
    >>> run = train.fit(net, data.gate("or"), epochs=0, show=False)
    >>> all(np.array_equal(initial_weights(run)[k], v) for k, v in net.state_dict().items())
    True
    """
    described = nn.to_config(run.model)
    given = [path for path, leaf in run.model.named_parameters() if leaf.initializer is None]
    if described is None:
        raise RunError(
            "the run's model is of a class of your own, so its first weights cannot be drawn "
            "again. Keep them before training: before = model.initialize(0).state_dict()."
        )
    # A loaded model has initialisers for all; what the folder says of it has them for those drawn.
    if given or (
        run.folder is not None and _as_kept(described) != read_config(run.folder)["model"]
    ):
        raise RunError(
            f"the run's first weights{f', {given[0]} among them,' if given else ''} were given as "
            "numbers, not drawn, and are not kept. Keep them before training: "
            "before = model.state_dict()."
        )
    return nn.from_config(described).initialize(run.settings.seed).state_dict()


def _as_kept(described: dict[str, Any]) -> Any:
    """A configuration as a file gives it back: with lists for tuples."""
    return json.loads(json.dumps(described))


def filter_weights(model: Any, layer: str | None = None) -> np.ndarray:
    """A layer's weights, a picture for each of its units.

    Of a convolution they are its kernels. Of a fully connected layer that comes first they are
    rows of weights in the shape of the image, where a run knows that or it may be square; of others
    each is a picture of one row.

    Args:
        model: a model or a run.
        layer: its path; by default the first layer with weights of such a kind.

    Shape: (units, channels, height, width)

    Raises:
        OptionError: no such layer, or one without such weights.

    >>> filter_weights(nn.Sequential(nn.Conv2d(3, 8, 5))).shape
    (8, 3, 5, 5)
    >>> filter_weights(nn.Sequential(nn.Linear(784, 25))).shape
    (25, 1, 28, 28)
    """
    subject = Subject.of(model)
    path = _first(subject.model) if layer is None else layer
    averages = {} if subject.run is None else subject.run.averages
    return _pictures(subject, path, {**subject.model.state_dict(), **averages})


def _first(model: nn.Module) -> str:
    for path, part in model.named_modules():
        if isinstance(part, nn.Linear) or (isinstance(part, Convolution) and part.axes == 2):
            return path
    raise OptionError(
        "the model has no filters to show: neither a Conv2d nor a Linear layer. Name a layer that "
        "has weights."
    )


def _pictures(subject: Subject, path: str, state: Mapping[str, Any]) -> np.ndarray:
    layer = layer_of(subject.model, path)
    leaf = f"{path}.weight" if path else "weight"
    if leaf not in state or np.ndim(state[leaf]) not in (2, 4):
        raise OptionError(
            f"layer {path!r} is a {type(layer).__name__}, which has no filters; name a Conv2d or a "
            f"Linear layer, such as {_first(subject.model)!r}."
        )
    weight = np.asarray(state[leaf])
    if weight.ndim == 4:
        return weight
    size = weight.shape[1]
    known = None if subject.info is None else subject.info.image_shape
    shape = None
    if path == _first(subject.model):
        shape = known if known and math.prod(known) == size else guessed_shape(size)
    return weight.reshape(len(weight), *(shape or (1, 1, size)))


def filters(
    model: Any, layer: str | None = None, *, before: Any = None, path: StrPath | None = None
) -> Any:
    """Draw a layer's filters, and beside them what they were before training.

    Weights of one channel are red above 0 and blue below; those of three channels are colours
    around grey, each unit on its own scale. Deeper kernels, of many channels, are a table: a row
    for each unit, a column for each channel. Both sides have one scale.

    Args:
        model: a model or a run.
        layer: its path; by default the first layer with filters.
        before: weights by path, such as what `initial_weights` gives, or another model or run.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer, or one without filters.
        ShapeError: the weights before have another shape.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = Subject.of(model)
    place = _first(subject.model) if layer is None else layer
    kernels = filter_weights(subject, place)
    boards = {"": _board(kernels)}
    if before is not None:
        first = _kernels_before(subject, place, before, kernels.shape)
        boards = {"before training": _board(first), "after training": boards[""]}
    high, wide = next(iter(boards.values())).shape[:2]
    height = min(max(4.6 * high / wide, 1.6), 7.0) + 1.2
    figure, (row,) = canvas.panels(1, len(boards), (max(4.6 * len(boards) + 0.8, 6.4), height))
    if _coloured(kernels):
        for axes, (when, board) in zip(row, boards.items(), strict=True):
            axes.imshow(canvas.opaque(board), interpolation="nearest")
            canvas.bare(axes, when)
    else:
        limit = max(float(np.nanmax(np.abs(board))) for board in boards.values())
        for axes, (when, board) in zip(row, boards.items(), strict=True):
            image = canvas.draw_signed(axes, board, when, limit)
        figure.colorbar(image, ax=list(row), label="weight", shrink=0.8)
    canvas.entitle(
        figure, f"filters of layer {titled(subject.model, place)}, {_described(kernels)}"
    )
    return canvas.finished(figure, path)


def _kernels_before(
    subject: Subject, place: str, before: Any, shape: tuple[int, ...]
) -> np.ndarray:
    state = before if isinstance(before, Mapping) else Subject.of(before).model.state_dict()
    kernels = _pictures(subject, place, state)
    if kernels.shape != shape:
        raise ShapeError(
            f"the filters of {place!r} have shape {shape}, and before they had {kernels.shape}; "
            "give the weights of a model of the same shape."
        )
    return kernels


def _coloured(kernels: np.ndarray) -> bool:
    return kernels.shape[1] == 3


def _deep(kernels: np.ndarray) -> bool:
    return kernels.shape[1] not in (1, 3)


def _described(kernels: np.ndarray) -> str:
    units, channels, high, wide = kernels.shape
    if high == channels == 1:
        return f"a row a unit ({min(units, _MOST)} of {units}), a column an input ({wide})"
    size = f"{high}x{wide}"
    if _deep(kernels):
        rows, across = min(units, _MOST_DEEP), min(channels, _MOST_DEEP)
        return (
            f"{size}: a row a unit ({rows} of {units}), a column a channel ({across} of {channels})"
        )
    shown = min(units, _MOST)
    return f"{shown} of {units}, {size}" if shown < units else f"{units} of {size}"


def _board(kernels: np.ndarray) -> np.ndarray:
    """The kernels side by side: (H, W) of weights, or (H, W, 3) of colours around grey."""
    if _deep(kernels):
        part = kernels[:_MOST_DEEP, :_MOST_DEEP]
        return canvas.mosaic(part.reshape(-1, *part.shape[2:]), part.shape[1])
    if kernels.shape[1:3] == (1, 1):
        return kernels[:_MOST, 0, 0]
    if not _coloured(kernels):
        return canvas.mosaic(kernels[:_MOST, 0])
    part = kernels[:_MOST].transpose(0, 2, 3, 1)
    largest = np.abs(part).max(axis=(1, 2, 3), keepdims=True)
    return canvas.mosaic(0.5 + part / (2 * np.where(largest, largest, 1.0)))
