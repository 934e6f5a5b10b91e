"""vmap: a function of one example, run on a whole batch at once."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops, tree
from chainrule.aval import Aval, aval_of
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.grad.batching_rules import Lanes, batch
from chainrule.grad.reverse import check_escaped, concrete_leaf
from chainrule.operators import ArrayBox
from chainrule.ops.axes import one_axis
from chainrule.ops.table import Op, new_level, shape_of


class Batched(ArrayBox):
    """One example to those who compute with it; all examples of a batch inside.

    `data` has the batch as its first axis.
    """

    __slots__ = ("data", "level")

    def __init__(self, data: Any, level: int):
        self.data = data
        self.level = level

    @property
    def aval(self) -> Aval:
        whole = aval_of(self.data)
        return Aval(whole.shape[1:], whole.dtype)

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        avals = op.infer(*map(aval_of, args), **params)
        mine = tuple(isinstance(arg, Batched) and arg.level == self.level for arg in args)
        values = tuple(arg.data if own else arg for arg, own in zip(args, mine, strict=True))
        found = batch(op, Lanes(values, mine, len(self.data)), params, avals)
        if op.several:
            return tuple(Batched(part, self.level) for part in found)
        return Batched(found, self.level)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise GradientError(
            f"inside vmap this value ({self.aval}) stands for {len(self.data)} examples at once: "
            "there is no one number to branch on or to convert. Choose with "
            "chainrule.where(condition, x, y), and use the functions in chainrule."
        )

    __bool__ = __float__ = __int__ = __index__ = __array__ = item = numpy = _refuse

    def __repr__(self) -> str:
        return f"batched({self.aval}, {len(self.data)} examples)"


def vmap(function: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
    """A function that does for a batch what `function` does for one example.

    `in_axes` says which axis of each argument is the batch: a number for all, or one entry for
    each argument: a number, None where all examples share the argument, or a tree of these.
    `out_axes` says where the batch stands in what comes out; None where it is the same for all.
    No loop is run: each op computes with the whole batch, except those rare ones that only know
    single examples.

    Shape: an argument of shape (3, 5) with axis 0 is 3 examples of shape (5,).

    Raises:
        ShapeError: batches differ in size, or an argument has no such axis.
        OptionError: no argument has a batch, or `in_axes` does not fit the arguments.

    >>> rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> vmap(lambda x: x @ x)(rows)
    array([ 5., 25.])
    >>> vmap(lambda x, w: (x * w).sum(), in_axes=(0, None))(rows, np.array([10.0, 1.0]))
    array([12., 34.])
    """

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        level = new_level()
        leaves, structure = tree.flatten(args)
        axes = _axes_of_arguments(in_axes, args, structure)
        size = _batch_size(leaves, axes)
        boxes = [
            leaf if axis is None else Batched(_to_front(leaf, axis), level)
            for leaf, axis in zip(leaves, axes, strict=True)
        ]
        result = function(*tree.unflatten(structure, boxes))
        outputs, out_structure = tree.flatten(result)
        places = _spread(out_axes, out_structure, "out_axes")
        done = [
            _finished(out, place, level, size) for out, place in zip(outputs, places, strict=True)
        ]
        return tree.unflatten(out_structure, done)

    return run


def _axes_of_arguments(in_axes: Any, args: tuple, structure: Any) -> list:
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise OptionError(
            f"vmap: in_axes={in_axes} has {len(in_axes)} entries for {len(args)} arguments; "
            "give one for each (None where all examples share it)."
        )
    return _spread(in_axes, structure, "in_axes")


def _spread(axes: Any, structure: Any, what: str) -> list:
    """One axis for each leaf of a structure, from a tree that may stop at any branch."""
    if axes is None or (isinstance(axes, (int, np.integer)) and not isinstance(axes, bool)):
        return [axes] * len(tree.flatten(structure)[0])
    if isinstance(axes, dict) and isinstance(structure, dict) and axes.keys() == structure.keys():
        return [leaf for key in structure for leaf in _spread(axes[key], structure[key], what)]
    rows = (list, tuple)
    if isinstance(axes, rows) and isinstance(structure, rows) and len(axes) == len(structure):
        pairs = zip(axes, structure, strict=True)
        return [leaf for own, part in pairs for leaf in _spread(own, part, what)]
    raise OptionError(f"vmap: {what}={axes} does not fit a tree like {structure}.")


def _batch_size(leaves: Sequence, axes: Sequence) -> int:
    sizes: dict[int, str] = {}
    for number, (leaf, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is not None:
            shape = shape_of(leaf)
            at = one_axis(f"vmap: array {number}", axis, shape)
            sizes.setdefault(shape[at], f"array {number} has shape {shape}, axis {at}")
    if not sizes:
        raise OptionError(
            "vmap: no argument has a batch. Name the batch's axis in in_axes, such as in_axes=0."
        )
    if len(sizes) > 1:
        raise ShapeError(
            f"vmap: the batches differ in size: {' and '.join(sizes.values())}. Give None in "
            "in_axes for what all examples share."
        )
    return next(iter(sizes))


def _to_front(leaf: Any, axis: int) -> Any:
    leaf = concrete_leaf(leaf)
    return ops.moveaxis(leaf, axis, 0) if axis % len(shape_of(leaf)) else leaf


def _finished(out: Any, place: int | None, level: int, size: int) -> Any:
    """An output with its batch at its place."""
    check_escaped(out, level)
    own = isinstance(out, Batched) and out.level == level
    if place is None:
        if own:
            raise OptionError(
                "vmap: out_axes is None for an output that differs from example to example. "
                "Give the axis that its batch shall have, such as 0."
            )
        return out
    if own:
        data = out.data
    else:
        out = concrete_leaf(out)
        data = ops.broadcast_to(out, shape=(size, *shape_of(out)))
    at = one_axis("vmap: out_axes", place, shape_of(data))
    return ops.moveaxis(data, 0, at) if at else data
