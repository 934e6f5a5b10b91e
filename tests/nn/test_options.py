"""Options outside their ranges meet a message that names the owner, the option, and what fits."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.nn import init

NAN = math.nan
COUNTS = (0, -1, 1.5, True, "3", None)
FRACTIONS = (-0.1, 1.0, 2, NAN, "0.5", True)
POSITIVES = (0, 0.0, -1.0, math.inf, NAN, "1", None, False)
NOT_NEGATIVES = (-1e-9, math.inf, NAN, "1", None, True)
FINITES = (math.inf, NAN, "1", None, True)

DECLARED: dict[tuple[str, str], tuple[Callable[[Any], Any], tuple]] = {
    ("Linear", "in_features"): (lambda v: nn.Linear(v, 1), COUNTS),
    ("Linear", "out_features"): (lambda v: nn.Linear(1, v), COUNTS),
    ("Maxout", "in_features"): (lambda v: nn.Maxout(v, 1), COUNTS),
    ("Maxout", "out_features"): (lambda v: nn.Maxout(1, v), COUNTS),
    ("Maxout", "pieces"): (lambda v: nn.Maxout(1, 1, v), COUNTS),
    ("PReLU", "num_parameters"): (nn.PReLU, COUNTS),
    ("PReLU", "init"): (lambda v: nn.PReLU(init=v), FINITES),
    ("Swish", "num_parameters"): (nn.Swish, COUNTS),
    ("Swish", "init"): (lambda v: nn.Swish(init=v), FINITES),
    ("DyT", "num_features"): (nn.DyT, COUNTS),
    ("DyT", "alpha_init"): (lambda v: nn.DyT(2, v), FINITES),
    ("Step", "threshold"): (nn.Step, FINITES),
    ("Hardsigmoid", "slope"): (nn.Hardsigmoid, POSITIVES),
    ("LeakyReLU", "slope"): (nn.LeakyReLU, FINITES),
    ("ELU", "alpha"): (nn.ELU, FINITES),
    ("Softplus", "beta"): (nn.Softplus, POSITIVES),
    ("SiLU", "beta"): (nn.SiLU, FINITES),
    ("BatchNorm", "num_features"): (nn.BatchNorm, COUNTS),
    ("BatchNorm", "eps"): (lambda v: nn.BatchNorm(2, eps=v), POSITIVES),
    ("BatchNorm", "momentum"): (lambda v: nn.BatchNorm(2, momentum=v), (-0.1, 1.1, NAN, "1")),
    ("GroupNorm", "num_groups"): (lambda v: nn.GroupNorm(v, 2), COUNTS),
    ("GroupNorm", "num_channels"): (lambda v: nn.GroupNorm(1, v), COUNTS),
    ("GroupNorm", "eps"): (lambda v: nn.GroupNorm(1, 2, eps=v), POSITIVES),
    ("InstanceNorm", "num_features"): (nn.InstanceNorm, COUNTS),
    ("InstanceNorm", "eps"): (lambda v: nn.InstanceNorm(2, eps=v), POSITIVES),
    ("LayerNorm", "normalized_shape"): (nn.LayerNorm, (*COUNTS, (2, 0))),
    ("LayerNorm", "eps"): (lambda v: nn.LayerNorm(2, eps=v), POSITIVES),
    ("RMSNorm", "normalized_shape"): (nn.RMSNorm, COUNTS),
    ("RMSNorm", "eps"): (lambda v: nn.RMSNorm(2, eps=v), POSITIVES),
    ("LocalResponseNorm", "size"): (nn.LocalResponseNorm, COUNTS),
    ("LocalResponseNorm", "alpha"): (lambda v: nn.LocalResponseNorm(3, v), NOT_NEGATIVES),
    ("LocalResponseNorm", "beta"): (lambda v: nn.LocalResponseNorm(3, beta=v), FINITES),
    ("LocalResponseNorm", "k"): (lambda v: nn.LocalResponseNorm(3, k=v), POSITIVES),
    ("LPPool2d", "norm_type"): (lambda v: nn.LPPool2d(v, 2), POSITIVES),
    ("Dropout", "p"): (nn.Dropout, FRACTIONS),
    ("Dropout1d", "p"): (nn.Dropout1d, FRACTIONS),
    ("Dropout2d", "p"): (nn.Dropout2d, FRACTIONS),
    ("Dropout3d", "p"): (nn.Dropout3d, FRACTIONS),
    ("GaussianNoise", "std"): (nn.GaussianNoise, NOT_NEGATIVES),
    ("L1", "rate"): (nn.L1, NOT_NEGATIVES),
    ("L2", "rate"): (nn.L2, NOT_NEGATIVES),
    ("MaxNorm", "limit"): (nn.MaxNorm, POSITIVES),
    ("McCullochPitts", "threshold"): (lambda v: nn.McCullochPitts([1.0], v), FINITES),
    ("Perceptron", "in_features"): (nn.Perceptron, COUNTS),
    ("Perceptron", "lr"): (lambda v: nn.Perceptron(1).learn([[1]], [1], lr=v), POSITIVES),
    ("Perceptron", "epochs"): (lambda v: nn.Perceptron(1).learn([[1]], [1], epochs=v), COUNTS),
    ("initialiser 'normal'", "std"): (init.Normal, NOT_NEGATIVES),
    ("initialiser 'uniform'", "bound"): (init.Uniform, (-1.0, NAN, "1")),
    ("initialiser 'constant'", "value"): (init.Constant, FINITES),
    ("initialiser 'orthogonal'", "gain"): (init.Orthogonal, POSITIVES),
}
CASES = [
    pytest.param(owner, name, make, value, id=f"{owner}-{name}-{value}")
    for (owner, name), (make, values) in DECLARED.items()
    for value in values
]


@pytest.mark.parametrize(("owner", "name", "make", "value"), CASES)
def test_a_value_outside_its_range_is_refused_by_name(
    owner: str, name: str, make: Callable, value: Any
) -> None:
    with pytest.raises(OptionError) as caught:
        make(value)
    shown = repr(0 if isinstance(value, tuple) else value)
    assert str(caught.value).startswith(f"{owner}: {name} is {shown}; expected ")


def test_an_unknown_scaling_of_dropout_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown scaling of Dropout 'invertd'"):
        nn.Dropout(0.5, "invertd")  # type: ignore[arg-type]


def test_groups_must_part_the_channels() -> None:
    with pytest.raises(OptionError, match="3 groups do not part 4 channels"):
        nn.GroupNorm(3, 4)


def test_something_must_be_normalized() -> None:
    with pytest.raises(OptionError, match="normalized_shape is empty"):
        nn.LayerNorm(())
