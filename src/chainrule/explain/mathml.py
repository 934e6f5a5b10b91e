"""Formulas as MathML, which browsers set by themselves and screen readers speak."""

import html
from collections.abc import Mapping
from typing import Any

from chainrule.explain.formula import Formula
from chainrule.explain.formula_tree import (
    Atom,
    Cases,
    Fence,
    Fraction,
    Root,
    Row,
    Scripts,
    is_operator,
)

Links = Mapping[Any, str]
"""By the tree of a symbol: the key of the values that it stands for."""


def write_mathml(formula: Formula, links: Links | None = None, *, display: bool = False) -> str:
    r"""A whole `<math>` element; symbols that `links` knows can be pointed at.

    >>> write_mathml(Formula.of("x^2"))
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    block = ' display="block"' if display else ""
    return f"<math{block}>{_write(formula.tree, links or {})}</math>"


def _write(tree: Any, links: Links) -> str:
    key = links.get(tree)
    if key is not None:
        return f'<mrow class="s" data-v="{html.escape(key)}">{_plain(tree, links)}</mrow>'
    return _plain(tree, links)


def _plain(tree: Any, links: Links) -> str:
    if isinstance(tree, Atom):
        return _atom(tree)
    if isinstance(tree, Row):
        return f"<mrow>{_row(tree.items, links)}</mrow>"
    if isinstance(tree, Fraction):
        return f"<mfrac>{_write(tree.top, links)}{_write(tree.bottom, links)}</mfrac>"
    if isinstance(tree, Root):
        if tree.degree is None:
            return f"<msqrt>{_write(tree.inside, links)}</msqrt>"
        return f"<mroot>{_write(tree.inside, links)}{_write(tree.degree, links)}</mroot>"
    if isinstance(tree, Scripts):
        return _scripts(tree, links)
    if isinstance(tree, Fence):
        inside = _write(tree.inside, links)
        return f"<mrow><mo>{tree.left}</mo>{inside}<mo>{tree.right}</mo></mrow>"
    return _cases(tree, links)


def _row(items: tuple, links: Links) -> str:
    out = []
    for i, item in enumerate(items):
        before = items[i - 1] if i else None
        head = before.base if isinstance(before, Scripts) else before
        if isinstance(head, Atom) and head.kind == "function":
            out.append("<mo>&#x2061;</mo>")
            if not isinstance(item, Fence):
                out.append('<mspace width="0.17em"/>')
        elif before is not None and not _part_of_one(before, item):
            out.append('<mspace width="0.22em"/>')
        out.append(_write(item, links))
    return "".join(out)


def _part_of_one(before: Any, item: Any) -> bool:
    """Whether no space for a product belongs between two neighbours."""
    signs = any(isinstance(x, Atom) and x.kind == "operator" for x in (before, item))
    return signs or (isinstance(before, Atom) and before.text in ("∂", "Δ"))


def _scripts(tree: Scripts, links: Links) -> str:
    base = _write(tree.base, links)
    if tree.sup is None:
        return f"<msub>{base}{_write(tree.sub, links)}</msub>"
    if tree.sub is None:
        return f"<msup>{base}{_write(tree.sup, links)}</msup>"
    return f"<msubsup>{base}{_write(tree.sub, links)}{_write(tree.sup, links)}</msubsup>"


def _cases(tree: Cases, links: Links) -> str:
    rows = "".join(
        f"<mtr><mtd>{_write(value, links)}</mtd><mtd>{_write(when, links)}</mtd></mtr>"
        for value, when in tree.rows
    )
    return f"<mrow><mo>{{</mo><mtable>{rows}</mtable></mrow>"


def _atom(atom: Atom) -> str:
    text = html.escape(atom.text, quote=False)
    if atom.kind == "number":
        return _number(text)
    if atom.kind == "words":
        return f"<mtext>{text}</mtext>"
    if atom.kind == "operator":
        text = {"-": "−", "'": "′"}.get(text, text)
        return f"<mo>{text}</mo>" if not is_operator(atom, ("…",)) else f"<mi>{text}</mi>"
    upright = ' mathvariant="normal"' if len(atom.text) == 1 and atom.kind == "function" else ""
    return f"<mi{upright}>{text}</mi>"


def _number(text: str) -> str:
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return f"<mn>{text}</mn>"
    power = str(int(exponent)).replace("-", "−")
    return f"<mrow><mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn><mn>{power}</mn></msup></mrow>"
