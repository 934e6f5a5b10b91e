"""Elementwise ops of two or more arguments: arithmetic, choice, comparison, logic."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.aval import Aval, aval_of, result_dtype
from chainrule.errors import DtypeError, OptionError, ShapeError
from chainrule.ops.elementwise import POSITIVE, REAL, cast, log, sigmoid, square
from chainrule.ops.logic import logical_and
from chainrule.ops.lowering import OnFloats
from chainrule.ops.promotion import (
    broadcast,
    infer_arithmetic,
    infer_floating,
    promote,
    promoted,
    promoted_to_floats,
)
from chainrule.ops.table import Op, defop, dtype_of, refuse_dtype, sample

_CLASH = (sample(np.ones(3), np.ones(4)), ShapeError, r"shapes \(3,\) and \(4,\) do not broadcast")
_BINARY_NOTE = (
    "\n\nShape: the arguments broadcast. dtype: NumPy's promotion (NEP 50), but an integer never"
    " widens a float.\n\nRaises:\n    ShapeError: the shapes do not broadcast."
)


def binary(
    name: str,
    function: Callable,
    doc: str,
    *,
    domain: tuple = (REAL, REAL),
    real: bool = False,
    of_bools: type = np.bool_,
    **fields: Any,
) -> Op:
    """Define an elementwise op of two arguments; `real` where integers give floats."""
    return defop(
        name,
        np=promoted_to_floats(function) if real else promoted(function),
        infer=infer_floating(name) if real else infer_arithmetic(name, of_bools),
        arity=2,
        domain=domain,
        doc=doc + _BINARY_NOTE,
        errors=(_CLASH, *fields.pop("errors", ())),
        **fields,
    )


add = binary(
    "add",
    np.add,
    """The sum x + y.

>>> add(np.array([1.0, 2.0]), 1.0)
array([2., 3.])""",
    partials=(1.0, 1.0),
    commutative=True,
    identity=((0, -0.0), (1, -0.0)),
    latex="{0} + {1}",
    emit=lambda b, x, y: b.add(x, y),
)


def _infer_subtract(x: Aval, y: Aval) -> Aval:
    out = infer_arithmetic("subtract")(x, y)
    if out.dtype.kind == "b":
        raise refuse_dtype("subtract", x, "numbers", "Use logical_xor on booleans.")
    return out


subtract = defop(
    "subtract",
    np=promoted(np.subtract),
    infer=_infer_subtract,
    partials=(1.0, -1.0),
    identity=((1, 0.0),),
    latex="{0} - {1}",
    domain=(REAL, REAL),
    errors=(_CLASH, (sample(np.array([True]), np.array([True])), DtypeError, "logical_xor")),
    doc="""The difference x - y.

>>> subtract(np.array([1.0, 2.0]), 1.0)
array([0., 1.])"""
    + _BINARY_NOTE,
    emit=lambda b, x, y: b.subtract(x, y),
)
multiply = binary(
    "multiply",
    np.multiply,
    """The product x y, element by element.

>>> multiply(np.array([1.0, 2.0]), 3.0)
array([3., 6.])""",
    partials=(lambda out, x, y: y, lambda out, x, y: x),
    commutative=True,
    identity=((0, 1.0), (1, 1.0)),
    latex=r"{0} \cdot {1}",
    emit=lambda b, x, y: b.multiply(x, y),
)
divide = binary(
    "divide",
    np.divide,
    """The quotient x / y; of integers a float32.

>>> divide(np.array([1.0, 2.0]), 4.0)
array([0.25, 0.5 ])""",
    real=True,
    partials=(lambda out, x, y: 1.0 / like(out, y), lambda out, x, y: -out / y),
    identity=((1, 1.0),),
    latex=r"\frac{{{0}}}{{{1}}}",
    domain=(REAL, POSITIVE),
    emit=lambda b, x, y: b.divide(x, y),
)
floor_divide = binary(
    "floor_divide",
    np.floor_divide,
    """The largest integer not above x / y. Its derivative is 0.

>>> floor_divide(np.array([7, -7]), 2)
array([ 3, -4])""",
    latex=r"\lfloor {0} / {1} \rfloor",
    domain=(REAL, POSITIVE),
    of_bools=np.int8,
    emit=OnFloats(lambda b, x, y: b.floor_divide(x, y)),
)
remainder = binary(
    "remainder",
    np.remainder,
    """x - y floor(x / y), with the sign of y, as Python's %.

>>> remainder(np.array([7.0, -7.0]), 3.0)
array([1., 2.])""",
    partials=(1.0, lambda out, x, y: -floor_divide(x, y)),
    latex=r"{0} \bmod {1}",
    domain=(REAL, POSITIVE),
    of_bools=np.int8,
    emit=OnFloats(lambda b, x, y: b.remainder(x, y)),
)


def like(out: Any, x: Any) -> Any:
    """An argument in the dtype of the result, for rules in which integers would lose digits."""
    dtype = dtype_of(out)
    return x if dtype_of(x) == dtype else cast(x, dtype=dtype)


def _power_by_base(out: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float):
        if y == 2:
            return 2.0 * x
        return y * x ** (y - 1) if y != 0 else 0.0 * x
    # At the origin alone y * x**(y - 1) is 0 * infinity; elsewhere it must stay as it is, for its
    # own derivative by y is not 0 at y = 0.
    origin = logical_and(x == 0, y == 0)
    return where(origin, 0.0, y * x ** where(origin, 1.0, y - 1))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    x = like(out, x)
    return where(x == 0, 0.0, out * log(where(x == 0, 1.0, x)))


def _power(x: Any, y: Any) -> Any:
    try:
        # The operator, not np.power: it takes the fast ways for exponents such as 2 and 0.5.
        return x**y
    except ValueError as error:
        if np.result_type(x, y).kind == "i" and np.any(np.less(y, 0)):
            raise DtypeError(
                "power: an integer to a negative power is no integer. "
                "Convert the base with .astype('float32'), or write 2.0 in place of 2."
            ) from error
        raise


power = binary(
    "power",
    _power,
    """x to the power of y; integers to negative powers are refused.

The derivative by y at x = 0 is taken as 0.

>>> power(np.array([2.0, 3.0]), 2)
array([4., 9.])""",
    partials=(_power_by_base, _power_by_exponent),
    identity=((1, 1.0),),
    latex="{{{0}}}^{{{1}}}",
    domain=(POSITIVE, REAL),
    of_bools=np.int8,
    emit=OnFloats(lambda b, x, y: b.power(x, y)),
)


def _ties(out: Any, mine: Any, other: Any) -> Any:
    """1 where mine is chosen, one half where both are equal."""
    return where(mine == other, 0.5, where(mine == out, 1.0, 0.0))


maximum = binary(
    "maximum",
    np.maximum,
    """The larger of x and y; NaN if either is. Equal values share the derivative by halves.

>>> maximum(np.array([1.0, 5.0]), 2.0)
array([2., 5.])""",
    partials=(_ties, lambda out, x, y: _ties(out, y, x)),
    latex=r"\max({0}, {1})",
    emit=lambda b, x, y: b.maximum(x, y),
)
minimum = binary(
    "minimum",
    np.minimum,
    """The smaller of x and y; NaN if either is. Equal values share the derivative by halves.

>>> minimum(np.array([1.0, 5.0]), 2.0)
array([1., 2.])""",
    partials=(_ties, lambda out, x, y: _ties(out, y, x)),
    latex=r"\min({0}, {1})",
    emit=lambda b, x, y: b.minimum(x, y),
)


def _radius(r: Any) -> Any:
    """A distance from the origin, and 1 at the origin itself, where derivatives are taken as 0."""
    return where(r == 0, 1.0, r)


arctan2 = binary(
    "arctan2",
    np.arctan2,
    """The angle of the point (y, x), in (-pi, pi]; the ordinate comes first.

Its derivative at the origin, where there is none, is taken as 0.

>>> arctan2(np.array([1.0]), np.array([1.0]))
array([0.78539816])""",
    real=True,
    partials=(
        lambda out, x, y: y / square(_radius(hypot(x, y))),
        lambda out, x, y: -(x / square(_radius(hypot(x, y)))),
    ),
    latex=r"\operatorname{{atan2}}({0}, {1})",
    domain=(REAL, POSITIVE),
    emit=lambda b, x, y: b.arctan2(x, y),
)
hypot = binary(
    "hypot",
    np.hypot,
    """sqrt(x^2 + y^2) without overflow; its derivative at the origin is taken as 0.

>>> hypot(np.array([3.0]), 4.0)
array([5.])""",
    real=True,
    partials=(lambda out, x, y: x / _radius(out), lambda out, x, y: y / _radius(out)),
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
    domain=(REAL, POSITIVE),
    emit=lambda b, x, y: b.hypot(x, y),
)


def _infer_where(condition: Aval, x: Aval, y: Aval) -> Aval:
    if condition.dtype.kind != "b":
        raise refuse_dtype(
            "where",
            condition,
            "bool as its first argument",
            "Compare first, as in where(x > 0, ...).",
        )
    shape = broadcast("where", (condition, x, y))
    return Aval(shape, result_dtype(x, y))


def _where(condition: Any, x: Any, y: Any) -> Any:
    if np.result_type(condition) != np.bool_:
        _infer_where(aval_of(condition), aval_of(x), aval_of(y))
    if getattr(x, "dtype", None) is not getattr(y, "dtype", 0):
        x, y = promote(x, y)
    return np.where(condition, x, y)[()]


where = defop(
    "where",
    np=_where,
    infer=_infer_where,
    transpose=(
        None,
        lambda g, condition, x, y: where(condition, g, 0.0),
        lambda g, condition, x, y: where(condition, 0.0, g),
    ),
    jointly_linear=True,
    latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}",
    samples=(
        sample(np.array([[True], [False]]), (2, 3), (3,)),
        sample(np.array(True), (), ()),
        sample(np.array([True, False]), (2,), 1.5),
        sample(np.zeros((0,), bool), (0,), (0,)),
    ),
    errors=(
        (sample(np.array([1.0]), (1,), (1,)), DtypeError, "got dtype float64, expected bool"),
        (sample(np.array([True] * 3), (3,), (4,)), ShapeError, "do not broadcast"),
    ),
    emit=lambda b, condition, x, y: b.where(condition, x, y),
    doc="""x where the condition holds, y elsewhere.

The derivative goes only to the chosen branch, but a NaN or infinite *slope* inside the branch not
taken still gives NaN (0 times infinity): guard the input of that branch as well, as in
`where(x > 0, log(where(x > 0, x, 1)), 0)`.

Shape: the three broadcast.

Raises:
    DtypeError: the condition is not bool.
    ShapeError: the shapes do not broadcast.

>>> where(np.array([True, False]), 1.0, np.array([5.0, 6.0]))
array([1., 6.])
""",
)
logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    """ln(e^x + e^y) without overflow.

>>> logaddexp(np.array([1000.0]), 1000.0)
array([1000.69314718])""",
    real=True,
    partials=(lambda out, x, y: sigmoid(x - y), lambda out, x, y: sigmoid(y - x)),
    latex=r"\ln(e^{{{0}}} + e^{{{1}}})",
    emit=lambda b, x, y: b.logaddexp(x, y),
)


def _infer_clip(x: Aval, low: Aval, high: Aval) -> Aval:
    return Aval(broadcast("clip", (x, low, high)), result_dtype(x, low, high))


def _clip(x: Any, low: Any, high: Any) -> Any:
    if np.any(np.greater(low, high)):
        raise OptionError(
            f"clip: the lower bound {low} is above the upper bound {high}. Swap them."
        )
    x, low, high = promote(x, low, high)
    if not hasattr(x, "dtype"):  # two Python numbers alone would meet in float64
        x = (low if hasattr(low, "dtype") else high).dtype.type(x)
    return np.minimum(np.maximum(x, low), high)


def _emit_clip(b: Any, x: Any, low: Any, high: Any) -> Any:
    b.refuse(b.greater(low, high))
    x, low, high = b.promote(x, low, high)
    return b.minimum(b.maximum(x, low), high)


clip = defop(
    "clip",
    np=_clip,
    infer=_infer_clip,
    partials=(
        lambda out, x, low, high: (x >= low) & (x <= high),
        lambda out, x, low, high: x < low,
        lambda out, x, low, high: (x > high) & (low <= high),
    ),
    latex=r"\operatorname{{clip}}({0}, {1}, {2})",
    domain=((-3.0, 3.0), (-1.5, -0.5), (0.5, 1.5)),
    errors=((sample((3,), 2.0, 1.0), OptionError, r"lower bound 2.0 is above .* 1.0"),),
    emit=_emit_clip,
    doc="""x held between a lower and an upper bound; the derivative at a bound is 1, as in PyTorch.

Shape: the three broadcast.

Raises:
    OptionError: the lower bound is above the upper one.

>>> clip(np.array([-2.0, 0.5, 2.0]), 0.0, 1.0)
array([0. , 0.5, 1. ])
""",
)
