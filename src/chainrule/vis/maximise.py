"""Images that a unit would like best: found by gradient ascent on the pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import nn, rng
from chainrule.errors import OptionError
from chainrule.grad import vjp
from chainrule.ops.table import shape_of
from chainrule.settings import NOT_NEGATIVE, number
from chainrule.settings import count as checked_count
from chainrule.vis import canvas
from chainrule.vis.layers import output_of, output_shape, titled
from chainrule.vis.subject import Subject, guessed_shape
from chainrule.writing import StrPath

_UNITS = 16


@dataclass(frozen=True)
class Ascent:
    """How an image is sought: each step follows the gradient, then makes the image plainer.

    Args:
        steps: how many.
        rate: how far a step goes, as a share of the range of pixels, in the root mean square.
        decay: the share of each pixel's distance from black that a step takes away (L2).
        blur: deviation in pixels of a Gaussian that smooths the image after each step; 0 for none.
        seed: of the noise at which it begins.

    Raises:
        OptionError: a value outside its range.
    """

    steps: int = 128
    rate: float = 0.05
    decay: float = 0.01
    blur: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        checked_count("Ascent", "steps", self.steps, 0)
        for name in ("rate", "decay", "blur"):
            number("Ascent", name, getattr(self, name), NOT_NEGATIVE)


def maximising_images(
    model: Any,
    layer: str = "",
    units: Sequence[int] = (0,),
    *,
    image_shape: tuple[int, ...] | None = None,
    ascent: Ascent | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Images that excite units of a layer, and what the units give for them.

    Of a unit that has a map, the mean over its places is made large. Pixels stay in their range.

    Args:
        model: a model or a run.
        layer: its path; by default the model's own output.
        units: channels of the layer, or units of one that gives a row.
        image_shape: (channels, height, width); a run knows it.
        ascent: how; see `Ascent`.

    Shape: (units, channels, height, width), from 0 to 1, and (units,).

    Raises:
        OptionError: no such layer or unit, or the shape of images is not known.

    Reference: Erhan, Bengio, Courville and Vincent, "Visualizing higher-layer features of a deep
    network", 2009; Yosinski and others, "Understanding neural networks through deep visualization",
    2015, for decay and blur.

    >>> net = nn.Sequential(nn.Linear(16, 3)).initialize(0)
    >>> images, values = maximising_images(net, units=(0, 2), ascent=Ascent(decay=0, blur=0))
    >>> bool(((images[0].ravel() > 0.5) == (net[0].weight.numpy()[0] > 0)).all())
    True
    """
    subject = Subject.of(model)
    how = Ascent() if ascent is None else ascent
    shape = _image_shape(subject, image_shape)
    sample = subject.look(np.zeros(shape, np.float32)).inputs
    black = subject.black(sample)
    white = _white(subject, sample)
    with subject.ready() as net:
        width = output_shape(net, layer, sample)[0]
        for unit in units:
            if not 0 <= unit < width:
                raise OptionError(
                    f"unit is {unit}, and layer {layer!r} has {width}; expected 0 to {width - 1}."
                )
        chosen = np.zeros((len(units), width), sample.dtype)
        chosen[np.arange(len(units)), list(units)] = 1

        def excited(x: Any) -> Any:
            out = output_of(net, layer, x)
            if len(shape_of(out)) > 2:
                out = out.mean(axis=tuple(range(2, len(shape_of(out)))))
            return (out * chosen).sum(axis=1)

        noise = rng.uniform(rng.key(how.seed), (len(units), *sample.shape[1:]), np.float64)
        x = black + (white - black) * (0.4 + 0.2 * noise)
        for _ in range(how.steps):
            value, pull = vjp(excited, x.astype(sample.dtype))
            slope = np.asarray(pull(np.ones(len(units), np.asarray(value).dtype))[0], np.float64)
            x = _stepped(x, slope, how, black, white)
            x = _smoothed(x.reshape(-1, *shape), how.blur).reshape(x.shape)
        values = np.asarray(excited(x.astype(sample.dtype)))
    share = (x - black) / (white - black)
    return share.reshape(-1, *shape).astype(np.float32), values


def _image_shape(subject: Subject, asked: tuple[int, ...] | None) -> tuple[int, ...]:
    known = None if subject.info is None else subject.info.image_shape
    if asked is not None or known is not None:
        return tuple(asked or known or ())
    first = next((m for _, m in subject.model.named_modules() if isinstance(m, nn.Linear)), None)
    convolves = any(hasattr(module, "in_channels") for _, module in subject.model.named_modules())
    found = None if first is None or convolves else guessed_shape(first.in_features)
    if found is None:
        raise OptionError(
            "the shape of the model's images is not known; give image_shape=(channels, height, "
            "width)."
        )
    return found


def _white(subject: Subject, sample: np.ndarray) -> np.ndarray:
    """What a white image is to the model; 1 where it does not see pixels."""
    scale = subject.bytes_scale
    full = np.full(sample.shape, 255, np.uint8)
    return np.ones_like(sample) if scale is None else scale(full).astype(sample.dtype)


def _stepped(
    x: np.ndarray, slope: np.ndarray, how: Ascent, black: np.ndarray, white: np.ndarray
) -> np.ndarray:
    axes = tuple(range(1, x.ndim))
    size = np.sqrt(np.mean(np.square(slope), axis=axes, keepdims=True))
    # A unit that is dead at this image has no slope, and the image stays.
    ahead = x + how.rate * (white - black) * slope / np.where(size > 0, size, 1.0)
    faded = ahead - how.decay * (ahead - black)
    return np.clip(faded, np.minimum(black, white), np.maximum(black, white))


def _smoothed(x: np.ndarray, deviation: float) -> np.ndarray:
    """Pictures (n, channels, H, W) under a Gaussian, which at the borders counts what is there."""
    if not deviation:
        return x
    rows, columns = (_gaussian(side, deviation) for side in x.shape[2:])
    return rows @ x @ columns.T


def _gaussian(side: int, deviation: float) -> np.ndarray:
    places = np.arange(side)
    weights = np.exp(-np.square((places[:, None] - places) / deviation) / 2)
    return weights / weights.sum(axis=1, keepdims=True)


def maximise(
    model: Any,
    layer: str = "",
    *,
    units: Sequence[int] | None = None,
    image_shape: tuple[int, ...] | None = None,
    ascent: Ascent | None = None,
    path: StrPath | None = None,
) -> Any:
    """Draw the images that units of a layer would like best; see `maximising_images`.

    Args:
        model: a model or a run.
        layer: its path; by default the model's own output, a unit for each class.
        units: by default the first sixteen.
        image_shape: (channels, height, width); a run knows it.
        ascent: how the images are sought.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer or unit, or the shape of images is not known.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = Subject.of(model)
    if units is None:
        shape = _image_shape(subject, image_shape)
        sample = subject.look(np.zeros(shape, np.float32)).inputs
        with subject.ready() as net:
            units = range(min(_UNITS, output_shape(net, layer, sample)[0]))
    images, values = maximising_images(
        subject, layer, units, image_shape=image_shape, ascent=ascent
    )
    columns = min(len(images), 5 if len(images) % 5 == 0 else 4)
    rows = math.ceil(len(images) / columns)
    figure, grid = canvas.panels(rows, columns, (1.8 * columns, 2.0 * rows + 0.5))
    for axes in grid.reshape(-1)[len(images) :]:
        axes.set_axis_off()
    for axes, unit, image, value in zip(grid.reshape(-1), units, images, values, strict=False):
        name = subject.name(unit) if layer == "" else f"unit {unit}"
        canvas.draw_picture(axes, image, f"{name}: {value:.3g}")
    where = "the output" if layer == "" else f"layer {titled(subject.model, layer)}"
    canvas.entitle(figure, f"what units of {where} would like to see, and what they give for it")
    return canvas.finished(figure, path)
