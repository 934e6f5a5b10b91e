r"""What calls of the forward pass are together: the mean of a norm, a convolution with its bias.

A layer is often several calls. What each of them is for is seen from how they hang together, so
that any module written with these ops is told in the words of a textbook.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from chainrule.graph import Node

SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "mean": r"\mathrm{mean}",
        "centred": "d",
        "variance": r"\mathrm{var}",
        "normalised": r"\hat{z}",
        "max_pool": r"\mathrm{pool}",
        "avg_pool": r"\mathrm{pool}",
    }
)
"""The letters of the values that get a name of their own, by their role."""


class Roles(NamedTuple):
    """What calls are.

    `of` has the role of a call, `inside` the call that swallows one which needs no name, and
    `written` the LaTeX template of a call that is written in another way than its record says.
    """

    of: dict[Node, str]
    inside: dict[Node, Node]
    written: dict[Node, str]

    def whole(self, node: Node) -> Node:
        """The call that swallows this one, or the call itself."""
        return self.inside.get(node, node)
