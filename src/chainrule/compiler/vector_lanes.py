"""Arithmetic on the lanes of one vector type, written into LLVM IR: what `vector_math` is made of.

The values are of one floating type, a scalar or a vector, and of the integers of the same width.
Python numbers may stand wherever a value may; they become constants in all lanes.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from llvmlite import ir

from chainrule.errors import DtypeError

Number = ir.Value | float
T = TypeVar("T", int, float)


class VectorLanes:
    """Writes instructions on values of the type of `like` through the builder `b`.

    `fused` says whether the processor multiplies and adds in one instruction, with one rounding;
    where it does not, `fma` is a product and a sum. `name` is `"float"` or `"double"`.

    Raises:
        DtypeError: neither a float, a double nor a vector of these.
    """

    def __init__(self, b: ir.IRBuilder, like: ir.Value | ir.Type, *, fused: bool = True):
        self.b = b
        self.fused = fused
        self.type = like.type if isinstance(like, ir.Value) else like
        self.element = self.type.element if isinstance(self.type, ir.VectorType) else self.type
        if not isinstance(self.element, ir.FloatType | ir.DoubleType):
            raise DtypeError(
                f"vector mathematics: got a value of type {self.type}, expected float, double or a "
                "vector of these. Convert it first, as with sitofp."
            )
        self.name = str(self.element)
        self.single = self.name == "float"
        self.bits = 32 if self.single else 64
        self.mantissa = 23 if self.single else 52
        self.bias = 127 if self.single else 1023
        self.one = self.bias << self.mantissa
        self.integer = self._like(ir.IntType(self.bits))

    def doubles(self) -> "VectorLanes":
        """As many lanes of doubles."""
        return VectorLanes(self.b, self._like(ir.DoubleType()), fused=self.fused)

    def _like(self, element: ir.Type) -> ir.Type:
        if isinstance(self.type, ir.VectorType):
            return ir.VectorType(element, self.type.count)
        return element

    def constant(self, number: float) -> ir.Constant:
        """A floating number in all lanes, rounded to the type."""
        return ir.Constant(self.type, float(number))

    def whole(self, number: int) -> ir.Constant:
        """An integer in all lanes."""
        return ir.Constant(self.integer, number)

    def value(self, x: Number) -> ir.Value:
        """A value as it is, a Python number as a constant."""
        return x if isinstance(x, ir.Value) else self.constant(x)

    def choose(self, single: T, double: T) -> T:
        """Whichever of two numbers belongs to the type's width."""
        return single if self.single else double

    def add(self, x: Number, y: Number) -> ir.Value:
        return self.b.fadd(self.value(x), self.value(y))

    def subtract(self, x: Number, y: Number) -> ir.Value:
        return self.b.fsub(self.value(x), self.value(y))

    def multiply(self, x: Number, y: Number) -> ir.Value:
        return self.b.fmul(self.value(x), self.value(y))

    def divide(self, x: Number, y: Number) -> ir.Value:
        return self.b.fdiv(self.value(x), self.value(y))

    def negative(self, x: ir.Value) -> ir.Value:
        return self.b.fneg(x)

    def fma(self, x: Number, y: Number, z: Number) -> ir.Value:
        """X y + z, with one rounding where the processor can."""
        if not self.fused:
            return self.add(self.multiply(x, y), z)
        return self._intrinsic("fma", x, y, z)

    def two_sum(self, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The rounded sum and what its rounding lost, exactly (Knuth, TAOCP 2, section 4.2.2)."""
        total = self.add(x, y)
        of_y = self.subtract(total, x)
        of_x = self.subtract(total, of_y)
        return total, self.add(self.subtract(x, of_x), self.subtract(y, of_y))

    def two_product(self, x: ir.Value, y: Number) -> tuple[ir.Value, ir.Value]:
        """The rounded product and what its rounding lost, exactly unless something overflows."""
        product = self.multiply(x, y)
        if self.fused:
            return product, self.fma(x, y, self.negative(product))
        x_high, x_low = self._halves(x)
        y_high, y_low = self._halves(self.value(y))
        lost = self.subtract(self.multiply(x_high, y_high), product)
        lost = self.add(lost, self.multiply(x_high, y_low))
        lost = self.add(lost, self.multiply(x_low, y_high))
        return product, self.add(lost, self.multiply(x_low, y_low))

    def _halves(self, x: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Two numbers of half the length that add up to x (Veltkamp; in Dekker 1971)."""
        longer = self.multiply(x, 2.0 ** ((self.mantissa + 2) // 2) + 1.0)
        high = self.subtract(longer, self.subtract(longer, x))
        return high, self.subtract(x, high)

    def polynomial(
        self, x: ir.Value, coefficients: Mapping[str, Sequence[float]], *, scale: float = 1.0
    ) -> ir.Value:
        """`scale` times a polynomial, its coefficients given from the constant upwards.

        By Horner's rule; the scale, a power of two, costs nothing.
        """
        *lower, last = coefficients[self.name]
        total = self.value(last * scale)
        for coefficient in reversed(lower):
            total = self.fma(total, x, coefficient * scale)
        return total

    def absolute(self, x: ir.Value) -> ir.Value:
        return self._intrinsic("fabs", x)

    def copysign(self, size: Number, sign: ir.Value) -> ir.Value:
        """The first with the sign of the second."""
        return self._intrinsic("copysign", size, sign)

    def sqrt(self, x: ir.Value) -> ir.Value:
        return self._intrinsic("sqrt", x)

    def at_least(self, x: ir.Value, low: float) -> ir.Value:
        """The larger of x and a number; NaN stays NaN."""
        return self.select(self.less(x, low), low, x)

    def at_most(self, x: ir.Value, high: float) -> ir.Value:
        """The smaller of x and a number; NaN stays NaN."""
        return self.select(self.less(high, x), high, x)

    def less(self, x: Number, y: Number) -> ir.Value:
        """Where x < y; nowhere where either is NaN."""
        return self.b.fcmp_ordered("<", self.value(x), self.value(y))

    def equal(self, x: Number, y: Number) -> ir.Value:
        return self.b.fcmp_ordered("==", self.value(x), self.value(y))

    def select(self, condition: ir.Value, x: Number, y: Number) -> ir.Value:
        return self.b.select(condition, self.value(x), self.value(y))

    def as_integer(self, x: ir.Value) -> ir.Value:
        """The bits of x."""
        return self.b.bitcast(x, self.integer)

    def as_float(self, x: ir.Value) -> ir.Value:
        """The number whose bits these are."""
        return self.b.bitcast(x, self.type)

    def nearest(self, x: ir.Value, factor: float, offset: int = 0) -> tuple[ir.Value, ir.Value]:
        """The integer n nearest to `factor` x, for |n| below 2^21, as a float; and 2^(n + offset).

        A number of the size of 1.5 2^23 (or 2^52) is added, so that the sum's last bit is worth 1;
        its low bits are then n plus the bias of the exponent, which a shift brings to its place.
        The power is right where it is a normal number.
        """
        magic = 1.5 * 2.0**self.mantissa + self.bias + offset
        shifted = self.fma(x, factor, magic)
        power = self.b.shl(self.as_integer(shifted), self.whole(self.mantissa))
        return self.subtract(shifted, magic), self.as_float(power)

    def nearest_integer(self, x: ir.Value, factor: float) -> tuple[ir.Value, ir.Value]:
        """The integer n nearest to `factor` x, for |n| below 2^21, as a float and in low bits."""
        magic = 1.5 * 2.0**self.mantissa
        shifted = self.fma(x, factor, magic)
        return self.subtract(shifted, magic), self.as_integer(shifted)

    def inverse_power(self, power: ir.Value) -> ir.Value:
        """1 / 2^n of a normal 2^n, by its exponent."""
        one_squared = self.whole(2 * self.bias << self.mantissa)
        return self.as_float(self.b.sub(one_squared, self.as_integer(power)))

    def _intrinsic(self, name: str, *arguments: Number) -> ir.Value:
        suffix = f"f{self.bits}"
        if isinstance(self.type, ir.VectorType):
            suffix = f"v{self.type.count}{suffix}"
        name = f"llvm.{name}.{suffix}"
        function = self.b.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(self.type, [self.type] * len(arguments))
            function = ir.Function(self.b.module, kind, name)
        return self.b.call(function, [self.value(x) for x in arguments])
