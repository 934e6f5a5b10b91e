"""Forward mode: a value and its directional derivative, carried along together as a dual number.

(Wengert, "A simple automatic derivative evaluation program", Communications of the ACM, 1964.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import ShapeError
from chainrule.grad.reverse import check_escaped, concrete_leaf, split_aux
from chainrule.operators import ArrayBox
from chainrule.ops.elementwise import cast
from chainrule.ops.shape import broadcast_to
from chainrule.ops.table import Box, Op, dtype_of, new_level, shape_of
from chainrule.tensor import check_differentiable


class Dual(ArrayBox):
    """A value and its tangent: primal + tangent * epsilon, with epsilon^2 = 0."""

    __slots__ = ("level", "primal", "tangent")

    def __init__(self, primal: Any, tangent: Any, level: int):
        self.primal = primal
        self.tangent = tangent
        self.level = level

    @property
    def aval(self) -> Aval:
        return aval_of(self.primal)

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        level = self.level
        mine = [isinstance(arg, Dual) and arg.level == level for arg in args]
        primals = [arg.primal if own else arg for arg, own in zip(args, mine, strict=True)]
        out = op(*primals, **params)
        tangents = [arg.tangent if own else None for arg, own in zip(args, mine, strict=True)]
        if op.several:
            return _push_several(op, tangents, out, primals, params, level)
        if not op.differentiable or dtype_of(out).kind not in "fc":
            return out
        tangent = push(op, tangents, out, primals, params)
        return out if tangent is None else Dual(out, tangent, level)

    def __repr__(self) -> str:
        return f"dual({self.primal!r}, tangent={self.tangent!r})"


def _push_several(
    op: Op, tangents: list, out: tuple, primals: list, params: dict, level: int
) -> tuple:
    """Duals for the results of an op that gives a tuple; integers have no tangent."""
    filled = [zeros(p) if t is None else t for t, p in zip(tangents, primals, strict=True)]
    rule: Any = op.jvp
    slopes = rule(tuple(filled), out, *primals, **params)
    return tuple(
        Dual(value, slope, level) if dtype_of(value).kind in "fc" else value
        for value, slope in zip(out, slopes, strict=True)
    )


def push(op: Op, tangents: list, out: Any, primals: list, params: dict) -> Any:
    """The tangent of an op's result from those of its arguments (None where there is none)."""
    if op.jvp is not None:
        filled = [zeros(p) if t is None else t for t, p in zip(tangents, primals, strict=True)]
        return fit(op.jvp(tuple(filled), out, *primals, **params), out)
    if op.partials:
        return _push_partials(op, tangents, out, primals, params)
    live = [i for i, t in enumerate(tangents) if t is not None and op.is_linear_in(i)]
    if not live:
        return None
    if op.jointly_linear:
        swapped = [
            p if not op.is_linear_in(i) else zeros(p) if tangents[i] is None else tangents[i]
            for i, p in enumerate(primals)
        ]
        return fit(op(*swapped, **params), out)
    total = None
    for i in live:
        part = op(*primals[:i], tangents[i], *primals[i + 1 :], **params)
        total = part if total is None else total + part
    return fit(total, out)


def _push_partials(op: Op, tangents: list, out: Any, primals: list, params: dict) -> Any:
    total = None
    for partial, tangent in zip(op.partials, tangents, strict=True):
        if tangent is None or partial is None:
            continue
        if callable(partial):
            part = tangent * partial(out, *primals, **params)
        else:
            part = tangent if partial == 1.0 else -tangent
        total = part if total is None else total + part
    return None if total is None else fit(total, out)


def zeros(value: Any) -> Any:
    """Zeros in the shape and dtype of a value."""
    return np.zeros(shape_of(value), dtype_of(value))


def fit(tangent: Any, out: Any) -> Any:
    """A tangent in the shape and dtype of its value."""
    if shape_of(tangent) != shape_of(out):
        tangent = broadcast_to(tangent, shape=shape_of(out))
    if dtype_of(tangent) != dtype_of(out):
        tangent = cast(tangent, dtype=dtype_of(out))
    return tangent


def jvp(function: Callable, primals: tuple, tangents: tuple, has_aux: bool = False) -> tuple:
    """The value of a function and its derivative in a direction.

    For y = f(x) with Jacobian J it gives (y, J v). Inputs and outputs are arrays or trees of
    arrays. With `has_aux`, f returns (y, aux) and jvp returns (y, J v, aux).

    Raises:
        ShapeError: a tangent's shape is not its primal's.
        DtypeError: a primal holds integers or booleans.

    >>> jvp(lambda x: x * x, (np.array([1.0, 3.0]),), (np.array([1.0, 1.0]),))
    (array([1., 9.]), array([2., 6.]))
    """
    level = new_level()
    if len(primals) != len(tangents):
        raise ShapeError(f"jvp: {len(primals)} primals, but {len(tangents)} tangents.")
    duals = [_lift(p, t, level, i) for i, (p, t) in enumerate(zip(primals, tangents, strict=True))]
    result, aux = split_aux(function(*duals), has_aux)
    leaves, structure = tree.flatten(result)
    values = [_primal(leaf, level) for leaf in leaves]
    slopes = [_tangent(leaf, level) for leaf in leaves]
    out = (tree.unflatten(structure, values), tree.unflatten(structure, slopes))
    if has_aux:
        return (*out, tree.map_leaves(lambda leaf: _primal(leaf, level), aux))
    return out


def _lift(primal: Any, tangent: Any, level: int, number: int) -> Any:
    """Duals in the tree of one primal."""

    def dual(value: Any, direction: Any) -> Dual:
        value = concrete_leaf(value)
        check_differentiable(value, f"jvp: argument {number}")
        direction = direction if isinstance(direction, Box) else as_operand(direction)
        if shape_of(direction) != shape_of(value):
            raise ShapeError(
                f"jvp: argument {number} has shape {shape_of(value)} and its tangent "
                f"{shape_of(direction)}; they must be equal."
            )
        return Dual(value, fit(direction, value), level)

    return tree.map_leaves(dual, primal, tangent)


def _primal(value: Any, level: int) -> Any:
    check_escaped(value, level)
    return value.primal if isinstance(value, Dual) and value.level == level else value


def _tangent(value: Any, level: int) -> Any:
    if isinstance(value, Dual) and value.level == level:
        return value.tangent
    return zeros(value)
