"""Where a window of a convolution or a pooling lies for the entry that is worked out."""

from typing import Any

import numpy as np

from chainrule.explain.builder import Builder
from chainrule.explain.images import pooled_places
from chainrule.explain.report import Message, Statement
from chainrule.graph import Node
from chainrule.ops.convolution import conv


def facts_of(builder: Builder, node: Node) -> dict[str, Any]:
    """What the words about a pooling need: its size, and which entry won."""
    role = builder.naming.roles.of.get(node)
    if role not in ("max_pool", "avg_pool"):
        return {}
    call = node if role == "max_pool" else node.args[0].args[0]
    facts = {"window": "×".join(map(str, np.atleast_1d(call.params["size"])))}
    if role == "max_pool":
        value = np.asarray(builder.step.values[node])
        places = pooled_places(node, int(np.abs(value).argmax()))
        inside = np.asarray(builder.step.values[node.args[0]]).reshape(-1)[places]
        won = int(places[int(inside.argmax())])
        facts["won"] = _ranges(node.args[0].aval.shape, np.array([won]))
    return facts


def window_statements(builder: Builder, node: Node) -> list[Statement]:
    """The numbers that a kernel lies on for the entry that is multiplied out, and the kernel.

    Of several channels those of the one that adds most are shown.
    """
    around = (node, *node.args) if builder.naming.roles.of.get(node) == "conv_bias" else (node,)
    call = next((n for n in around if n.op is conv), None)
    place = int(np.abs(np.asarray(builder.step.values[node])).argmax())
    if call is None or not set(call.args) <= set(builder.names):
        return []
    x, weight = (np.asarray(builder.step.values[arg], np.float64) for arg in call.args)
    share = _pulled(call, place, x, weight) * x
    kernel = int(np.unravel_index(place, call.aval.shape)[1])
    under = np.argwhere(_pulled(call, place, x, np.ones_like(weight)))
    first = int(under[:, 1].min())
    adds = np.abs(share.sum(axis=(0, *range(2, x.ndim))))
    channel = int(adds.argmax())
    under = under[under[:, 1] == channel]
    box = tuple(slice(low, high + 1) for low, high in zip(under.min(0), under.max(0), strict=True))
    if x[box].size != len(under):
        return []
    flat = np.asarray(np.ravel_multi_index(tuple(under.T), x.shape))
    several = ".channels" if weight.shape[1] > 1 else ""
    facts = {
        "entry": _ranges(call.aval.shape, np.array([place])),
        "kernel": kernel,
        "channel": channel,
        "channels": weight.shape[1],
    }
    where = (kernel, channel - first)
    names = [f"{{{builder.names[arg]}}}" for arg in call.args]
    lies = _ranges(x.shape, flat)
    pairs = (
        (rf"{names[0]}[\text{{{lies}}}]", x[box][0, 0], f"conv.window{several}"),
        (rf"{names[1]}[\text{{{_kernel_index(weight, where)}}}]", weight[where], "conv.kernel"),
    )
    return [
        Statement(builder.key_for(symbol), symbol, "", "", value, words=(Message(key, facts),))
        for symbol, value, key in pairs
    ]


def _pulled(call: Node, place: int, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How an entry of a convolution depends on its input, by the op's own derivative."""
    entry = np.zeros(call.aval.shape)
    entry.reshape(-1)[place] = 1.0
    return np.asarray(call.op.pull(0, entry, entry, [x, weight], dict(call.params)))


def _kernel_index(weight: np.ndarray, where: tuple[int, int]) -> str:
    return ",".join(str(i) for i, size in zip(where, weight.shape, strict=False) if size > 1)


def _ranges(shape: tuple[int, ...], places: np.ndarray) -> str:
    """The index of flat places that fill a box, such as 2,17…21,18…22, without axes of one."""
    index = np.unravel_index(places, shape)
    kept = [axis for axis, size in zip(index, shape, strict=True) if size > 1]
    pairs = [(int(axis.min()), int(axis.max())) for axis in kept]
    return ",".join(f"{low}" if low == high else f"{low}…{high}" for low, high in pairs)
