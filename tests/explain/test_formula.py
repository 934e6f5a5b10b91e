"""Formulas: one tree, three writings."""

import re

import pytest

from chainrule.errors import OptionError
from chainrule.explain.formula import Formula
from chainrule.explain.mathml import write_mathml
from chainrule.grad.latex_form import ATOM, SUM, form_of
from chainrule.grad.latex_form import Formula as Part
from chainrule.ops.table import OPS

WRITTEN = [
    ("W_1 x + b_1", "W1 x + b1"),
    (r"\frac{\partial L}{\partial {W_1}} {h_1}^T", "dL/dW1 h1^T"),
    (r"\max(0, z_1)", "max(0, z1)"),
    (r"\frac{a + b}{c - d} \cdot 2", "(a + b)/(c - d) · 2"),
    (r"\frac{(a)^2 + b^2}{2}", "((a)^2 + b^2)/2"),
    (r"e^{-x}", "e^(-x)"),
    (r"m_{t-1}", "m_(t-1)"),
    (r"\sqrt{x} + \sqrt[3]{y}", "√(x) + ∛(y)"),
    (r"{W_1}' - \eta \cdot g", "W1' - η · g"),
    ("1.5e-08 + 2", "1.5e-08 + 2"),
    (r"\begin{cases} a & x > 0 \\ b & \text{else} \end{cases}", "(a if x > 0; else b)"),
]


@pytest.mark.parametrize(("latex", "text"), WRITTEN)
def test_text(latex: str, text: str) -> None:
    assert Formula.of(latex).text == text


@pytest.mark.parametrize("latex", [latex for latex, _ in WRITTEN])
def test_what_is_written_as_latex_reads_as_the_same(latex: str) -> None:
    formula = Formula.of(latex)
    again = Formula.of(formula.latex).text
    assert again.replace(" · 10^(-8)", "e-08") == formula.text


def test_numbers_are_written_as_each_reader_expects() -> None:
    number = Formula.of("1.5e-08")
    assert number.latex == r"1.5 \cdot 10^{-8}"
    assert "<msup><mn>10</mn><mn>−8</mn></msup>" in write_mathml(number)


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_can_be_written_in_all_three(name: str) -> None:
    op = OPS[name]
    options = dict.fromkeys(op.options, "1")
    parts = [Part("a - b", SUM), Part("c", ATOM), Part("d", ATOM), Part("f", ATOM)]
    formula = Formula.of(form_of(op.latex).write(parts, options).text)
    assert formula.text
    assert formula.latex.count("{") == formula.latex.count("}")
    tags = re.findall(r"<(/?)(\w+)[^>]*?(/?)>", write_mathml(formula))
    opened = sum(not close and not alone for close, _, alone in tags)
    assert opened == sum(bool(close) for close, _, _ in tags)


@pytest.mark.parametrize("latex", [r"\frac{a}", "(a", "a)", r"\unknowncommand", r"\left( a", "}"])
def test_what_cannot_be_read_is_refused(latex: str) -> None:
    with pytest.raises(OptionError, match="cannot read the formula"):
        Formula.of(latex)


def test_symbols_of_a_formula_point_at_their_values() -> None:
    symbol = Formula.of("W_1")
    text = write_mathml(Formula.of("W_1 x"), {symbol.tree: "W1"})
    assert text.count('data-v="W1"') == 1
