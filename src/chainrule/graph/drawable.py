"""What a graph can be drawn as; the drawing itself is loaded when a graph is first drawn."""

import os
from collections.abc import Callable

from chainrule.graph import draw

StrPath = str | os.PathLike[str]


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
        return draw.drawing.svg(self, path, direction, detail)

    def dot(self, *, direction: str = "down", detail: str = "ops") -> str:
        """The drawing in Graphviz's DOT language, of any size.

        Raises:
            OptionError: unknown direction or detail.
        """
        return draw.drawing.dot(self, direction, detail)

    def mermaid(self, *, direction: str = "down", detail: str = "ops") -> str:
        """The drawing as a Mermaid flowchart, as Markdown pages show it.

        Mermaid itself draws at most 500 edges unless its setting `maxEdges` says otherwise.

        Raises:
            OptionError: unknown direction or detail.
        """
        return draw.drawing.mermaid(self, direction, detail)

    def save(self, path: StrPath, *, direction: str = "down", detail: str = "ops") -> None:
        """Write the graph to a file: .svg, .dot or .gv, .mmd (Mermaid), or .txt.

        Raises:
            OptionError: another file ending, an unknown option, or too many symbols for SVG.
            FileNotFoundError: the folder does not exist.
        """
        draw.drawing.save(self, path, direction, detail)

    def _repr_html_(self) -> str:
        """The drawing in a notebook; of a large graph its modules, or the beginning of its text."""
        return draw.drawing.html(self)
