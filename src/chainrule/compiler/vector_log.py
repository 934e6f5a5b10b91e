"""Logarithms, written into LLVM IR. See `vector_math`.

A number is taken apart as x = 2^e (1 + f) with 1/sqrt 2 <= 1 + f < sqrt 2, and ln(1 + f) is
f + g(f): a polynomial in 32 bits; in 64 bits, where that would be long, s (s^2 a(s^2) - f) with
s = f / (2 + f), from ln(1 + f) = 2 atanh(s) (after Tang, "Table-driven implementation of the
logarithm function", ACM TOMS 16, 1990, without the table).
"""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_exp import exp_in_two_parts
from chainrule.compiler.vector_lanes import VectorLanes

_INFINITY, _NAN = float("inf"), float("nan")


def _exponent_and_mantissa(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """For positive normal x: the integer e + bias, and m = x / 2^e in [1/sqrt 2, sqrt 2)."""
    root_half = v.choose(0x3F3504F3, 0x3FE6A09E667F3BCD)
    shifted = v.b.add(v.as_integer(x), v.whole(v.one - root_half))
    exponent = v.b.lshr(shifted, v.whole(v.mantissa))
    fraction = v.b.and_(shifted, v.whole((1 << v.mantissa) - 1))
    return exponent, v.as_float(v.b.add(fraction, v.whole(root_half)))


def _on_top_of_unit(v: VectorLanes, exponent: ir.Value) -> ir.Value:
    """2^23 (or 2^52) plus a small positive integer, as a float: it is put into the last bits."""
    return v.as_float(v.b.or_(exponent, v.whole(v.one + (v.mantissa << v.mantissa))))


def beyond_f(v: VectorLanes, f: ir.Value) -> ir.Value:
    """g(f) = ln(1 + f) - f for 1 + f in [1/sqrt 2, sqrt 2]."""
    if v.single:
        return v.multiply(v.multiply(f, f), v.polynomial(f, table.LOG1P))
    s = v.divide(f, v.add(f, 2.0))
    z = v.multiply(s, s)
    return v.multiply(s, v.fma(z, v.polynomial(z, table.ATANH), v.negative(f)))


def _natural(v: VectorLanes, e: ir.Value, f: ir.Value) -> ir.Value:
    """ln(2^e (1 + f))."""
    high, low = table.LN2[v.name]
    beyond = v.fma(e, low, beyond_f(v, f))
    return v.fma(e, high, v.add(f, beyond))


def _at_the_ends(v: VectorLanes, result: ir.Value, x: ir.Value) -> ir.Value:
    """-infinity at 0, infinity at infinity, NaN below 0 and for NaN, else the result."""
    nowhere = v.select(v.equal(x, 0.0), -_INFINITY, _NAN)
    result = v.select(v.less(0.0, x), result, nowhere)
    return v.select(v.equal(x, _INFINITY), _INFINITY, result)


def take_apart(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The e and f of x > 0; where x is below the normal numbers, those of x 2^32 (or 2^64)."""
    small = v.less(x, 2.0 ** (1 - v.bias))
    exponent, m = _exponent_and_mantissa(v, v.select(small, v.multiply(x, 2.0**v.bits), x))
    excess = 2.0**v.mantissa + v.bias
    excess = v.select(small, excess + v.bits, excess)
    return v.subtract(_on_top_of_unit(v, exponent), excess), v.subtract(m, 1.0)


def log(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln x; -infinity at 0, NaN below.

    Error: 1.0 ULP in 32 bits, 1.0 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    return _at_the_ends(v, _natural(v, *take_apart(v, x)), x)


def _log_to_base(v: VectorLanes, x: ir.Value, unit: tuple, of_2: tuple) -> ir.Value:
    """A logarithm of x, given those of e and of 2 in two parts."""
    e, f = take_apart(v, x)
    rest = v.multiply(beyond_f(v, f), unit[0])
    rest = v.fma(f, unit[0], v.fma(f, unit[1], v.fma(e, of_2[1], rest)))
    return _at_the_ends(v, v.fma(e, of_2[0], rest), x)


def log2(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The logarithm to base 2, exact for powers of 2.

    Error: 1.1 ULP in 32 bits, 1.2 in 64; not fused 2.0, 2.1.
    """
    v = VectorLanes(b, x, fused=fused)
    return _log_to_base(v, x, table.LOG2_E[v.name], (1.0, 0.0))


def log10(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The logarithm to base 10.

    Error: 1.1 ULP in 32 bits, 1.0 in 64; not fused 1.9, 1.9.
    """
    v = VectorLanes(b, x, fused=fused)
    return _log_to_base(v, x, table.LOG10_E[v.name], table.LOG10_2[v.name])


def log1p_of_sum(v: VectorLanes, high: ir.Value, low: ir.Value | None = None) -> ir.Value:
    """ln(1 + high + low): u = 1 + high is taken apart, and f made good for the rounding of u."""
    u = v.add(high, 1.0)
    lost = v.subtract(high, v.subtract(u, 1.0))
    if low is not None:
        lost = v.add(lost, low)
    exponent, m = _exponent_and_mantissa(v, u)
    e = v.subtract(_on_top_of_unit(v, exponent), 2.0**v.mantissa + v.bias)
    # 2^-e; where e is so large that it is no normal number, what was lost does not count.
    capped = v.whole(2 * v.bias - 1)
    capped = v.b.select(v.b.icmp_unsigned("<", exponent, capped), exponent, capped)
    scale = v.as_float(v.b.shl(v.b.sub(v.whole(2 * v.bias), capped), v.whole(v.mantissa)))
    f = v.fma(lost, scale, v.subtract(m, 1.0))
    return _at_the_ends(v, _natural(v, e, f), u)


def log1p(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln(1 + x), exact for small x; -infinity at -1, NaN below.

    Error: 1.5 ULP in 32 bits, 1.5 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    return v.copysign(log1p_of_sum(v, x), x)


def softplus(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln(1 + e^x), as max(x, 0) + ln(1 + e^-|x|).

    Error: 1.6 ULP in 32 bits, 1.6 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    small = exp_in_two_parts(v, v.negative(v.absolute(x)))
    return v.add(v.at_least(x, 0.0), log1p_of_sum(v, *small))


def logaddexp(b: ir.IRBuilder, x: ir.Value, y: ir.Value, *, fused: bool = True) -> ir.Value:
    """ln(e^x + e^y), as max(x, y) + ln(1 + e^-|x - y|).

    Where the result is smaller than x and y, its error is counted in units of the larger of these.

    Error: 1.7 ULP in 32 bits, 1.6 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    larger = v.select(v.less(x, y), y, x)
    # Equal infinities have no difference, but a sum.
    difference = v.select(v.equal(x, y), 0.0, v.subtract(x, y))
    small = exp_in_two_parts(v, v.negative(v.absolute(difference)))
    return v.add(larger, log1p_of_sum(v, *small))
