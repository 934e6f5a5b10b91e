r"""The trees of formulas, and how they are read from the LaTeX that op records carry.

The dialect is small: what the templates of `ops/` use, and numbers such as 1.5e-08.
"""

import re
import unicodedata
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from chainrule.errors import OptionError


class Atom(NamedTuple):
    """One sign: an identifier, a number, an operator, a function's name, or words."""

    kind: str
    text: str
    latex: str


class Row(NamedTuple):
    """Things side by side."""

    items: tuple


class Fraction(NamedTuple):
    """One thing over another."""

    top: Any
    bottom: Any


class Root(NamedTuple):
    """A square root, or one of a higher degree."""

    inside: Any
    degree: Any


class Scripts(NamedTuple):
    """A base with an index, an exponent or both."""

    base: Any
    sub: Any
    sup: Any


class Fence(NamedTuple):
    """Something in brackets."""

    left: str
    inside: Any
    right: str


class Cases(NamedTuple):
    """Alternatives, each with its condition."""

    rows: tuple


_IDENTIFIERS = MappingProxyType(
    {
        "alpha": "α",
        "beta": "β",
        "gamma": "γ",
        "delta": "δ",
        "epsilon": "ε",
        "eta": "η",
        "theta": "θ",
        "lambda": "λ",
        "mu": "μ",
        "pi": "π",
        "rho": "ρ",
        "tau": "τ",
        "varepsilon": "ε",
        "phi": "φ",
        "omega": "ω",
        "Delta": "Δ",
        "partial": "∂",
        "infty": "∞",
        "ell": "ℓ",
    }
)
_FUNCTIONS = MappingProxyType(
    {
        **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "ln", "log")},
        **{name: name for name in ("arcsin", "arccos", "arctan", "exp", "max", "min")},
        "sigma": "σ",
        "sum": "Σ",
        "prod": "Π",
    }
)
_OPERATORS = MappingProxyType(
    {
        "cdot": "·",
        "odot": "∘",
        "times": "×",
        "le": "≤",
        "ge": "≥",
        "ne": "≠",
        "land": "∧",
        "lor": "∨",
        "lnot": "¬",
        "oplus": "⊕",
        "bmod": "mod",
        "approx": "≈",
        "ldots": "…",
        "prime": "'",
        "leftarrow": "←",
        "to": "→",
        "in": "∈",
        "ll": "≪",
        "gg": "≫",
    }
)
BRACKETS = MappingProxyType({r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉"})
_OPENING = ("(", "[", r"\lfloor", r"\lceil", r"\left")
_CLOSING = (")", "]", r"\rfloor", r"\rceil", r"\right")
_IGNORED = (r"\textstyle", r"\displaystyle", r"\,", r"\;", r"\!")
_TOKEN = re.compile(
    r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[^\s]",
)


@lru_cache(maxsize=4096)
def parse(latex: str) -> Any:
    r"""Read a formula.

    Raises:
        OptionError: brackets that do not match, or a command outside the dialect.

    >>> parse(r"\frac{a}{2}").bottom
    Atom(kind='number', text='2', latex='2')
    """
    reader = _Reader(latex)
    tree = reader.row(())
    if reader.peek():
        raise reader.refuse()
    return tree


class _Reader:
    """A recursive reader of the dialect."""

    def __init__(self, latex: str):
        self.latex = latex
        self.raw = _split_words(latex)
        self.place = 0

    def refuse(self) -> OptionError:
        return OptionError(
            f"cannot read the formula {self.latex!r} at {self.peek() or 'its end'!r}; expected "
            "the LaTeX of op records, with brackets in pairs."
        )

    def peek(self) -> str:
        return self.raw[self.place] if self.place < len(self.raw) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            self.place -= 1
            raise self.refuse()

    def row(self, ends: tuple[str, ...]) -> Any:
        """Everything up to one of the ends, which stays."""
        items: list = []
        while self.peek() and self.peek() not in ends:
            if self.peek() in (*_CLOSING, "}", "&", r"\\", r"\end"):
                raise self.refuse()
            item = self.scripted()
            if item is not None:
                items.append(item)
        return items[0] if len(items) == 1 else Row(tuple(items))

    def scripted(self) -> Any:
        base = self.one()
        if base is None:
            return None
        sub = sup = None
        primes = 0
        while self.peek() in ("_", "^", "'"):
            mark = self.take()
            if mark == "'":
                primes += 1
            elif mark == "_":
                sub = self.argument()
            else:
                sup = self.argument()
        if primes:
            prime = Atom("operator", "'" * primes, "'" * primes)
            sup = prime if sup is None else Row((prime, sup))
        return base if sub is None and sup is None else Scripts(base, sub, sup)

    def argument(self) -> Any:
        if self.peek() != "{":
            return self.one()
        self.take()
        inside = self.row(("}",))
        self.expect("}")
        return inside

    def one(self) -> Any:
        token = self.take()
        if token in _IGNORED:
            return None
        if token == "{":
            self.place -= 1
            return self.argument()
        if token == r"\frac":
            return Fraction(self.argument(), self.argument())
        if token == r"\sqrt":
            degree = None
            if self.peek() == "[":
                self.take()
                degree = self.row(("]",))
                self.expect("]")
            return Root(self.argument(), degree)
        if token.startswith((r"\operatorname{", r"\text{", r"\mathrm{", r"\hat{")):
            return _named(token)
        if token == r"\begin":
            return self.cases()
        if token in _OPENING:
            return self.fence(token)
        return self.sign(token)

    def fence(self, token: str) -> Fence:
        stretched = token == r"\left"
        left = self.take() if stretched else token
        inside = self.row((r"\right",) if stretched else _CLOSING)
        if stretched:
            self.expect(r"\right")
        right = self.take()
        if not right:
            raise self.refuse()
        return Fence(BRACKETS.get(left, left), inside, BRACKETS.get(right, right))

    def cases(self) -> Cases:
        self.argument()
        rows = []
        while True:
            value = self.row(("&",))
            self.expect("&")
            rows.append((value, self.row((r"\\", r"\end"))))
            if self.take() == r"\end":
                self.argument()
                return Cases(tuple(rows))

    def sign(self, token: str) -> Any:
        name = token[1:] if token.startswith("\\") else token
        if token.startswith("\\"):
            for kind, table in (
                ("name", _IDENTIFIERS),
                ("function", _FUNCTIONS),
                ("operator", _OPERATORS),
            ):
                if name in table:
                    return Atom(kind, table[name], token)
            self.place -= 1
            raise self.refuse()
        if not token:
            raise self.refuse()
        if token[0].isdigit():
            return Atom("number", token, _latex_number(token))
        return Atom("name" if token.isalpha() else "operator", token, token)


def _split_words(latex: str) -> list[str]:
    r"""The tokens; \operatorname{...}, \text{...} and \mathrm{...} with their words are one."""
    parts = re.split(r"(\\(?:operatorname|text|mathrm|hat)\{[^{}]*\})", latex)
    tokens: list[str] = []
    for i, part in enumerate(parts):
        tokens += [part] if i % 2 else _TOKEN.findall(part)
    return tokens


def _named(token: str) -> Atom:
    command, _, rest = token.partition("{")
    if command == r"\hat":
        return Atom("name", unicodedata.normalize("NFC", f"{rest[:-1]}\u0302"), token)
    kind = {r"\operatorname": "function", r"\text": "words", r"\mathrm": "name"}[command]
    return Atom(kind, rest[:-1].replace(r"\_", "_"), token)


def _latex_number(text: str) -> str:
    mantissa, mark, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if mark else text


_SPACED = ("+", "-", "=", "<", ">", "·", "∘", "×", "≤", "≥", "≠", "∧", "∨", "⊕", "≈", "←", "→")
_SPACED += ("mod", "∈", "/", "≪", "≫", "−", ":")


def is_operator(item: Any, signs: tuple[str, ...] = _SPACED) -> bool:
    """Whether an item is one of the signs that stand between two others."""
    return isinstance(item, Atom) and item.kind == "operator" and item.text in signs
