"""Convolutions and poolings: which calls they are, and which numbers a window holds."""

from collections import Counter

import numpy as np

from chainrule.explain.moments import averaged_by
from chainrule.explain.roles import Roles
from chainrule.explain.writing import size_text
from chainrule.graph import Node
from chainrule.ops.arithmetic import add
from chainrule.ops.convolution import conv
from chainrule.ops.pooling import pick_largest
from chainrule.ops.window import windows


def find_images(node: Node, args: list[Node], found: Roles, users: Counter[Node]) -> None:
    """Note a convolution that gets a bias, or a pooling; see `find_moments`."""
    if node.op is add:
        for one, other in (args, args[::-1]):
            if one.op is conv and users[one] == 1 and other.op is None:
                found.of[node], found.of[one], found.inside[one] = "conv_bias", "conv", node
    elif node.op is pick_largest and node.args[0] is node.args[1]:
        found.of[node] = "max_pool"
        found.written[node] = rf"\max_{{{{{size_text(node.params['size'])}}}}} {{0}}"
    else:
        inner = averaged_by(node)
        if inner is not None and inner.op is windows:
            found.of[node] = "avg_pool"
            found.inside.update({node.args[0]: node, inner: node})
            found.written[node.args[0]] = rf"\sum_{{{{{size_text(inner.params['size'])}}}}} {{0}}"
            found.written[inner] = "{0}"


def pooled_places(node: Node, place: int) -> np.ndarray:
    """The flat places in the input of the window that an entry of a pooling has."""
    shape, axes = node.args[0].aval.shape, len(np.atleast_1d(node.params["size"]))
    numbers = np.arange(node.args[0].aval.size).reshape(shape)
    cut = windows(numbers, **node.params)
    index = np.unravel_index(place, node.aval.shape)
    lead = len(shape) - axes
    return np.asarray(cut)[(*index[:lead], ..., *index[lead:])].reshape(-1)
