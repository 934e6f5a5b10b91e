"""One value of a static graph, and where it came from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chainrule.aval import aval_of
from chainrule.ops.table import Op


class Place(NamedTuple):
    """Where in the user's program a node was made.

    `scope` is the path of the module and `module` its class, `line` the source line. A node that
    the chain rule made has the place of the op that it differentiates, and `backward` is true.
    """

    scope: str = ""
    line: str = ""
    module: str = ""
    backward: bool = False

    @property
    def heading(self) -> str:
        """The scope as a heading, such as `0` or `0 backward`."""
        return " ".join(filter(None, (self.scope, "backward" if self.backward else "")))


_NOWHERE = Place()


class Node:
    """One value of a graph: an input, a constant, or the result of an op.

    `op` is None for inputs and constants; `value` holds a constant. `args` are nodes; `params` the
    op's options.
    """

    __slots__ = ("args", "aval", "name", "op", "params", "place", "value")

    def __init__(
        self,
        aval: Any,
        op: Op | None = None,
        args: tuple["Node", ...] = (),
        params: Mapping[str, Any] | None = None,
        *,
        value: Any = None,
        name: str = "",
        place: Place = _NOWHERE,
    ):
        self.aval = aval
        self.op: Any = op
        self.args = args
        self.params = params or {}
        self.value = value
        self.name = name
        self.place = place

    @property
    def scope(self) -> str:
        return self.place.scope

    @property
    def line(self) -> str:
        return self.place.line

    @property
    def is_constant(self) -> bool:
        return self.op is None and self.value is not None

    @property
    def is_input(self) -> bool:
        return self.op is None and self.value is None

    def with_args(self, args: tuple["Node", ...]) -> "Node":
        """The same op on other arguments; itself where they are the same."""
        if args == self.args:
            return self
        return Node(self.aval, self.op, args, self.params, name=self.name, place=self.place)

    def __repr__(self) -> str:
        kind = self.op.name if self.op else "constant" if self.is_constant else "input"
        return f"<node {kind} {self.aval}>"


def constant(value: Any) -> Node:
    """A node that holds a value (a plain array or number, or a box from outside the trace)."""
    return Node(aval_of(value), value=value)
