"""The static graph: tracing, passes, interpretation."""

from chainrule.graph.graph import Graph, Node
from chainrule.graph.interpret import interpret
from chainrule.graph.passes import (
    fold_constants,
    optimize,
    remove_dead_code,
    share_common_subexpressions,
    simplify_algebra,
)
from chainrule.graph.trace import Traced, trace

__all__ = [
    "Graph",
    "Node",
    "Traced",
    "fold_constants",
    "interpret",
    "optimize",
    "remove_dead_code",
    "share_common_subexpressions",
    "simplify_algebra",
    "trace",
]
