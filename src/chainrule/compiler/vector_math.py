"""Mathematical functions on vectors, written into LLVM IR without calls, branches or tables.

`exp(b, x)` and its kin take a value of type float or double, or a vector of any number of these,
and give one of the same type, written through the builder `b`. `fused=False` is for processors that
cannot multiply and add in one instruction.

Every docstring states the largest error measured, in units in the last place (ULP) of 32 and 64
bits, with and without fused instructions; tests hold it. NaN gives NaN; numbers below the normal
ones are taken and given rightly (as long as the processor is not told to flush them to 0).

>>> from llvmlite import ir
>>> lanes = ir.VectorType(ir.FloatType(), 8)
>>> function = ir.Function(ir.Module(), ir.FunctionType(lanes, [lanes]), "sigmoid_of_8")
>>> b = ir.IRBuilder(function.append_basic_block())
>>> str(b.ret(sigmoid(b, function.args[0])).operands[0].type)
'<8 x float>'
"""

from llvmlite import ir

from chainrule.compiler.vector_erf import erf, erfc
from chainrule.compiler.vector_exp import (
    exp,
    exp2,
    exp_of_nonpositive,
    expm1,
    sigmoid,
    tanh,
)
from chainrule.compiler.vector_hyperbolic import arccosh, arcsinh, arctanh, cosh, sinh
from chainrule.compiler.vector_lanes import VectorLanes
from chainrule.compiler.vector_log import log, log1p, log2, log10, logaddexp, softplus
from chainrule.compiler.vector_power import cbrt, hypot, power
from chainrule.compiler.vector_trigonometry import arccos, arcsin, arctan, arctan2, cos, sin, tan

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "exp_of_nonpositive",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "power",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
]


def sqrt(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The square root; NaN below 0.

    Error: 0.5 ULP in 32 bits, 0.5 in 64.
    """
    return VectorLanes(b, x, fused=fused).sqrt(x)


def rsqrt(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / sqrt(x); infinite at 0, NaN below.

    Error: 1.5 ULP in 32 bits, 1.5 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    return v.divide(1.0, v.sqrt(x))


def reciprocal(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / x.

    Error: 0.5 ULP in 32 bits, 0.5 in 64.
    """
    return VectorLanes(b, x, fused=fused).divide(1.0, x)
