"""The builder that op records speak to: arithmetic on several elements at a time, as LLVM code."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.aval import Aval, aval_of, float_dtype, result_dtype
from chainrule.compiler import angles, vector_math
from chainrule.compiler.target import Target

_TYPES = {
    "f4": ir.FloatType(),
    "f8": ir.DoubleType(),
    "b1": ir.IntType(1),
    **{f"{kind}{size}": ir.IntType(8 * size) for kind in "iu" for size in (1, 2, 4, 8)},
}
_BOOL = np.dtype(np.bool_)
_INT, _INT32 = np.dtype(np.int64), np.dtype(np.int32)
_FIRST = ir.IntType(32)(0)
_FUSE = ("contract",)
"""Lets LLVM join a product and a sum into one instruction with one rounding."""


def supported(dtype: np.dtype) -> bool:
    """Whether the compiler computes in a dtype (not in float16 and complex numbers)."""
    return dtype.str[1:] in _TYPES


def element_type(dtype: np.dtype) -> ir.Type:
    """LLVM's type of one element in a register."""
    return _TYPES[dtype.str[1:]]


def memory_type(dtype: np.dtype) -> ir.Type:
    """LLVM's type of one element in memory, where a bool takes a byte."""
    return ir.IntType(8) if dtype.kind == "b" else element_type(dtype)


@dataclass(frozen=True)
class Value:
    """Elements in a register, or a Python number that takes the dtype of what it meets.

    A weak one is a Python number that is only known when the code runs.
    """

    dtype: np.dtype
    ir: Any = None
    number: Any = None
    weak: bool = False

    @property
    def aval(self) -> Aval:
        if self.ir is None:
            return aval_of(self.number)
        if self.weak:
            return aval_of({"f": 0.0, "i": 0, "b": False}[self.dtype.kind])
        return Aval((), self.dtype)


def _real(function: Callable) -> Callable:
    """A method that computes a function of real numbers; integers become floats first."""

    def method(self: "Lanes", *values: Value) -> Value:
        values = tuple(self.floating(value) for value in self.promote(*values))
        args = [value.ir for value in values]
        return Value(values[0].dtype, function(self.ir, *args, fused=self.target.fused))

    return method


def _comparison(sign: str) -> Callable:
    """A method that compares; with a NaN only != holds."""

    def method(self: "Lanes", x: Value, y: Value) -> Value:
        return Value(_BOOL, self._compare(sign, *self.promote(x, y)))

    return method


# LLVM's text of a type or a constant is written once for each object, so that these are shared.
@cache
def _type(dtype: np.dtype, width: int) -> ir.Type:
    element = element_type(dtype)
    return element if width == 1 else ir.VectorType(element, width)


@cache
def _constant(dtype: np.dtype, width: int, content: bytes) -> ir.Constant:
    """A number, as its bytes, in every lane."""
    one = ir.Constant(element_type(dtype), np.frombuffer(content, dtype)[0].item())
    return one if width == 1 else ir.Constant(_type(dtype, width), [one] * width)


@cache
def _undefined(dtype: np.dtype, width: int) -> ir.Constant:
    return ir.Constant(_type(dtype, width), ir.Undefined)


class Lanes:
    """Elementwise arithmetic on `width` elements at a time (1: plain scalars)."""

    def __init__(self, builder: ir.IRBuilder, width: int, target: Target):
        self.ir = builder
        self.width = width
        self.target = target

    def type_of(self, dtype: np.dtype) -> ir.Type:
        return _type(dtype, self.width)

    def constant(self, number: Any, dtype: np.dtype) -> Value:
        """A number in every lane."""
        return Value(dtype, _constant(dtype, self.width, dtype.type(number).tobytes()))

    def number(self, number: Any) -> Value:
        """A Python number, which yields to the dtype of what it meets."""
        return Value(aval_of(number).dtype, number=number)

    def splat(self, value: Value) -> Value:
        """A scalar in every lane."""
        if self.width == 1 or isinstance(value.ir.type, ir.VectorType):
            return value
        one = self.ir.insert_element(_undefined(value.dtype, self.width), value.ir, _FIRST)
        spread = self.ir.shuffle_vector(one, one, _constant(_INT32, self.width, bytes(4)))
        return Value(value.dtype, spread, weak=value.weak)

    def cast(self, x: Value, dtype: np.dtype) -> Value:
        """x in another dtype, as NumPy's astype does it."""
        if x.ir is None:
            return self.constant(x.number, dtype)
        x = self.splat(x)
        return Value(dtype, x.ir) if x.dtype == dtype else Value(dtype, self._convert(x, dtype))

    def _convert(self, x: Value, new: np.dtype) -> ir.Value:
        to, b, old = self.type_of(new), self.ir, x.dtype
        if new.kind == "b":
            return self._compare("!=", x, self.constant(0, old))
        if old.kind == "f" and new.kind == "f":
            return b.fpext(x.ir, to) if new.itemsize > old.itemsize else b.fptrunc(x.ir, to)
        if old.kind == "f":
            # Out of range, a plain conversion may give anything; this one stops at the ends.
            wide = self.type_of(_INT)
            name = f"llvm.fptosi.sat.{_mangled(wide)}.{_mangled(x.ir.type)}"
            whole = self._intrinsic(name, wide, x.ir)
            if new == np.uint64:
                # The upper half of what it holds lies beyond int64.
                upper = self._intrinsic(name.replace("fptosi", "fptoui"), wide, x.ir)
                beyond = self._compare(">=", x, self.constant(2.0**63, x.dtype))
                whole = b.select(beyond, upper, whole)
            return whole if to == wide else b.trunc(whole, to)
        if new.kind == "f":
            return b.sitofp(x.ir, to) if old.kind == "i" else b.uitofp(x.ir, to)
        if old.kind == "b" or (old.kind == "u" and new.itemsize > old.itemsize):
            return b.zext(x.ir, to)
        if new.itemsize > old.itemsize:
            return b.sext(x.ir, to)
        return b.trunc(x.ir, to) if new.itemsize < old.itemsize else x.ir

    def promote(self, *values: Value) -> list[Value]:
        """Operands in the dtype in which an op on them computes, each in all lanes."""
        dtypes = {value.dtype for value in values if value.ir is not None and not value.weak}
        if len(dtypes) == 1 and all(value.ir is not None and not value.weak for value in values):
            return [self.splat(value) for value in values]
        dtype = result_dtype(*(value.aval for value in values))
        return [self.splat(self.cast(value, dtype)) for value in values]

    def floating(self, x: Value) -> Value:
        """x as a float; integers become float32."""
        return self.splat(self.cast(x, float_dtype(result_dtype(x.aval))))

    def concrete(self, x: Value) -> Value:
        """x with a dtype of its own."""
        return self.splat(self.cast(x, result_dtype(x.aval)))

    def _intrinsic(self, name: str, result: ir.Type, *args: ir.Value) -> ir.Value:
        function = self.ir.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(result, [arg.type for arg in args])
            function = ir.Function(self.ir.module, kind, name)
        return self.ir.call(function, args)

    def _same(self, name: str, x: Value, *others: ir.Value) -> Value:
        """An intrinsic whose first argument and result have one type."""
        called = f"llvm.{name}.{_mangled(x.ir.type)}"
        return Value(x.dtype, self._intrinsic(called, x.ir.type, x.ir, *others))

    def add(self, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        if x.dtype.kind == "b":
            return Value(x.dtype, self.ir.or_(x.ir, y.ir))
        if x.dtype.kind in "iu":
            return Value(x.dtype, self.ir.add(x.ir, y.ir))
        return Value(x.dtype, self.ir.fadd(x.ir, y.ir, flags=_FUSE))

    def subtract(self, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        if x.dtype.kind in "iu":
            return Value(x.dtype, self.ir.sub(x.ir, y.ir))
        return Value(x.dtype, self.ir.fsub(x.ir, y.ir, flags=_FUSE))

    def multiply(self, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        if x.dtype.kind == "b":
            return Value(x.dtype, self.ir.and_(x.ir, y.ir))
        if x.dtype.kind in "iu":
            return Value(x.dtype, self.ir.mul(x.ir, y.ir))
        return Value(x.dtype, self.ir.fmul(x.ir, y.ir, flags=_FUSE))

    def divide(self, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        x, y = self.floating(x), self.floating(y)
        return Value(x.dtype, self.ir.fdiv(x.ir, y.ir))

    def reciprocal(self, x: Value) -> Value:
        return self.divide(self.number(1), self.floating(x))

    def negative(self, x: Value) -> Value:
        x = self.concrete(x)
        return Value(x.dtype, self.ir.neg(x.ir) if x.dtype.kind in "iu" else self.ir.fneg(x.ir))

    def absolute(self, x: Value) -> Value:
        x = self.concrete(x)
        if x.dtype.kind == "f":
            return self._same("fabs", x)
        return self._same("abs", x, ir.IntType(1)(0)) if x.dtype.kind == "i" else x

    def square(self, x: Value) -> Value:
        x = self.concrete(x)
        return self.multiply(x, x)

    def sign(self, x: Value) -> Value:
        x = self.concrete(x)
        if x.dtype.kind == "b":
            return x
        zero, one = self.constant(0, x.dtype), self.constant(1, x.dtype)
        upper = self.where(self.greater(x, zero), one, zero)
        if x.dtype.kind == "u":
            return upper
        whole = self.where(self.less(x, zero), self.constant(-1, x.dtype), upper)
        return whole if x.dtype.kind == "i" else self.where(self.isnan(x), x, whole)

    def _rounded(self, name: str, x: Value) -> Value:
        x = self.concrete(x)
        return self._same(name, x) if x.dtype.kind == "f" else x

    def floor(self, x: Value) -> Value:
        return self._rounded("floor", x)

    def ceil(self, x: Value) -> Value:
        return self._rounded("ceil", x)

    def trunc(self, x: Value) -> Value:
        return self._rounded("trunc", x)

    def round(self, x: Value) -> Value:
        return self._rounded("roundeven", x)

    def maximum(self, x: Value, y: Value) -> Value:
        """The larger; NaN where either is NaN."""
        return self._extreme(">", x, y)

    def minimum(self, x: Value, y: Value) -> Value:
        """The smaller; NaN where either is NaN."""
        return self._extreme("<", x, y)

    def _extreme(self, sign: str, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        if x.dtype.kind != "f":
            return self.where(Value(_BOOL, self._compare(sign, x, y)), x, y)
        # An unordered comparison also takes x where x is NaN.
        picked = self.ir.select(self.ir.fcmp_unordered(sign, x.ir, y.ir), x.ir, y.ir)
        if not isinstance(y.ir, ir.Constant):
            picked = self.ir.select(self.isnan(y).ir, y.ir, picked)
        return Value(x.dtype, picked)

    def relu(self, x: Value) -> Value:
        x = self.concrete(x)
        return x if x.dtype.kind == "b" else self.maximum(x, self.constant(0, x.dtype))

    def where(self, condition: Value, x: Value, y: Value) -> Value:
        x, y = self.promote(x, y)
        return Value(x.dtype, self.ir.select(self.truth(condition).ir, x.ir, y.ir))

    def truth(self, x: Value) -> Value:
        return self.cast(self.concrete(x), _BOOL)

    def _compare(self, sign: str, x: Value, y: Value) -> ir.Value:
        if x.dtype.kind == "f":
            compare = self.ir.fcmp_unordered if sign == "!=" else self.ir.fcmp_ordered
            return compare(sign, x.ir, y.ir)
        compare = self.ir.icmp_signed if x.dtype.kind == "i" else self.ir.icmp_unsigned
        return compare(sign, x.ir, y.ir)

    equal = _comparison("==")
    not_equal = _comparison("!=")
    less = _comparison("<")
    less_equal = _comparison("<=")
    greater = _comparison(">")
    greater_equal = _comparison(">=")

    def logical_and(self, x: Value, y: Value) -> Value:
        return Value(_BOOL, self.ir.and_(self.truth(x).ir, self.truth(y).ir))

    def logical_or(self, x: Value, y: Value) -> Value:
        return Value(_BOOL, self.ir.or_(self.truth(x).ir, self.truth(y).ir))

    def logical_xor(self, x: Value, y: Value) -> Value:
        return Value(_BOOL, self.ir.xor(self.truth(x).ir, self.truth(y).ir))

    def logical_not(self, x: Value) -> Value:
        return Value(_BOOL, self.ir.not_(self.truth(x).ir))

    def isnan(self, x: Value) -> Value:
        x = self.concrete(x)
        if x.dtype.kind != "f":
            return self.constant(False, _BOOL)
        return Value(_BOOL, self.ir.fcmp_unordered("uno", x.ir, x.ir))

    def isinf(self, x: Value) -> Value:
        x = self.concrete(x)
        if x.dtype.kind != "f":
            return self.constant(False, _BOOL)
        return self.equal(self.absolute(x), self.constant(np.inf, x.dtype))

    def isfinite(self, x: Value) -> Value:
        x = self.concrete(x)
        if x.dtype.kind != "f":
            return self.constant(True, _BOOL)
        return self.less(self.absolute(x), self.constant(np.inf, x.dtype))

    exp = _real(vector_math.exp)
    exp2 = _real(vector_math.exp2)
    expm1 = _real(vector_math.expm1)
    log = _real(vector_math.log)
    log2 = _real(vector_math.log2)
    log10 = _real(vector_math.log10)
    log1p = _real(vector_math.log1p)
    tanh = _real(vector_math.tanh)
    sigmoid = _real(vector_math.sigmoid)
    erf = _real(vector_math.erf)
    sqrt = _real(vector_math.sqrt)
    rsqrt = _real(vector_math.rsqrt)
    sin = _real(angles.sin)
    cos = _real(angles.cos)
    tan = _real(angles.tan)
    arcsin = _real(vector_math.arcsin)
    arccos = _real(vector_math.arccos)
    arctan = _real(vector_math.arctan)
    sinh = _real(vector_math.sinh)
    cosh = _real(vector_math.cosh)
    arcsinh = _real(vector_math.arcsinh)
    arccosh = _real(vector_math.arccosh)
    arctanh = _real(vector_math.arctanh)
    cbrt = _real(vector_math.cbrt)
    erfc = _real(vector_math.erfc)
    power = _real(vector_math.power)
    arctan2 = _real(vector_math.arctan2)
    hypot = _real(vector_math.hypot)
    logaddexp = _real(vector_math.logaddexp)
    softplus = _real(vector_math.softplus)

    def floor_divide(self, x: Value, y: Value) -> Value:
        """As Python's: what remains is taken away first, so that the quotient is a whole number."""
        x, y = self.promote(x, y)
        whole = self.round(self.divide(self.subtract(x, self.remainder(x, y)), y))
        zero = self.equal(y, self.number(0))
        return self.where(zero, self.divide(x, y), whole)

    def remainder(self, x: Value, y: Value) -> Value:
        """x - y floor(x / y), exact, with the sign of y."""
        x, y = self.promote(x, y)
        rest = Value(x.dtype, self.ir.frem(x.ir, y.ir))
        wrong = self.logical_and(
            self.not_equal(rest, self.number(0)),
            self.not_equal(self.less(rest, self.number(0)), self.less(y, self.number(0))),
        )
        return self.where(wrong, self.add(rest, y), rest)


def _mangled(kind: ir.Type) -> str:
    """A type as LLVM writes it in the name of an intrinsic."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_mangled(kind.element)}"
    if isinstance(kind, ir.IntType):
        return f"i{kind.width}"
    return "f64" if isinstance(kind, ir.DoubleType) else "f32"
