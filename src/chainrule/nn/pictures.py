"""What layers of pictures, series and volumes check at their door."""

from typing import Any

from chainrule.errors import OptionError, ShapeError
from chainrule.settings import count

Sizes = int | tuple[int, ...]

_AXES = ("L", "HW", "DHW")


def several(owner: str, name: str, value: Any, axes: int, least: int = 1) -> tuple[int, ...]:
    """An option as one integer for each axis; a single one serves all.

    Raises:
        OptionError: another number of them, or one below `least`.
    """
    given = for_each_axis(owner, name, value, axes)
    return tuple(count(owner, name, number, least) for number in given)


def for_each_axis(owner: str, name: str, value: Any, axes: int) -> tuple:
    """An option as one value for each axis, whatever they are.

    Raises:
        OptionError: another number of them.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(given) != axes:
        raise OptionError(f"{owner}: {name} is {value!r}; expected one number, or {axes} of them.")
    return given


def check_pictures(shape: tuple[int, ...], axes: int, channels: int | None = None) -> None:
    """Refuse an input without a batch axis, an axis of so many channels, and `axes` more.

    Raises:
        ShapeError: it has others.
    """
    if len(shape) == axes + 2:
        if channels not in (None, shape[1]):
            raise ShapeError(
                f"the input has {shape[1]} channels on axis 1 of shape {shape}; expected "
                f"{channels}. {mend_channels('in_channels', channels, shape)}"
            )
        return
    expected = f"(N, {channels or 'C'}, {', '.join(_AXES[axes - 1])})"
    if len(shape) == axes + 1 and channels == 1 != shape[0]:
        mend = "Is the channel axis missing? Write x[:, None]."
    elif len(shape) == axes + 1:
        mend = "Is the batch axis missing? For one sample, write x[None]."
    elif len(shape) == 2:
        mend = f"Rows of numbers become such arrays with x.reshape{expected.replace('N', '-1')}."
    else:
        mend = f"For {len(shape) - 2} axes after the channels take another layer, or reshape it."
    raise ShapeError(f"expected an input of shape {expected}, not of {len(shape)} axes. {mend}")


def mend_channels(option: str, channels: int, shape: tuple[int, ...]) -> str:
    """The edit by which an input with other channels fits a layer of so many.

    >>> mend_channels("in_channels", 3, (10, 32, 32, 3))
    'They seem to stand last (NHWC), not after the batch (NCHW): x.transpose((0, 3, 1, 2)).'
    """
    axes = len(shape) - 2
    if axes not in (1, 2, 3) or shape[-1] != channels:
        return f"{option}={shape[1]} would fit this input."
    names, order = _AXES[axes - 1], (0, axes + 1, *range(1, axes + 1))
    return (
        f"They seem to stand last (N{names}C), not after the batch (NC{names}): "
        f"x.transpose({order})."
    )
