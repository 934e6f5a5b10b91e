"""Expressions in fewer and plainer ops.

Sums are brought to a list of terms and products to a number and powers of factors; so constants
meet, like terms add up, signs and powers merge, and what all terms share is written once. Other
ops lose what changes nothing: a cast to the same dtype, a double transpose, a zero through a
linear op.

As in algebra, a variable stands for a finite number that the original is defined at. There the
result is equal but for rounding. Elsewhere it may be a number where the original gives NaN:
0 * x becomes 0, x - x becomes 0 and x / x becomes 1, also at infinity or at zero. Powers merge only
where the exponents are whole, so that sqrt(x) * sqrt(x) stays NaN below zero. And since factors
are grouped anew, numbers near the end of the range may overflow where the original did not.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import ops
from chainrule.grad.symbolic_terms import (
    LONGEST,
    Product,
    collected,
    number_of,
    place,
    shared,
    short,
    times,
    value_of,
    without,
    written,
)
from chainrule.ops.table import Box, Op

if TYPE_CHECKING:
    from chainrule.grad.expression import Expr

_SHORT = 4
"""A longer sum or product is not taken apart if it is used several times: its parts would be
computed as often."""
_LARGEST_POWER = 64
_LARGEST_FOLD = 4096


def simplify(nodes: Sequence["Expr"], roots: Sequence["Expr"]) -> list["Expr"]:
    """The roots simplified; `nodes` are all their parts, arguments before results."""
    space = max((root.space for root in roots), key=lambda space: space.level)
    worker = _Simplifier(space, Counter(id(arg) for node in nodes for arg in node.args))
    for node in nodes:
        worker.add(node)
    return [worker.simplified(root) for root in roots]


class _Simplifier:
    """Simplifies expressions whose arguments it has met before.

    What arithmetic gives is kept as terms and written as an expression only when another op, or
    the user, wants it: what goes on into larger sums and products never is.
    """

    def __init__(self, space: Any, uses: Mapping[int, int]):
        self.space = space
        self._uses = uses
        self._done: dict[int, Expr] = {}
        self._terms: dict[int, tuple[Product, ...]] = {}
        self._products: dict[int, Product] = {}

    def add(self, node: "Expr") -> None:
        """Simplify one expression."""
        if node.op is None:
            self._done[id(node)] = node
            return
        if isinstance(node.aval, tuple):
            self._done[id(node)] = self._again(node)
            return
        rule = _ALGEBRA.get(node.op)
        if rule is not None and _is_algebra(node) and not self._is_constant(node.args):
            terms = rule(self, node.aval.dtype, *node.args)
            if terms is not None:
                self._terms[id(node)] = collected(terms)
                return
        self._done[id(node)] = self._fit(self._simpler(node, node.op), node)

    def simplified(self, node: "Expr") -> "Expr":
        """The expression that stands for one that was added."""
        found = self._done.get(id(node))
        if found is None:
            found = self._fit(self._sum(self._terms[id(node)], node), node)
            self._done[id(node)] = found
        return found

    def _is_constant(self, nodes: Sequence["Expr"]) -> bool:
        known = (self._done.get(id(node)) for node in nodes)
        return all(node is not None and node.is_constant for node in known)

    def _again(self, node: "Expr") -> "Expr":
        args = tuple(self.simplified(arg) for arg in node.args)
        return self.space.apply(node.op, args, node.params, node.aval)

    def _simpler(self, node: "Expr", op: Op) -> "Expr":
        args = tuple(self.simplified(arg) for arg in node.args)
        folded = self._folded(node, op, args)
        if folded is not None:
            return folded
        if _gives_zero(op, args):
            return self._number(Fraction(0), node)
        if op in _STACKED and args[0].op is op:
            args = args[0].args
        kept = _unchanged(node, op, args)
        if kept is not None:
            return kept
        if op is ops.where:
            chosen = _choice(*args)
            if chosen is not None:
                return chosen
        return self.space.apply(op, args, node.params, node.aval)

    def _folded(self, node: "Expr", op: Op, args: tuple["Expr", ...]) -> "Expr | None":
        """The value of an op on constants, unless storing it costs more than computing it."""
        values = [arg.value for arg in args]
        if not all(arg.is_constant and not isinstance(arg.value, Box) for arg in args):
            return None
        if node.aval.size > max(_LARGEST_FOLD, *(arg.aval.size for arg in args)):
            return None
        with np.errstate(all="ignore"):
            value = op(*values, **node.params)
        # Two Python numbers alone would have been computed in float32.
        return self.space.constant(value) if value.dtype == node.aval.dtype else None

    def _fit(self, found: "Expr", node: "Expr") -> "Expr":
        """What was found in the shape and dtype of what it stands for."""
        found = self._fit_dtype(found, node)
        if found.aval.shape != node.aval.shape:
            found = self._apply(ops.broadcast_to, found, shape=node.aval.shape)
        return found

    def _fit_dtype(self, found: "Expr", node: "Expr") -> "Expr":
        if found.aval.dtype == node.aval.dtype:
            return found
        return self._apply(ops.cast, found, dtype=node.aval.dtype)

    def _apply(self, op: Op, *args: Any, **params: Any) -> "Expr":
        nodes = [self.space.constant(arg) for arg in args]
        _, params = op.bind(args, params)
        return self.space.apply(op, nodes, params, op.infer(*(n.aval for n in nodes), **params))

    # Arithmetic as terms.

    def terms_of(self, node: "Expr", dtype: np.dtype) -> tuple[Product, ...]:
        """An expression as terms to be added, if it was computed in this dtype."""
        known = self._terms.get(id(node), ()) if node.aval.dtype == dtype else ()
        if len(known) > 1 and self._opens(node, len(known)):
            return known
        product = self.product_of(node, dtype)
        if len(product.factors) == 1 and product.factors[0][1] == 1:
            inner = self._terms.get(id(product.factors[0][0]), ())
            if 1 < len(inner) <= _SHORT:
                return tuple(term.times(product.number) for term in inner)
        return (product,)

    def product_of(self, node: "Expr", dtype: np.dtype) -> Product:
        """An expression as a number and factors; a sum counts as one factor."""
        known = self._terms.get(id(node), ()) if node.aval.dtype == dtype else ()
        if len(known) == 1 and self._opens(node, len(known[0].factors)):
            return known[0]
        found = self.simplified(node)
        number = number_of(found)
        if number is not None:
            return Product(number)
        product = self._products.get(id(found))
        if product is not None and len(product.factors) <= _SHORT:
            return product
        return Product(Fraction(1), ((found, 1),))

    def _opens(self, node: "Expr", length: int) -> bool:
        """Whether to take terms apart, which computes them again if they are used elsewhere."""
        return length <= _SHORT or self._uses.get(id(node), 0) <= 1

    def _sum(self, terms: Sequence[Product], node: "Expr") -> "Expr":
        """Terms as an expression; a factor that all have stands before the rest."""
        if not terms:
            return self._number(Fraction(0), node)
        if len(terms) == 1:
            return self._product(terms[0], node)
        common = shared(terms)
        if common.factors:
            rest = collected([without(term, common) for term in terms])
            inner = self._fit_dtype(self._sum(rest, node), node)
            factor = self._products.get(id(inner)) or Product(Fraction(1), ((inner, 1),))
            whole = times(common, factor)
            if whole is not None:
                return self._product(whole, node)
        return self._written_sum(terms, node)

    def _written_sum(self, terms: Sequence[Product], node: "Expr") -> "Expr":
        terms = sorted(terms, key=place)
        first = next((i for i, term in enumerate(terms) if term.number > 0), 0)
        ordered = [terms[first], *terms[:first], *terms[first + 1 :]]
        total = self._term(ordered[0], node)
        for term in ordered[1:]:
            op = ops.add if term.number > 0 else ops.subtract
            total = self._apply(op, total, self._term(term.of_size(), node))
        self._terms[id(total)] = tuple(terms)
        return total

    def _term(self, term: Product, node: "Expr") -> "Expr":
        """A term inside a sum, where a number needs no shape."""
        if term.factors:
            return self._fit_dtype(self._product(term, node), node)
        return self.space.constant(value_of(term.number))

    def _product(self, product: Product, node: "Expr") -> "Expr":
        """A product as an expression: numerator over denominator, the number in front."""
        above = [(base, e) for base, e in product.factors if e > 0]
        below = [(base, -e) for base, e in product.factors if e < 0]
        if not above and not below:
            return self._number(product.number, node)
        number, divisor = written(product.number)
        negated = bool(above) and number == -1
        result = self._multiplied(1.0 if negated else number, above, node)
        if negated:
            result = self._apply(ops.negative, result)
        if below or divisor != 1:
            result = self._apply(ops.divide, result, self._multiplied(divisor, below, node))
        self._products[id(result)] = product
        return result

    def _multiplied(self, number: float, factors: list, node: "Expr") -> "Expr":
        """A number and factors multiplied one after the other."""
        result = self.space.constant(number)
        for i, (base, exponent) in enumerate(_widest_first(factors, node)):
            power = self._power(base, exponent, node, beside=i > 0)
            alone = i == 0 and number == 1
            result = power if alone else self._apply(ops.multiply, result, power)
        return result

    def _power(self, base: "Expr", exponent: int, node: "Expr", beside: bool) -> "Expr":
        """A power in the node's dtype; a narrower factor may stay so beside a float."""
        if exponent == 1 and beside:
            return base
        base = self._fit_dtype(base, node)
        return base if exponent == 1 else self._apply(ops.power, base, exponent)

    def _number(self, number: Fraction, node: "Expr") -> "Expr":
        value = np.asarray(value_of(number), node.aval.dtype)
        return self.space.constant(np.broadcast_to(value, node.aval.shape))


def _widest_first(factors: list, node: "Expr") -> list:
    """Those of the node's dtype first: the others then meet it, and do not overflow or round."""
    return sorted(factors, key=lambda factor: factor[0].aval.dtype != node.aval.dtype)


def _is_algebra(node: "Expr") -> bool:
    """Whether all is in one float dtype, so that regrouping loses no digits.

    Bools, integers and narrower floats may be factors: a mask, a count.
    """
    dtype = node.aval.dtype
    if dtype.kind != "f":
        return False
    for arg in node.args:
        own = arg.aval.dtype
        narrow = node.op is ops.multiply and (
            own.kind in "biu" or np.result_type(own, dtype) == dtype
        )
        if own != dtype and not narrow and number_of(arg) is None:
            return False
    return True


def _gives_zero(op: Op, args: tuple["Expr", ...]) -> bool:
    """Whether a linear op is applied to zero."""
    if not op.transpose or op.jvp is not None:
        return False
    zeros = [number_of(arg) == 0 for i, arg in enumerate(args) if op.is_linear_in(i)]
    return all(zeros) if op.jointly_linear else any(zeros)


def _unchanged(node: "Expr", op: Op, args: tuple["Expr", ...]) -> "Expr | None":
    """The part that an op leaves as it is, by its record."""
    first = args[0]
    if op.unchanged is not None and op.unchanged(first.aval, **node.params):
        return first
    if first.op is op and len(args) == 1:
        inner = first.args[0]
        if op.involution and inner.aval == node.aval:
            return inner
        if op.idempotent and first.aval == node.aval:
            return first
    if op is ops.transpose and first.op is op and _undoes(node, first):
        return first.args[0]
    if op in _OF_ONE and first.aval.shape == () and first.aval.dtype == node.aval.dtype:
        return first
    return None


def _undoes(outer: "Expr", inner: "Expr") -> bool:
    order = np.arange(len(outer.aval.shape))
    for node in (inner, outer):
        axes = node.params["axes"]
        order = order[::-1] if axes is None else order[list(axes)]
    return bool((order == np.arange(len(order))).all())


def _choice(condition: "Expr", yes: "Expr", no: "Expr") -> "Expr | None":
    """The branch that a constant condition takes."""
    if yes is no:
        return yes
    if not condition.is_constant or isinstance(condition.value, Box):
        return None
    truth = np.asarray(condition.value)
    return yes if truth.all() else None if truth.any() else no


Terms = Sequence[Product] | None


def _add(worker: _Simplifier, dtype: np.dtype, left: "Expr", right: "Expr", sign: int = 1) -> Terms:
    parts = worker.terms_of(left, dtype), worker.terms_of(right, dtype)
    if sum(map(len, parts)) > LONGEST:
        parts = (worker.product_of(left, dtype),), (worker.product_of(right, dtype),)
    return [*parts[0], *(term.times(Fraction(sign)) for term in parts[1])]


def _negative(worker: _Simplifier, dtype: np.dtype, x: "Expr") -> Terms:
    return [term.times(Fraction(-1)) for term in worker.terms_of(x, dtype)]


def _multiply(worker: _Simplifier, dtype: np.dtype, left: "Expr", right: "Expr") -> Terms:
    product = times(worker.product_of(left, dtype), worker.product_of(right, dtype))
    return None if product is None else [product]


def _power(worker: _Simplifier, dtype: np.dtype, x: "Expr", exponent: "Expr | int") -> Terms:
    number = exponent if isinstance(exponent, int) else number_of(worker.simplified(exponent))
    if number is None or number != int(number) or abs(number) > _LARGEST_POWER:
        return None
    base, power = worker.product_of(x, dtype), int(number)
    if power < 0 and base.number == 0:
        return None
    number = short(base.number**power)
    raised = tuple((b, e * power) for b, e in base.factors) if power else ()
    return None if number is None else [Product(number, raised)]


def _divide(worker: _Simplifier, dtype: np.dtype, x: "Expr", y: "Expr") -> Terms:
    under = _power(worker, dtype, y, -1)
    if under is None:
        return None
    product = times(worker.product_of(x, dtype), under[0])
    return None if product is None else [product]


_ALGEBRA: dict[Op, Callable] = {
    ops.add: _add,
    ops.subtract: lambda worker, dtype, x, y: _add(worker, dtype, x, y, -1),
    ops.negative: _negative,
    ops.multiply: _multiply,
    ops.divide: _divide,
    ops.power: _power,
    ops.square: lambda worker, dtype, x: _power(worker, dtype, x, 2),
    ops.reciprocal: lambda worker, dtype, x: _power(worker, dtype, x, -1),
}
"""Arithmetic as terms: a list of products to be added, or None where that does not help."""
_STACKED = frozenset({ops.reshape, ops.broadcast_to})
"""Of two such ops on each other the outer one says all."""
_OF_ONE = frozenset({ops.sum, ops.prod, ops.max, ops.min})
"""Reductions that give a single number back."""
