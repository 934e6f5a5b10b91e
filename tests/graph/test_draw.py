"""Drawings are read back from their SVG text: nothing overlaps, nothing is missing or cut."""

import itertools
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError
from chainrule.graph import Graph
from tests.graph.pictures import Rect, Sheet, Text, read
from tests.graph.steps import traced_step

X = np.ones(3)


class Block(nn.Module):
    """A layer with a way round it."""

    def __init__(self, size: int):
        self.inner = nn.Sequential(nn.Linear(size, size), nn.Tanh())

    def forward(self, x):
        return x + self.inner(x)


def diamond() -> Graph:
    return cr.trace(lambda x: cr.tanh(x) * cr.exp(x) + x)(X)


def residual() -> Graph:
    model = nn.Sequential(Block(4), Block(4), nn.Linear(4, 2)).initialize(0)
    params = model.state_dict()
    gradient = cr.grad(lambda p, x: nn.functional_call(model, p, x).sum())
    return cr.trace(gradient)(params, np.ones((5, 4), np.float32))


def called_twice() -> Graph:
    """A module that is needed before and after another cannot be one box."""
    layer, other = nn.Linear(3, 3), nn.Tanh()
    model = nn.Sequential(layer, other, layer).initialize(0)
    params = dict(model.named_parameters())
    return cr.trace(lambda p, x: nn.functional_call(model, p, x))(params, np.ones((2, 3)))


def loops() -> Graph:
    def function(w, rows):
        last, sums = cr.scan(
            lambda carry, x: (cr.tanh(carry @ w + x), cr.sum(carry)), np.zeros(3), rows
        )
        chosen = cr.cond(sums[0] > 0, lambda v: v * 2.0, lambda v: cr.exp(v) - 1.0, last)
        return cr.sum(chosen) + cr.sum(sums)

    return cr.trace(cr.grad(function))(np.ones((3, 3)), np.ones((5, 3)))


def deep(layers: int) -> Graph:
    def function(w, x):
        for _ in range(layers):
            x = cr.tanh(x * w)
        return cr.sum(x)

    return cr.trace(cr.value_and_grad(function))(X, X)


def wide() -> Graph:
    return cr.trace(lambda x: [cr.tanh(x * float(i)) for i in range(40)])(X)


def tangled(seed: int) -> Graph:
    random = np.random.default_rng(seed)

    def function(*inputs):
        values = list(inputs)
        for _ in range(60):
            one, other = (values[i] for i in random.integers(0, len(values), 2))
            values.append([cr.add, cr.divide, cr.maximum][random.integers(3)](one, other))
        return values[-6:]

    return cr.trace(function)(X, X, X)


GRAPHS: dict[str, Callable[[], Graph]] = {
    "nothing computed": lambda: cr.trace(lambda x, y: (x, x, 2.0))(X, X),
    "one op": lambda: cr.trace(cr.tanh)(X),
    "diamond": diamond,
    "a training step": lambda: traced_step(784, 25, 25, 10, batch=100)[2],
    "an optimized step": lambda: cr.optimize(traced_step(784, 25, 25, 10)[2]),
    "residual": residual,
    "called twice": called_twice,
    "loops": loops,
    "deep": lambda: deep(40),
    "wide": wide,
    **{f"tangled {seed}": lambda seed=seed: tangled(seed) for seed in range(4)},
}
LOOKS = list(itertools.product(("down", "right"), ("ops", "modules")))


@lru_cache
def drawn(name: str, direction: str, detail: str) -> Sheet:
    return read(GRAPHS[name]().svg(direction=direction, detail=detail))


def caption_room(text: Text) -> Rect:
    """The room of a caption of fixed width that is centred on x."""
    width = 6.0 * len(text.text)
    return Rect("caption", text.x - width / 2, text.y - 8, width, 9, text.text)


def captions(sheet: Sheet) -> list[Rect]:
    shapes = re.compile(r"\w+\d*\[[\d,]*\]( = .*)?")
    return [
        caption_room(text)
        for text in sheet.texts
        if text.kind == "small" and shapes.fullmatch(text.text)
    ]


@pytest.mark.parametrize(("direction", "detail"), LOOKS)
@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_overlaps(name, direction, detail):
    sheet = drawn(name, direction, detail)
    page = Rect("page", 0, 0, sheet.width, sheet.height, "")
    marks = captions(sheet)
    for rect in (*sheet.symbols, *sheet.boxes, *marks):
        assert page.holds(rect), rect
    for one, other in itertools.combinations(sheet.symbols, 2):
        inside = one.holds(other) or other.holds(one)
        assert inside or not one.overlaps(other), (one, other)
    for box in sheet.boxes:
        for rect in (*sheet.symbols, *sheet.boxes, *marks):
            apart = not box.overlaps(rect)
            assert apart or box.holds(rect) or rect.holds(box), f"{box} cuts {rect}"
    for one, other in itertools.combinations(marks, 2):
        assert not one.overlaps(other), (one, other)
    for mark in marks:
        for symbol in sheet.symbols:
            assert symbol.holds(mark) or not symbol.overlaps(mark), (mark, symbol)


def is_on_edge(tip: tuple[float, float], symbol: Rect, direction: str) -> bool:
    """Whether an arrowhead touches the side of a symbol at which wires arrive."""
    x, y = tip
    if direction == "down":
        return abs(symbol.y - y) < 0.2 and symbol.x < x < symbol.x + symbol.width
    return abs(symbol.x - x) < 0.2 and symbol.y < y < symbol.y + symbol.height


@pytest.mark.parametrize(("direction", "detail"), LOOKS)
@pytest.mark.parametrize("name", GRAPHS)
def test_wires_go_round_symbols_and_end_at_them(name, direction, detail):
    sheet = drawn(name, direction, detail)
    lengths = np.array([len(wire) for wire in sheet.wires], int)
    wire_of = np.repeat(np.arange(len(lengths)), lengths)
    x, y = np.array([point for wire in sheet.wires for point in wire]).reshape(-1, 2).T
    for rect in (*sheet.symbols, *captions(sheet)):
        inside = np.bincount(wire_of[rect.has(x, y)], minlength=len(lengths))
        cut = (inside > 0) & (inside < lengths)
        assert not cut.any(), f"{rect} is cut by {[sheet.wires[i][0] for i in np.flatnonzero(cut)]}"
    for tip in sheet.tips:
        touched = [symbol for symbol in sheet.symbols if is_on_edge(tip, symbol, direction)]
        assert len(touched) == 1, tip


def test_every_op_and_edge_of_a_graph_is_drawn():
    sheet = read(diamond().svg())
    assert [symbol.tip.splitlines()[0] for symbol in sheet.kinds("op")] == [
        "%0 = tanh(x)",
        "%1 = exp(x)",
        "%2 = multiply(%0, %1)",
        "%3 = add(%2, x)",
    ]
    assert len(sheet.kinds("input")) == len(sheet.kinds("output")) == 1
    assert len(sheet.tips) == 7  # x to tanh, exp and add; two into multiply; multiply; the output
    assert sheet.words().count("float64[3]") == 5
    assert sheet.title == "<lambda>: 4 ops"
    assert "4 x operation" in sheet.about


def test_symbols_tell_their_line_when_pointed_at():
    (symbol,) = read(cr.trace(lambda x: cr.sum(x, axis=0))(X).svg()).kinds("op")
    assert re.fullmatch(r"%0 = sum\(x, axis=0\)\nfloat64\[\]\ntest_draw\.py:\d+", symbol.tip)


def test_numbers_stand_inside_ops_and_arrays_beside_them():
    table = np.array([1.0, 2.0, 3.0])
    sheet = read(cr.trace(lambda x: (2.0 - x) * table + np.zeros(3))(X).svg())
    assert "subtract(2, ·)" in sheet.words()
    tips = [symbol.tip for symbol in sheet.kinds("constant")]
    assert tips == ["constant <float64[3]>\nfloat64[3]"] * 2
    assert {"constant", "all 0"} <= set(sheet.words())


def test_a_training_step_shows_its_parts():
    svg = traced_step(784, 25, 25, 10, batch=100)[2].svg()
    sheet = read(svg)
    layers = ["0 Linear", "1 ReLU", "2 Linear", "3 ReLU", "4 Linear"]
    parameters = [f"{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")]
    assert sorted(sheet.titles()) == sorted(
        ["forward", "backward", "update", "loss", "loss", *layers, *layers, *parameters]
    )
    bands = [box for box in sheet.boxes if "band" in box.kind]
    held = {box.kind.split()[1]: [s for s in sheet.symbols if box.holds(s)] for box in bands}
    assert set(held) == {"forward", "backward", "update"}
    assert sum(map(len, held.values())) == len(sheet.symbols)
    assert len([s for s in held["forward"] if s.kind == "op"]) == 6
    assert len([s for s in held["update"] if s.kind == "output"]) == 18
    (loss,) = (s for s in held["forward"] if s.kind == "output")
    assert loss.tip.startswith("output loss = ")
    for shape in ("float32[100,784]", "float32[25,784]", "int64[100]"):
        assert shape in sheet.words()


def test_modules_can_be_drawn_as_one_symbol_each():
    sheet = read(traced_step(784, 25, 25, 10, batch=100)[2].svg(detail="modules"))
    assert len(sheet.kinds("module")) == 6 + 6 + 6
    assert {"0 Linear", "weight float32[25,784]", "4.bias"} <= set(sheet.words())
    assert set(sheet.titles()) == {"forward", "backward", "update"}


def test_a_module_needed_before_and_after_another_is_two_boxes():
    titles = read(called_twice().svg()).titles()
    assert titles == ["0 Linear", "1 Tanh", "0 Linear (2)"]


def test_nested_modules_are_boxes_in_boxes():
    model = nn.Sequential(Block(3)).initialize(0)
    graph = cr.trace(lambda x: model(x))(np.ones((2, 3), np.float32))
    sheet = read(graph.svg())
    assert sheet.titles() == ["0 Block", "0.inner", "0.inner.0 Linear", "0.inner.1 Tanh"]
    outer = max(sheet.boxes, key=lambda box: box.width * box.height)
    assert all(outer.holds(symbol) for symbol in sheet.kinds("op"))


def test_what_an_op_runs_is_drawn_inside_it():
    graph = cr.trace(lambda x: cr.cond(x[0] > 0, cr.tanh, cr.exp, x))(X)
    sheet = read(graph.svg())
    by_tip = {symbol.tip.splitlines()[0]: symbol for symbol in sheet.kinds("op")}
    (outer,) = (symbol for tip, symbol in by_tip.items() if "cond(" in tip)
    for inner in ("%0 = tanh(x)", "%0 = exp(x)"):
        assert any(tip.split(" = ")[1][:4] == inner.split(" = ")[1][:4] for tip in by_tip)
    assert sum(outer.holds(symbol) for symbol in sheet.symbols) == 1 + 2 * 3
    assert {"true", "false"} <= set(sheet.words())


def test_the_longest_wires_of_a_deep_picture_give_way_to_references():
    sheet = drawn("deep", "down", "ops")
    references = sheet.kinds("reference")
    assert len(references) > 20
    named = {text.text.partition(" = ")[2] for text in sheet.texts} - {""}
    for reference in references:
        assert reference.tip.partition(" = ")[0] in named
    assert not read(traced_step(784, 25, 25, 10)[2].svg()).kinds("reference")


@pytest.mark.parametrize("name", ["a training step", "loops"])
def test_labels_fit_into_their_symbols(name):
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    # The widest of the fonts that browsers take for sans-serif.
    font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), 12)
    sheet = read(GRAPHS[name]().svg())
    for text in sheet.texts:
        if text.kind in ("", "on-output"):
            around = [s for s in sheet.symbols if s.has(text.x, text.y - 4)]
            symbol = min(around, key=lambda s: s.width)
            assert font.getlength(text.text) <= symbol.width, text


def test_names_that_xml_and_dot_could_misread():
    graph = cr.trace(lambda p: p['a"b<c>&d'] * 2.0)({'a"b<c>&d': X})
    assert read(graph.svg()).kinds("input")[0].tip == 'input p.a"b<c>&d\nfloat64[3]'
    assert r'label="p.a\"b<c>&d"' in graph.dot()
    assert '"p.a&quot;b&lt;c&gt;&amp;d"' in graph.mermaid()


@pytest.mark.parametrize("detail", ["ops", "modules"])
@pytest.mark.parametrize("name", GRAPHS)
def test_dot_and_mermaid_tell_the_same(name, detail):
    graph = GRAPHS[name]()
    dot, mermaid = graph.dot(detail=detail), graph.mermaid(detail=detail)
    assert dot.count("{") == dot.count("}")
    items = re.findall(r"^ *(n\d+) \[label=", dot, re.MULTILINE)
    assert len(set(items)) == len(items)
    edges = re.findall(r"(n\d+) -> (n\d+) \[label=\"(.*?)\"", dot)
    assert {end for edge in edges for end in edge[:2]} <= set(items)
    names = re.findall(r"^ *(n\d+)[\[(]", mermaid, re.MULTILINE)
    assert len(names) == len(items)
    assert len(re.findall(r" -->\|", mermaid)) == len(edges)
    assert mermaid.count("subgraph") == dot.count("subgraph")


def test_direction_is_told_to_other_programs():
    graph = diamond()
    assert "rankdir=LR" in graph.dot(direction="right")
    assert graph.mermaid(direction="right").startswith("flowchart LR\n")
    assert graph.mermaid().startswith("flowchart TD\n")


def test_right_is_wider_than_high_and_down_higher_than_wide():
    graph = deep(8)
    down, right = read(graph.svg()), read(graph.svg(direction="right"))
    assert down.height > 2 * down.width
    assert right.width > 2 * right.height


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        (".svg", "<svg "),
        (".dot", "digraph "),
        (".gv", "digraph "),
        (".mmd", "flowchart TD"),
        (".txt", "<lambda>(x: float64[3])"),
        (".SVG", "<svg "),
    ],
)
def test_files_by_their_ending(tmp_path, ending, start):
    path = tmp_path / f"graph{ending}"
    diamond().save(path)
    assert path.read_text(encoding="utf-8").startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_svg_writes_what_it_returns(tmp_path):
    text = diamond().svg(tmp_path / "graph.svg", direction="right")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == text


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "graph.svg"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(OptionError, match=r"ending '\.png'.*Known: \.svg, \.dot, "):
        diamond().save(tmp_path / "graph.png")
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        diamond().save(tmp_path / "nowhere" / "graph.svg")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        diamond().save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["graph.svg"]


@pytest.mark.parametrize("form", ["svg", "dot", "mermaid"])
def test_unknown_options_name_the_nearest(form):
    with pytest.raises(OptionError, match=r"direction 'downn'\. Did you mean 'down'"):
        getattr(diamond(), form)(direction="downn")
    with pytest.raises(OptionError, match=r"detail 'module'\. Did you mean 'modules'"):
        getattr(diamond(), form)(detail="module")


def chain(length: int) -> Graph:
    def function(x):
        for _ in range(length):
            x = cr.tanh(x)
        return x

    return cr.trace(function)(X)


def test_too_large_a_drawing_is_refused_with_ways_out(tmp_path):
    graph = chain(3000)
    with pytest.raises(OptionError, match=r'3,002 symbols.*at most 3,000.*detail="modules".*\.dot'):
        graph.svg(tmp_path / "graph.svg")
    assert os.listdir(tmp_path) == []
    assert graph.dot().count("->") == 3001


@pytest.mark.parametrize("make", [lambda: chain(2000), lambda: deep(220)], ids=["chain", "deep"])
def test_two_thousand_nodes_are_drawn(make):
    graph = make()
    assert len(graph) >= 1980
    assert graph.svg().count("tanh") >= 220


def test_a_notebook_shows_the_drawing_or_what_there_is_room_for():
    assert "<svg" in diamond()._repr_html_()
    step = traced_step(8, *[6] * 12, 3)[2]
    assert len(step) > 250
    shown = step._repr_html_()
    assert "<svg" in shown
    assert 'class="module"' in shown
    text = chain(400)._repr_html_()
    assert text.startswith("<pre>function(x: float64[3])\n")
    assert text.endswith("... and 302 more lines</pre>")
