r"""Means, variances and what a norm makes of them, found among the calls of the forward pass.

A norm layer is a dozen calls. Which of them is the mean, the variance, the normalised value is seen
from how they hang together, so that any module that normalises by these ops is told in the words of
a textbook: batch, layer, group and instance norm, and those that people write themselves.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from chainrule.explain.layout import Layout
from chainrule.graph import Node
from chainrule.ops.arithmetic import add, divide, multiply, subtract
from chainrule.ops.elementwise import rsqrt
from chainrule.ops.reduce import reduce_sum

SYMBOLS = MappingProxyType(
    {
        "mean": r"\mathrm{mean}",
        "centred": "d",
        "variance": r"\mathrm{var}",
        "normalised": r"\hat{z}",
    }
)
"""The letters of the values that get a name of their own, by their role."""


class Moments(NamedTuple):
    """What the calls of norms are: `roles` by node, `inside` the calls that a mean swallows."""

    roles: dict[Node, str]
    inside: dict[Node, Node]

    def seen(self, node: Node) -> Node:
        """The value with a role that a call is a part of, or the call itself."""
        return self.inside.get(node, node)


def moments_of(forward: Sequence[Node], layout: Layout) -> Moments:
    """Find the parts of norms among calls that stand in order."""
    found = Moments({}, {})
    for node in forward:
        if node.op is None or node.op.arity != 2:
            continue
        args = [layout.source(arg, ()) for arg in node.args]
        _look(node, args, found)
    return found


def _look(node: Node, args: list[Node], found: Moments) -> None:
    roles = found.roles
    own = [roles.get(arg, "") for arg in args]
    averaged = _averaged(args[1]) if node.op is subtract else _averaged(node)
    if node.op is subtract and averaged is node.args[0]:
        roles[args[1]], roles[node] = "mean", "centred"
        found.inside[args[1].args[0]] = args[1]
    elif averaged is not None and _is_square(averaged, roles):
        roles[node] = "variance"
        found.inside.update({node.args[0]: node, averaged: node})
    elif node.op is add and "variance" in own:
        roles[node] = "steadied"
    elif node.op is multiply and own[0] == "centred" and _divides(args[1], roles):
        roles[node], roles[args[1]] = "normalised", "deviation"
    elif node.op is multiply and "normalised" in own:
        roles[node] = "scaled"
    elif node.op is add and set(own) & {"normalised", "scaled"}:
        roles[node] = "shifted"


def _averaged(node: Node) -> Node | None:
    """What a node is the mean of, or None where it is no mean."""
    if node.op is not divide or node.args[0].op is not reduce_sum:
        return None
    total, count = node.args
    inner = total.args[0]
    size = inner.aval.size // max(1, total.aval.size)
    return inner if count.is_constant and (np.asarray(count.value) == size).all() else None


def _is_square(node: Node, roles: dict[Node, str]) -> bool:
    if node.op is not multiply:
        return False
    one, other = node.args
    return one is other and roles.get(one) == "centred"


def _divides(node: Node, roles: dict[Node, str]) -> bool:
    """Whether a node is one over the deviation."""
    return node.op is rsqrt and roles.get(node.args[0]) == "steadied"
