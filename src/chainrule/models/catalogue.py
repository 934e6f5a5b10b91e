"""The models by name: what each is, and how it is made to fit a data set."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chainrule.data import Dataset
from chainrule.errors import OptionError, unknown
from chainrule.models.alexnet import AlexNet
from chainrule.models.convolutional import cnn, deep, lenet
from chainrule.models.densenet import DenseNet
from chainrule.models.googlenet import GoogLeNet
from chainrule.models.mobilenet import MobileNetV2
from chainrule.models.nin import nin
from chainrule.models.perceptrons import mlp, perceptron
from chainrule.models.resnet import CifarResNet, ResNet
from chainrule.models.vgg import VGG
from chainrule.nn import Module, catalogue

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
_ROWS, _DIGITS, _CIFAR, _IMAGENET = (784,), (1, 28, 28), (3, 32, 32), (3, 224, 224)


@dataclass(frozen=True)
class Architecture:
    """One model that has a name: what makes it, and what it was published for.

    `options` are fixed by the name, `sample` is the shape of a sample of the publication, `classes`
    the number of its classes.
    """

    make: Callable[..., Module]
    about: str
    sample: tuple[int, ...]
    classes: int = 10
    options: Mapping[str, Any] = field(default_factory=lambda: _NO_OPTIONS)

    @property
    def takes_pictures(self) -> bool:
        return "in_shape" in inspect.signature(self.make).parameters

    def fitting(self, sample: tuple[int, ...], classes: int, **options: Any) -> Module:
        """The model for samples of a shape and so many classes."""
        inputs = {"in_shape": sample} if self.takes_pictures else {"in_features": math.prod(sample)}
        return self.make(**inputs, classes=classes, **self.options, **options)


def _of_depths(
    make: Callable[..., Module],
    name: str,
    depths: tuple[int, ...],
    about: str,
    sample: tuple[int, ...],
    classes: int,
    **options: Any,
) -> dict[str, Architecture]:
    """The models that differ in depth: `name` has {} where it is written."""
    return {
        name.format(depth): Architecture(
            make, about, sample, classes, MappingProxyType({"depth": depth, **options})
        )
        for depth in depths
    }


_VGG = ("Simonyan and Zisserman 2015", _IMAGENET, 1000)
_RESNET = "He, Zhang, Ren and Sun 2016"
_DENSENET = ("Huang, Liu, van der Maaten and Weinberger 2017", _IMAGENET, 1000)

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "mlp": Architecture(mlp, "multilayer perceptron, 25 and 25 hidden", _ROWS),
        "perceptron": Architecture(perceptron, "softmax regression", _ROWS),
        "cnn": Architecture(cnn, "conv 30 of 5x5, pool, 100", _DIGITS),
        "lenet": Architecture(lenet, "LeNet-5, LeCun and others 1998", _DIGITS),
        "deep": Architecture(deep, "conv 16-16-32-32-64-64, 50; Saitoh 2016", _DIGITS),
        "nin": Architecture(nin, "Lin, Chen and Yan 2014", _CIFAR),
        **_of_depths(
            CifarResNet, "resnet{}", (20, 32, 44, 56, 110), f"{_RESNET}, for CIFAR", _CIFAR, 10
        ),
        "alexnet": Architecture(
            AlexNet, "Krizhevsky, Sutskever and Hinton 2012, one column", _IMAGENET, 1000
        ),
        **_of_depths(VGG, "vgg{}", (11, 13, 16, 19), *_VGG),
        **_of_depths(VGG, "vgg{}_bn", (11, 13, 16, 19), *_VGG, norm=True),
        "googlenet": Architecture(GoogLeNet, "Szegedy and others 2015", _IMAGENET, 1000),
        **_of_depths(ResNet, "resnet{}", (18, 34, 50, 101, 152), _RESNET, _IMAGENET, 1000),
        "mobilenet_v2": Architecture(MobileNetV2, "Sandler and others 2018", _IMAGENET, 1000),
        **_of_depths(DenseNet, "densenet{}", (121, 161, 169, 201), *_DENSENET),
    }
)
"""The models that have a name."""


@dataclass(frozen=True)
class Row:
    """One model of the list: the shape of its samples, its parameters, its paper or what it is."""

    name: str
    sample: tuple[int, ...]
    classes: int
    parameters: int
    about: str

    def cells(self) -> tuple[str, ...]:
        shape = "x".join(map(str, self.sample))
        return (self.name, shape, str(self.classes), f"{self.parameters:,}", self.about)


@dataclass(frozen=True)
class Listing:
    """The models that have a name, one a row; `print(listing)` shows a table."""

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = [("name", "sample", "classes", "parameters", "what it is")]
        lines += [row.cells() for row in self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        lines.insert(1, tuple("-" * width for width in widths))
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column in (2, 3) else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__


def listing() -> Listing:
    """The models by name, with the shape of a sample, parameters and paper.

    Sample and classes are those of the publication; `by_name` and `fitting` make a model for
    others. The parameters are counted on the model itself.

    >>> found = {row.name: row for row in listing()}
    >>> found["resnet50"].parameters, found["resnet50"].sample
    (25557032, (3, 224, 224))
    """
    return Listing(
        tuple(
            Row(
                name,
                known.sample,
                known.classes,
                known.fitting(known.sample, known.classes).parameter_count,
                known.about,
            )
            for name, known in ARCHITECTURES.items()
        )
    )


def names() -> tuple[str, ...]:
    """The names of the models.

    >>> names()[:5]
    ('mlp', 'perceptron', 'cnn', 'lenet', 'deep')
    """
    return tuple(ARCHITECTURES)


def activations() -> tuple[str, ...]:
    """The names of the activations that models take.

    >>> "relu" in activations()
    True
    """
    return catalogue.names()


def takes_pictures(name: str) -> bool:
    """Whether a model takes pictures (n, channels, height, width), and not rows of numbers.

    Raises:
        OptionError: no model has that name.

    >>> takes_pictures("lenet"), takes_pictures("mlp")
    (True, False)
    """
    return _find(name).takes_pictures


def _find(name: str) -> Architecture:
    known = ARCHITECTURES.get(str(name).lower())
    if known is None:
        raise unknown("model", name, ARCHITECTURES)
    return known


def fitting(name: str, data: Dataset, **options: Any) -> Any:
    """Make a model with the inputs and outputs that a data set needs.

    Raises:
        ShapeError: the model takes pictures, and the data has none, or has too small ones.
        OptionError: an unknown name or option, or an option outside its range.

    >>> from chainrule import data
    >>> fitting("perceptron", data.moons(10))
    Sequential(
      (0): Linear(in_features=2, out_features=2, bias=True)
    )
    """
    known = _find(name)
    _check_options(name, known, options)
    return known.fitting(data.x.shape[1:], len(data.classes) or data.y.shape[1], **options)


def by_name(name: str, **options: Any) -> Any:
    """Make a model from its name and options.

    Raises:
        OptionError: an unknown name or option, or an option that is missing or outside its range.

    >>> len(by_name("mlp", in_features=4, classes=3, hidden=(5,)))
    3
    >>> by_name("resnet20", in_shape=(3, 32, 32), classes=10).parameter_count
    269722
    """
    known = _find(name)
    parameters = _check_options(name, known, options)
    missing = [o for o, p in parameters.items() if p.default is p.empty and o not in options]
    if missing:
        example = f"in_shape={known.sample}" if missing[0] == "in_shape" else f"{missing[0]}=10"
        raise OptionError(f"model {name!r} needs {missing[0]}, such as {example}.")
    return known.make(**options, **known.options)


def _check_options(
    name: str, known: Architecture, options: Mapping[str, Any]
) -> dict[str, inspect.Parameter]:
    """The options of a model that its name leaves open; refuses others."""
    parameters = {
        option: parameter
        for option, parameter in inspect.signature(known.make).parameters.items()
        if option not in known.options
    }
    for option in options:
        if option not in parameters:
            raise unknown(f"option of {name}", option, parameters)
    return parameters
