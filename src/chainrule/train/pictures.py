"""Picture files brought to the form of a run's training data."""

from pathlib import Path
from types import MappingProxyType

import numpy as np

from chainrule import data
from chainrule.errors import OptionError, import_extra
from chainrule.train.info import DataInfo

_MNIST_SHAPE = (1, 28, 28)
_MODES = MappingProxyType({1: "L", 3: "RGB"})


def picture_sample(path: str | Path, info: DataInfo) -> np.ndarray:
    """One sample made from a picture file; see `Run.read_picture`."""
    if info.image_shape is None or info.dtype != "uint8":
        raise OptionError(
            f"this run was trained on samples of shape {info.sample_shape} ({info.dtype}), which "
            "are no pictures of bytes. Give it arrays: run.predict(x)."
        )
    if info.image_shape == _MNIST_SHAPE:
        return data.to_digit(path).reshape(info.sample_shape)
    channels, height, width = info.image_shape
    if channels not in _MODES:
        raise OptionError(
            f"this run was trained on pictures of {channels} channels; a picture file serves where "
            "they have 1 or 3. Give it arrays: run.predict(x)."
        )
    pillow = import_extra("PIL.Image", extra="image", purpose="reading pictures")
    pixels = data.read_picture(path)
    if pixels.shape[2] == 4:
        opacity = pixels[:, :, 3:] / 255.0
        pixels = np.rint(pixels[:, :, :3] * opacity + 255.0 * (1.0 - opacity)).astype(np.uint8)
    picture = pillow.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    scaled = picture.convert(_MODES[channels]).resize((width, height), pillow.Resampling.LANCZOS)
    rows = np.asarray(scaled).reshape(height, width, channels)
    return rows.transpose(2, 0, 1).reshape(info.sample_shape)
