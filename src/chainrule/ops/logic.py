"""Elementwise ops whose result is bool. Their derivative is zero."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.aval import Aval
from chainrule.errors import ShapeError
from chainrule.ops.elementwise import REAL
from chainrule.ops.promotion import broadcast, concrete, promoted
from chainrule.ops.table import Op, defop, sample

_BOOL = np.dtype(np.bool_)


def _compare(name: str, function: Callable, sign: str, example: str, **fields: Any) -> Op:
    """Define a comparison of two arguments."""
    return defop(
        name,
        np=promoted(function),
        infer=lambda *avals: Aval(broadcast(name, avals), _BOOL),
        arity=2,
        latex="{0} " + sign + " {1}",
        domain=(REAL, REAL),
        emit=lambda b, x, y: getattr(b, name)(x, y),
        errors=((sample((3,), (4,)), ShapeError, "do not broadcast"),),
        doc=f"""Where {name.replace("_", " ")}, element by element, as bool.

Shape: the arguments broadcast.

>>> {name}(np.array([1.0, 2.0, 3.0]), 2.0)
array({example})
""",
        **fields,
    )


equal = _compare("equal", np.equal, "=", "[False,  True, False]", commutative=True)
not_equal = _compare("not_equal", np.not_equal, r"\ne", "[ True, False,  True]", commutative=True)
less = _compare("less", np.less, "<", "[ True, False, False]")
less_equal = _compare("less_equal", np.less_equal, r"\le", "[ True,  True, False]")
greater = _compare("greater", np.greater, ">", "[False, False,  True]")
greater_equal = _compare("greater_equal", np.greater_equal, r"\ge", "[False,  True,  True]")


def _truth(name: str, function: Callable, sign: str, example: str) -> Op:
    """Define a logical op of two arguments."""
    return defop(
        name,
        np=function,
        infer=lambda *avals: Aval(broadcast(name, avals), _BOOL),
        arity=2,
        latex="{0} " + sign + " {1}",
        domain=(REAL, REAL),
        emit=lambda b, x, y: getattr(b, name)(x, y),
        commutative=True,
        doc=f"""{name.replace("_", " ").capitalize()}, element by element; nonzero numbers are true.

Shape: the arguments broadcast.

>>> {name}(np.array([True, True, False]), np.array([True, False, False]))
array({example})
""",
    )


logical_and = _truth("logical_and", np.logical_and, r"\land", "[ True, False, False]")
logical_or = _truth("logical_or", np.logical_or, r"\lor", "[ True,  True, False]")
logical_xor = _truth("logical_xor", np.logical_xor, r"\oplus", "[False,  True, False]")


def _test(name: str, function: Callable, latex: str, doc: str, emit: Callable) -> Op:
    """Define a test of one argument."""
    return defop(
        name,
        np=lambda x: function(concrete(x)),
        infer=lambda x: Aval(x.shape, _BOOL),
        latex=latex,
        domain=(REAL,),
        doc=doc,
        emit=emit,
    )


logical_not = _test(
    "logical_not",
    np.logical_not,
    r"\lnot {0}",
    """Where x is false (or zero).

>>> logical_not(np.array([True, False]))
array([False,  True])
""",
    emit=lambda b, x: b.logical_not(x),
)
isnan = _test(
    "isnan",
    np.isnan,
    r"\operatorname{{isnan}}({0})",
    """Where x is not a number.

>>> isnan(np.array([1.0, np.nan]))
array([False,  True])
""",
    emit=lambda b, x: b.isnan(x),
)
isinf = _test(
    "isinf",
    np.isinf,
    r"\operatorname{{isinf}}({0})",
    """Where x is infinite.

>>> isinf(np.array([1.0, -np.inf]))
array([False,  True])
""",
    emit=lambda b, x: b.isinf(x),
)
isfinite = _test(
    "isfinite",
    np.isfinite,
    r"\operatorname{{isfinite}}({0})",
    """Where x is neither NaN nor infinite.

>>> isfinite(np.array([1.0, np.nan, np.inf]))
array([ True, False, False])
""",
    emit=lambda b, x: b.isfinite(x),
)
