"""The hyperbolic sine and cosine, written into LLVM IR. See `vector_math`."""

from llvmlite import ir

from chainrule.compile import vector_coefficients as table
from chainrule.compile.vector_exp import reduce_narrow
from chainrule.compile.vector_lanes import VectorLanes


def _quarter_exp(v: VectorLanes, x: ir.Value) -> ir.Value:
    """e^|x| / 4, which is finite up to where sinh(x) and cosh(x) are infinite."""
    size = v.at_most(v.absolute(x), v.choose(89.5, 710.5))
    r, power = reduce_narrow(v, size, offset=-2)
    return v.multiply(v.polynomial(r, table.EXP), power)


def sinh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """x + x^3 p(x^2) up to 1, beyond it (e^|x| - e^-|x|) / 2 with the sign of x.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    size = v.absolute(x)
    square = v.multiply(size, size)
    near = v.fma(v.multiply(size, square), v.polynomial(square, table.SINH), size)
    part = _quarter_exp(v, x)
    half = v.subtract(part, v.divide(0.0625, part))
    return v.copysign(v.select(v.less(size, 1.0), near, v.add(half, half)), x)


def cosh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """(e^|x| + e^-|x|) / 2.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    part = _quarter_exp(v, x)
    half = v.add(part, v.divide(0.0625, part))
    return v.add(half, half)
