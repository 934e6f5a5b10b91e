"""Sine, cosine, tangent and their inverses, written into LLVM IR. See `vector_math`.

Multiples of pi / 2, held in three parts, are taken away (Cody and Waite, "Software Manual for the
Elementary Functions", 1980). The bounds of sin, cos and tan hold up to `LARGEST`; beyond it the
result is some number that the function can have.
"""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_lanes import VectorLanes

LARGEST = {"float": 1e5, "double": 1e12}
"""The largest |x| of which sin, cos and tan are right, in 32 and in 64 bits."""

_TWO_OVER_PI = 0.6366197723675814


def _reduce(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The r with x = r + n pi / 2, |r| <= pi / 4, and an integer whose last two bits are n's."""
    if not v.fused:
        r, _, counter = _reduce_in_two_parts(v, x)
        return r, counter
    n, counter = v.nearest_integer(x, _TWO_OVER_PI)
    r = x
    for part in table.HALF_PI[v.name]:
        r = v.fma(n, -part, r)
    return _within_a_quarter(v, r), counter


def _within_a_quarter(v: VectorLanes, r: ir.Value) -> ir.Value:
    """Keeps a remainder that is none, of a number that was too large, from growing in powers."""
    return v.at_most(v.at_least(r, -0.797), 0.797)


def _reduce_in_two_parts(v: VectorLanes, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """As `_reduce`, and between r and the integer what the rounding of r lost."""
    n, counter = v.nearest_integer(x, _TWO_OVER_PI)
    r = x
    terms = [term for part in table.HALF_PI[v.name] for term in v.two_product(n, -part)]
    lost = v.constant(0.0)
    for term in terms:
        r, error = v.two_sum(r, term)
        lost = v.add(lost, error)
    # The sum of -0 and 0 is 0.
    total = v.select(v.equal(x, 0.0), x, v.add(r, lost))
    return _within_a_quarter(v, total), v.add(v.subtract(r, total), lost), counter


def _sin_and_cos(v: VectorLanes, r: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Those of |r| <= pi / 4."""
    z = v.multiply(r, r)
    sine = v.fma(v.multiply(r, z), v.polynomial(z, table.SIN), r)
    # The sign for -0, which the sum turns into 0.
    return v.copysign(sine, r), v.fma(z, v.polynomial(z, table.COS), 1.0)


def _is_odd(v: VectorLanes, counter: ir.Value) -> ir.Value:
    return v.b.icmp_signed("!=", v.b.and_(counter, v.whole(1)), v.whole(0))


def _turned(v: VectorLanes, x: ir.Value, quarters: int) -> ir.Value:
    """sin(x + quarters pi / 2)."""
    r, counter = _reduce(v, x)
    if quarters:
        counter = v.b.add(counter, v.whole(quarters))
    sine, cosine = _sin_and_cos(v, r)
    result = v.as_integer(v.select(_is_odd(v, counter), cosine, sine))
    sign = v.b.and_(v.b.shl(counter, v.whole(v.bits - 2)), v.whole(1 << (v.bits - 1)))
    return v.as_float(v.b.xor(result, sign))


def sin(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The sine of x radians, for |x| <= `LARGEST`; NaN where x is infinite.

    Error: 1.5 ULP in 32 bits, 1.5 in 64.
    """
    return _turned(VectorLanes(b, x, fused=fused), x, 0)


def cos(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The cosine of x radians, for |x| <= `LARGEST`; NaN where x is infinite.

    Error: 1.5 ULP in 32 bits, 1.5 in 64.
    """
    return _turned(VectorLanes(b, x, fused=fused), x, 1)


def tan(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The tangent of x radians, for |x| <= `LARGEST`; NaN where x is infinite.

    Error: 1.8 ULP in 32 bits, 1.9 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    r, lost, counter = _reduce_in_two_parts(v, x)
    z = v.multiply(r, r)
    beyond = v.fma(v.multiply(r, z), v.polynomial(z, table.TAN), lost)
    tangent = v.copysign(v.add(r, beyond), r)
    return v.select(_is_odd(v, counter), v.divide(-1.0, tangent), tangent)


def _arctan_up_to_1(v: VectorLanes, t: ir.Value) -> ir.Value:
    z = v.multiply(t, t)
    return v.fma(v.multiply(t, z), v.polynomial(z, table.ARCTAN), t)


def _from_half_pi(v: VectorLanes, multiple: float, x: ir.Value) -> ir.Value:
    """`multiple` pi / 2 - x."""
    high, low, _ = table.HALF_PI[v.name]
    return v.subtract(high * multiple, v.subtract(x, low * multiple))


def arctan(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The angle in [-pi/2, pi/2] whose tangent is x; for x > 1 from that of 1 / x.

    Error: 1.4 ULP in 32 bits, 1.5 in 64; not fused 1.6, 1.7.
    """
    v = VectorLanes(b, x, fused=fused)
    size = v.absolute(x)
    large = v.less(1.0, size)
    angle = _arctan_up_to_1(v, v.select(large, v.divide(1.0, size), size))
    return v.copysign(v.select(large, _from_half_pi(v, 1.0, angle), angle), x)


def arctan2(b: ir.IRBuilder, y: ir.Value, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The angle of the point (x, y), in [-pi, pi]; zeros and infinities as in C and NumPy.

    Error: 1.5 ULP in 32 bits, 1.6 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    rise, run = v.absolute(y), v.absolute(x)
    steep = v.less(run, rise)
    smaller, larger = v.select(steep, run, rise), v.select(steep, rise, run)
    # 0 / 0 is to be 0 here, and infinity / infinity 1.
    ratio = v.divide(smaller, v.select(v.equal(larger, 0.0), 1.0, larger))
    infinite = v.b.and_(v.equal(smaller, float("inf")), v.equal(larger, float("inf")))
    ratio = v.select(infinite, 1.0, ratio)
    angle = _arctan_up_to_1(v, ratio)
    angle = v.select(steep, _from_half_pi(v, 1.0, angle), angle)
    # The sign bit of x, which -0 has, too.
    backward = v.b.icmp_signed("<", v.as_integer(x), v.whole(0))
    return v.copysign(v.select(backward, _from_half_pi(v, 2.0, angle), angle), y)


def _arcsin_parts(v: VectorLanes, size: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Where |x| > 1/2; and t and arcsin(t) - t, for t = |x| or there sqrt((1 - |x|) / 2).

    There arcsin |x| is pi / 2 - 2 arcsin(t).
    """
    large = v.less(0.5, size)
    half_rest = v.fma(size, -0.5, 0.5)
    z = v.select(large, half_rest, v.multiply(size, size))
    t = v.select(large, v.sqrt(half_rest), size)
    return large, t, v.multiply(v.multiply(t, z), v.polynomial(z, table.ARCSIN))


def arcsin(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].

    Error: 1.2 ULP in 32 bits, 1.3 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    large, t, beyond = _arcsin_parts(v, v.absolute(x))
    high, low, _ = table.HALF_PI[v.name]
    rest = v.fma(t, -2.0, high)
    lost = v.fma(t, -2.0, v.subtract(high, rest))
    far = v.add(rest, v.subtract(lost, v.fma(beyond, 2.0, -low)))
    return v.copysign(v.select(large, far, v.add(t, beyond)), x)


def arccos(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].

    Error: 1.2 ULP in 32 bits, 1.3 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    large, t, beyond = _arcsin_parts(v, v.absolute(x))
    angle = v.add(t, beyond)
    double = v.add(angle, angle)
    far = v.select(v.less(x, 0.0), _from_half_pi(v, 2.0, double), double)
    return v.select(large, far, _from_half_pi(v, 1.0, v.copysign(angle, x)))
