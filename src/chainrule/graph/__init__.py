"""The static graph: tracing, passes, interpretation."""

from chainrule.graph.branches import cond
from chainrule.graph.graph import Graph, Node
from chainrule.graph.interpret import interpret
from chainrule.graph.loops import scan
from chainrule.graph.passes import (
    fold_constants,
    optimize,
    remove_dead_code,
    share_common_subexpressions,
    simplify_algebra,
)
from chainrule.graph.trace import Traced, trace
from chainrule.graph.while_loops import while_loop

__all__ = [
    "Graph",
    "Node",
    "Traced",
    "cond",
    "fold_constants",
    "interpret",
    "optimize",
    "remove_dead_code",
    "scan",
    "share_common_subexpressions",
    "simplify_algebra",
    "trace",
    "while_loop",
]
