"""Exponentials and what is made of them, written into LLVM IR. See `vector_math`.

The argument is brought near 0 by multiples of ln 2 held in two parts (Cody and Waite, "Software
Manual for the Elementary Functions", 1980), where a polynomial takes over.
"""

from llvmlite import ir

from chainrule.compile import vector_coefficients as table
from chainrule.compile.vector_lanes import VectorLanes

LOG2_E = 1.4426950408889634


def _reduce(v: VectorLanes, x: ir.Value, step: float) -> tuple[ir.Value, ir.Value]:
    """The r and 2^n with x = r + n `step` ln 2, |r| <= step ln 2 / 2; step is a power of two."""
    n, power = v.nearest(x, LOG2_E / step)
    high, low = table.LN2[v.name]
    r = v.fma(n, -high * step, x)
    return v.fma(n, -low * step, r), power


def _wide(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The p and s with e^x = p s^2, s = 2^n; e^x may be 0 or infinite, but s is neither.

    Two factors s are dearer than one exponent by two terms of the polynomial, but they need no care
    where e^x leaves the normal numbers.
    """
    x = v.at_most(v.at_least(x, v.choose(-104.0, -746.0)), v.choose(89.0, 710.0))
    r, s = _reduce(v, x, 2.0)
    return r, s


def _expm1_near_0(v: VectorLanes, r: ir.Value, coefficients: dict) -> ir.Value:
    """e^r - 1 by r + r^2 p(r), whose last rounding is the only large one."""
    return v.fma(v.multiply(r, r), v.polynomial(r, coefficients), r)


def _expm1_bounded(v: VectorLanes, x: ir.Value) -> ir.Value:
    """e^x - 1 where e^x is a normal number."""
    r, power = _reduce(v, x, 1.0)
    near = _expm1_near_0(v, r, table.EXPM1)
    return v.fma(power, near, v.subtract(power, 1.0))


def exp(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """e^x; results below the normal numbers are right, too.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    r, s = _wide(v, x)
    return v.multiply(v.multiply(v.polynomial(r, table.EXP_WIDE), s), s)


def exp2(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """2^x, exact for integers.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    x = v.at_most(v.at_least(x, v.choose(-151.0, -1076.0)), v.choose(129.0, 1025.0))
    n, s = v.nearest(x, 0.5)
    r = v.fma(n, -2.0, x)
    return v.multiply(v.multiply(v.polynomial(r, table.EXP2_WIDE), s), s)


def expm1(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """e^x - 1 without cancellation: s (s (e^r - 1) + (s - 1/s)), where e^x = e^r s^2.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    r, s = _wide(v, x)
    near = _expm1_near_0(v, r, table.EXPM1_WIDE)
    inner = v.fma(s, near, v.subtract(s, v.inverse_power(s)))
    return v.copysign(v.multiply(inner, s), x)


def sigmoid(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / (1 + e^-x), as 2^-n / (2^-n + 1 + r p(r)) where e^-x = 2^n e^r.

    Both sides of the fraction are taken times 2^24 (or 2^53), so that 2^-n stays a normal number
    where the result is none.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    scale = 2.0 ** (v.mantissa + 1)
    x = v.at_most(v.at_least(x, v.choose(-104.0, -745.2)), 40.0)
    n, power = v.nearest(x, LOG2_E, v.mantissa + 1)
    high, low = table.LN2[v.name]
    r = v.fma(n, low, v.fma(n, high, v.negative(x)))
    slope = v.polynomial(r, table.EXP_SLOPE, scale=scale)
    # 2^-n + 1 + r p(r), the smaller things first: 1 + (2^-n + r p) or (2^-n + 1/2) + (1/2 + r p).
    half = scale / 2
    larger = v.at_least(v.add(power, half), scale)
    smaller = v.fma(r, slope, v.at_most(power, half))
    return v.divide(power, v.add(larger, smaller))


def tanh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """x + x^3 p(x^2) near 0, else 1 - 2 / (e^2|x| + 1) with the sign of x.

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    # From the bound on the result rounds to 1.
    size = v.at_most(v.absolute(x), v.choose(9.5, 19.5))
    square = v.multiply(size, size)
    near = v.fma(v.multiply(size, square), v.polynomial(square, table.TANH), size)
    r, power = _reduce(v, v.add(size, size), 1.0)
    plus_1 = v.fma(v.polynomial(r, table.EXP), power, 1.0)
    far = v.subtract(1.0, v.divide(2.0, plus_1))
    return v.copysign(v.select(v.less(size, 0.63), near, far), x)


def erf(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The error function, as 1 - e^g with g = ln(1 - erf|x|) = |x| p(|x|).

    Error: float TBD.
    """
    v = VectorLanes(b, x, fused=fused)
    # From here on the result rounds to 1.
    size = v.at_most(v.absolute(x), v.choose(3.95, 5.93))
    slope, rest = table.ERF_SLOPE[v.name]
    beyond = v.multiply(size, v.fma(size, v.polynomial(size, table.ERF), rest))
    g = v.fma(size, slope, beyond)
    return v.copysign(_expm1_bounded(v, g), x)
