"""Finding the parts of a model: by walking attributes in the order in which they were set."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from chainrule.nn.parameter import Buffer, Parameter


class Place(NamedTuple):
    """Where a part of a model lives: `holder[key]` is `value`."""

    path: str
    holder: Any
    key: Any
    value: Any


class Node:
    """An object whose parameters, buffers and parts have names. Abstract; see `Module`.

    A part is an attribute, or an item of a list, tuple or dict that is one. Its path is made of the
    names on the way to it, such as `layers.0.weight`.
    """

    def members(self) -> Any:
        """What this object holds by name, in order: a dict or a list."""
        return vars(self)

    def children(self) -> Iterator["Node"]:
        """The parts directly below this one."""
        return (place.value for place in self.own() if isinstance(place.value, Node))

    def own(self, prefix: str = "") -> Iterator["Place"]:
        """The places of the parameters, buffers and parts directly in this object."""
        return _inside(self.members(), prefix)

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        """This object (path '') and all parts below it with their paths, each once."""
        yield "", self
        seen = {id(self)}
        for place in walk(self):
            if isinstance(place.value, Node) and id(place.value) not in seen:
                seen.add(id(place.value))
                yield place.path, place.value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their paths; one that stands at several paths comes once."""
        return _once(self, Parameter)

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their paths."""
        return _once(self, Buffer)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, in the order of their paths."""
        return (parameter for _, parameter in self.named_parameters())

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.size for parameter in self.parameters())


def walk(node: Node, prefix: str = "", above: tuple[int, ...] = ()) -> Iterator[Place]:
    """The place of every parameter, buffer and node below `node`, each node before its parts."""
    above = (*above, id(node))
    for place in node.own(prefix):
        yield place
        # A part may point back at what holds it.
        if isinstance(place.value, Node) and id(place.value) not in above:
            yield from walk(place.value, f"{place.path}.", above)


def _inside(holder: Any, prefix: str) -> Iterator[Place]:
    # A list of its own, for callers set attributes while they walk.
    for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        if isinstance(value, (Parameter, Buffer, Node)):
            yield Place(f"{prefix}{key}", holder, key, value)
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(value, f"{prefix}{key}.")


def _once(node: Node, kind: type) -> Iterator[tuple[str, Any]]:
    seen = set()
    for place in walk(node):
        if isinstance(place.value, kind) and id(place.value) not in seen:
            seen.add(id(place.value))
            yield place.path, place.value
