"""Hyperbolic functions but tanh, and their inverses, written into LLVM IR. See `vector_math`."""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_exp import reduce_narrow
from chainrule.compiler.vector_lanes import VectorLanes
from chainrule.compiler.vector_log import log1p_of_sum


def _quarter_exp(v: VectorLanes, x: ir.Value) -> ir.Value:
    """e^|x| / 4, which is finite up to where sinh(x) and cosh(x) are infinite."""
    size = v.at_most(v.absolute(x), v.choose(89.5, 710.5))
    r, power = reduce_narrow(v, size, offset=-2)
    return v.multiply(v.polynomial(r, table.EXP), power)


def sinh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """x + x^3 p(x^2) up to 1, beyond it (e^|x| - e^-|x|) / 2 with the sign of x.

    Error: 1.7 ULP in 32 bits, 1.7 in 64.
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

    Error: 1.4 ULP in 32 bits, 1.4 in 64; not fused 1.6, 1.7.
    """
    v = VectorLanes(b, x, fused=fused)
    part = _quarter_exp(v, x)
    half = v.add(part, v.divide(0.0625, part))
    return v.add(half, half)


_LN2 = 0.6931471805599453


def _log_of_sum(v: VectorLanes, x: ir.Value, y: ir.Value, size: ir.Value) -> ir.Value:
    """ln(1 + x + y); where 1 + size is size, ln(2 size) instead."""
    large = v.less(v.choose(2.0**30, 2.0**60), size)
    total, lost = v.two_sum(x, y)
    total, lost = v.select(large, size, total), v.select(large, 0.0, lost)
    return v.add(log1p_of_sum(v, total, lost), v.select(large, _LN2, 0.0))


def arcsinh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln(t + sqrt(t^2 + 1)) = ln(1 + t + t^2 / (1 + sqrt(t^2 + 1))), t = |x|, with the sign of x.

    Error: 1.7 ULP in 32 bits, 1.8 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    size = v.absolute(x)
    square = v.multiply(size, size)
    beyond = v.divide(square, v.add(v.sqrt(v.fma(size, size, 1.0)), 1.0))
    return v.copysign(_log_of_sum(v, size, beyond, size), x)


def arccosh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln(x + sqrt(x^2 - 1)) = ln(1 + y + sqrt(y^2 + 2 y)), y = x - 1; NaN below 1.

    Error: 2.0 ULP in 32 bits, 2.0 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    y = v.subtract(x, 1.0)
    root = v.sqrt(v.fma(y, y, v.add(y, y)))
    return v.select(v.less(x, 1.0), float("nan"), _log_of_sum(v, y, root, x))


def arctanh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln((1 + t) / (1 - t)) / 2 = ln(1 + 2 t / (1 - t)) / 2, t = |x|; NaN outside [-1, 1].

    Error: 1.6 ULP in 32 bits, 1.6 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    size = v.absolute(x)
    below = v.subtract(1.0, size)
    lost = v.subtract(v.subtract(1.0, below), size)
    double = v.add(size, size)
    ratio = v.divide(double, below)
    product, rest = v.two_product(ratio, below)
    missing = v.subtract(v.subtract(v.subtract(double, product), rest), v.multiply(ratio, lost))
    result = log1p_of_sum(v, ratio, v.divide(missing, below))
    return v.copysign(v.multiply(result, 0.5), x)
