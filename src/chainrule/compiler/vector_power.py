"""Powers and roots, written into LLVM IR. See `vector_math`.

x^y = 2^(y log2 x) needs ten more bits of log2 x than a double has, for y log2 x may be as large as
1024 and its fraction must still be right. So the logarithm is a sum of two doubles (the arithmetic
of such sums: Dekker, "A floating-point technique for extending the available precision", Numerische
Mathematik 18, 1971). Floats become doubles, whose ordinary logarithm is enough for them.
"""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_exp import exp2_of_sum
from chainrule.compiler.vector_lanes import VectorLanes
from chainrule.compiler.vector_log import beyond_f, take_apart

_INFINITY = float("inf")
_Sum = tuple[ir.Value, ir.Value]


def _times(v: VectorLanes, x: _Sum, y: _Sum) -> _Sum:
    product, lost = v.two_product(x[0], y[0])
    return product, v.fma(x[0], y[1], v.fma(x[1], y[0], lost))


def _plus(v: VectorLanes, x: _Sum, y: _Sum) -> _Sum:
    total, lost = v.two_sum(x[0], y[0])
    return total, v.add(lost, v.add(x[1], y[1]))


def _log_of_1_plus(v: VectorLanes, f: ir.Value) -> _Sum:
    """ln(1 + f) = 2 s + s z (2/3 + 2/5 z + ...), s = f / (2 + f), z = s^2, all in two parts."""
    below, lost = v.two_sum(v.constant(2.0), f)
    s = v.divide(f, below)
    product, rest = v.two_product(s, below)
    missing = v.subtract(v.subtract(v.subtract(f, product), rest), v.multiply(s, lost))
    # 1 / (2 + f) is (1 - s) / 2.
    s_low = v.multiply(missing, v.fma(s, -0.5, 0.5))
    two_s = v.add(s, s), v.add(s_low, s_low)
    square = _times(v, (s, s_low), (s, s_low))
    beyond = v.multiply(square[0], v.polynomial(square[0], table.ATANH_BEYOND))
    third, third_low = table.TWO_THIRDS[v.name]
    slope = _plus(v, (v.constant(third), v.constant(third_low)), (beyond, v.constant(0.0)))
    return _plus(v, two_s, _times(v, _times(v, (s, s_low), square), slope))


def _log2(v: VectorLanes, size: ir.Value) -> _Sum:
    """The logarithm of |x| to base 2; in doubles that stand for floats the second part is 0."""
    e, f = take_apart(v, size)
    unit, unit_low = table.LOG2_E[v.name]
    high, low = _times(v, _log_of_1_plus(v, f), (v.constant(unit), v.constant(unit_low)))
    high, low = _plus(v, (e, v.constant(0.0)), (high, low))
    return _with_ends(v, high, size), low


def _quick_log2(v: VectorLanes, size: ir.Value) -> _Sum:
    """The logarithm of |x| to base 2 to the precision of a double; the second part is 0."""
    e, f = take_apart(v, size)
    unit = table.LOG2_E[v.name][0]
    high = v.fma(v.add(f, beyond_f(v, f)), unit, e)
    return _with_ends(v, high, size), v.constant(0.0)


def _with_ends(v: VectorLanes, logarithm: ir.Value, size: ir.Value) -> ir.Value:
    logarithm = v.select(v.less(0.0, size), logarithm, -_INFINITY)
    return v.select(v.less(size, _INFINITY), logarithm, size)


def _parity(v: VectorLanes, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Where y is an integer, and where it is an odd one."""
    size = v.absolute(y)
    unit = 2.0**v.mantissa
    # From 2^52 on all numbers are integers; below, adding 2^52 brings the unit into the last bit.
    with_unit = v.add(size, unit)
    below = v.less(size, unit)
    rounded = v.select(below, v.subtract(with_unit, unit), size)
    bits = v.as_integer(v.select(below, with_unit, size))
    ends_in_1 = v.b.icmp_signed("!=", v.b.and_(bits, v.whole(1)), v.whole(0))
    whole = v.equal(rounded, size)
    return whole, v.b.and_(whole, v.b.and_(ends_in_1, v.less(size, 2 * unit)))


def _power(v: VectorLanes, x: ir.Value, y: ir.Value, logarithm: _Sum) -> ir.Value:
    """x^y given log2 |x|, with the special cases of C and NumPy."""
    product, lost = _times(v, logarithm, (y, v.constant(0.0)))
    size = exp2_of_sum(v, product, lost)
    # 1 to the infinite is 1.
    size = v.select(v.b.and_(v.equal(v.absolute(x), 1.0), v.equal(y, y)), 1.0, size)
    whole, odd = _parity(v, y)
    negative = v.b.icmp_signed("<", v.as_integer(x), v.whole(0))
    result = v.select(v.b.and_(negative, odd), v.negative(size), size)
    finite = v.less(v.absolute(x), _INFINITY)
    no_root = v.b.and_(v.b.and_(v.less(x, 0.0), finite), v.b.not_(whole))
    result = v.select(no_root, float("nan"), result)
    return v.select(v.b.or_(v.equal(y, 0.0), v.equal(x, 1.0)), 1.0, result)


def power(b: ir.IRBuilder, x: ir.Value, y: ir.Value, *, fused: bool = True) -> ir.Value:
    """x to the power of y, with the special cases of C and NumPy: 1 for y = 0 and for x = 1.

    Error: 0.5 ULP in 32 bits, 1.3 in 64; not fused 0.5, 1.6.
    """
    v = VectorLanes(b, x, fused=fused)
    if not v.single:
        return _power(v, x, y, _log2(v, v.absolute(x)))
    wide = v.doubles()
    x, y = (b.fpext(number, wide.type) for number in (x, y))
    return b.fptrunc(_power(wide, x, y, _quick_log2(wide, wide.absolute(x))), v.type)


def cbrt(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The cube root, also of negative numbers.

    Error: 0.5 ULP in 32 bits, 1.3 in 64; not fused 0.5, 1.7.
    """
    v = VectorLanes(b, x, fused=fused)
    wide = v.doubles()
    size = v.absolute(x)
    if v.single:
        size = b.fpext(size, wide.type)
    logarithm = _quick_log2(wide, size) if v.single else _log2(wide, size)
    third = tuple(wide.constant(part / 2) for part in table.TWO_THIRDS[wide.name])
    product, lost = _times(wide, logarithm, (third[0], third[1]))
    root = exp2_of_sum(wide, product, lost)
    if v.single:
        root = b.fptrunc(root, v.type)
    return v.copysign(root, x)


def hypot(b: ir.IRBuilder, x: ir.Value, y: ir.Value, *, fused: bool = True) -> ir.Value:
    """sqrt(x^2 + y^2); what is very large or very small is scaled by a power of 2 before.

    Error: 1.3 ULP in 32 bits, 1.3 in 64.
    """
    v = VectorLanes(b, x, fused=fused)
    x, y = v.absolute(x), v.absolute(y)
    larger = v.select(v.less(x, y), y, x)
    large = v.less(v.choose(2.0**60, 2.0**500), larger)
    small = v.less(larger, v.choose(2.0**-40, 2.0**-400))
    down, up = v.choose(2.0**-70, 2.0**-600), v.choose(2.0**100, 2.0**700)
    scale = v.select(large, down, v.select(small, up, 1.0))
    back = v.select(large, 1 / down, v.select(small, 1 / up, 1.0))
    x, y = v.multiply(x, scale), v.multiply(y, scale)
    length = v.multiply(v.sqrt(v.fma(x, x, v.multiply(y, y))), back)
    infinite = v.b.or_(v.equal(x, _INFINITY), v.equal(y, _INFINITY))
    return v.select(infinite, _INFINITY, length)
