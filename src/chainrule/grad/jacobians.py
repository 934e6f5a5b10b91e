"""Jacobians and Hessians: all directions pushed or pulled at once."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops, tree
from chainrule.aval import aval_of
from chainrule.grad.batching import vmap
from chainrule.grad.forward import jvp
from chainrule.grad.reverse import concrete_leaf, grad, of_arguments, vjp
from chainrule.ops.table import shape_of


def jacfwd(function: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The Jacobian of a function, by forward mode: one direction for each element of the input.

    All directions are pushed through the function together. Cheaper than `jacrev` where the
    function has more outputs than inputs.

    Shape: (*output, *input), in the outputs' tree, with the inputs' tree in each place.

    Raises:
        DtypeError: an input holds integers or booleans.

    >>> jacfwd(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        of_chosen, chosen = of_arguments(function, argnums, args, {})
        return _assembled(argnums, *_pushed(of_chosen, chosen))

    return run


def jacrev(function: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The Jacobian of a function, by reverse mode: one cotangent for each element of the output.

    The function runs once; all cotangents are pulled back together. Cheaper than `jacfwd` where
    the function has fewer outputs than inputs.

    Shape: (*output, *input), in the outputs' tree, with the inputs' tree in each place.

    Raises:
        DtypeError: an input holds integers or booleans.

    >>> jacrev(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        of_chosen, chosen = of_arguments(function, argnums, args, {})
        value, pull = vjp(of_chosen, *chosen)
        return _assembled(argnums, *_pulled(value, pull, chosen))

    return run


def jacobian(function: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The Jacobian of a function, by the mode that needs fewer passes for its shapes.

    Reverse mode where the outputs have no more elements than the inputs, else forward mode.

    Shape: (*output, *input), in the outputs' tree, with the inputs' tree in each place.

    Raises:
        DtypeError: an input holds integers or booleans.

    >>> jacobian(lambda x: (x * x).sum(axis=0))(np.array([[1.0, 3.0]])).shape
    (2, 1, 2)
    """

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        of_chosen, chosen = of_arguments(function, argnums, args, {})
        value, pull = vjp(of_chosen, *chosen)
        if _count(value) <= _count(chosen):
            return _assembled(argnums, *_pulled(value, pull, chosen))
        return _assembled(argnums, *_pushed(of_chosen, chosen))

    return run


def hessian(function: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The second derivatives of a function of one number: forward mode over reverse mode.

    Shape: (*input, *input), in the inputs' tree, with the inputs' tree again in each place.

    Raises:
        GradientError: the function's value is not one number.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacfwd(grad(function, argnums), argnums)


def hvp(function: Callable, primals: tuple, tangents: tuple) -> tuple:
    """The gradient of a function of one number, and its Hessian times a direction.

    Forward mode over reverse mode: a few times the cost of the gradient, and no Hessian is made
    (Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994).

    Shape: both have the trees and shapes of `primals`.

    Raises:
        GradientError: the function's value is not one number.
        ShapeError: a tangent's shape is not its primal's.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    ((array([ 3., 12.]),), (array([6., 0.]),))
    """
    return jvp(grad(function, tuple(range(len(primals)))), tuple(primals), tuple(tangents))


def _count(values: Any) -> int:
    return sum(math.prod(shape_of(leaf)) for leaf in tree.flatten(values)[0])


def _basis(values: Any) -> tuple[Any, list[int]]:
    """Unit vectors in the tree of some values, along a first axis, and the leaves' sizes."""
    leaves, structure = tree.flatten(values)
    leaves = [concrete_leaf(leaf) for leaf in leaves]
    sizes = [math.prod(leaf.shape) for leaf in leaves]
    total, start, units = sum(sizes), 0, []
    for leaf, size in zip(leaves, sizes, strict=True):
        unit = np.zeros((total, size), aval_of(leaf).dtype)
        unit[start : start + size] = np.eye(size)
        units.append(unit.reshape(total, *leaf.shape))
        start += size
    return tree.unflatten(structure, units), sizes


def _pushed(function: Callable, inputs: tuple) -> tuple[list, Any, list, Any]:
    """Rows (outputs first) of each pair's Jacobian, and the two trees: by forward mode."""
    basis, sizes = _basis(inputs)
    columns = vmap(lambda *directions: jvp(function, inputs, directions)[1])(*basis)
    outputs, out_structure = tree.flatten(columns)
    leaves, structure = tree.flatten(inputs)
    rows = []
    for out in outputs:
        shape = shape_of(out)[1:]
        turned = ops.moveaxis(out, 0, -1)
        rows.append(
            [
                ops.reshape(part, shape=(*shape, *shape_of(leaf)))
                for part, leaf in zip(_cut(turned, sizes, -1), leaves, strict=True)
            ]
        )
    return rows, out_structure, leaves, structure


def _pulled(value: Any, pull: Callable, inputs: tuple) -> tuple[list, Any, list, Any]:
    """As `_pushed`, by reverse mode."""
    basis, sizes = _basis(value)
    outputs, out_structure = tree.flatten(value)
    leaves, structure = tree.flatten(inputs)
    blocks = tree.flatten(vmap(pull)(basis))[0]
    columns = [_cut(block, sizes, 0) for block in blocks]
    rows = [
        [
            ops.reshape(column[i], shape=(*shape_of(out), *shape_of(leaf)))
            for column, leaf in zip(columns, leaves, strict=True)
        ]
        for i, out in enumerate(outputs)
    ]
    return rows, out_structure, leaves, structure


def _cut(whole: Any, sizes: list[int], axis: int) -> list:
    ends = np.cumsum(sizes).tolist()
    return ops.split(whole, ends[:-1], axis=axis)


def _assembled(
    argnums: int | Sequence[int], rows: list, out_structure: Any, leaves: list, structure: Any
) -> Any:
    """The pairs' Jacobians in the outputs' tree of the inputs' trees."""
    places = []
    for row in rows:
        inputs = tree.unflatten(structure, row)
        places.append(inputs[0] if isinstance(argnums, int) else inputs)
    return tree.unflatten(out_structure, places)
