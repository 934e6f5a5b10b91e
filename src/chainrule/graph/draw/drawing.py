"""Drawing a graph: what the methods of `Drawable` do."""

import os
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chainrule.errors import OptionError, unknown
from chainrule.graph.draw.build import picture_of
from chainrule.graph.draw.collapse import collapse
from chainrule.graph.draw.cut import cut_long_wires
from chainrule.graph.draw.layout import lay_out
from chainrule.graph.draw.markup import as_dot, as_mermaid
from chainrule.graph.draw.measure import Sizes
from chainrule.graph.draw.picture import Picture
from chainrule.graph.draw.svg import as_svg

StrPath = str | os.PathLike[str]

_DIRECTIONS = ("down", "right")
_DETAILS = ("ops", "modules")
_MOST_ITEMS = 3000
"""A drawing with more items is refused: nobody could read it, and its layout takes minutes."""
_MOST_IN_NOTEBOOK = 250
_MOST_LINES = 100


def svg(graph: Any, path: StrPath | None, direction: str, detail: str) -> str:
    """The drawing as SVG; also written to a file, if a path is given."""
    picture = _picture(graph, direction, detail)
    symbols = sum(1 for _ in picture.everything())
    if symbols > _MOST_ITEMS:
        other = "" if detail == "modules" else 'draw modules only with detail="modules", '
        raise OptionError(
            f"this graph has {symbols:,} symbols, and a drawing takes at most {_MOST_ITEMS:,}. "
            f"Instead, {other}draw a part of the function, or write it as .dot() for another "
            "program."
        )
    sizes = Sizes(direction == "down")
    text = as_svg(lay_out(cut_long_wires(picture), sizes), sizes)
    if path is not None:
        _write_whole(path, text)
    return text


def dot(graph: Any, direction: str, detail: str) -> str:
    """The drawing in Graphviz's language."""
    return as_dot(_picture(graph, direction, detail), direction == "down")


def mermaid(graph: Any, direction: str, detail: str) -> str:
    """The drawing as a Mermaid flowchart."""
    return as_mermaid(_picture(graph, direction, detail), direction == "down")


def save(graph: Any, path: StrPath, direction: str, detail: str) -> None:
    """Write the graph to a file, in the form that its ending names."""
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise unknown("file ending", ending, _ENDINGS)
    form = _ENDINGS[ending]
    text = graph.show() + "\n"
    if form != "show":
        text = getattr(graph, form)(direction=direction, detail=detail)
    _write_whole(path, text)


def html(graph: Any) -> str:
    """What a notebook shows: the drawing, that of the modules, or some of the text."""
    for detail in _DETAILS:
        symbols = _picture(graph, "down", detail).everything()
        if sum(1 for _ in symbols) <= _MOST_IN_NOTEBOOK:
            return f'<div style="overflow:auto">{graph.svg(detail=detail)}</div>'
    lines = graph.show().splitlines()
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES:,} more lines"]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


_ENDINGS = MappingProxyType(
    {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".txt": "show"}
)


def _picture(graph: Any, direction: str, detail: str) -> Picture:
    if direction not in _DIRECTIONS:
        raise unknown("direction", direction, _DIRECTIONS)
    if detail not in _DETAILS:
        raise unknown("detail", detail, _DETAILS)
    picture = picture_of(graph)
    return collapse(picture) if detail == "modules" else picture


def _write_whole(path: StrPath, text: str) -> None:
    """Write a text file under another name in the same folder, then put it into place."""
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {target.name}: the folder {target.parent} does not exist. Make it first."
        )
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
