"""Logic gates as nets of threshold units with given weights."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chainrule import ops
from chainrule.errors import unknown
from chainrule.nn import Module, Perceptron

_WEIGHTS: Mapping[str, tuple[tuple[float, float], float]] = MappingProxyType(
    {
        "and": ((0.5, 0.5), -0.7),
        "or": ((0.5, 0.5), -0.2),
        "nand": ((-0.5, -0.5), 0.7),
    }
)
"""The weights and the bias of the gates that one perceptron can be."""


class Xor(Module):
    """XOR as AND of NAND and OR: what one perceptron cannot do, two layers of them can.

    Reference: Minsky and Papert, "Perceptrons", 1969, for what one cannot do.

    Shape: (..., 2) gives (...).

    >>> Xor()([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(self) -> None:
        self.nand = gate("nand")
        self.either = gate("or")
        self.both = gate("and")

    def forward(self, x: Any) -> Any:
        return self.both(ops.stack([self.nand(x), self.either(x)], axis=-1))


def gate(name: str) -> Module:
    """A logic gate of two inputs: "and", "or", "nand" as one perceptron, "xor" of the three.

    Shape: (..., 2) of 0 and 1 gives (...).

    Raises:
        OptionError: no gate has that name.

    >>> gate("nand")([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    plain = str(name).lower()
    if plain == "xor":
        return Xor()
    if plain not in _WEIGHTS:
        raise unknown("gate", name, (*_WEIGHTS, "xor"))
    return Perceptron.of(*_WEIGHTS[plain])
