"""Expressions of numbers in SymPy's terms."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import ops
from chainrule.errors import GradientError, import_extra
from chainrule.ops.index import index_op
from chainrule.ops.table import Box, Op

if TYPE_CHECKING:
    from chainrule.grad.expression import Expr


def to_sympy(nodes: Sequence["Expr"]) -> Any:
    """The last of `nodes`; these are all its parts, arguments before results."""
    sympy = import_extra("sympy", extra="sympy", purpose="exporting an expression to SymPy")
    found: dict[int, Any] = {}
    for node in nodes:
        if isinstance(node.aval, tuple) or node.aval.shape != ():
            raise GradientError(
                f"to_sympy: {node} has shape {getattr(node.aval, 'shape', 'of several')}; only "
                "expressions of single numbers have a form there."
            )
        args = [found[id(arg)] for arg in node.args]
        if node.op in _COUNTING:
            pairs = zip(args, node.args, strict=True)
            args = [_counted(sympy, x) if arg.aval.dtype.kind == "b" else x for x, arg in pairs]
        found[id(node)] = _convert(sympy, node, args)
    return found[id(nodes[-1])]


def _counted(sympy: Any, truth: Any) -> Any:
    """1 for true, 0 for false."""
    return sympy.Piecewise((1, truth), (0, True))


def _convert(sympy: Any, node: "Expr", args: list) -> Any:
    if node.name:
        return sympy.Symbol(node.name, real=True)
    if node.op is None:
        return _number(sympy, node.value)
    rule = _MEANING.get(node.op)
    if rule is None:
        raise GradientError(f"to_sympy: {node.op.name} has no meaning there.")
    return rule(sympy, *args)


def _number(sympy: Any, value: Any) -> Any:
    if isinstance(value, Box):
        raise GradientError("to_sympy: the expression holds a value that is being differentiated.")
    number = np.asarray(value).item()
    if isinstance(number, bool):
        return sympy.true if number else sympy.false
    whole = isinstance(number, float) and number.is_integer()
    return sympy.Integer(int(number)) if whole else sympy.sympify(number)


def _named(name: str) -> Callable:
    """SymPy's function of that name."""
    return lambda sympy, *args: getattr(sympy, name)(*args)


def _same(sympy: Any, x: Any, *_: Any) -> Any:
    return x


def _rounded(sympy: Any, x: Any) -> Any:
    """To the nearest integer, halves to even."""
    low = sympy.floor(x)
    even = sympy.Eq(sympy.Mod(low, 2), 0)
    up = sympy.Or(x - low > sympy.Rational(1, 2), sympy.And(sympy.Eq(x - low, 0.5), ~even))
    return sympy.Piecewise((low + 1, up), (low, True))


def _truncated(sympy: Any, x: Any) -> Any:
    return sympy.sign(x) * sympy.floor(sympy.Abs(x))


_MEANING: dict[Op, Callable] = {
    ops.add: lambda sympy, x, y: x + y,
    ops.subtract: lambda sympy, x, y: x - y,
    ops.multiply: lambda sympy, x, y: x * y,
    ops.divide: lambda sympy, x, y: x / y,
    ops.negative: lambda sympy, x: -x,
    ops.power: lambda sympy, x, y: x**y,
    ops.square: lambda sympy, x: x**2,
    ops.reciprocal: lambda sympy, x: 1 / x,
    ops.sqrt: _named("sqrt"),
    ops.rsqrt: lambda sympy, x: 1 / sympy.sqrt(x),
    ops.cbrt: lambda sympy, x: sympy.sign(x) * sympy.cbrt(sympy.Abs(x)),
    ops.absolute: _named("Abs"),
    ops.sign: _named("sign"),
    ops.floor: _named("floor"),
    ops.ceil: _named("ceiling"),
    ops.round: _rounded,
    ops.trunc: _truncated,
    ops.floor_divide: lambda sympy, x, y: sympy.floor(x / y),
    ops.remainder: _named("Mod"),
    ops.exp: _named("exp"),
    ops.exp2: lambda sympy, x: 2**x,
    ops.expm1: lambda sympy, x: sympy.exp(x) - 1,
    ops.log: _named("log"),
    ops.log2: lambda sympy, x: sympy.log(x, 2),
    ops.log10: lambda sympy, x: sympy.log(x, 10),
    ops.log1p: lambda sympy, x: sympy.log(1 + x),
    ops.logaddexp: lambda sympy, x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    ops.sigmoid: lambda sympy, x: 1 / (1 + sympy.exp(-x)),
    ops.softplus: lambda sympy, x: sympy.log(1 + sympy.exp(x)),
    ops.erf: _named("erf"),
    ops.erfc: _named("erfc"),
    ops.relu: lambda sympy, x: sympy.Max(0, x),
    ops.maximum: _named("Max"),
    ops.minimum: _named("Min"),
    ops.clip: lambda sympy, x, low, high: sympy.Min(sympy.Max(x, low), high),
    ops.hypot: lambda sympy, x, y: sympy.sqrt(x**2 + y**2),
    ops.sin: _named("sin"),
    ops.cos: _named("cos"),
    ops.tan: _named("tan"),
    ops.arcsin: _named("asin"),
    ops.arccos: _named("acos"),
    ops.arctan: _named("atan"),
    ops.arctan2: _named("atan2"),
    ops.sinh: _named("sinh"),
    ops.cosh: _named("cosh"),
    ops.tanh: _named("tanh"),
    ops.arcsinh: _named("asinh"),
    ops.arccosh: _named("acosh"),
    ops.arctanh: _named("atanh"),
    ops.equal: _named("Eq"),
    ops.not_equal: _named("Ne"),
    ops.less: lambda sympy, x, y: x < y,
    ops.less_equal: lambda sympy, x, y: x <= y,
    ops.greater: lambda sympy, x, y: x > y,
    ops.greater_equal: lambda sympy, x, y: x >= y,
    ops.logical_and: _named("And"),
    ops.logical_or: _named("Or"),
    ops.logical_xor: _named("Xor"),
    ops.logical_not: _named("Not"),
    ops.where: lambda sympy, condition, x, y: sympy.Piecewise((x, condition), (y, True)),
    # Of one number there is nothing to add up, reshape or cast.
    **dict.fromkeys((ops.sum, ops.prod, ops.max, ops.min), _same),
    **dict.fromkeys((ops.reshape, ops.broadcast_to, ops.transpose, ops.cast), _same),
    **dict.fromkeys((ops.stop_gradient, index_op), _same),
}
_COUNTING = frozenset({ops.multiply, ops.cast})
"""Ops that take a truth for a number."""
