"""The parts of images that excite a unit most."""

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.data import Dataset
from chainrule.errors import OptionError
from chainrule.settings import count as checked_count
from chainrule.vis import canvas
from chainrule.vis.layers import convolutions, output_of, output_shape, titled
from chainrule.vis.receptive import receptive_field
from chainrule.vis.subject import Subject
from chainrule.writing import StrPath

_UNITS = 8


class Patch(NamedTuple):
    """What a unit saw when it was excited: `pixels` (channels, h, w), from 0 to 1.

    `sample` is its place in the data, `place` that of the unit in the layer's map (row, column),
    `box` the part of the image that it sees, `value` what it gave.
    """

    value: float
    sample: int
    place: tuple[int, int]
    box: tuple[slice, slice]
    pixels: np.ndarray


def strongest_patches(
    model: Any, data: Any, layer: str, units: Sequence[int], count: int = 9
) -> list[list[Patch]]:
    """The parts of the data that excite units of a layer most, the strongest first.

    From each sample only the strongest place is taken, for those beside it show the same.

    Args:
        model: a model or a run.
        data: a Dataset of pictures; of a run, None for its test part.
        layer: its path.
        units: channels of the layer, or units of one that gives a row.
        count: how many of each.

    Raises:
        OptionError: no such layer or unit.
        ShapeError, DataError: data that does not fit, or holds no pictures.
    """
    subject = Subject.of(model)
    checked_count("strongest_patches", "count", count)
    samples = subject.samples(data)
    first = subject.look(samples.x[0])
    with subject.ready() as net:
        shape = output_shape(net, layer, first.inputs)
    for unit in units:
        if not 0 <= unit < shape[0]:
            raise OptionError(
                f"unit is {unit}, and layer {layer!r} has {shape[0]}; expected 0 to {shape[0] - 1}."
            )
    reach = receptive_field(subject, layer, first.picture.shape)
    best: list[list[tuple[float, int, int]]] = [[] for _ in units]
    for places, values in _outputs(subject, samples, layer):
        flat = values[:, list(units)].reshape(len(values), len(units), -1)
        for unit, found in enumerate(best):
            most = flat[:, unit].argmax(axis=1)
            tops = flat[np.arange(len(flat)), unit, most]
            # Earlier samples first among equal ones.
            ranked = zip(tops.tolist(), (-places).tolist(), most.tolist(), strict=True)
            found[:] = heapq.nlargest(count, [*found, *ranked])
    across = shape[2] if len(shape) == 3 else 1
    return [
        [
            _cut(subject, samples, reach, (value, -minus, divmod(spot, across)))
            for value, minus, spot in row
        ]
        for row in best
    ]


def _outputs(
    subject: Subject, samples: Dataset, layer: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for places, x in subject.batches(samples):
        with subject.ready() as net:
            yield places, np.asarray(output_of(net, layer, x))


def _cut(
    subject: Subject, samples: Dataset, reach: Any, found: tuple[float, int, tuple[int, int]]
) -> Patch:
    value, sample, place = found
    box = reach.box(*place)
    picture = subject.look(samples.x[sample]).picture
    return Patch(value, sample, place, box, picture[:, box[0], box[1]])


def patches(
    model: Any,
    data: Any = None,
    layer: str | None = None,
    *,
    units: Sequence[int] | None = None,
    count: int = 9,
    path: StrPath | None = None,
) -> Any:
    """Draw the parts of the data that excite units most: a row of pictures for each unit.

    Each picture is what the unit sees of an image, its receptive field; at a border of the image
    it sees less. Its number is what the unit gave.

    Args:
        model: a model or a run.
        data: a Dataset of pictures; of a run, by default its test part.
        layer: its path; by default the last convolution, or the first layer.
        units: channels; by default the first eight.
        count: pictures for each unit.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer or unit.
        ShapeError, DataError: data that does not fit, or holds no pictures.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = Subject.of(model)
    samples = subject.samples(data)
    place = layer
    if place is None:
        place = (convolutions(subject.model) or ["0"])[-1]
    if units is None:
        with subject.ready() as net:
            shape = output_shape(net, place, subject.look(samples.x[0]).inputs)
        units = range(min(_UNITS, shape[0]))
    found = strongest_patches(subject, samples, place, units, count)
    figure, grid = canvas.panels(len(found), count, (1.05 * count + 0.5, 1.25 * len(found) + 0.6))
    for unit, row, axes_row in zip(units, found, grid, strict=True):
        for axes in axes_row[len(row) :]:
            axes.set_axis_off()
        for axes, patch in zip(axes_row, row, strict=False):
            canvas.draw_picture(axes, patch.pixels)
            axes.set_title(f"{patch.value:.3g}", fontsize=7)
        axes_row[0].set_ylabel(f"unit {unit}", fontsize=9)
    high, wide = receptive_field(subject, place, subject.look(samples.x[0]).picture.shape).size
    canvas.entitle(
        figure,
        f"what excites layer {titled(subject.model, place)} most, of {len(samples):,} images "
        f"(it sees {high}x{wide})",
    )
    return canvas.finished(figure, path)
