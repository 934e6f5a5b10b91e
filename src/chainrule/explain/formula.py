"""Formulas, written as text or LaTeX (as MathML in `mathml.py`) from one tree.

There is one source for a formula, so its writings cannot drift apart.
"""

import re
from typing import Any, NamedTuple

from chainrule.explain.formula_tree import (
    BRACKETS,
    Atom,
    Fence,
    Fraction,
    Root,
    Row,
    Scripts,
    is_operator,
    parse,
)


class Formula(NamedTuple):
    r"""A formula, held as its tree.

    >>> formula = Formula.of(r"\frac{\partial L}{\partial {W_1}} \cdot {h_1}^T")
    >>> print(formula.text)
    dL/dW1 · h1^T
    >>> Formula.of(r"\max(0, z_1)").text
    'max(0, z1)'
    """

    tree: Any

    @classmethod
    def of(cls, latex: str) -> "Formula":
        """Read a formula from the LaTeX of op records."""
        return cls(parse(latex))

    @property
    def text(self) -> str:
        """For a terminal."""
        return write_text(self.tree)

    @property
    def latex(self) -> str:
        """For a paper."""
        return write_latex(self.tree)


def write_text(tree: Any) -> str:
    """A formula in one line of characters."""
    if isinstance(tree, Atom):
        return "d" if tree.text == "∂" else tree.text
    if isinstance(tree, Row):
        return _text_row(tree.items)
    if isinstance(tree, Fraction):
        return f"{_tight(tree.top)}/{_tight(tree.bottom)}"
    if isinstance(tree, Root):
        degree = "" if tree.degree is None else write_text(tree.degree)
        name = {"": "√", "3": "∛"}.get(degree, f"root{degree}")
        return f"{name}({write_text(tree.inside)})"
    if isinstance(tree, Scripts):
        return _text_scripts(tree)
    if isinstance(tree, Fence):
        return f"{tree.left}{write_text(tree.inside)}{tree.right}"
    rows = [f"{write_text(value)} if {write_text(when)}" for value, when in tree.rows[:-1]]
    return f"({'; '.join(rows)}; else {write_text(tree.rows[-1][0])})"


def _text_row(items: tuple) -> str:
    out = ""
    for i, item in enumerate(items):
        before = items[i - 1] if i else None
        piece = write_text(item)
        if i == 0:
            out = piece
        elif is_operator(item, (",", ";")) or is_operator(item, ("'",)):
            out += piece
        elif is_operator(item):
            out += f" {piece}"
        elif _joins(before, items[i - 2] if i > 1 else None, item):
            out += piece
        else:
            out += f" {piece}"
    return out


def _joins(before: Any, earlier: Any, item: Any) -> bool:
    """Whether nothing stands between an item and the one before it."""
    begins = earlier is None or is_operator(earlier) or is_operator(earlier, (",", ";"))
    if is_operator(before, ("-", "+")) and begins:
        return True
    if isinstance(before, Atom) and before.text in ("∂", "Δ"):
        return True
    if isinstance(item, Fence) and item.left == "[":
        return True
    head = before.base if isinstance(before, Scripts) else before
    named = isinstance(head, Atom) and head.kind == "function"
    return named and isinstance(item, Fence)


def _tight(tree: Any) -> str:
    """One side of a fraction, in parentheses unless it is one thing."""
    text = write_text(tree)
    return f"({text})" if " " in text and not isinstance(tree, Fence) else text


def _text_scripts(tree: Scripts) -> str:
    base = write_text(tree.base)
    if not isinstance(tree.base, (Atom, Scripts, Fence)):
        base = f"({base})"
    if tree.sub is not None:
        sub = write_text(tree.sub).replace(" ", "")
        if re.fullmatch(r"\d+", sub) and len(base) == 1:
            base += sub
        else:
            base += f"_{sub}" if re.fullmatch(r"[\w.]+", sub) else f"_({sub})"
    if tree.sup is not None:
        sup = write_text(tree.sup)
        if set(sup) == {"'"}:
            base += sup
        else:
            whole = re.fullmatch(r"[\w.]+", sup) or isinstance(tree.sup, Fence)
            base += f"^{sup}" if whole else f"^({sup})"
    return base


def write_latex(tree: Any) -> str:
    """A formula as LaTeX in its usual dialect."""
    if isinstance(tree, Atom):
        return tree.latex
    if isinstance(tree, Row):
        return " ".join(write_latex(item) for item in tree.items)
    if isinstance(tree, Fraction):
        return rf"\frac{{{write_latex(tree.top)}}}{{{write_latex(tree.bottom)}}}"
    if isinstance(tree, Root):
        degree = "" if tree.degree is None else f"[{write_latex(tree.degree)}]"
        return rf"\sqrt{degree}{{{write_latex(tree.inside)}}}"
    if isinstance(tree, Scripts):
        base = write_latex(tree.base)
        base = base if isinstance(tree.base, Atom) else f"{{{base}}}"
        sub = "" if tree.sub is None else f"_{{{write_latex(tree.sub)}}}"
        sup = "" if tree.sup is None else f"^{{{write_latex(tree.sup)}}}"
        return base + sub + sup.replace("'", r"\prime ")
    if isinstance(tree, Fence):
        names = {sign: command for command, sign in BRACKETS.items()}
        left, right = (names.get(sign, sign) for sign in (tree.left, tree.right))
        return rf"\left{left} {write_latex(tree.inside)} \right{right}"
    rows = r" \\ ".join(f"{write_latex(value)} & {write_latex(when)}" for value, when in tree.rows)
    return rf"\begin{{cases}} {rows} \end{{cases}}"
