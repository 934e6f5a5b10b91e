"""Expressions as text, which Python reads back, and as LaTeX with the parentheses it needs."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.grad.latex_form import form_of
from chainrule.ops.table import OPS
from tests.grad.test_symbolic import NUMBERS, POINTS


def read_back(text: str, **values: Any) -> Any:
    """Run the lines of a printed expression as Python; the last one is its value."""
    names = {name: getattr(cr, name) for name in cr.ops.__all__} | values
    *lines, last = text.splitlines()
    for line in lines:
        exec(line, names)
    return eval(last, names)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_text_is_python_of_the_same_value(name: str, order: int) -> None:
    (x,) = cr.variables("x")
    made = NUMBERS[name](x)
    for _ in range(order):
        made = made.derive("x")
    for point in POINTS:
        assert read_back(str(made), x=point) == pytest.approx(made(point), rel=1e-12, abs=1e-14)


def test_shared_parts_are_named_once() -> None:
    (x,) = cr.variables("x")
    value = x
    for _ in range(12):
        value = cr.sin(value) * value
    text = str(value)
    assert text.splitlines()[0].startswith("t1 = ")
    assert text.count("sin(x)") == 1
    assert read_back(text, x=0.9) == pytest.approx(value(0.9), rel=1e-13)
    latex = value.latex()
    assert latex.startswith("\\begin{aligned}\nt_{1} &= ")
    assert latex.count("\\\\") == latex.count("\n") - 2


def test_names_do_not_hide_a_variable() -> None:
    x, t1 = cr.variables("x t1")
    value = x * t1
    for _ in range(12):
        value = cr.sin(value) * value
    assert read_back(str(value), x=0.9, t1=0.7) == pytest.approx(value(0.9, 0.7), rel=1e-13)


def test_a_long_chain_grows_as_it_does() -> None:
    (x,) = cr.variables("x")
    value = x
    for _ in range(3_000):
        value = cr.sin(value)
    assert len(str(value)) < 3_000 * 20
    assert read_back(str(value), x=np.float64(0.5)) == value(0.5)


PARENTHESES = [
    (lambda x, y: x - (y - 1.0), "x - (y - 1)", r"x - \left(y - 1\right)"),
    (lambda x, y: (x - y) - 1.0, "x - y - 1", "x - y - 1"),
    (lambda x, y: x + (y + 1.0), "x + (y + 1)", r"x + \left(y + 1\right)"),
    (lambda x, y: x * (y + 1.0), "x * (y + 1)", r"x \cdot \left(y + 1\right)"),
    (lambda x, y: (x * y) * 2.0, "x * y * 2", r"x \cdot y \cdot 2"),
    (lambda x, y: x / (y * 2.0), "x / (y * 2)", r"\frac{x}{y \cdot 2}"),
    (lambda x, y: x / y * 2.0, "x / y * 2", r"\frac{x}{y} \cdot 2"),
    (lambda x, y: (x / y) ** 2, "(x / y)**2", r"{\left(\frac{x}{y}\right)}^{2}"),
    (lambda x, y: (x + y) ** 2, "(x + y)**2", r"{\left(x + y\right)}^{2}"),
    (lambda x, y: x ** (y + 1.0), "x**(y + 1)", "{x}^{y + 1}"),
    (lambda x, y: (x**y) ** 2.0, "(x**y)**2", r"{\left({x}^{y}\right)}^{2}"),
    (lambda x, y: x ** (y**2.0), "x**y**2", "{x}^{{y}^{2}}"),
    (lambda x, y: x**-2, "x**(-2)", "{x}^{-2}"),
    (lambda x, y: -x * y, "-x * y", r"-x \cdot y"),
    (lambda x, y: -(x * y), "-x * y", r"-x \cdot y"),
    (lambda x, y: -(x + y), "-(x + y)", r"-\left(x + y\right)"),
    (lambda x, y: x + -y, "x + -y", r"x + \left(-y\right)"),
    (lambda x, y: x * -y, "x * -y", r"x \cdot \left(-y\right)"),
    (lambda x, y: (-x) ** 2, "(-x)**2", r"{\left(-x\right)}^{2}"),
    (lambda x, y: -(x**2), "-x**2", "-{x}^{2}"),
    (lambda x, y: cr.exp(x) ** 2, "exp(x)**2", r"{\left(e^{x}\right)}^{2}"),
    (lambda x, y: cr.exp(-(x**2)), "exp(-x**2)", "e^{-{x}^{2}}"),
    (lambda x, y: cr.sin(x) ** 2, "sin(x)**2", r"{\sin(x)}^{2}"),
    (lambda x, y: cr.expm1(x) * y, "expm1(x) * y", r"\left(e^{x} - 1\right) \cdot y"),
    (lambda x, y: cr.square(x + 1.0), "square(x + 1)", r"{\left(x + 1\right)}^2"),
    (lambda x, y: cr.hypot(x, y + 1.0), "hypot(x, y + 1)", None),
    (lambda x, y: x % y * 2.0, "(x % y) * 2", r"\left(x \bmod y\right) \cdot 2"),
    (lambda x, y: -(x // y), "-(x // y)", r"-\lfloor x / y \rfloor"),
    (lambda x, y: (x > y) & (y > 1.0), "(x > y) & (y > 1)", None),
    (lambda x, y: (x > 0.0) * y, "(x > 0) * y", r"\left(x > 0\right) \cdot y"),
    (lambda x, y: ~(x > 0.0), "~(x > 0)", r"\lnot \left(x > 0\right)"),
    (lambda x, y: cr.abs(x + y), "absolute(x + y)", r"\left|x + y\right|"),
    (lambda x, y: cr.cbrt(x + y), "cbrt(x + y)", r"\sqrt[3]{x + y}"),
    (lambda x, y: 1e-20 * x, "1e-20 * x", r"1 \times 10^{-20} \cdot x"),
    (lambda x, y: -1.5 * x, "-1.5 * x", r"-1.5 \cdot x"),
]


@pytest.mark.parametrize(
    ("function", "text", "latex"), PARENTHESES, ids=[p[1] for p in PARENTHESES]
)
def test_parentheses(function: Any, text: str, latex: str | None) -> None:
    x, y = cr.variables("x y")
    made = function(x, y)
    assert str(made) == text
    if latex is not None:
        assert made.latex() == latex
    a, b = np.float64(1.75), np.float64(0.8)
    assert read_back(text, x=a, y=b) == pytest.approx(made(a, b), rel=1e-15)


ARRAYS = [
    (lambda w: w.sum(), "sum(w)", r"\sum w"),
    (lambda w: (w + 1.0).sum(axis=0), "sum(w + 1, axis=0)", r"\sum_{0} \left(w + 1\right)"),
    (lambda w: w.sum(axis=1) * 2.0, "sum(w, axis=1) * 2", r"\left(\sum_{1} w\right) \cdot 2"),
    (lambda w: w.T @ w, "w.T @ w", "w^{T} w"),
    (lambda w: (w + w).T, "(w + w).T", r"\left(w + w\right)^{T}"),
    (lambda w: w.max(axis=1), "max(w, axis=1)", r"\max_{1} w"),
    (lambda w: w[1:, 2], "w[1:, 2]", "w_{[1:, 2]}"),
    (lambda w: w[::2, None], "w[::2, None, :]", "w_{[::2, None, :]}"),
    (lambda w: w[np.array([1, 0])], "w[[1, 0], :]", "w_{[[1, 0], :]}"),
    (lambda w: w.reshape(2, 6), "reshape(w, shape=(2, 6))", r"\operatorname{reshape}_{(2,6)}(w)"),
    (lambda w: cr.concatenate([w, w], 1), "concatenate(w, w, axis=1)", None),
    (lambda w: w * np.ones((3, 4)), "w * <float64[3,4]>", r"w \cdot \mathrm{C}_{3 \times 4}"),
    (lambda w: w * np.array([1.0, 2, 3, 4]), "w * [1, 2, 3, 4]", r"w \cdot [1, 2, 3, 4]"),
]


@pytest.mark.parametrize(("function", "text", "latex"), ARRAYS, ids=[a[1] for a in ARRAYS])
def test_arrays(function: Any, text: str, latex: str | None) -> None:
    made = function(cr.variable("w", (3, 4)))
    assert str(made) == text
    if latex is not None:
        assert made.latex() == latex


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_latex_for_all_its_arguments(name: str) -> None:
    op = OPS[name]
    form = form_of(op.latex)
    assert op.latex.count("{{") == op.latex.count("}}")
    every = "all" in form.needs or "..." in op.latex
    for i in range(max(op.arity, 1)):
        assert every or str(i) in form.needs or op.arity < 0, f"{name} does not write argument {i}"


NAMES = [
    ("x", "x"),
    ("x1", "x_{1}"),
    ("w_1", "w_{1}"),
    ("alpha", r"\alpha"),
    ("beta2", r"\beta_{2}"),
    ("loss", r"\mathrm{loss}"),
    ("loss_train", r"\mathrm{loss}_{\mathrm{train}}"),
]


@pytest.mark.parametrize(("name", "latex"), NAMES)
def test_names_in_latex(name: str, latex: str) -> None:
    assert cr.variable(name).latex() == latex


def test_notebooks_show_latex() -> None:
    x, y = cr.variables("x y")
    assert (x / y)._repr_latex_() == r"$\displaystyle \frac{x}{y}$"
    slope = cr.derive(cr.relu)
    assert slope.latex() == r"\left[\max(0, x) > 0\right]"
