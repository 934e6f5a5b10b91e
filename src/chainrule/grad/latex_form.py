r"""Which parentheses an op's LaTeX template needs, read off the template itself.

A template such as `{0} + {1}` or `\frac{{{0}}}{{{1}}}` shows by what stands around a place how
tightly what is put there must bind, and by its outermost sign how tightly the whole binds. Places
are the numbers of arguments, names of options, or `all` for all arguments with commas between.
"""

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

RELATION, SUM, NEGATIVE, PREFIX, PRODUCT, POWER, ATOM = range(1, 8)
"""How tightly a formula binds, from loosely to tightly."""

_UNSEEN = "{0}"
"""The template of an op that is not written at all."""

_TOKEN = re.compile(r"\\left.|\\right.|\\(?:begin|end)\{\w+\}|\\[a-zA-Z]+|\\.|[^\s\w]|_|[^\W_]+")
_OPENING = ("(", "[", r"\lfloor", r"\lceil")
_CLOSING = (")", "]", r"\rfloor", r"\rceil")
_WITH_GROUPS = (r"\frac", r"\sqrt", r"\operatorname", r"\text")
_RELATIONS = ("=", "<", ">", r"\ne", r"\le", r"\ge", r"\land", r"\lor", r"\oplus")
_QUOTIENTS = ("/", r"\bmod")
_PRODUCTS = (*_QUOTIENTS, r"\cdot", r"\times")
_SEPARATORS = (",", ";", "&", r"\\", r"\ldots", r"\,", ":")
_SUMS = ("+", "-")
_MARKS = ("^", "_")
_CASES = r"\begin{cases}"


class Formula(NamedTuple):
    """A piece of LaTeX, and how tightly it binds."""

    text: str
    binds: int


class Form(NamedTuple):
    """How to write an op: its template, what each place needs, and how tightly the whole binds."""

    template: str
    needs: dict[str, int]
    binds: int
    first: str
    """The place that a product begins with, where a minus needs no parentheses."""

    def write(self, parts: Sequence[Formula], options: dict[str, str]) -> Formula:
        """The formula with arguments put in, in parentheses where they bind too loosely."""
        if self.template == _UNSEEN:
            return parts[0]
        fitted, binds = [], self.binds
        for i, part in enumerate(parts):
            minus = part.binds == NEGATIVE and part.text.startswith("-")
            leads = minus and str(i) == self.first
            loose = part.binds < self.needs.get(str(i), 0) and not leads
            fitted.append(parenthesised(part.text) if loose else part.text)
            binds = NEGATIVE if leads else binds
        everything = ", ".join(part.text for part in parts)
        text = self.template.format(*fitted, all=everything, **options)
        return Formula(text.replace("_{}", ""), binds)


def parenthesised(text: str) -> str:
    """A formula in parentheses that grow with it."""
    return rf"\left({text}\right)"


@lru_cache(maxsize=512)
def form_of(template: str) -> Form:
    r"""Read a template.

    >>> form_of("{0} - {1}").needs["1"] > form_of("{0} - {1}").needs["0"]
    True
    """
    outermost = _groups(_tokens(template))
    needs: dict[str, int] = {}
    _note_needs(outermost, needs)
    binds = _binding(outermost)
    first = outermost[0] if binds == PRODUCT and isinstance(outermost[0], _Place) else ""
    return Form(template, needs, binds, str(first))


class _Place(str):
    """A place of a template: the number of an argument, or an option's name."""

    __slots__ = ()


def _tokens(template: str) -> list[str]:
    found: list[str] = []
    text = ""
    for literal, place, _, _ in string.Formatter().parse(template):
        text += literal
        if place is not None:
            found += [*_TOKEN.findall(text), _Place(place)]
            text = ""
    return found + _TOKEN.findall(text)


def _groups(tokens: list[str]) -> list:
    """Tokens as nested lists, one for each pair of brackets; braces that only group are dropped."""
    outermost: list = []
    stack: list[tuple[list, bool]] = [(outermost, True)]
    for token in tokens:
        level, _ = stack[-1]
        if isinstance(token, _Place):
            level.append(token)
        elif token == "{":
            closed = bool(level) and _takes_group(level)
            inner: list = [] if closed else level
            if closed:
                level.append(inner)
            stack.append((inner, closed))
        elif token in _OPENING or token.startswith((r"\left", r"\begin")):
            inner = []
            level += [_CASES, inner] if token == _CASES else [inner]
            stack.append((inner, True))
        elif token == "}" or token in _CLOSING or token.startswith((r"\right", r"\end")):
            stack.pop()
        else:
            level.append(token)
    return outermost


def _takes_group(level: list) -> bool:
    """Whether braces at this point hold an index, an exponent or a command's argument."""
    last = level[-1]
    if isinstance(last, list):
        return len(level) > 1 and level[-2] in (r"\frac", r"\sqrt")
    return last in _MARKS or last in _WITH_GROUPS


def _note_needs(group: list, needs: dict[str, int]) -> None:
    for i, item in enumerate(group):
        if isinstance(item, list):
            _note_needs(item, needs)
        elif isinstance(item, _Place):
            before = group[i - 1] if i else None
            after = group[i + 1] if i + 1 < len(group) else None
            needs[str(item)] = max(needs.get(str(item), 0), _need(before, after))


def _need(before: object, after: object) -> int:
    if after in _MARKS and isinstance(after, str):
        return ATOM
    if before in _QUOTIENTS:
        return POWER
    if _multiplies(before) or _multiplies(after):
        return PRODUCT
    if before in _SUMS:
        return PREFIX
    if after in _SUMS or before in _RELATIONS or after in _RELATIONS:
        return SUM
    return 0


def _multiplies(item: object) -> bool:
    """Whether a neighbour makes a product: a sign for it, or something that just stands there."""
    return item is not None and item not in (*_SEPARATORS, *_SUMS, *_RELATIONS)


def _binding(group: list) -> int:
    """How tightly the whole binds: as its loosest outermost sign."""
    signs = [item for item in group if not isinstance(item, (list, _Place))]
    if any(item in _RELATIONS for item in signs):
        return RELATION
    if any(item in _SUMS for item in group[1:]):
        return SUM
    if group and group[0] == "-":
        return NEGATIVE
    places = [i for i, item in enumerate(group) if isinstance(item, _Place)]
    if places and places[-1] == len(group) - 1 and str(group[0]).startswith("\\"):
        return PREFIX
    if r"\bmod" in signs:
        return NEGATIVE
    if any(item in _PRODUCTS for item in signs) or len(places) > 1:
        return PRODUCT
    if "^" in signs or group[:1] == [r"\frac"] or _CASES in signs:
        return POWER
    return ATOM
