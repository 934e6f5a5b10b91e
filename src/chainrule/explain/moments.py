r"""Means, variances and what a norm makes of them, found among the calls of the forward pass.

Batch, layer, group and instance norm are found, and those that people write themselves.
"""

import numpy as np

from chainrule.explain.roles import Roles
from chainrule.graph import Node
from chainrule.ops.arithmetic import add, divide, multiply, subtract
from chainrule.ops.elementwise import rsqrt
from chainrule.ops.reduce import reduce_sum


def find_moments(node: Node, args: list[Node], found: Roles) -> None:
    """Note what a call with two arguments is; `args` are these before they were moved about."""
    roles = found.of
    own = [roles.get(arg, "") for arg in args]
    averaged = averaged_by(args[1]) if node.op is subtract else averaged_by(node)
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


def averaged_by(node: Node) -> Node | None:
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
