"""Symbolic mode: the derivative of a function as an expression.

The function is run once on variables, and reverse mode on what came out: the rules of the op
records, which call ops, write expressions when they are given expressions. There is no second
table of derivatives.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import aval_of
from chainrule.errors import GradientError, OptionError
from chainrule.grad.expression import Expr, Space, derivatives, evaluate, in_order
from chainrule.grad.reverse import concrete_leaf, of_arguments
from chainrule.grad.symbolic_simplify import simplify
from chainrule.ops.table import VARIADIC, Op
from chainrule.tensor import Tensor, check_differentiable


def derive(
    function: Callable,
    argnums: int | Sequence[int] = 0,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Any:
    """The derivative of a function of one number, as an expression in its parameters.

    Parameters with a default keep it; the others become variables of their names, single numbers
    unless `shapes` says otherwise. Call the result with values for all of them, or print it,
    evaluate it, differentiate it again.

    Shape: the expression has that of parameter `argnums`; a tuple of expressions for several.

    Raises:
        GradientError: the value is not one number, or the parameters have no names.

    >>> slope = derive(lambda x, a: a * x**3)
    >>> slope
    3 * x**2 * a
    >>> slope(2.0, 10.0), slope.derive("x")
    (np.float64(120.0), 6 * x * a)
    """
    names, given = _parameters(function), shapes or {}
    for name in given:
        if name not in names:
            raise OptionError(f"derive: shapes names {name!r}; the parameters are {names}.")
    space = Space()
    variables = tuple(space.variable(name, given.get(name, ())) for name in names)
    of_chosen, chosen = of_arguments(function, argnums, variables, {})
    slopes = _simplified(space, derivatives(of_chosen, list(chosen)))
    return slopes[0] if isinstance(argnums, int) else tuple(slopes)


def symbolic_gradient(function: Callable, *args: Any, argnums: int | Sequence[int] = 0) -> Any:
    """The gradient of a function of one number, derived as an expression and then evaluated.

    Equal to `grad(function, argnums)(*args)` but for rounding, on another way.

    Shape: trees of arrays in, the same out.

    Raises:
        GradientError: the value is not one number, or the function asks for numbers on the way.
        DtypeError: the argument holds integers or booleans.

    >>> symbolic_gradient(lambda x: (x * x).sum(), np.array([1.0, 3.0]))
    array([2., 6.])
    """
    of_chosen, chosen = of_arguments(function, argnums, args, {})
    space = Space()
    leaves, structure = tree.flatten(chosen)
    values = [_value(leaf) for leaf in leaves]
    variables = [
        space.variable(f"x{i}", aval_of(value).shape, aval_of(value).dtype)
        for i, value in enumerate(values)
    ]

    def of_leaves(*given: Any) -> Any:
        return of_chosen(*tree.unflatten(structure, given))

    slopes = _simplified(space, derivatives(of_leaves, variables))
    found = evaluate(slopes, dict(zip(variables, values, strict=True)))
    # A constant slope is stored once for all its elements; the caller gets an array to write to.
    whole = [np.array(g)[()] if isinstance(g, (np.ndarray, np.generic)) else g for g in found]
    gradients = tree.unflatten(structure, whole)
    return gradients[0] if isinstance(argnums, int) else gradients


def _value(leaf: Any) -> Any:
    """A user's value; a tensor that records nothing as its array."""
    leaf = concrete_leaf(leaf)
    check_differentiable(leaf, "symbolic_gradient")
    return leaf.data if isinstance(leaf, Tensor) and not leaf.requires_grad else leaf


def _simplified(space: Space, slopes: tuple) -> list[Expr]:
    roots = [space.constant(slope) for slope in slopes]
    return simplify(in_order(roots), roots)


def _parameters(function: Callable) -> list[str]:
    """The names of the parameters that need a value."""
    if isinstance(function, Op):
        if function.arity == VARIADIC:
            raise GradientError(f"derive: {function.name} takes any number of arrays; write a def.")
        return list("xyzuvw"[: function.arity])
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = [p.name for p in parameters if p.default is p.empty and p.kind in _POSITIONAL]
    if not names:
        raise GradientError(
            f"derive: {getattr(function, '__name__', function)!r} has no named parameters to "
            "derive by. Wrap it, as in derive(lambda x: f(x))."
        )
    return names


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
