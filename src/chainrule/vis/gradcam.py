"""Grad-CAM: where in an image the last maps of a net speak for a class."""

from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.errors import OptionError
from chainrule.grad import vjp
from chainrule.vis.layers import convolutions, from_layer, titled
from chainrule.vis.subject import Subject, scores_of


def grad_cam(
    model: Any, image: Any, target: int | None = None, *, layer: str | None = None
) -> np.ndarray:
    """How much each place of a layer's maps speaks for an output.

    relu(sum over channels c of a_c A_c), with A the layer's maps and a_c the mean over all places
    of the gradient of the output, before any softmax, by A_c.

    That mean suits a net which itself takes the means of its last maps. Where they are flattened
    into a dense layer, as in LeNet, a channel speaks for the output here and against it there, and
    what is large may lie beside the strokes (Draelos and Carin, 2020): look at an earlier layer
    too, or at `integrated_gradients`.

    Args:
        model: a model or a run.
        image: a row of pixels, (H, W) or (channels, H, W); bytes, or floats as the model sees them.
        target: the number of the output; by default that of the largest.
        layer: its path; by default the last convolution, after its activation.

    Shape: (height, width) of the layer's maps.

    Raises:
        OptionError: no such layer or output, or a layer without maps.
        ShapeError, DtypeError, DataError: it is no image that the model takes.

    Reference: Selvaraju and others, "Grad-CAM: visual explanations from deep networks via
    gradient-based localization", ICCV 2017; Draelos and Carin, "Use HiResCAM instead of Grad-CAM
    for faithful explanations of convolutional neural networks", 2020.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    >>> grad_cam(net, np.ones((8, 8)), target=2).shape
    (6, 6)
    """
    subject = Subject.of(model)
    look = subject.look(image)
    place = last_maps(subject, look.inputs) if layer is None else layer
    with subject.ready() as net:
        chosen = subject.target(look.inputs, target)
        maps, rest = from_layer(net, place, look.inputs)
        maps = np.asarray(maps)
        if maps.ndim != 4:
            raise OptionError(
                f"Grad-CAM needs maps, of shape (N, channels, height, width), and layer "
                f"{titled(subject.model, place)} gives {maps.shape}. Choose a convolution or a "
                "pooling, or look at the gradient by pixels: vis.saliency."
            )
        value, pull = vjp(lambda given: scores_of(rest(given), chosen), maps)
        slopes = np.asarray(pull(np.ones_like(np.asarray(value)))[0])
    return ops.relu((slopes.mean(axis=(2, 3), keepdims=True) * maps).sum(axis=1)[0])


def last_maps(subject: Subject, inputs: np.ndarray) -> str:
    """The last convolution, or the last of those behind it that keep its shape.

    These are its norm and its activation: what the rest of the net takes from it.

    Raises:
        OptionError: there is no convolution.
    """
    model = subject.model
    paths = convolutions(model)
    if not paths:
        raise OptionError(
            "Grad-CAM needs a convolution, whose maps keep where things are in the image, and this "
            f"{type(model).__name__} has none. Use vis.saliency or vis.integrated, or train a "
            "model such as lenet."
        )
    with subject.ready() as net:
        shapes = {path: out.shape for path, out in nn.outputs_by_layer(net, inputs).items()}
    ran = list(shapes)
    place = max(ran.index(path) for path in paths if path in shapes)
    while place + 1 < len(ran) and shapes[ran[place + 1]] == shapes[ran[place]]:
        place += 1
    return ran[place]
