"""Reverse mode: derivatives of functions by running the chain rule backwards.

(Linnainmaa, 1970; Griewank and Walther, "Evaluating Derivatives", 2nd edition, 2008, chapter 3.)
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.aval import as_operand, aval_of
from chainrule.errors import GradientError, ShapeError
from chainrule.ops.table import Box, new_level, shape_of
from chainrule.tensor import Tensor, check_differentiable, leaf_cotangents


def lift(value: Any, level: int, what: str) -> Tensor:
    """A leaf of a level of its own over a user's value."""
    value = concrete_leaf(value)
    check_differentiable(value, what)
    return Tensor(value, level, requires_grad=True)


def concrete_leaf(value: Any) -> Any:
    """A user's value as a box or an array; Python numbers get a dtype."""
    if isinstance(value, Box):
        return value
    value = as_operand(value)
    return value if hasattr(value, "dtype") else np.asarray(value, aval_of(value).dtype)


def check_escaped(value: Any, level: int) -> None:
    """Refuse an output that belongs to a derivative taken inside the function, and now over."""
    if isinstance(value, Box) and value.level > level:
        raise GradientError(
            f"the function's output ({value.aval}) belongs to a derivative, vmap or trace inside "
            "it that has ended: an inner function has put it into a variable from outside. Let "
            "the inner function return it instead, with has_aux=True if need be."
        )


def lower(value: Any, level: int) -> Any:
    """What lies under a tensor of this level; other values as they are."""
    check_escaped(value, level)
    return value.data if isinstance(value, Tensor) and value.level == level else value


def _pull_leaves(outputs: list, cotangents: list, leaves: Sequence[Tensor], level: int) -> list:
    """Cotangents of the leaves, zero for those that no output depends on."""
    pairs = [
        (out, g)
        for out, g in zip(outputs, cotangents, strict=True)
        if isinstance(out, Tensor) and out.level == level and out.requires_grad
    ]
    found = {}
    if pairs:
        found = {id(leaf): g for leaf, g in leaf_cotangents(*map(list, zip(*pairs, strict=True)))}
    return [
        found[id(leaf)] if id(leaf) in found else np.zeros(leaf.shape, leaf.dtype)
        for leaf in leaves
    ]


def vjp(function: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """The value of a function, and the map from an output's cotangent to the inputs' cotangents.

    For y = f(x) with Jacobian J it gives (y, v -> v J). Inputs and outputs are arrays or trees of
    arrays. With `has_aux`, f returns (y, aux) and vjp returns (y, map, aux).

    Raises:
        DtypeError: an input holds integers or booleans.

    >>> y, pull = vjp(lambda x: x * x, np.array([1.0, 3.0]))
    >>> pull(np.array([1.0, 1.0]))
    (array([2., 6.]),)
    """
    level = new_level()
    lifted, inputs = [], []
    for number, primal in enumerate(primals):
        leaves, structure = tree.flatten(primal)
        boxes = [lift(leaf, level, f"vjp: argument {number}") for leaf in leaves]
        inputs.append((boxes, structure))
        lifted.append(tree.unflatten(structure, boxes))
    result, aux = split_aux(function(*lifted), has_aux)
    outputs, out_structure = tree.flatten(result)

    def pull(cotangent: Any) -> tuple:
        given = tree.leaves_like(out_structure, cotangent)
        for out, g in zip(outputs, given, strict=True):
            if shape_of(g) != shape_of(out):
                raise ShapeError(
                    f"vjp: a cotangent has shape {shape_of(g)} and its output {shape_of(out)}."
                )
        weights = [g if isinstance(g, Box) else np.asarray(as_operand(g)) for g in given]
        flat = _pull_leaves(outputs, weights, [b for boxes, _ in inputs for b in boxes], level)
        rest = iter(flat)
        return tuple(tree.unflatten(s, [next(rest) for _ in boxes]) for boxes, s in inputs)

    value = tree.unflatten(out_structure, [lower(out, level) for out in outputs])
    if has_aux:
        return value, pull, tree.map_leaves(lambda leaf: lower(leaf, level), aux)
    return value, pull


def split_aux(result: Any, has_aux: bool) -> tuple[Any, Any]:
    """A function's value and what it hands out beside it.

    Raises:
        GradientError: has_aux, and the result is no pair.
    """
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise GradientError(
            f"has_aux=True: the function returned a {type(result).__name__}, expected a pair "
            "(value, aux). Return both, or leave has_aux out."
        )
    return result


def value_and_grad(
    function: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable:
    """A function that gives the value of `function` and its gradient.

    The gradient has the tree and shapes of argument `argnums` (a tuple of gradients for several
    numbers). With `has_aux`, `function` returns (value, aux), and so does the value's place.

    Raises:
        GradientError: the function's value is not one number.
        DtypeError: the argument holds integers or booleans.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 3.0]))
    (np.float64(10.0), array([2., 6.]))
    """

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> tuple:
        of_chosen, chosen = of_arguments(function, argnums, args, options)
        value, pull, *aux = vjp(of_chosen, *chosen, has_aux=has_aux)
        seed = scalar_seed(value, "grad", function)
        gradients = pull(seed)
        gradient = gradients[0] if isinstance(argnums, int) else gradients
        return ((value, *aux) if has_aux else value), gradient

    return run


def grad(function: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of `function`; apply it again for higher orders.

    See `value_and_grad`; with `has_aux` the result is (gradient, aux).

    >>> grad(lambda x: x**3)(2.0), grad(grad(lambda x: x**3))(2.0)
    (np.float32(12.0), np.float32(12.0))
    """
    both = value_and_grad(function, argnums, has_aux)

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        value, gradient = both(*args, **options)
        return (gradient, value[1]) if has_aux else gradient

    return run


def of_arguments(
    function: Callable, argnums: int | Sequence[int], args: tuple, options: dict
) -> tuple[Callable, tuple]:
    """A function of the chosen arguments alone, the others held, and their values.

    Raises:
        GradientError: there is no argument of that number, or it is named twice.
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise GradientError(
                f"argnums={number}, but the function was called with {len(args)} positional "
                "arguments. Pass the argument by position."
            )

    places = [number % len(args) for number in numbers]
    if len(set(places)) != len(places):
        raise GradientError(f"argnums={argnums} names an argument twice; name each once.")

    def of_chosen(*values: Any) -> Any:
        full = list(args)
        for place, value in zip(places, values, strict=True):
            full[place] = value
        return function(*full, **options)

    return of_chosen, tuple(args[place] for place in places)


def scalar_seed(value: Any, what: str, function: Callable) -> Any:
    """The cotangent 1 of a function's value, which must be one number."""
    name = getattr(function, "__name__", "the function")
    if not hasattr(value, "shape") and not np.isscalar(value):
        raise GradientError(
            f"{what}: {name} returned a {type(value).__name__}, expected one number. "
            "Return the loss alone, or (loss, aux) with has_aux=True."
        )
    if shape_of(value) != ():
        raise GradientError(
            f"{what}: {name} returned shape {shape_of(value)}, expected one number (shape ()). "
            "Reduce it with .sum() or .mean(), or use vjp or jacobian for several outputs."
        )
    dtype = aval_of(value).dtype
    if dtype.kind != "f":
        raise GradientError(
            f"{what}: {name} returned {dtype}, which has no slope. Differentiate a float, such as "
            "a loss; counts and positions are constant between their steps."
        )
    return np.ones((), dtype)
