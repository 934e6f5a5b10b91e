"""Sums of products: the form in which arithmetic on expressions is simplified."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.ops.table import Box

if TYPE_CHECKING:
    from chainrule.grad.expression import Expr

LONGEST = 16
"""A sum of more terms, or a product of more factors, is not taken apart, so that all is linear."""
_LARGEST_DENOMINATOR = 1000
_SHORT_FRACTION = 10**6
_SHORT_DECIMAL = 8
_LONGEST_NUMBER = 2500
"""Bits of a fraction; the smallest float has a denominator of 1,075."""


class Product(NamedTuple):
    """A number times powers of expressions, in the order of their making."""

    number: Fraction
    factors: tuple[tuple["Expr", int], ...] = ()

    @property
    def key(self) -> tuple:
        return tuple((id(base), exponent) for base, exponent in self.factors)

    def of_size(self) -> "Product":
        """Without its sign."""
        return Product(abs(self.number), self.factors)

    def times(self, number: Fraction) -> "Product":
        return Product(self.number * number, self.factors)


def collected(terms: Iterable[Product]) -> tuple[Product, ...]:
    """Like terms added up."""
    sums: dict[tuple, Product] = {}
    for term in terms:
        before = sums.get(term.key)
        total = term.number + (before.number if before else 0)
        sums[term.key] = Product(short(total) or total, term.factors)
    return tuple(term for term in sums.values() if term.number)


def times(left: Product, right: Product) -> Product | None:
    """The product of two products, or None where it would grow too long."""
    powers: dict[int, tuple[Expr, int]] = {}
    for base, exponent in (*left.factors, *right.factors):
        total = exponent + (powers[id(base)][1] if id(base) in powers else 0)
        truth = base.aval.dtype.kind == "b"
        powers[id(base)] = (base, min(total, 1) if truth else total)
    number = short(left.number * right.number)
    if len(powers) > LONGEST or number is None:
        return None
    merged = [(base, exponent) for base, exponent in powers.values() if exponent]
    merged.sort(key=lambda factor: (factor[0].level, factor[0].serial))
    return Product(number, tuple(merged))


def short(number: Fraction) -> Fraction | None:
    """A number, rounded where it has grown long; None where it lies outside the range of floats."""
    value = value_of(number)
    if math.isinf(value) or (value == 0.0 and number != 0):
        return None
    bits = number.numerator.bit_length() + number.denominator.bit_length()
    return number if bits <= _LONGEST_NUMBER else Fraction(value)


def value_of(number: Fraction) -> float:
    """The nearest float, infinite beyond the range."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def place(term: Product) -> tuple:
    """Where a term stands in its sum: by its factors, high powers first, the number last."""
    return (
        not term.factors,
        tuple((base.level, base.serial, -exponent) for base, exponent in term.factors),
    )


def written(number: Fraction) -> tuple[float, float]:
    """A number as numerator and denominator to write: 0.5 and 1, but 1 and 3."""
    value = value_of(number)
    small = number.denominator <= _SHORT_FRACTION and abs(number.numerator) <= _SHORT_FRACTION
    if not small or len(repr(value)) <= _SHORT_DECIMAL:
        return value, 1.0
    return float(number.numerator), float(number.denominator)


def shared(terms: Sequence[Product]) -> Product:
    """What all terms have in common, but for powers of plain variables, which read better apart."""
    found = {id(base): (base, exponent) for base, exponent in terms[0].factors}
    for term in terms[1:]:
        own = {id(base): exponent for base, exponent in term.factors}
        for key, (base, exponent) in list(found.items()):
            other = own.get(key, 0)
            if exponent * other <= 0:
                del found[key]
            else:
                found[key] = (base, min(exponent, other, key=abs))
    factors = tuple((b, e) for b, e in found.values() if e < 0 or b.op is not None)
    number = abs(terms[0].number)
    alike = bool(factors) and all(abs(term.number) == number for term in terms)
    return Product(number if alike else Fraction(1), factors)


def without(term: Product, common: Product) -> Product:
    """A term divided by what it has in common with others."""
    taken = {id(base): exponent for base, exponent in common.factors}
    rest = [(base, exponent - taken.get(id(base), 0)) for base, exponent in term.factors]
    return Product(term.number / common.number, tuple((b, e) for b, e in rest if e))


def number_of(node: "Expr") -> Fraction | None:
    """The finite number that a constant holds, in all its elements."""
    if not node.is_constant or isinstance(node.value, Box):
        return None
    array = np.asarray(node.value)
    if array.dtype.kind not in "iuf" or not array.size:
        return None
    number = array.flat[0]
    if not np.isfinite(number) or not (array.size == 1 or (array == number).all()):
        return None
    exact = Fraction(number.item())
    # What was a third before it was rounded becomes one again, and meets others as such.
    near = exact.limit_denominator(_LARGEST_DENOMINATOR)
    return near if array.dtype.type(float(near)) == number else exact
