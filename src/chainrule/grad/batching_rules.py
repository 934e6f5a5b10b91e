"""How each op computes with a batch: one call for all examples, in place of one for each.

A rule gets the op's arguments, those with a batch having it as their first axis, and gives the
result so. Where an op has no rule it runs example by example: slower, and as right.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.ops.axes import one_axis, several_axes
from chainrule.ops.index import ARRAY, NEW, Pattern, index_op, index_set_op, scatter
from chainrule.ops.linalg import linear, matmul_op
from chainrule.ops.losses import cross_entropy_ids, cross_entropy_slope
from chainrule.ops.products import einsum_op
from chainrule.ops.shape import concatenate_op, resolve_shape
from chainrule.ops.table import Op, shape_of


@dataclass(frozen=True)
class Lanes:
    """An op's arguments and which of them have a batch of `size`."""

    values: tuple
    batched: tuple[bool, ...]
    size: int

    def shape(self, i: int) -> tuple[int, ...]:
        """The shape of argument i in one example."""
        shape = shape_of(self.values[i])
        return shape[1:] if self.batched[i] else shape

    def full(self, i: int) -> Any:
        """Argument i with a batch, repeated if it has none."""
        value = self.values[i]
        if self.batched[i]:
            return value
        return ops.broadcast_to(value, shape=(self.size, *shape_of(value)))

    def aligned(self, i: int, ndim: int) -> Any:
        """Argument i with as many axes an example as the largest, so that batches broadcast."""
        value, shape = self.values[i], self.shape(i)
        if not self.batched[i] or len(shape) == ndim:
            return value
        return ops.reshape(value, shape=(self.size, *(1,) * (ndim - len(shape)), *shape))

    def example(self, number: int) -> list:
        """The arguments of one example."""
        return [
            ops.getitem(value, number) if own else value
            for value, own in zip(self.values, self.batched, strict=True)
        ]


def batch(op: Op, lanes: Lanes, params: dict, avals: Any) -> Any:
    """The results of an op for all examples, along a first axis; `avals` are those of one."""
    rule = _elementwise if op.elementwise else _RULES.get(op)
    found = None if rule is None else rule(op, lanes, params)
    return _one_by_one(op, lanes, params, avals) if found is None else found


def _one_by_one(op: Op, lanes: Lanes, params: dict, avals: Any) -> Any:
    results = [op(*lanes.example(number), **params) for number in range(lanes.size)]
    if not results:
        empty = [np.zeros((0, *a.shape), a.dtype) for a in (avals if op.several else [avals])]
        return tuple(empty) if op.several else empty[0]
    if op.several:
        return tuple(ops.stack(column) for column in zip(*results, strict=True))
    return ops.stack(results)


def _elementwise(op: Op, lanes: Lanes, params: dict) -> Any:
    ndim = max(len(lanes.shape(i)) for i in range(len(lanes.values)))
    return op(*(lanes.aligned(i, ndim) for i in range(len(lanes.values))), **params)


def _reduction(op: Op, lanes: Lanes, params: dict) -> Any:
    axes = several_axes(op.name, params["axis"], lanes.shape(0))
    return op(lanes.values[0], **params | {"axis": tuple(axis + 1 for axis in axes)})


def _position(op: Op, lanes: Lanes, params: dict) -> Any:
    (x,), shape = lanes.values, lanes.shape(0)
    if params["axis"] is not None:
        return _along(op, lanes, params)
    rows = ops.reshape(x, shape=(lanes.size, math.prod(shape)))
    found = op(rows, axis=1)
    kept = (1,) * len(shape) if params["keepdims"] else ()
    return ops.reshape(found, shape=(lanes.size, *kept))


def _along(op: Op, lanes: Lanes, params: dict) -> Any:
    axis = one_axis(op.name, params["axis"], lanes.shape(0))
    return op(lanes.values[0], **params | {"axis": axis + 1})


def _matmul(op: Op, lanes: Lanes, params: dict) -> Any:
    x, y = lanes.values
    if not lanes.batched[1] and len(lanes.shape(1)) == 2 and len(lanes.shape(0)) >= 2:
        # One tall product in place of one for each example.
        rows = ops.reshape(x, shape=(math.prod(shape_of(x)[:-1]), shape_of(x)[-1]))
        return ops.reshape(op(rows, y), shape=(*shape_of(x)[:-1], shape_of(y)[-1]))
    ndim = max(len(lanes.shape(0)), len(lanes.shape(1)))
    return op(lanes.aligned(0, ndim), lanes.aligned(1, ndim))


def _linear(op: Op, lanes: Lanes, params: dict) -> Any:
    x, weight, bias = lanes.values
    if not any(lanes.batched[1:]):
        return op(x, weight, bias)
    shape, features = lanes.shape(0), lanes.shape(2)
    lead = (lanes.size,) if lanes.batched[0] else ()
    rows = ops.reshape(x, shape=(*lead, math.prod(shape[:-1]), shape[-1]))
    pair = Lanes((rows, ops.swapaxes(weight, -1, -2)), lanes.batched[:2], lanes.size)
    if any(pair.batched):
        product = _matmul(matmul_op, pair, {})
        product = ops.reshape(product, shape=(lanes.size, *shape[:-1], *features))
    else:
        product = ops.reshape(matmul_op(*pair.values), shape=(*shape[:-1], *features))
    return product + lanes.aligned(2, len(shape))


def _einsum(op: Op, lanes: Lanes, params: dict) -> Any:
    left, arrow, right = params["subscripts"].replace(" ", "").partition("->")
    letter = next((c for c in ascii_letters if c not in left), None)
    if letter is None:
        return None
    if not arrow:
        right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    terms = [letter * own + term for term, own in zip(left.split(","), lanes.batched, strict=True)]
    return op(*lanes.values, subscripts=f"{','.join(terms)}->{letter}{right}")


def _reshape(op: Op, lanes: Lanes, params: dict) -> Any:
    shape = resolve_shape(params["shape"], lanes.shape(0))
    return op(lanes.values[0], shape=(lanes.size, *shape))


def _transpose(op: Op, lanes: Lanes, params: dict) -> Any:
    shape, axes = lanes.shape(0), params["axes"]
    order = range(len(shape))[::-1] if axes is None else [one_axis(op.name, a, shape) for a in axes]
    return op(lanes.values[0], axes=(0, *(axis + 1 for axis in order)))


def _broadcast_to(op: Op, lanes: Lanes, params: dict) -> Any:
    shape = params["shape"]
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return op(lanes.aligned(0, len(shape)), shape=(lanes.size, *shape))


def _concatenate(op: Op, lanes: Lanes, params: dict) -> Any:
    axis = one_axis(op.name, params["axis"], lanes.shape(0))
    return op(*(lanes.full(i) for i in range(len(lanes.values))), axis=axis + 1)


def _pad(op: Op, lanes: Lanes, params: dict) -> Any:
    ndim = len(lanes.shape(0))
    widths = np.broadcast_to(np.asarray(params["width"]), (ndim, 2)).tolist()
    width = ((0, 0), *map(tuple, widths))
    return op(lanes.values[0], width=width, value=params["value"])


def _cross_entropy(op: Op, lanes: Lanes, params: dict) -> Any:
    rows = op(lanes.full(0), lanes.full(1), reduction="none")
    if params["reduction"] == "none":
        return rows
    total = ops.sum(rows, axis=tuple(range(1, len(shape_of(rows)))))
    return total / math.prod(lanes.shape(1)) if params["reduction"] == "mean" else total


def _cross_entropy_slope(op: Op, lanes: Lanes, params: dict) -> Any:
    ids = lanes.shape(2)
    weight = lanes.full(0)
    if params["reduction"] != "none":
        weight = ops.reshape(weight, shape=(lanes.size, *(1,) * len(ids)))
        weight = ops.broadcast_to(weight, shape=(lanes.size, *ids))
    if params["reduction"] == "mean":
        weight = weight / math.prod(ids)
    return op(weight, lanes.full(1), lanes.full(2), reduction="none")


@dataclass(frozen=True)
class _Selection:
    """An index into one example, turned into one into the whole batch.

    NumPy puts the axes of index arrays where these stand, or in front if other entries part them,
    so the batch may come out as a later axis: `order` brings it, and them, to their places.
    """

    pattern: Pattern
    arrays: list
    order: tuple[int, ...]

    @property
    def back(self) -> tuple[int, ...]:
        return tuple(int(i) for i in np.argsort(self.order))


def _whole(pattern: Pattern, ndim: int) -> Pattern:
    """A pattern with an entry for each of an array's axes."""
    left = ndim - sum(entry != NEW for entry in pattern)
    return (*pattern, *[(None, None, None)] * left)


def _selection(lanes: Lanes, first: int, pattern: Pattern, batched_base: bool) -> _Selection:
    """The index, whose arrays are the arguments from `first` on."""
    ids = range(first, len(lanes.values))
    shapes = [lanes.shape(i) for i in ids]
    own_ids = any(lanes.batched[i] for i in ids)
    spread = len(np.broadcast_shapes(*shapes)) if shapes else 0
    arrays = [lanes.aligned(i, spread) for i in ids]
    # Beside index arrays NumPy takes integers for arrays, too.
    taken = [e == ARRAY or (bool(shapes) and isinstance(e, int)) for e in pattern]
    kept = [entry == NEW or isinstance(entry, tuple) for entry in pattern]
    start = sum(kept[: taken.index(True)]) if shapes and _together(taken) else 0
    rest = sum(kept)
    if not own_ids:
        whole: Pattern = ((None, None, None), *pattern)
        moved = 0 if _together(taken) else spread
        order = [moved, *(i for i in range(1 + spread + rest) if i != moved)]
        return _Selection(whole, arrays, tuple(order))
    if batched_base:
        numbers = np.arange(lanes.size).reshape(lanes.size, *(1,) * spread)
        pattern, arrays = (ARRAY, *pattern), [numbers, *arrays]
        # The batch is an index array itself, and so all of them come first.
        block = [*range(1, 1 + spread)]
        others = [*range(1 + spread, 1 + spread + rest)]
        return _Selection(pattern, arrays, (0, *others[:start], *block, *others[start:]))
    block = [*range(start, start + 1 + spread)]
    others = [i for i in range(1 + spread + rest) if i not in block]
    return _Selection(pattern, arrays, (block[0], *others[:start], *block[1:], *others[start:]))


def _together(taken: Sequence[bool]) -> bool:
    """Whether the true entries stand side by side."""
    places = [i for i, own in enumerate(taken) if own]
    return not places or places[-1] - places[0] + 1 == len(places)


def _index(op: Op, lanes: Lanes, params: dict) -> Any:
    pattern = _whole(params["pattern"], len(lanes.shape(0)))
    chosen = _selection(lanes, 1, pattern, lanes.batched[0])
    found = op(lanes.values[0], *chosen.arrays, pattern=chosen.pattern)
    return ops.transpose(found, axes=chosen.order)


def _scatter(op: Op, lanes: Lanes, params: dict) -> Any:
    chosen = _selection(lanes, 1, _whole(params["pattern"], len(params["shape"])), True)
    given = ops.transpose(lanes.full(0), axes=chosen.back)
    shape = (lanes.size, *params["shape"])
    return op(given, *chosen.arrays, pattern=chosen.pattern, shape=shape)


def _index_set(op: Op, lanes: Lanes, params: dict) -> Any:
    chosen = _selection(lanes, 2, _whole(params["pattern"], len(lanes.shape(0))), True)
    ndim = len(chosen.order) - 1
    value = lanes.aligned(1, ndim)
    if lanes.batched[1]:
        value = ops.transpose(value, axes=chosen.back)
    elif shape_of(value):
        ones = (1,) * (ndim + 1 - len(shape_of(value)))
        value = ops.reshape(value, shape=(*ones, *shape_of(value)))
        value = ops.transpose(value, axes=chosen.back)
    return op(lanes.full(0), value, *chosen.arrays, pattern=chosen.pattern)


_RULES: dict[Op, Callable] = {
    **dict.fromkeys((ops.where, ops.cast), _elementwise),
    **dict.fromkeys((ops.sum, ops.max, ops.min, ops.prod, ops.any, ops.all), _reduction),
    **dict.fromkeys((ops.argmax, ops.argmin), _position),
    **dict.fromkeys((ops.argsort, ops.cumsum), _along),
    matmul_op: _matmul,
    linear: _linear,
    cross_entropy_ids: _cross_entropy,
    cross_entropy_slope: _cross_entropy_slope,
    einsum_op: _einsum,
    ops.reshape: _reshape,
    ops.transpose: _transpose,
    ops.broadcast_to: _broadcast_to,
    concatenate_op: _concatenate,
    ops.pad: _pad,
    index_op: _index,
    scatter: _scatter,
    index_set_op: _index_set,
}
