"""Augmentations as they are typed, and as a run's configuration holds them."""

import json
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DtypeError, OptionError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("shift=2", data.RandomAffine(shift=2)),
        ("rotate=10,shift=2, zoom=0.1,shear=3", data.RandomAffine(2, 10, 0.1, 3)),
        ("elastic", data.ElasticTransform()),
        ("Elastic(20, sigma=3)", data.ElasticTransform(20, 3)),
        ("crop=2", data.RandomCrop(2)),
        ("noise(5)", data.GaussianNoise(5)),
        (
            "cutout(6, p=0.5), horizontal-flip=0.1",
            data.Compose(
                (data.RandomApply(data.Cutout(6), 0.5), data.RandomHorizontalFlip(0.1)),
            ),
        ),
        (
            "contrast=0.2, rotate=3, brightness=0.1, vertical_flip, erasing(p=1)",
            data.Compose(
                (
                    data.ColorJitter(0.1, 0.2),
                    data.RandomAffine(rotate=3),
                    data.RandomVerticalFlip(),
                    data.RandomErasing(1),
                )
            ),
        ),
    ],
)
def test_texts_say_what_is_meant(text: str, meant: data.Augmentation) -> None:
    assert data.as_augmentation(text) == meant


def test_every_word_is_understood() -> None:
    for word in data.augmentation_names():
        number = "" if word in ("elastic", "erasing") or "flip" in word else "=1"
        value = "=0.5" if word in ("zoom", "brightness", "contrast") else number
        assert isinstance(data.as_augmentation(word + value), data.Augmentation)


def test_objects_and_lists_are_taken() -> None:
    parts = [data.Cutout(3), data.RandomAffine(shift=1)]
    assert data.as_augmentation(parts) == data.Compose(tuple(parts))
    assert data.as_augmentation(parts[0]) is parts[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shfit=2", "unknown augmentation 'shfit'. Did you mean 'shift'"),
        ("shift", "'shift' takes one number, such as shift=0.5"),
        ("shift=2, shift=3", "shift stands twice"),
        ("shift=-1", "RandomAffine: shift is -1; expected 0 or more"),
        ("rotate=200", "rotate is 200; expected a number 0 or more and 180 or less"),
        ("rotate=nan", "rotate is 'nan'"),
        ("zoom=1", "zoom is 1; expected a number 0 or more and 0.9 or less"),
        ("shear=80", "shear is 80"),
        ("elastic(sigma=0)", "sigma is 0; expected a number above 0 and 100 or less"),
        ("elastic(strength=3)", "unknown option of augmentation elastic 'strength'"),
        ("elastic(1, 2, 3)", "too many positional"),
        ("crop=1.5", "padding is 1.5; expected an integer of 0 or more"),
        ("cutout=0", "size is 0; expected an integer of 1 or more"),
        ("noise=-2", "sigma is -2"),
        ("brightness=2", "ColorJitter: brightness is 2"),
        ("horizontal_flip=1.5", "p is 1.5"),
        ("erasing(smallest=0.5)", "smallest is 0.5 and largest 0.33"),
        ("erasing(ratio=0.5)", "ratio is 0.5; expected 1 or more"),
        ("cutout(p=2)", "RandomApply: p is 2"),
        ("", "cannot be read; expected words between commas"),
        ("shift=2,,rotate=3", "cannot be read"),
        ("shift=(2", "cannot be read"),
    ],
)
def test_wrong_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        data.as_augmentation(text)


@pytest.mark.parametrize("value", [3, None, [data.Cutout(2), "rotate=3"]])
def test_other_things_are_refused(value: Any) -> None:
    with pytest.raises(DtypeError, match="as an augmentation; expected one such as"):
        data.as_augmentation(value)
    with pytest.raises(DtypeError):
        data.RandomApply(value)


@pytest.mark.parametrize(
    "text", ["shift=2, rotate=0.1, elastic(p=0.3), noise=3, erasing", "cutout=3", "crop=1, zoom=.3"]
)
def test_a_configuration_makes_the_same_again(text: str) -> None:
    augment = data.as_augmentation(text)
    config = json.loads(json.dumps(data.augmentation_config(augment)))
    assert data.augmentation_from_config(config) == augment


class Negative(data.Augmentation):
    """A class of the user's own."""

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        return 255.0 - x


def test_own_classes_work_but_have_no_configuration() -> None:
    x = np.full((2, 3, 3), 5.0, np.float32)
    assert (Negative()(x, np.zeros(2, np.uint64)) == 250).all()
    for augment in (Negative(), data.Compose((Negative(),)), data.RandomApply(Negative())):
        assert data.augmentation_config(augment) is None
    with pytest.raises(OptionError, match="unknown augmentation 'negative'"):
        data.augmentation_from_config({"name": "negative", "options": {}})
