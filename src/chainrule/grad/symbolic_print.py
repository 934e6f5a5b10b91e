"""Expressions as text and as LaTeX.

Text is Python: each op by its operator or by its name. What is used several times, or too long to
read, gets a name of its own in a line before, so that the output grows as the expression does,
and not as the formula written out would.
"""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule.aval import aval_of
from chainrule.grad import latex_form
from chainrule.grad.latex_form import Formula, form_of, parenthesised
from chainrule.ops.index import ARRAY, NEW, index_op
from chainrule.ops.linalg import matmul_op
from chainrule.ops.table import PROJECT, Box, Op

if TYPE_CHECKING:
    from chainrule.grad.expression import Expr

_INLINE_SIZE = 80
"""Up to so many parts, written out, an expression stands in one line."""
_LINE = 100
"""A longer formula gets a name of its own, where any has one."""
_SMALL_ARRAY = 6

_COMPARE, _OR, _XOR, _AND, _SUM, _QUOTIENT, _PRODUCT, _UNARY, _POWER, _ATOM = range(1, 11)


class _Infix(NamedTuple):
    """An operator, how tightly it binds, and how tightly its sides must."""

    sign: str
    binds: int
    left: int
    right: int


def _left(sign: str, binds: int) -> _Infix:
    """An operator that is read from left to right."""
    return _Infix(sign, binds, binds, binds + 1)


_INFIX: dict[Op, _Infix] = {
    ops.add: _left(" + ", _SUM),
    ops.subtract: _left(" - ", _SUM),
    ops.multiply: _left(" * ", _PRODUCT),
    ops.divide: _left(" / ", _PRODUCT),
    ops.floor_divide: _Infix(" // ", _QUOTIENT, _PRODUCT, _UNARY),
    ops.remainder: _Infix(" % ", _QUOTIENT, _PRODUCT, _UNARY),
    matmul_op: _left(" @ ", _PRODUCT),
    ops.power: _Infix("**", _POWER, _ATOM, _POWER),
    ops.logical_and: _left(" & ", _AND),
    ops.logical_or: _left(" | ", _OR),
    ops.logical_xor: _left(" ^ ", _XOR),
    ops.equal: _Infix(" == ", _COMPARE, _OR, _OR),
    ops.not_equal: _Infix(" != ", _COMPARE, _OR, _OR),
    ops.less: _Infix(" < ", _COMPARE, _OR, _OR),
    ops.less_equal: _Infix(" <= ", _COMPARE, _OR, _OR),
    ops.greater: _Infix(" > ", _COMPARE, _OR, _OR),
    ops.greater_equal: _Infix(" >= ", _COMPARE, _OR, _OR),
}


class _Writer:
    """Turns one expression into a formula, given those of its parts. Abstract."""

    @abstractmethod
    def variable(self, name: str) -> Formula: ...

    @abstractmethod
    def constant(self, value: Any) -> Formula: ...

    @abstractmethod
    def call(self, node: "Expr", parts: list[Formula]) -> Formula: ...

    @abstractmethod
    def page(self, lines: list[tuple[str, str]], last: str) -> str:
        """All lines: the named ones and the expression itself."""


class _Text(_Writer):
    """Writes Python."""

    def variable(self, name: str) -> Formula:
        return Formula(name, _ATOM)

    def constant(self, value: Any) -> Formula:
        text = _constant_text(value, _number)
        return Formula(text, _UNARY if text.startswith("-") else _ATOM)

    def call(self, node: "Expr", parts: list[Formula]) -> Formula:
        op = node.op
        if op is None:
            return parts[0]
        if op in _INFIX:
            sign, binds, left, right = _INFIX[op]
            return Formula(_fit(parts[0], left) + sign + _fit(parts[1], right), binds)
        if op is ops.negative:
            # -(x * y) is (-x) * y, so the product needs no parentheses.
            return Formula("-" + _fit(parts[0], _PRODUCT), min(parts[0].binds, _UNARY))
        if op is ops.logical_not:
            return Formula("~" + _fit(parts[0], _UNARY), _UNARY)
        if op is index_op:
            inner = _index_text(node.params["pattern"], [part.text for part in parts[1:]])
            return Formula(f"{_fit(parts[0], _ATOM)}[{inner}]", _ATOM)
        if op is PROJECT:
            return Formula(f"{_fit(parts[0], _ATOM)}[{node.params['index']}]", _ATOM)
        if op is ops.transpose and node.params["axes"] is None:
            return Formula(f"{_fit(parts[0], _ATOM)}.T", _ATOM)
        inner = ", ".join([part.text for part in parts] + _options(node))
        return Formula(f"{op.name}({inner})", _ATOM)

    def page(self, lines: list[tuple[str, str]], last: str) -> str:
        return "\n".join([*(f"{name} = {text}" for name, text in lines), last])


class _Latex(_Writer):
    """Writes LaTeX, by the templates in the op records."""

    def variable(self, name: str) -> Formula:
        return Formula(_latex_name(name), latex_form.ATOM)

    def constant(self, value: Any) -> Formula:
        if isinstance(value, Box) or np.size(value) > _SMALL_ARRAY:
            sizes = r" \times ".join(map(str, aval_of(value).shape))
            return Formula(rf"\mathrm{{C}}_{{{sizes}}}", latex_form.ATOM)
        text = _constant_text(value, _latex_number)
        if text.startswith("-"):
            return Formula(text, latex_form.NEGATIVE)
        return Formula(text, latex_form.PRODUCT if r"\times" in text else latex_form.ATOM)

    def call(self, node: "Expr", parts: list[Formula]) -> Formula:
        op = node.op
        if op is None:
            return parts[0]
        if op is index_op:
            base = parts[0]
            text = base.text if base.binds >= latex_form.ATOM else parenthesised(base.text)
            inner = _index_text(node.params["pattern"], [part.text for part in parts[1:]])
            return Formula(f"{text}_{{[{inner}]}}", latex_form.ATOM)
        if op is ops.cast and node.args[0].aval.dtype.kind == "b":
            # Iverson's bracket: 1 where it is true, else 0.
            return Formula(rf"\left[{parts[0].text}\right]", latex_form.ATOM)
        options = {key: _latex_option(value) for key, value in node.params.items()}
        return form_of(op.latex).write(parts, options)

    def page(self, lines: list[tuple[str, str]], last: str) -> str:
        if not lines:
            return last
        rows = [*(f"{_latex_name(name)} &= {text}" for name, text in lines), f"& {last}"]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def to_text(nodes: Sequence["Expr"]) -> str:
    """The last of `nodes` as Python; these are all its parts, arguments before results."""
    return _write(nodes, _Text())


def to_latex(nodes: Sequence["Expr"]) -> str:
    """The last of `nodes` as LaTeX."""
    return _write(nodes, _Latex())


def _write(nodes: Sequence["Expr"], writer: _Writer) -> str:
    uses = Counter(id(arg) for node in nodes for arg in node.args)
    sizes = _sizes(nodes)
    inline = sizes[id(nodes[-1])] <= _INLINE_SIZE
    names = _fresh_names({node.name for node in nodes})
    lines: list[tuple[str, str]] = []
    formulas: dict[int, Formula] = {}
    for node in nodes:
        formula = _formula(node, [formulas[id(arg)] for arg in node.args], writer)
        shared = uses[id(node)] > 1 and sizes[id(node)] > 2
        if node is not nodes[-1] and not inline and (shared or len(formula.text) > _LINE):
            name = next(names)
            lines.append((name, formula.text))
            formula = writer.variable(name)
        formulas[id(node)] = formula
    return writer.page(lines, formulas[id(nodes[-1])].text)


def _formula(node: "Expr", parts: list[Formula], writer: _Writer) -> Formula:
    if node.name:
        return writer.variable(node.name)
    return writer.constant(node.value) if node.op is None else writer.call(node, parts)


def _sizes(nodes: Sequence["Expr"]) -> dict[int, int]:
    """How many parts each expression has, written out (and no more than it matters)."""
    sizes: dict[int, int] = {}
    for node in nodes:
        total = 1 + sum(sizes[id(arg)] for arg in node.args)
        sizes[id(node)] = min(total, _INLINE_SIZE + 1)
    return sizes


def _fresh_names(taken: set[str]) -> Any:
    prefix = "t"
    while any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in taken):
        prefix += "t"
    return (f"{prefix}{number}" for number in range(1, 10**9))


def _fit(part: Formula, needed: int) -> str:
    return part.text if part.binds >= needed else f"({part.text})"


def _options(node: "Expr") -> list[str]:
    defaults = node.op.defaults if node.op else {}
    return [
        f"{key}={_option(value)}"
        for key, value in node.params.items()
        if key not in defaults or not (defaults[key] is value or defaults[key] == value)
    ]


def _option(value: Any) -> str:
    if isinstance(value, np.dtype):
        return repr(str(value))
    return f"<{value.name}>" if hasattr(value, "name") else repr(value)


def _latex_option(value: Any) -> str:
    """An option as it stands in an index; None is not written."""
    if value is None:
        return ""
    return str(value).replace(" ", "").replace("_", r"\_")


def _index_text(pattern: tuple, arrays: list[str]) -> str:
    rest = iter(arrays)
    return ", ".join(_entry_text(entry, rest) for entry in pattern)


def _entry_text(entry: Any, arrays: Any) -> str:
    if entry == ARRAY:
        return next(arrays)
    if entry == NEW:
        return "None"
    if not isinstance(entry, tuple):
        return str(entry)
    start, stop, step = ("" if bound is None else str(bound) for bound in entry)
    return f"{start}:{stop}" + (f":{step}" if step else "")


def _constant_text(value: Any, number: Callable[[float], str]) -> str:
    if isinstance(value, Box):
        return f"<{type(value).__name__.lower()} {value.aval}>"
    array = np.asarray(value)
    if array.shape == ():
        return number(array.item())
    if array.size > _SMALL_ARRAY:
        return f"<{aval_of(array)}>"
    return _nested(array.tolist(), number)


def _nested(value: Any, number: Callable[[float], str]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(item, number) for item in value) + "]"
    return number(value)


def _number(value: float) -> str:
    """The shortest text of a number; whole ones without a point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


def _latex_number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return r"\mathrm{NaN}" if math.isnan(value) else "-" * (value < 0) + r"\infty"
    if isinstance(value, bool):
        return rf"\mathrm{{{str(value).lower()}}}"
    digits, _, exponent = _number(value).partition("e")
    return rf"{digits} \times 10^{{{int(exponent)}}}" if exponent else digits


_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    )
)


def _latex_name(name: str) -> str:
    r"""A variable's name: Greek letters, figures at the end as an index, the rest upright.

    >>> _latex_name("w1"), _latex_name("alpha"), _latex_name("loss_train")
    ('w_{1}', '\\alpha', '\\mathrm{loss}_{\\mathrm{train}}')
    """
    stem, _, index = name.strip("_").partition("_")
    letters = stem.rstrip("0123456789")
    if letters and letters != stem and not index:
        stem, index = letters, stem[len(letters) :]
    head = _upright(stem or name)
    return f"{head}_{{{_upright(index)}}}" if index else head


def _upright(word: str) -> str:
    if word in _GREEK:
        return f"\\{word}"
    plain = len(word) == 1 or word.isdigit()
    return word if plain else rf"\mathrm{{{word}}}".replace("_", r"\_")
