"""Figures of what in an image speaks for a class."""

from typing import Any

import numpy as np

from chainrule.vis import canvas
from chainrule.vis.attribution import input_gradient, integrated_gradients, occlusion_map
from chainrule.vis.gradcam import grad_cam, last_maps
from chainrule.vis.layers import titled
from chainrule.vis.subject import Look, Subject
from chainrule.writing import StrPath

_WIDTH, _HEIGHT = 4.0, 3.7


class _Scene:
    """A figure that begins with the image, and what the model makes of it."""

    def __init__(self, model: Any, image: Any, target: int | None, count: int):
        self.subject = Subject.of(model)
        self.look: Look = self.subject.look(image)
        with self.subject.ready():
            self.target = self.subject.target(self.look.inputs, target)
            scores = self.subject.scores(self.look.inputs, self.target)
        self.score = float(np.asarray(scores)[0])
        self.name = self.subject.name(self.target)
        self.figure, grid = canvas.panels(1, count, (_WIDTH * count, _HEIGHT))
        self.axes = grid[0]
        canvas.draw_picture(self.axes[0], self.look.picture, "image")

    def bar(self, axes: Any, image: Any, label: str) -> None:
        self.figure.colorbar(image, ax=axes, shrink=0.75, label=label)

    def heat(self, heat: np.ndarray, title: str, label: str, interpolation: str) -> None:
        """A map of numbers from 0 up, alone and over the image, of which it may be a coarse map."""
        scale = {"cmap": canvas.HEAT, "vmin": 0.0, "vmax": float(heat.max()) or 1.0}
        alone, both = self.axes[1:]
        self.bar(alone, alone.imshow(heat, interpolation="nearest", **scale), label)
        canvas.bare(alone, title)
        high, wide = self.look.picture.shape[1:]
        place = (-0.5, wide - 0.5, high - 0.5, -0.5)
        canvas.draw_picture(both, self.look.picture.mean(axis=0, keepdims=True), "both")
        both.imshow(heat, alpha=0.6, extent=place, interpolation=interpolation, **scale)


def saliency(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    samples: int = 32,
    noise: float = 0.0,
    path: StrPath | None = None,
) -> Any:
    """Draw which pixels move an output most: the size of its gradient, the largest of a channel's.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        samples: noisy images to take the mean over; see `input_gradient`.
        noise: their deviation as a share of the image's range; 0 is the plain gradient.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such output.
        ShapeError, DtypeError, DataError: it is no image that the model takes.
        MissingExtraError: Matplotlib is not installed.
    """
    scene = _Scene(model, image, target, 3)
    slope = input_gradient(scene.subject, image, scene.target, samples=samples, noise=noise)
    size = np.abs(slope).max(axis=0)
    scene.heat(size, "size of the gradient", "|change of output / change of pixel|", "nearest")
    means = f", mean of {samples} noisy images" if noise else ""
    canvas.entitle(scene.figure, f"pixels that move the output for {scene.name!r} most{means}")
    return canvas.finished(scene.figure, path)


def integrated(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    baseline: Any = None,
    steps: int = 64,
    path: StrPath | None = None,
) -> Any:
    """Draw what each pixel adds to an output, red for it and blue against it.

    See `integrated_gradients`.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        baseline: an image that says nothing; by default a black one.
        steps: parts of the way from the baseline to the image.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such output.
        ShapeError, DtypeError, DataError: it is no image that the model takes.
        MissingExtraError: Matplotlib is not installed.
    """
    scene = _Scene(model, image, target, 2)
    parts = integrated_gradients(scene.subject, image, scene.target, baseline=baseline, steps=steps)
    shown = canvas.draw_signed(scene.axes[1], parts.sum(axis=0), "what each pixel adds")
    scene.bar(scene.axes[1], shown, "part of the output")
    added = float(parts.sum())
    canvas.entitle(
        scene.figure,
        f"the output for {scene.name!r}, {scene.score:.2f}: {_hundredths(scene.score - added)} "
        f"without the pixels, and {added:.2f} that they add",
    )
    return canvas.finished(scene.figure, path)


def _hundredths(number: float) -> str:
    # Adding 0 turns -0.0 to 0.0.
    return f"{round(number, 2) + 0.0:.2f}"


def occlusion(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    size: int = 5,
    stride: int = 1,
    path: StrPath | None = None,
) -> Any:
    """Draw how far an output falls when a square is covered: red where the model needs it.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        size: height and width of the square, which is black.
        stride: pixels from one square to the next.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such output, or a square larger than the image.
        ShapeError, DtypeError, DataError: it is no image that the model takes.
        MissingExtraError: Matplotlib is not installed.
    """
    scene = _Scene(model, image, target, 2)
    drop = occlusion_map(scene.subject, image, scene.target, size=size, stride=stride)
    shown = canvas.draw_signed(scene.axes[1], drop, f"covering {size}x{size} around each place")
    high, wide = scene.look.picture.shape[1:]
    # An entry stands where the middle of its square was.
    first = (size - 1) / 2 - stride / 2
    rows, columns = drop.shape
    shown.set_extent((first, first + columns * stride, first + rows * stride, first))
    scene.axes[1].set_facecolor("0.9")
    scene.axes[1].set_xlim(-0.5, wide - 0.5)
    scene.axes[1].set_ylim(high - 0.5, -0.5)
    scene.bar(scene.axes[1], shown, "fall of the output")
    canvas.entitle(scene.figure, f"what the output for {scene.name!r}, {scene.score:.2f}, rests on")
    return canvas.finished(scene.figure, path)


def gradcam(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    layer: str | None = None,
    path: StrPath | None = None,
) -> Any:
    """Draw where a layer's maps speak for an output, over the image; see `grad_cam`.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        layer: its path; by default the last convolution, after its activation.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer or output, or a model without maps.
        ShapeError, DtypeError, DataError: it is no image that the model takes.
        MissingExtraError: Matplotlib is not installed.
    """
    scene = _Scene(model, image, target, 3)
    place = last_maps(scene.subject, scene.look.inputs) if layer is None else layer
    heat = grad_cam(scene.subject, image, scene.target, layer=place)
    title = f"Grad-CAM of {titled(scene.subject.model, place)}"
    scene.heat(heat, title, "weight of the place", "bilinear")
    canvas.entitle(scene.figure, f"where the net sees {scene.name!r}, output {scene.score:.2f}")
    return canvas.finished(scene.figure, path)
