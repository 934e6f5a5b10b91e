"""Augmentation: pictures changed at random in training, such as "shift=2, rotate=10".

A model sees another version of each picture in every epoch, and learns what does not matter. It is
for training alone: evaluation and prediction see the pictures as they are.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.data.augment_base import Augmentation, chosen, image_shape_of
from chainrule.data.augment_pixels import (
    ColorJitter,
    Cutout,
    GaussianNoise,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)
from chainrule.data.augment_warp import (
    ElasticTransform,
    RandomAffine,
    joined,
    resampled,
)
from chainrule.errors import DtypeError, OptionError, unknown
from chainrule.ops import random
from chainrule.ops.table import dtype_of, shape_of
from chainrule.settings import UNIT, Spec, make, parse_spec, setting


@dataclass(frozen=True)
class Compose(Augmentation):
    """One augmentation after the other; step number i draws from fold_in(key, i).

    An affine map beside an elastic deformation, with the same filling, is one step, and resamples
    the pictures once.

    Raises:
        DtypeError: one of them is no augmentation.

    >>> from chainrule import random
    >>> both = Compose((RandomAffine(rotate=10), Cutout(3)))
    >>> both(np.zeros((2, 9, 9), np.uint8), random.key(0)).shape
    (2, 9, 9)
    """

    augmentations: tuple[Augmentation, ...] = ()
    steps: tuple[Augmentation, ...] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = tuple(map(_checked, self.augmentations))
        steps: list[Augmentation] = []
        for each in given:
            joint = joined(steps[-1], each) if steps else None
            steps[-1 if joint else len(steps) :] = [joint or each]
        object.__setattr__(self, "augmentations", given)
        object.__setattr__(self, "steps", tuple(steps))

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        for each in self.augmentations:
            each.check(image_shape, dtype)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        for place, step in enumerate(self.steps):
            x = step.apply(x, random.fold_in(key, place), whole)
        return x


@dataclass(frozen=True)
class RandomApply(Augmentation):
    """An augmentation, applied to each picture with probability p.

    Args:
        augmentation: what is applied; of several, give a Compose.
        p: the probability.

    Raises:
        OptionError: p lies outside [0, 1].
        DtypeError: what is given is no augmentation.

    >>> from chainrule import random
    >>> x = np.float32([[[1.0, 2.0]]])
    >>> RandomApply(RandomHorizontalFlip(1.0), p=0.0)(x, random.key(0))
    array([[[1., 2.]]], dtype=float32)
    """

    augmentation: Augmentation
    p: float = setting(0.5, UNIT)

    def __post_init__(self) -> None:
        super().__post_init__()
        _checked(self.augmentation)

    def check(self, image_shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().check(image_shape, dtype)
        self.augmentation.check(image_shape, dtype)

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        changed = self.augmentation.apply(x, random.fold_in(key, 0), whole)
        return ops.where(chosen(random.fold_in(key, 1), self.p, shape_of(x)[0]), changed, x)


AUGMENTATIONS: Mapping[str, type[Augmentation]] = MappingProxyType(
    {
        "affine": RandomAffine,
        "elastic": ElasticTransform,
        "crop": RandomCrop,
        "horizontal_flip": RandomHorizontalFlip,
        "vertical_flip": RandomVerticalFlip,
        "noise": GaussianNoise,
        "jitter": ColorJitter,
        "cutout": Cutout,
        "erasing": RandomErasing,
        "compose": Compose,
        "apply": RandomApply,
    }
)
_NAMES = MappingProxyType({kind: name for name, kind in AUGMENTATIONS.items()})
_PARTS = MappingProxyType(
    {
        **dict.fromkeys(("shift", "rotate", "zoom", "shear"), "affine"),
        **dict.fromkeys(("brightness", "contrast"), "jitter"),
    }
)
"""Words for one setting of an augmentation, which stand together where there are several."""
_BY_WORD = ("elastic", "crop", "horizontal_flip", "vertical_flip", "noise", "cutout", "erasing")
_OWN_P = ("horizontal_flip", "vertical_flip", "erasing")
_WORDS = (*_PARTS, *_BY_WORD)


def augmentation_names() -> tuple[str, ...]:
    """The words for augmentations, as `as_augmentation` reads them.

    >>> augmentation_names()[:4]
    ('shift', 'rotate', 'zoom', 'shear')
    """
    return _WORDS


def as_augmentation(value: Any) -> Augmentation:
    """An augmentation as it is, several as one, or what a text describes.

    The words of a text stand in the order of what is done: shift=2 (pixels), rotate=10 (degrees),
    zoom=0.1 (a share), shear=5 (degrees), which are one affine map where the first of them stands;
    brightness=0.2, contrast=0.2 likewise; elastic, elastic(alpha=34, sigma=4), crop=4, noise=10,
    horizontal_flip, vertical_flip, cutout=8, erasing. With p=0.5 in the brackets of those that have
    none of their own, a picture is changed with that probability.

    Raises:
        OptionError: an unknown word or setting, or a value outside its range.
        DtypeError: neither of these.

    >>> as_augmentation("shift=2, rotate=10, cutout=6")
    Compose(augmentations=(RandomAffine(fill=0.0, shift=2, rotate=10, zoom=0.0, shear=0.0),
    Cutout(size=6, fill=0.0)))
    """
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, Augmentation):
        return value
    if isinstance(value, Iterable):
        return Compose(tuple(value))
    return _checked(value)


def _checked(value: Any) -> Augmentation:
    if not isinstance(value, Augmentation):
        raise DtypeError(
            f"got {value!r} as an augmentation; expected one such as "
            "chainrule.data.RandomAffine(rotate=10), several in a list, or a text such as "
            "'shift=2, rotate=10'."
        )
    return value


def _read(text: str) -> Augmentation:
    """What a text describes."""
    found: dict[str, Augmentation] = {}
    typed: set[str] = set()
    for entry in _entries(text):
        name, equals, value = entry.partition("=")
        short = bool(equals) and "(" not in name
        spec = parse_spec("augmentation", f"{name}({value})" if short else entry)
        if spec.name not in _WORDS:
            raise unknown("augmentation", spec.name, _WORDS)
        if spec.name in typed:
            raise OptionError(f"augmentation {text!r}: {spec.name} stands twice.")
        typed.add(spec.name)
        if spec.name in _PARTS:
            whole = _PARTS[spec.name]
            found[whole] = _with_part(found.get(whole), spec)
        else:
            found[spec.name] = _whole(spec)
    return Compose(tuple(found.values())) if len(found) != 1 else next(iter(found.values()))


def _entries(text: str) -> list[str]:
    """The parts of a text between commas, but for those in brackets.

    Raises:
        OptionError: there is nothing between two of them.
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if not all(part.strip() for part in parts):
        raise OptionError(
            f"augmentation {text!r} cannot be read; expected words between commas, such as "
            "'shift=2, rotate=10'."
        )
    return parts


def _with_part(before: Augmentation | None, spec: Spec) -> Augmentation:
    """An affine map or a jitter with one more setting."""
    if len(spec.args) != 1 or spec.options:
        raise OptionError(f"augmentation {spec.name!r} takes one number, such as {spec.name}=0.5.")
    values = {spec.name: spec.args[0]}
    if before is None:
        return AUGMENTATIONS[_PARTS[spec.name]](**values)
    return dataclasses.replace(before, **values)


def _whole(spec: Spec) -> Augmentation:
    """An augmentation with its settings in brackets, and maybe a probability."""
    options = dict(spec.options)
    p = None if spec.name in _OWN_P else options.pop("p", None)
    made = make("augmentation", spec._replace(options=options), AUGMENTATIONS[spec.name])
    return made if p is None else RandomApply(made, p)


def augmented(
    x: Any, augmentation: Any, key: Any, *, image_shape: tuple[int, ...] | None = None
) -> Any:
    """Pictures of any layout, changed at random: the array function behind `fit(augment=...)`.

    Args:
        x: pictures (N, C, H, W) or (N, H, W), or rows whose `image_shape` is given.
        augmentation: one, several, or a text such as "shift=2, rotate=10".
        key: of `chainrule.random`; the same key gives the same pictures.
        image_shape: (channels, height, width), where x holds rows.

    Shape: out as x. dtype: as x.

    Raises:
        ShapeError: x holds no pictures.
        DtypeError, OptionError: see `Augmentation` and `as_augmentation`.

    >>> from chainrule import random
    >>> augmented(np.zeros((2, 784), np.uint8), "rotate=10", random.key(0),
    ...           image_shape=(1, 28, 28)).shape
    (2, 784)
    """
    picture = image_shape_of(shape_of(x)[1:], image_shape)
    changed = as_augmentation(augmentation).floats(x, key, picture)
    return ops.cast(changed, dtype=dtype_of(x))


def augmentation_config(augmentation: Augmentation) -> dict[str, Any] | None:
    """Name and settings, as JSON can hold them; None where a class of your own is in it.

    >>> augmentation_config(Cutout(4))
    {'name': 'cutout', 'options': {'size': 4, 'fill': 0.0}}
    """
    if type(augmentation) not in _NAMES:
        return None
    options = {}
    for name in [field.name for field in dataclasses.fields(augmentation) if field.init]:
        value = getattr(augmentation, name)
        if isinstance(value, Augmentation):
            value = augmentation_config(value)
        elif isinstance(value, tuple):
            value = [augmentation_config(part) for part in value]
        if value is None or (isinstance(value, list) and None in value):
            return None
        options[name] = value
    return {"name": _NAMES[type(augmentation)], "options": options}


def augmentation_from_config(config: Mapping[str, Any]) -> Augmentation:
    """The augmentation that `augmentation_config` described.

    Raises:
        OptionError: an unknown name.

    >>> augmentation_from_config({"name": "cutout", "options": {"size": 4}})
    Cutout(size=4, fill=0.0)
    """
    kind = AUGMENTATIONS.get(config["name"])
    if kind is None:
        raise unknown("augmentation", config["name"], AUGMENTATIONS)
    return kind(**{name: _taken_up(value) for name, value in config["options"].items()})


def _taken_up(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(augmentation_from_config, value))
    return augmentation_from_config(value) if isinstance(value, Mapping) else value


__all__ = [
    "Augmentation",
    "ColorJitter",
    "Compose",
    "Cutout",
    "ElasticTransform",
    "GaussianNoise",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "as_augmentation",
    "augmentation_config",
    "augmentation_from_config",
    "augmentation_names",
    "augmented",
    "image_shape_of",
    "resampled",
]
