"""Drawings of graphs: SVG with a layout of our own, and text for Graphviz and Mermaid.

See `chainrule.graph.drawable` for what there is; the rest is imported when a graph is first drawn.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.graph.draw import drawing

__all__ = ["drawing"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
