"""Exponentials and what is made of them, written into LLVM IR. See `vector_math`.

The argument is brought near 0 by multiples of ln 2 held in two parts (Cody and Waite, "Software
Manual for the Elementary Functions", 1980), where a polynomial takes over.
"""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_lanes import VectorLanes

LOG2_E = 1.4426950408889634


def _less_multiple(v: VectorLanes, x: ir.Value, n: ir.Value, step: float) -> ir.Value:
    """X - n `step` ln 2; step is a power of two."""
    high, low = table.LN2[v.name]
    return v.fma(n, -low * step, v.fma(n, -high * step, x))


def reduce_narrow(v: VectorLanes, x: ir.Value, *, offset: int = 0) -> tuple[ir.Value, ir.Value]:
    """The r and 2^(n + offset) with e^x = 2^n e^r, |r| <= ln 2 / 2; the power must be normal."""
    n, power = v.nearest(x, LOG2_E, offset)
    return _less_multiple(v, x, n, 1.0), power


def reduce_wide(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The r and s = 2^n with e^x = e^r s^2, |r| <= ln 2; s is normal where e^x is 0 or infinite.

    Two factors s are dearer than one exponent by two terms of the polynomial, but they need no care
    where e^x leaves the normal numbers.
    """
    x = v.at_most(v.at_least(x, v.choose(-104.0, -746.0)), v.choose(89.0, 710.0))
    n, s = v.nearest(x, LOG2_E / 2)
    return _less_multiple(v, x, n, 2.0), s


def reduce_nonpositive(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value, float]:
    """The r and 2^n / c with e^x = 2^n e^r, and c, with which 2^n is a normal number, too."""
    x = v.at_least(x, v.choose(-104.0, -745.2))
    r, power = reduce_narrow(v, x, offset=v.mantissa + 1)
    return r, power, 2.0 ** -(v.mantissa + 1)


def exp_in_two_parts(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """e^x for x <= 0, and what its rounding lost."""
    r, power, scale = reduce_nonpositive(v, x)
    beyond = v.multiply(v.multiply(r, v.polynomial(r, table.EXP_SLOPE, scale=scale)), power)
    main = v.multiply(power, scale)
    high = v.add(main, beyond)
    return high, v.subtract(beyond, v.subtract(high, main))


def _expm1_near_0(v: VectorLanes, r: ir.Value, coefficients: dict) -> ir.Value:
    """e^r - 1 by r + r^2 p(r), whose last rounding is the only large one."""
    return v.fma(v.multiply(r, r), v.polynomial(r, coefficients), r)


def expm1_bounded(v: VectorLanes, x: ir.Value) -> ir.Value:
    """e^x - 1 where e^x is a normal number."""
    r, power = reduce_narrow(v, x)
    near = _expm1_near_0(v, r, table.EXPM1)
    return v.fma(power, near, v.subtract(power, 1.0))


def exp(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """e^x; results below the normal numbers are right, too.

    Error: 1.6 ULP in 32 bits, 1.5 in 64; not fused 1.9, 1.9.
    """
    v = VectorLanes(b, x, fused=fused)
    r, s = reduce_wide(v, x)
    return v.multiply(v.multiply(v.polynomial(r, table.EXP_WIDE), s), s)


def exp_of_nonpositive(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """e^x for x <= 0, as softmax needs it: cheaper than `exp`, and right below the normal numbers.

    Error: 1.0 ULP in 32 bits, 0.9 in 64; not fused 1.2, 1.2.
    """
    v = VectorLanes(b, x, fused=fused)
    r, power, scale = reduce_nonpositive(v, x)
    return v.multiply(v.polynomial(r, table.EXP, scale=scale), power)


def exp2_of_sum(v: VectorLanes, x: ir.Value, low: ir.Value | None = None) -> ir.Value:
    """2^(x + low), where low does not count beside an x whose power is 0 or infinite."""
    x = v.at_most(v.at_least(x, v.choose(-151.0, -1076.0)), v.choose(129.0, 1025.0))
    n, s = v.nearest(x, 0.5)
    r = v.fma(n, -2.0, x)
    if low is not None:
        r = v.select(v.less(v.absolute(low), 1.0), v.add(r, low), r)
    return v.multiply(v.multiply(v.polynomial(r, table.EXP2_WIDE), s), s)


def exp2(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """2^x, exact for integers.

    Error: 1.3 ULP in 32 bits, 1.2 in 64; not fused 1.7, 1.6.
    """
    return exp2_of_sum(VectorLanes(b, x, fused=fused), x)


def expm1(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """e^x - 1 without cancellation: s (s (e^r - 1) + (s - 1/s)), where e^x = e^r s^2.

    Error: 1.5 ULP in 32 bits, 1.6 in 64; not fused 1.5, 1.8.
    """
    v = VectorLanes(b, x, fused=fused)
    r, s = reduce_wide(v, x)
    near = _expm1_near_0(v, r, table.EXPM1_WIDE)
    inner = v.fma(s, near, v.subtract(s, v.inverse_power(s)))
    return v.copysign(v.multiply(inner, s), x)


def sigmoid(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 / (1 + e^-x), as 2^-n / (2^-n + 1 + r p(r)) where e^-x = 2^n e^r.

    Both sides of the fraction are taken times 2^24 (or 2^53), so that 2^-n stays a normal number
    where the result is none.

    Error: 2.0 ULP in 32 bits, 2.0 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    scale = 2.0 ** (v.mantissa + 1)
    x = v.at_most(v.at_least(x, v.choose(-104.0, -745.2)), 40.0)
    n, power = v.nearest(x, LOG2_E, v.mantissa + 1)
    r = v.negative(_less_multiple(v, x, n, 1.0))
    slope = v.polynomial(r, table.EXP_SLOPE, scale=scale)
    # 2^-n + 1 + r p(r), the smaller things first: 1 + (2^-n + r p) or (2^-n + 1/2) + (1/2 + r p).
    half = scale / 2
    larger = v.at_least(v.add(power, half), scale)
    smaller = v.fma(r, slope, v.at_most(power, half))
    return v.divide(power, v.add(larger, smaller))


def tanh(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """x + x^3 p(x^2) near 0, else 1 - 2 / (e^2|x| + 1) with the sign of x.

    Error: 1.4 ULP in 32 bits, 1.4 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    # From the bound on the result rounds to 1.
    size = v.at_most(v.absolute(x), v.choose(9.5, 19.5))
    square = v.multiply(size, size)
    near = v.fma(v.multiply(size, square), v.polynomial(square, table.TANH), size)
    r, power = reduce_narrow(v, v.add(size, size))
    plus_1 = v.fma(v.polynomial(r, table.EXP), power, 1.0)
    far = v.subtract(1.0, v.divide(2.0, plus_1))
    return v.copysign(v.select(v.less(size, 0.63), near, far), x)
