"""Drawings of graphs: SVG with a layout of our own, and text for Graphviz and Mermaid."""

import os
from collections.abc import Callable
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

__all__ = ["Drawable"]

StrPath = str | os.PathLike[str]

_DIRECTIONS = ("down", "right")
_DETAILS = ("ops", "modules")
_MOST_ITEMS = 3000
"""A drawing with more items is refused: nobody could read it, and its layout takes minutes."""
_MOST_IN_NOTEBOOK = 250
_MOST_LINES = 100


class Drawable:
    """What a graph can be drawn as. Abstract: a graph has inputs, nodes and outputs, and `show`.

    In all drawings, `direction` is "down" or "right": where the values flow. `detail` is "ops" or
    "modules": with the latter every outermost module is one symbol.
    """

    show: Callable[[], str]

    def svg(
        self, path: StrPath | None = None, *, direction: str = "down", detail: str = "ops"
    ) -> str:
        """The graph as an SVG drawing, for light and dark pages; also written to `path`, if given.

        Values flow in layers, with their shapes beside them; modules are boxes. In the graph of a
        training step, forward pass, backward pass and update stand apart, and an input is drawn
        once in each box that uses it. Numbers stand inside the ops that take them. Pointing at a
        symbol shows its line in the program.

        Raises:
            OptionError: unknown direction or detail, or more than 3,000 symbols.
        """
        picture = _picture(self, direction, detail)
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

    def dot(self, *, direction: str = "down", detail: str = "ops") -> str:
        """The drawing in Graphviz's DOT language, of any size.

        Raises:
            OptionError: unknown direction or detail.
        """
        return as_dot(_picture(self, direction, detail), direction == "down")

    def mermaid(self, *, direction: str = "down", detail: str = "ops") -> str:
        """The drawing as a Mermaid flowchart, as Markdown pages show it.

        Mermaid itself draws at most 500 edges unless its setting `maxEdges` says otherwise.

        Raises:
            OptionError: unknown direction or detail.
        """
        return as_mermaid(_picture(self, direction, detail), direction == "down")

    def save(self, path: StrPath, *, direction: str = "down", detail: str = "ops") -> None:
        """Write the graph to a file: .svg, .dot or .gv, .mmd (Mermaid), or .txt.

        Raises:
            OptionError: another file ending, an unknown option, or too many symbols for SVG.
            FileNotFoundError: the folder does not exist.
        """
        ending = Path(path).suffix.lower()
        if ending not in _ENDINGS:
            raise unknown("file ending", ending, _ENDINGS)
        form = _ENDINGS[ending]
        text = self.show() + "\n"
        if form != "show":
            text = getattr(self, form)(direction=direction, detail=detail)
        _write_whole(path, text)

    def _repr_html_(self) -> str:
        """The drawing in a notebook; of a large graph its modules, or the beginning of its text."""
        for detail in _DETAILS:
            symbols = _picture(self, "down", detail).everything()
            if sum(1 for _ in symbols) <= _MOST_IN_NOTEBOOK:
                return f'<div style="overflow:auto">{self.svg(detail=detail)}</div>'
        lines = self.show().splitlines()
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
