"""Which pixels speak for a class: by their gradients, along a path, or by covering them."""

from typing import Any

import numpy as np

from chainrule import rng
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.parameter import as_numbers
from chainrule.settings import NOT_NEGATIVE, number
from chainrule.settings import count as checked_count
from chainrule.vis.subject import Look, Subject

_BATCH = 64


def input_gradient(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    samples: int = 32,
    noise: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """The gradient of an output by each pixel: where a small change moves it most.

    With `noise`, the mean over `samples` images that are blurred by noise of that deviation, as a
    share of the image's range: SmoothGrad, which shows less of what changes from pixel to pixel.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        samples: how many noisy images, where there is noise.
        noise: deviation of the noise, such as 0.15; 0 is the plain gradient.
        seed: of the noise.

    Shape: (channels, height, width)

    Raises:
        OptionError: no such output, or a noise below 0.
        ShapeError, DtypeError, DataError: it is no image that the model takes.

    Reference: Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", 2013; Smilkov
    and others, "SmoothGrad: removing noise by adding noise", 2017.

    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Linear(4, 3))
    >>> slope = input_gradient(net, np.zeros((2, 2)), target=1)
    >>> bool((slope.ravel() == net[0].weight.numpy()[1]).all())
    True
    """
    subject = Subject.of(model)
    number("input_gradient", "noise", noise, NOT_NEGATIVE)
    checked_count("input_gradient", "samples", samples)
    look = subject.look(image)
    x = look.inputs
    if noise:
        drawn = rng.normal(rng.key(seed), (samples, *x.shape[1:]), np.float64)
        x = (x + noise * float(np.ptp(x)) * drawn).astype(x.dtype)
    with subject.ready():
        chosen = subject.target(look.inputs, target)
        total = sum(
            subject.gradients(x[i : i + _BATCH], chosen).sum(axis=0)
            for i in range(0, len(x), _BATCH)
        )
    return (np.asarray(total) / len(x)).reshape(look.picture.shape)


def integrated_gradients(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    baseline: Any = None,
    steps: int = 64,
) -> np.ndarray:
    """How much each pixel adds to an output, between a baseline image and this one.

    (x - b) times the mean gradient on the straight line from b to x. Attributions sum to
    f(x) - f(b) (completeness): exactly for a linear model, else as closely as the steps allow.
    The mean is taken at the middles of `steps` equal parts of the line.

    Args:
        model: a model or a run.
        image: see `input_gradient`.
        target: the number of the output; by default that of the largest.
        baseline: an image that says nothing; by default a black one.
        steps: parts of the line.

    Shape: (channels, height, width)

    Raises:
        OptionError: no such output, or no steps.
        ShapeError, DtypeError, DataError: it is no image that the model takes.

    Reference: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017.

    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Linear(4, 3)).initialize(1)
    >>> parts = integrated_gradients(net, [[1.0, 2.0], [3.0, 4.0]], target=0)
    >>> float(parts.sum()) - float(net([[1.0, 2.0, 3.0, 4.0]])[0, 0] - net[0].bias[0]) < 1e-5
    True
    """
    subject = Subject.of(model)
    checked_count("integrated_gradients", "steps", steps)
    look = subject.look(image)
    start = _baseline(subject, look, baseline)
    middles = (np.arange(steps) + 0.5) / steps
    shares = middles.reshape(-1, *(1,) * (look.inputs.ndim - 1))
    total = np.zeros(look.inputs.shape[1:])
    with subject.ready():
        chosen = subject.target(look.inputs, target)
        for first in range(0, steps, _BATCH):
            x = start + shares[first : first + _BATCH] * (look.inputs - start)
            total += subject.gradients(x.astype(look.inputs.dtype), chosen).sum(axis=0)
    return ((look.inputs - start)[0] * total / steps).reshape(look.picture.shape)


def _baseline(subject: Subject, look: Look, baseline: Any) -> np.ndarray:
    """A baseline as the model takes it: an image, one number for all pixels, or black."""
    if baseline is None:
        return subject.black(look.inputs)
    if np.ndim(as_numbers(baseline)) == 0:
        return np.full_like(look.inputs, float(baseline))
    given = subject.look(baseline)
    if given.picture.shape != look.picture.shape:
        raise ShapeError(
            f"the baseline has shape {given.picture.shape} and the image {look.picture.shape}; "
            "expected the same."
        )
    return given.inputs


def occlusion_map(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    size: int = 5,
    stride: int = 1,
    fill: Any = None,
) -> np.ndarray:
    """How far an output falls when a square of the image is covered: what it rests on.

    Entry [i, j] is f(x) - f(x with the square from (i stride, j stride) covered).

    Args:
        model: a model or a run.
        image: see `input_gradient`.
        target: the number of the output; by default that of the largest.
        size: height and width of the square.
        stride: pixels from one square to the next.
        fill: what covers: a number as the model sees pixels, or an image; by default black.

    Shape: ((height - size)/stride + 1, (width - size)/stride + 1), rounded down.

    Raises:
        OptionError: no such output, or a square larger than the image.
        ShapeError, DtypeError, DataError: it is no image that the model takes.

    Reference: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> occlusion_map(net, np.ones((1, 4, 4)), target=1, size=3).shape
    (2, 2)
    """
    subject = Subject.of(model)
    checked_count("occlusion_map", "size", size)
    checked_count("occlusion_map", "stride", stride)
    look = subject.look(image)
    high, wide = look.picture.shape[1:]
    if size > min(high, wide):
        raise OptionError(
            f"size is {size}, and the image is {high}x{wide}; expected at most {min(high, wide)}."
        )
    cover = _baseline(subject, look, fill).reshape(look.picture.shape)
    rows, columns = (range(0, side - size + 1, stride) for side in (high, wide))
    places = [(row, column) for row in rows for column in columns]
    with subject.ready():
        chosen = subject.target(look.inputs, target)
        whole = float(np.asarray(subject.scores(look.inputs, chosen))[0])
        covered = np.concatenate(
            [
                np.asarray(
                    subject.scores(_covered(look, cover, size, places[i : i + _BATCH]), chosen)
                )
                for i in range(0, len(places), _BATCH)
            ]
        )
    return (whole - covered).reshape(len(rows), len(columns))


def _covered(look: Look, cover: np.ndarray, size: int, places: list[tuple[int, int]]) -> np.ndarray:
    """The image once for each place, with a square there covered."""
    images = np.repeat(look.inputs.reshape(1, *look.picture.shape), len(places), axis=0)
    for image, (row, column) in zip(images, places, strict=True):
        part = (slice(None), slice(row, row + size), slice(column, column + size))
        image[part] = cover[part]
    return images.reshape(len(places), *look.inputs.shape[1:])
