"""The error function and its complement, written into LLVM IR. See `vector_math`."""

from llvmlite import ir

from chainrule.compiler import vector_coefficients as table
from chainrule.compiler.vector_exp import expm1_bounded, reduce_nonpositive
from chainrule.compiler.vector_lanes import VectorLanes


def erf(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """The error function, as 1 - e^g with g = ln(1 - erf|x|) = |x| p(|x|).

    Error: 1.6 ULP in 32 bits, 1.5 in 64; not fused 2.2, 1.6.
    """
    v = VectorLanes(b, x, fused=fused)
    # From the bound on the result rounds to 1.
    size = v.at_most(v.absolute(x), v.choose(3.95, 5.93))
    slope, rest = table.ERF_SLOPE[v.name]
    beyond = v.multiply(size, v.fma(size, v.polynomial(size, table.ERF), rest))
    return v.copysign(expm1_bounded(v, v.fma(size, slope, beyond)), x)


def _complement(v: VectorLanes, size: ir.Value) -> ir.Value:
    """1 - erf|x| in doubles, as e^(-x^2) F(t) / (|x| + 2) with t = (|x| - 2) / (|x| + 2).

    F is smooth and of the size of 1 for all t, and F' / F is about -0.63 (Schonfelder, "Chebyshev
    expansions for the error and related functions", Mathematics of Computation 32, 1978). What the
    roundings of x^2, 1 / (|x| + 2) and t lose is added up and put right in one factor.
    """
    size = v.at_most(size, 27.3)
    square, square_lost = v.two_product(size, size)
    r, power, scale = reduce_nonpositive(v, v.negative(square))
    below, below_lost = v.two_sum(size, v.constant(2.0))
    above, above_lost = v.two_sum(size, v.constant(-2.0))
    inverse = v.divide(1.0, below)
    product, product_lost = v.two_product(inverse, below)
    inverse_lost = v.subtract(v.subtract(1.0, product), product_lost)
    inverse_lost = v.subtract(inverse_lost, v.multiply(inverse, below_lost))
    t, t_lost = v.two_product(above, inverse)
    t_lost = v.fma(inverse, above_lost, v.fma(t, inverse_lost, t_lost))
    lost = v.fma(t_lost, -0.63, v.subtract(inverse_lost, square_lost))
    slope = v.polynomial(r, table.EXP_SLOPE)
    beyond = v.fma(r, slope, v.fma(v.multiply(r, slope), lost, lost))
    smooth = v.polynomial(t, table.ERFC)
    main = v.fma(smooth, beyond, smooth)
    main_lost = v.fma(smooth, beyond, v.subtract(smooth, main))
    high, low = v.two_product(main, inverse)
    result = v.add(high, v.fma(main_lost, inverse, low))
    return v.multiply(v.multiply(result, scale), power)


def erfc(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
    """1 - erf(x), without cancellation; floats are computed as doubles.

    Error: 0.5 ULP in 32 bits, 2.0 in 64; not fused 0.5, 2.5.
    """
    v = VectorLanes(b, x, fused=fused)
    wide = v.doubles()
    number = b.fpext(x, wide.type) if v.single else x
    positive = _complement(wide, wide.absolute(number))
    result = wide.select(wide.less(number, 0.0), wide.subtract(2.0, positive), positive)
    return b.fptrunc(result, v.type) if v.single else result
