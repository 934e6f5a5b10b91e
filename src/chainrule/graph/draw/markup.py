"""Pictures as text for other programs: DOT for Graphviz, and Mermaid for Markdown pages."""

from collections.abc import Iterator
from html import escape
from itertools import count
from types import MappingProxyType

from chainrule.graph.draw.picture import Group, Item, Picture

_DOT_SHAPES = MappingProxyType(
    {
        "op": 'shape=box style="rounded,filled" fillcolor=white',
        "module": 'shape=box style="rounded,filled,bold" fillcolor=white',
        "input": 'shape=oval style=filled fillcolor="#e3e8ee"',
        "parameter": 'shape=oval style=filled fillcolor="#efe4fb" color="#8a5cc4"',
        "reference": "shape=oval style=dashed",
        "constant": 'shape=box style="dashed,filled" fillcolor="#fdf3d0"',
        "output": 'shape=oval style=filled fillcolor="#1b2733" fontcolor=white',
    }
)
_MERMAID_SHAPES = MappingProxyType(
    {
        "op": ("[", "]"),
        "module": ("[[", "]]"),
        "input": ("([", "])"),
        "parameter": ("([", "])"),
        "reference": ("(", ")"),
        "constant": ("[/", "/]"),
        "output": ("([", "])"),
    }
)
_MERMAID_CLASSES = (
    "classDef input fill:#e3e8ee,stroke:#8393a3,color:#1b2733",
    "classDef parameter fill:#efe4fb,stroke:#8a5cc4,color:#1b2733",
    "classDef constant fill:#fdf3d0,stroke:#a98a1d,color:#1b2733,stroke-dasharray:3 2",
    "classDef output fill:#1b2733,stroke:#1b2733,color:#ffffff",
)
_HUES = MappingProxyType({"forward": "#2563a8", "backward": "#b4490f", "update": "#23783c"})
_PLAIN = "#64748b"


def as_dot(picture: Picture, down: bool) -> str:
    """A picture in Graphviz's language."""
    writer = _Dot()
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        f"  rankdir={'TB' if down else 'LR'};",
        '  node [fontname="Helvetica" fontsize=11];',
        '  edge [fontname="monospace" fontsize=9 fontcolor="#5b6b7a"];',
        *writer.inside(picture, "  "),
        "}",
    ]
    return "\n".join(lines) + "\n"


def as_mermaid(picture: Picture, down: bool) -> str:
    """A picture in Mermaid's language, as Markdown pages show it."""
    writer = _Mermaid()
    lines = [
        f"flowchart {'TD' if down else 'LR'}",
        *(f"  {line}" for line in _MERMAID_CLASSES),
        *writer.inside(picture, "  "),
    ]
    return "\n".join(lines) + "\n"


class _Writer:
    """Gives every item and box a name, and writes items in their boxes before the wires. Abstract.

    The graphs that an op runs are written beside it, joined to it by a dashed line.
    """

    def __init__(self):
        self.names: dict[Item, str] = {}
        self.numbers = count()

    def inside(self, picture: Picture, indent: str) -> Iterator[str]:
        yield from self.children(picture.root, indent)
        for item in picture.items():
            for part in item.inside:
                first = next(part.root.items(), None)
                title = f"{part.title} of {item.lines[0]}"
                yield from self.box(title, item.phase, self.inside(part, indent + "  "), indent)
                if first is not None:
                    yield indent + self.aside(self.names[item], self.names[first])
        for wire in picture.wires:
            for target, _ in wire.targets:
                text = wire.source.outs[wire.out]
                yield indent + self.wire(self.names[wire.source], self.names[target], text)

    def children(self, group: Group, indent: str) -> Iterator[str]:
        for child in group.children:
            if isinstance(child, Item):
                self.names[child] = f"n{next(self.numbers)}"
                yield indent + self.item(child)
            else:
                lines = self.children(child, indent + "  ")
                yield from self.box(child.title, child.phase, lines, indent)

    def box(self, title: str, phase: str, lines: Iterator[str], indent: str) -> Iterator[str]:
        raise NotImplementedError

    def item(self, item: Item) -> str:
        raise NotImplementedError

    def wire(self, source: str, target: str, text: str) -> str:
        raise NotImplementedError

    def aside(self, source: str, target: str) -> str:
        raise NotImplementedError


class _Dot(_Writer):
    def box(self, title: str, phase: str, lines: Iterator[str], indent: str) -> Iterator[str]:
        hue = _HUES.get(phase, _PLAIN)
        yield f"{indent}subgraph cluster_{next(self.numbers)} {{"
        yield f'{indent}  label={_quoted(title)} labeljust=l color="{hue}" fontcolor="{hue}"'
        yield from lines
        yield f"{indent}}}"

    def item(self, item: Item) -> str:
        label, tip = _quoted("\n".join(item.lines)), _quoted(item.tip)
        return f"{self.names[item]} [label={label} tooltip={tip} {_DOT_SHAPES[item.kind]}]"

    def wire(self, source: str, target: str, text: str) -> str:
        return f"{source} -> {target} [label={_quoted(text)}]"

    def aside(self, source: str, target: str) -> str:
        return f"{source} -> {target} [style=dashed arrowhead=none]"


class _Mermaid(_Writer):
    def box(self, title: str, phase: str, lines: Iterator[str], indent: str) -> Iterator[str]:
        name = f"g{next(self.numbers)}"
        yield f"{indent}subgraph {name}[{_entities(title)}]"
        yield from lines
        yield f"{indent}end"
        hue = _HUES.get(phase, _PLAIN)
        yield f"{indent}style {name} fill:{hue}11,stroke:{hue},color:{hue}"

    def item(self, item: Item) -> str:
        begin, end = _MERMAID_SHAPES[item.kind]
        label = _entities("\n".join(item.lines))
        kind = "" if item.kind in ("op", "module") else f":::{item.kind}"
        return f"{self.names[item]}{begin}{label}{end}{kind}"

    def wire(self, source: str, target: str, text: str) -> str:
        return f"{source} -->|{_entities(text)}| {target}"

    def aside(self, source: str, target: str) -> str:
        return f"{source} -.- {target}"


def _quoted(text: str) -> str:
    """A string of DOT."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(text: str) -> str:
    """A string of Mermaid, which takes HTML inside quotes."""
    escaped = escape(text, quote=False).replace('"', "&quot;").replace("\n", "<br/>")
    return f'"{escaped}"'
