"""The layers that keep the contract, but for those of pictures, which are in picture_cases.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule import nn, ops


@dataclass(frozen=True)
class Case:
    """A layer, the inputs and outputs that it maps, and the layer of PyTorch that does the same."""

    make: Callable[[Any], nn.Module]
    into: tuple[int, ...]
    out: tuple[int, ...]
    twin: Callable[[Any], Any] | None = None


def same(make: Callable[[Any], nn.Module], twin: Any = None, into: Any = (5, 4)) -> Case:
    """A layer whose output has its input's shape."""
    return Case(make, into, into, twin)


IMAGES = (5, 4, 3, 2)
LAYERS = {
    "Linear": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype), (5, 4), (5, 3), lambda t: t.nn.Linear(4, 3)
    ),
    "Linear without bias": Case(
        lambda dtype: nn.Linear(4, 3, bias=False, dtype=dtype),
        (5, 4),
        (5, 3),
        lambda t: t.nn.Linear(4, 3, bias=False),
    ),
    "Linear on sequences": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype),
        (2, 5, 4),
        (2, 5, 3),
        lambda t: t.nn.Linear(4, 3),
    ),
    "Linear on one sample": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype), (4,), (3,), lambda t: t.nn.Linear(4, 3)
    ),
    "Linear without bias on one sample": Case(
        lambda dtype: nn.Linear(4, 3, bias=False, dtype=dtype),
        (4,),
        (3,),
        lambda t: t.nn.Linear(4, 3, bias=False),
    ),
    "Flatten": Case(lambda dtype: nn.Flatten(), (5, 2, 3), (5, 6), lambda t: t.nn.Flatten()),
    "Flatten everything": Case(
        lambda dtype: nn.Flatten(start_axis=0), (5, 2, 3), (30,), lambda t: t.nn.Flatten(0)
    ),
    "Function": same(lambda dtype: nn.Function(ops.softplus), lambda t: t.nn.Softplus()),
    "Identity": same(lambda dtype: nn.Identity(), lambda t: t.nn.Identity()),
    "Step": same(lambda dtype: nn.Step(0.5)),
    "ReLU": same(lambda dtype: nn.ReLU(), lambda t: t.nn.ReLU()),
    "Sigmoid": same(lambda dtype: nn.Sigmoid(), lambda t: t.nn.Sigmoid()),
    "Tanh": same(lambda dtype: nn.Tanh(), lambda t: t.nn.Tanh()),
    "Hardsigmoid": same(lambda dtype: nn.Hardsigmoid(1 / 6), lambda t: t.nn.Hardsigmoid()),
    "Hardtanh": same(lambda dtype: nn.Hardtanh(), lambda t: t.nn.Hardtanh()),
    "LeakyReLU": same(lambda dtype: nn.LeakyReLU(0.2), lambda t: t.nn.LeakyReLU(0.2)),
    "PReLU": same(lambda dtype: nn.PReLU(dtype=dtype), lambda t: t.nn.PReLU()),
    "PReLU by channel": same(
        lambda dtype: nn.PReLU(4, dtype=dtype), lambda t: t.nn.PReLU(4), IMAGES
    ),
    "ELU": same(lambda dtype: nn.ELU(0.5), lambda t: t.nn.ELU(0.5)),
    "SELU": same(lambda dtype: nn.SELU(), lambda t: t.nn.SELU()),
    "Softplus": same(lambda dtype: nn.Softplus(2.0), lambda t: t.nn.Softplus(2.0)),
    "SiLU": same(lambda dtype: nn.SiLU(), lambda t: t.nn.SiLU()),
    "Swish": same(lambda dtype: nn.Swish(dtype=dtype)),
    "Swish by channel": same(lambda dtype: nn.Swish(4, dtype=dtype), into=IMAGES),
    "GELU": same(lambda dtype: nn.GELU(), lambda t: t.nn.GELU()),
    "GELU by tanh": same(lambda dtype: nn.GELU("tanh"), lambda t: t.nn.GELU("tanh")),
    "GELU by sigmoid": same(lambda dtype: nn.GELU("sigmoid")),
    "DyT": same(lambda dtype: nn.DyT(4, dtype=dtype)),
    "Maxout": Case(lambda dtype: nn.Maxout(4, 3, 5, dtype=dtype), (5, 4), (5, 3)),
    "Softmax": same(lambda dtype: nn.Softmax(), lambda t: t.nn.Softmax(-1)),
    "Softmax over rows": same(lambda dtype: nn.Softmax(axis=0), lambda t: t.nn.Softmax(0)),
    "LogSoftmax": same(lambda dtype: nn.LogSoftmax(), lambda t: t.nn.LogSoftmax(-1)),
    "BatchNorm": same(lambda dtype: nn.BatchNorm(4, dtype=dtype), lambda t: t.nn.BatchNorm1d(4)),
    "BatchNorm of sequences": same(
        lambda dtype: nn.BatchNorm(4, dtype=dtype), lambda t: t.nn.BatchNorm1d(4), (5, 4, 3)
    ),
    "BatchNorm of images": same(
        lambda dtype: nn.BatchNorm(4, momentum=None, dtype=dtype),
        lambda t: t.nn.BatchNorm2d(4, momentum=None),
        IMAGES,
    ),
    "BatchNorm in evaluation": same(
        lambda dtype: nn.BatchNorm(4, dtype=dtype).eval(),
        lambda t: t.nn.BatchNorm2d(4).eval(),
        IMAGES,
    ),
    "LayerNorm": same(lambda dtype: nn.LayerNorm(4, dtype=dtype), lambda t: t.nn.LayerNorm(4)),
    "LayerNorm over images": same(
        lambda dtype: nn.LayerNorm((4, 3, 2), dtype=dtype),
        lambda t: t.nn.LayerNorm((4, 3, 2)),
        IMAGES,
    ),
    "InstanceNorm": same(
        lambda dtype: nn.InstanceNorm(4, affine=True, dtype=dtype),
        lambda t: t.nn.InstanceNorm2d(4, affine=True),
        IMAGES,
    ),
    "GroupNorm": same(
        lambda dtype: nn.GroupNorm(2, 4, dtype=dtype), lambda t: t.nn.GroupNorm(2, 4), IMAGES
    ),
    "RMSNorm": same(lambda dtype: nn.RMSNorm(4, dtype=dtype), lambda t: t.nn.RMSNorm(4, eps=1e-6)),
    "Sequential of a small convolutional net": Case(
        lambda dtype: nn.Sequential(
            nn.Conv2d(4, 3, 3, padding=1, dtype=dtype),
            nn.ReLU(),
            nn.MaxPool2d((3, 1)),
            nn.Flatten(),
            nn.Linear(6, 2, dtype=dtype),
        ),
        IMAGES,
        (5, 2),
        lambda t: t.nn.Sequential(
            t.nn.Conv2d(4, 3, 3, padding=1),
            t.nn.ReLU(),
            t.nn.MaxPool2d((3, 1)),
            t.nn.Flatten(),
            t.nn.Linear(6, 2),
        ),
    ),
    "Dropout in evaluation": same(lambda dtype: nn.Dropout(0.3).eval(), lambda t: t.nn.Identity()),
    "Dropout": same(lambda dtype: nn.Dropout(0.3)),
    "classic Dropout": same(lambda dtype: nn.Dropout(0.3, "classic")),
    "GaussianNoise": same(lambda dtype: nn.GaussianNoise(0.3)),
    "McCullochPitts": Case(
        lambda dtype: nn.McCullochPitts([1, 1, 1, -2], 0.5, dtype), (5, 4), (5,)
    ),
    "Sequential": Case(
        lambda dtype: nn.Sequential(
            nn.Flatten(), nn.Linear(6, 5, dtype=dtype), nn.Tanh(), nn.Linear(5, 2, dtype=dtype)
        ),
        (3, 2, 3),
        (3, 2),
        lambda t: t.nn.Sequential(
            t.nn.Flatten(), t.nn.Linear(6, 5), t.nn.Tanh(), t.nn.Linear(5, 2)
        ),
    ),
    "Sequential with norms and dropout": Case(
        lambda dtype: nn.Sequential(
            nn.Linear(4, 6, dtype=dtype),
            nn.BatchNorm(6, dtype=dtype),
            nn.PReLU(dtype=dtype),
            nn.Dropout(0.2),
            nn.Linear(6, 2, dtype=dtype),
        ),
        (5, 4),
        (5, 2),
    ),
}
