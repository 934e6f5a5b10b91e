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

from chainrule.compile.vector_exp import erf, exp, exp2, expm1, sigmoid, tanh
from chainrule.compile.vector_lanes import VectorLanes
from chainrule.compile.vector_log import log, log1p, log2, log10

__all__ = [
    "erf",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sqrt",
    "tanh",
]


def sqrt(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The square root, rightly rounded."""
    return VectorLanes(b, x, fused=fused).sqrt(x)


def rsqrt(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / sqrt(x).

    Error: below 1.5 ULP.
    """
    v = VectorLanes(b, x, fused=fused)
    return v.divide(1.0, v.sqrt(x))


def reciprocal(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / x, rightly rounded."""
    return VectorLanes(b, x, fused=fused).divide(1.0, x)
