"""Elementwise ops of one argument."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.aval import Aval
from chainrule.errors import DtypeError
from chainrule.ops import special
from chainrule.ops.lowering import Move
from chainrule.ops.promotion import as_dtype, concrete, floating, infer_floating
from chainrule.ops.table import Op, defop, refuse_dtype, sample

REAL = (-3.0, 3.0)
POSITIVE = (0.2, 3.0)


def unary(
    name: str,
    function: Callable,
    doc: str,
    *,
    partial: Callable | float | None,
    latex: str,
    domain: tuple[float, float] = REAL,
    **fields: Any,
) -> Op:
    """Define an elementwise op of one real argument."""
    return defop(
        name,
        np=floating(function),
        infer=infer_floating(name),
        arity=1,
        partials=(partial,) if partial is not None else (),
        latex=latex,
        domain=(domain,),
        doc=doc + "\n\nShape: any; the result has the same.\ndtype: floats keep theirs, integers"
        " and bools become float32.",
        **fields,
    )


def _refuse_bool(name: str, instead: str) -> Callable:
    def infer(x: Aval) -> Aval:
        if x.dtype.kind == "b":
            raise refuse_dtype(name, x, "numbers", f"Use {instead} on booleans.")
        return Aval(x.shape, x.dtype)

    return infer


def _negative(x: Any) -> Any:
    return np.negative(concrete(x))


negative = defop(
    "negative",
    np=_negative,
    infer=_refuse_bool("negative", "logical_not"),
    arity=1,
    partials=(-1.0,),
    involution=True,
    latex="-{0}",
    domain=(REAL,),
    errors=((sample(True), DtypeError, r"negative: got dtype bool, .*logical_not"),),
    doc="""Minus x.

Shape: any; the result has the same. dtype: that of x, which must not be bool.

>>> negative(np.array([1.0, -2.0]))
array([-1.,  2.])
""",
    emit=lambda b, x: b.negative(x),
)


def _keep(name: str, function: Callable, doc: str, **fields: Any) -> Op:
    """Define an elementwise op of one argument that keeps the dtype."""
    return defop(
        name,
        np=lambda x: function(concrete(x)),
        infer=lambda x: Aval(x.shape, x.dtype),
        doc=doc + "\n\nShape: any; the result has the same. dtype: that of x.",
        **fields,
    )


absolute = _keep(
    "absolute",
    np.absolute,
    """Absolute value |x|; its derivative is sign(x), 0 at 0.

>>> absolute(np.array([-1.5, 2.0]))
array([1.5, 2. ])""",
    partials=(lambda out, x: sign(x),),
    idempotent=True,
    latex=r"\left|{0}\right|",
    domain=(REAL,),
    emit=lambda b, x: b.absolute(x),
)


def _sign(x: Any) -> Any:
    return x if x.dtype.kind == "b" else np.sign(x)


sign = _keep(
    "sign",
    _sign,
    """-1, 0 or 1 as x is negative, zero or positive. Its derivative is 0.

>>> sign(np.array([-3.0, 0.0, 5.0]))
array([-1.,  0.,  1.])""",
    idempotent=True,
    latex=r"\operatorname{{sign}}({0})",
    domain=(REAL,),
    emit=lambda b, x: b.sign(x),
)
floor = _keep(
    "floor",
    lambda x: np.floor(x) if x.dtype.kind == "f" else x,
    """The largest integer not above x. Its derivative is 0.

>>> floor(np.array([1.7, -1.7]))
array([ 1., -2.])""",
    idempotent=True,
    latex=r"\lfloor {0} \rfloor",
    domain=(REAL,),
    emit=lambda b, x: b.floor(x),
)
ceil = _keep(
    "ceil",
    lambda x: np.ceil(x) if x.dtype.kind == "f" else x,
    """The smallest integer not below x. Its derivative is 0.

>>> ceil(np.array([1.2, -1.2]))
array([ 2., -1.])""",
    idempotent=True,
    latex=r"\lceil {0} \rceil",
    domain=(REAL,),
    emit=lambda b, x: b.ceil(x),
)
round = _keep(  # noqa: A001 - NumPy's name
    "round",
    lambda x: np.rint(x) if x.dtype.kind == "f" else x,
    """The nearest integer, halves to even. Its derivative is 0.

>>> round(np.array([0.5, 1.5, 2.4]))
array([0., 2., 2.])""",
    idempotent=True,
    latex=r"\operatorname{{round}}({0})",
    domain=(REAL,),
    emit=lambda b, x: b.round(x),
)
trunc = _keep(
    "trunc",
    lambda x: np.trunc(x) if x.dtype.kind == "f" else x,
    """The integer part, towards zero. Its derivative is 0.

>>> trunc(np.array([1.7, -1.7]))
array([ 1., -1.])""",
    idempotent=True,
    latex=r"\operatorname{{trunc}}({0})",
    domain=(REAL,),
    emit=lambda b, x: b.trunc(x),
)
square = _keep(
    "square",
    lambda x: x * x,
    """x squared.

>>> square(np.array([3.0, -2.0]))
array([9., 4.])""",
    partials=(lambda out, x: 2.0 * x,),
    latex="{{{0}}}^2",
    domain=(REAL,),
    emit=lambda b, x: b.square(x),
)
stop_gradient = _keep(
    "stop_gradient",
    lambda x: x,
    """x itself, taken as a constant: every derivative through it is 0.

>>> stop_gradient(np.array([1.0]))
array([1.])""",
    idempotent=True,
    latex=r"\operatorname{{stop}}({0})",
    domain=(REAL,),
    emit=Move(lambda x: x),
)

exp = unary(
    "exp",
    np.exp,
    """The exponential function e^x.

>>> exp(np.array([0.0, 1.0]))
array([1.        , 2.71828183])""",
    partial=lambda out, x: out,
    latex=r"e^{{{0}}}",
    emit=lambda b, x: b.exp(x),
)
exp2 = unary(
    "exp2",
    np.exp2,
    """2^x.

>>> exp2(np.array([3.0]))
array([8.])""",
    partial=lambda out, x: out * float(np.log(2.0)),
    latex=r"2^{{{0}}}",
    emit=lambda b, x: b.exp2(x),
)
expm1 = unary(
    "expm1",
    np.expm1,
    """e^x - 1, exact for small x.

>>> expm1(np.array([1e-10]))
array([1.e-10])""",
    partial=lambda out, x: out + 1.0,
    latex=r"e^{{{0}}} - 1",
    emit=lambda b, x: b.expm1(x),
)
log = unary(
    "log",
    np.log,
    """The natural logarithm; -inf at 0, NaN below.

>>> log(np.array([1.0, np.e]))
array([0., 1.])""",
    partial=lambda out, x: 1.0 / x,
    latex=r"\ln({0})",
    domain=POSITIVE,
    emit=lambda b, x: b.log(x),
)
log2 = unary(
    "log2",
    np.log2,
    """The logarithm to base 2.

>>> log2(np.array([8.0]))
array([3.])""",
    partial=lambda out, x: 1.0 / (x * float(np.log(2.0))),
    latex=r"\log_2({0})",
    domain=POSITIVE,
    emit=lambda b, x: b.log2(x),
)
log10 = unary(
    "log10",
    np.log10,
    """The logarithm to base 10.

>>> log10(np.array([1000.0]))
array([3.])""",
    partial=lambda out, x: 1.0 / (x * float(np.log(10.0))),
    latex=r"\log_{{10}}({0})",
    domain=POSITIVE,
    emit=lambda b, x: b.log10(x),
)
log1p = unary(
    "log1p",
    np.log1p,
    """ln(1 + x), exact for small x.

>>> log1p(np.array([1e-10]))
array([1.e-10])""",
    partial=lambda out, x: 1.0 / (x + 1.0),
    latex=r"\ln(1 + {0})",
    domain=(-0.5, 3.0),
    emit=lambda b, x: b.log1p(x),
)
sqrt = unary(
    "sqrt",
    np.sqrt,
    """The square root; NaN below 0. Its derivative 1 / (2 sqrt(x)) is infinite at 0.

>>> sqrt(np.array([4.0, 9.0]))
array([2., 3.])""",
    partial=lambda out, x: 0.5 / out,
    latex=r"\sqrt{{{0}}}",
    domain=POSITIVE,
    emit=lambda b, x: b.sqrt(x),
)
rsqrt = unary(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    """1 / sqrt(x).

>>> rsqrt(np.array([4.0]))
array([0.5])""",
    partial=lambda out, x: -0.5 * out / x,
    latex=r"\frac{{1}}{{\sqrt{{{0}}}}}",
    domain=POSITIVE,
    emit=lambda b, x: b.rsqrt(x),
)
cbrt = unary(
    "cbrt",
    np.cbrt,
    """The cube root, also of negative numbers.

>>> cbrt(np.array([27.0, -8.0]))
array([ 3., -2.])""",
    partial=lambda out, x: 1.0 / (3.0 * out * out),
    latex=r"\sqrt[3]{{{0}}}",
    domain=POSITIVE,
    emit=lambda b, x: b.cbrt(x),
)
reciprocal = unary(
    "reciprocal",
    lambda x: 1 / x,
    """1 / x.

>>> reciprocal(np.array([4.0]))
array([0.25])""",
    partial=lambda out, x: -(out * out),
    latex=r"\frac{{1}}{{{0}}}",
    domain=POSITIVE,
    emit=lambda b, x: b.reciprocal(x),
)
sigmoid = unary(
    "sigmoid",
    special.sigmoid,
    """The logistic function 1 / (1 + e^-x), stable at any finite x.

>>> sigmoid(np.array([0.0, 1000.0]))
array([0.5, 1. ])""",
    partial=lambda out, x: out * (1.0 - out),
    latex=r"\sigma({0})",
    emit=lambda b, x: b.sigmoid(x),
)
softplus = unary(
    "softplus",
    special.softplus,
    """ln(1 + e^x), stable at any finite x; its derivative is sigmoid(x).

>>> softplus(np.array([0.0, 1000.0]))
array([6.93147181e-01, 1.00000000e+03])""",
    partial=lambda out, x: sigmoid(x),
    latex=r"\ln(1 + e^{{{0}}})",
    emit=lambda b, x: b.softplus(x),
)
relu = _keep(
    "relu",
    lambda x: x if x.dtype.kind == "b" else np.maximum(x, 0),
    """The rectified linear unit max(0, x); its derivative at 0 is 0, as in PyTorch.

>>> relu(np.array([-1.0, 2.0]))
array([0., 2.])""",
    partials=(lambda out, x: out > 0,),
    idempotent=True,
    latex=r"\max(0, {0})",
    domain=(REAL,),
    emit=lambda b, x: b.relu(x),
)


def _infer_cast(x: Aval, *, dtype: Any) -> Aval:
    return Aval(x.shape, as_dtype(dtype))


cast = defop(
    "cast",
    np=lambda x, *, dtype: np.asarray(x).astype(as_dtype(dtype))[()],
    infer=_infer_cast,
    arity=1,
    transpose=(lambda g, x, dtype: cast(g, dtype=x.dtype),),
    unchanged=lambda x, dtype: not x.weak and x.dtype == as_dtype(dtype),
    latex="{0}",
    samples=(sample((2, 3), dtype="float64"), sample((3,), dtype="int32")),
    errors=((sample(1.0, dtype="flaot32"), DtypeError, "unknown dtype 'flaot32'"),),
    emit=lambda b, x, dtype: b.cast(x, as_dtype(dtype)),
    doc="""x as another dtype; floats become integers by dropping the fraction.

Shape: any; the result has the same.

>>> cast(np.array([1.7, -1.7]), dtype="int32")
array([ 1, -1], dtype=int32)
""",
)
