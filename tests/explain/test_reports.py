"""Reports of many nets: every number is checked, and every form says all of it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.explain.text import columns
from chainrule.explain.words import CATALOGUES
from tests.explain.nets import CASES, mlp, numbers

LANGUAGES = tuple(CATALOGUES)
WIDE = 80


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_every_number_of_every_net_is_right(name: str, dtype: type) -> None:
    report = CASES[name].explain(dtype)
    assert report.checks.failures == ()
    assert report.right
    assert report.checks.recomputed < (1e-6 if dtype is np.float32 else 1e-12)
    assert report.checks.numeric < 1e-6
    assert report.checks.framework < (1e-6 if dtype is np.float32 else 1e-12)
    assert report.checks.derivatives >= 2


@pytest.mark.parametrize("name", [n for n in optim.names() if n != "muon"])
def test_every_optimizer_is_explained_from_its_own_update(name: str) -> None:
    case = CASES["a batch"]
    report = case.explain(optimizer=name)
    assert report.right
    model = case.model(np.float64).initialize(1)
    nn.cross_entropy(model(case.x), case.y).backward()
    kind = optim.by_name(name)
    weight = model[0].weight
    moved, _ = kind.update(weight.data, weight.grad.data, kind.init(weight.data), 1, kind.lr)
    np.testing.assert_allclose(report["W1'"].value, moved, rtol=1e-12)


def test_gradients_are_those_of_backward() -> None:
    case = CASES["three layers"]
    report = case.explain()
    model = case.model(np.float64).initialize(1)
    nn.cross_entropy(model(case.x[None]), np.array([case.y])).backward()
    for i, layer in enumerate((0, 2, 4), 1):
        np.testing.assert_array_equal(report[f"dL/dW{i}"].value, model[layer].weight.grad.numpy())
        np.testing.assert_array_equal(report[f"dL/db{i}"].value, model[layer].bias.grad.numpy())


def test_the_formulas_of_a_perceptron_are_those_of_the_blackboard() -> None:
    said = [str(statement) for statement in CASES["one sample"].explain()]
    for formula in (
        *("z1 = W1 x + b1", "h1 = max(0, z1)", "z2 = W2 h1 + b2", "p = q/S", "dL/dz2 = p - y"),
        *("dL/dW2 = dL/dz2 h1^T", "dL/db2 = dL/dz2", "dL/dh1 = W2^T dL/dz2"),
        *("dL/dz1 = dL/dh1 ∘ (h1 > 0)", "dL/dW1 = dL/dz1 x^T", "W1' = W1 - dL/dW1 · η"),
    ):
        assert formula in said


def test_shapes_are_put_into_the_formula() -> None:
    assert CASES["one sample"].explain()["z1"].shapes == "4×1 = 4×3 · 3×1 + 4×1"
    assert CASES["a batch"].explain()["z1"].shapes == "4×5 = 4×3 · 3×5 + 4×1"


def test_samples_are_columns() -> None:
    case = CASES["a batch"]
    report = case.explain()
    model = case.model(np.float64).initialize(1)
    np.testing.assert_array_equal(report["z1"].value, model[0](case.x).numpy().T)
    assert str(report["dL/dz2"]) == "dL/dz2 = (p - y)/5"


def test_each_path_of_a_shared_weight_is_a_term() -> None:
    report = CASES["shared weights"].explain()
    terms = [statement for statement in report if statement.key.startswith("(dL/dW1)_")]
    assert len(terms) == 2
    np.testing.assert_allclose(report["dL/dW1"].value, terms[0].value + terms[1].value, rtol=1e-12)
    assert str(report["dL/dW1"]).count("+") == 1


@cr.custom_vjp
def bent(x):
    return x * x


bent.defvjp(lambda x: (x * x, x), lambda x, g: (g * 3.0 * x,))


def test_a_wrong_rule_is_found_and_its_step_named() -> None:
    model = mlp((2, 3))(np.float64)
    model = nn.Sequential(model[0], bent, nn.Linear(3, 2, dtype=np.float64))
    report = cr.explain(model, [0.3, 0.8], 1)
    assert not report.right
    assert report.checks.failures[0] == "dL/dz1"
    assert {"dL/dz2", "dL/dW2", "dL/dh1", "z1", "h1"}.isdisjoint(report.checks.failures)
    assert "dL/dz1 = " in report.text().partition("FAILED")[2]


TERM = re.compile(r"\d+ more terms, together \((?P<rest>[^()]*)\)")


@pytest.mark.parametrize("name", ["one sample", "a batch", "three layers", "squares"])
def test_printed_arithmetic_adds_up_to_the_printed_digits(name: str) -> None:
    tried = 0
    for section in CASES[name].explain(np.float32).to_dict()["sections"]:
        for statement in section["statements"]:
            if not statement["worked"]:
                continue
            _, *middle, right = statement["worked"]["text"].split(" = ")
            text = TERM.sub(r"(\g<rest>)", " ".join(middle)).replace("·", "*").replace("^", "**")
            for function, meaning in (("√", "np.sqrt"), ("ln", "np.log"), ("tanh", "np.tanh")):
                text = text.replace(function, meaning)
            if re.search(r"[σΣ\[]|max|else", text):
                continue
            text = text.replace("e**", "np.e**")
            value, printed = eval(text, {"np": np}), float(right)
            count = text.count("*") + text.count("+") + text.count("-") + 2
            largest = max(abs(float(n)) for n in re.findall(r"\d+\.?\d*(?:e-?\d+)?", text))
            assert abs(value - printed) <= count * 1e-5 * max(abs(printed), min(largest, 1.0))
            tried += 1
    assert tried > 5


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_text_fits_the_terminal(name: str, lang: str) -> None:
    report = CASES[name].explain()
    for detail in ("brief", "normal", "full"):
        text = report.text(lang=lang, detail=detail)
        assert max(map(columns, text.splitlines())) <= WIDE


def test_more_detail_says_more() -> None:
    report = CASES["three layers"].explain()
    sizes = [len(report.text(detail=detail)) for detail in ("brief", "normal", "full")]
    assert sizes == sorted(sizes)
    assert "\x1b[" in report.text(colour=True)
    assert "\x1b[" not in report.text()


class Reader(HTMLParser):
    """Counts tags, and complains about those that are not closed."""

    VOID = ("meta", "br", "input", "mspace")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.seen.add(tag)
        self.links += [value for key, value in attributes if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_whole_and_needs_nothing_else(name: str) -> None:
    page = CASES[name].explain().html()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert {"details", "summary", "math", "nav", "aside", "canvas"} - reader.seen <= {"canvas"}
    assert all(link.startswith("#") for link in reader.links)
    assert "http" not in page
    assert len(page) < 1_000_000
    for lang in LANGUAGES:
        assert f'data-lang="{lang}"' in page


def test_every_symbol_of_the_page_has_its_numbers() -> None:
    page = CASES["three layers"].explain().html()
    text = re.search(r'<script type="application/json" id="values">(.*?)</script>', page)
    assert text is not None
    values = json.loads(text[1])["values"]
    used = set(re.findall(r'data-v="([^"+]+)"', page))
    assert len(used) > 20
    assert {key.replace("&#x27;", "'") for key in used} <= set(values)
    assert values["W1"]["shape"] == "5×6"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_other_forms_hold_every_formula(name: str, lang: str) -> None:
    report = CASES[name].explain()
    markdown, latex = report.markdown(lang=lang), report.latex(lang=lang)
    document = json.loads(report.json(lang=lang, detail="full"))
    statements = [s for section in document["sections"] for s in section["statements"]]
    assert [s["key"] for s in statements] == [s.key for s in report]
    assert document["checks"]["right"] is True
    for statement in statements:
        assert statement["words"] is not None
    assert latex.count("{") == latex.count("}")
    assert latex.count("$") % 2 == 0
    assert markdown.count("$$") % 2 == 0
    assert r"\frac{\partial L}{\partial" in latex


def test_catalogues_say_the_same_things() -> None:
    places = {
        lang: {key: set(re.findall(r"\{(\w+)", text)) for key, text in catalogue.items()}
        for lang, catalogue in CATALOGUES.items()
    }
    assert places["en"].keys() == places["zh"].keys()
    for key, names in places["zh"].items():
        assert names <= places["en"][key] | {"samples", "size", "zeros", "units"}


def test_a_module_that_nobody_has_words_for_is_explained() -> None:
    report = cr.explain(
        nn.Sequential(nn.Linear(2, 3, dtype=np.float64), cr.arctan, lambda x: cr.cumsum(x, axis=1)),
        [0.5, -0.5],
        2,
    )
    assert report.right
    assert "arctan(" in report.text()
    assert "`cumsum`" in report.text()


def test_a_worked_entry_of_a_wide_layer_names_what_is_left_out() -> None:
    model = mlp((50, 2), nn.ReLU, (2, 2))(np.float32).initialize(0)
    text = cr.explain(model, numbers(50), 1).text()
    assert "47 more terms, together" in text.replace("\n      ", " ")


def test_notebooks_show_the_page_without_a_script() -> None:
    report = CASES["one sample"].explain()
    assert "<math" in report._repr_html_()
    assert "<script" not in report._repr_html_()
    assert "all right" in repr(report)
