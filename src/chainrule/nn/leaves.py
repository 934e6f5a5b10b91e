"""A model as a function of its parameters: other values put in their places for a while."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.aval import as_operand
from chainrule.errors import DataError, ShapeError, unknown
from chainrule.nn.module import Module
from chainrule.nn.parameter import Buffer, Parameter
from chainrule.nn.walk import walk
from chainrule.ops.table import shape_of


class Leaves:
    """The places where a model holds its parameters and buffers, found once.

    `paths[i]` is the name of leaf i and `slots[i]` the (holder, key) under which the model reads
    it. `kinds` chooses among parameters and buffers. One leaf that stands at several paths appears
    once; all its places are filled together.

    >>> from chainrule.nn import Linear
    >>> Leaves(Linear(2, 1)).paths
    ('weight', 'bias')
    """

    def __init__(self, model: Module, kinds: tuple[type, ...] = (Parameter, Buffer)):
        first: dict[int, int] = {}
        paths, slots, self.ties = [], [], []
        for place in walk(model):
            if not isinstance(place.value, kinds):
                continue
            if isinstance(place.holder, tuple):
                raise DataError(
                    f"{place.path} stands in a tuple, where nothing can take its place. "
                    "Keep parameters as attributes, or in a list or dict."
                )
            slot, index = (place.holder, place.key), first.setdefault(id(place.value), len(paths))
            if index < len(paths):
                self.ties.append((*slot, index))
            else:
                paths.append(place.path)
                slots.append(slot)
        self.paths: tuple[str, ...] = tuple(paths)
        self.slots: tuple[tuple[Any, Any], ...] = tuple(slots)

    def read(self) -> list:
        """What the model holds now, in the order of `paths`."""
        return [holder[key] for holder, key in self.slots]

    def put(self, values: Sequence) -> None:
        """Make the model hold these values, in the order of `paths`."""
        for (holder, key), value in zip(self.slots, values, strict=True):
            holder[key] = value
        for holder, key, index in self.ties:
            holder[key] = values[index]


@contextlib.contextmanager
def swapped(model: Module, leaves: Mapping[str, Any]) -> Iterator[Leaves]:
    """Let the model hold other values for its parameters and buffers, by path, for a while.

    Values are arrays, tensors or traced values of the same shapes. What the model assigns to its
    buffers meanwhile can be read from the `Leaves` that this gives. Afterwards, also after an
    error, the model is as it was.

    Raises:
        OptionError: the model has nothing at such a path.
        ShapeError: a value of another shape.

    >>> from chainrule.nn import Linear
    >>> model = Linear(2, 1)
    >>> with swapped(model, {"weight": [[3.0, 4.0]], "bias": [0.0]}):
    ...     print(model([1.0, 1.0]))
    [7.]
    """
    found = Leaves(model)
    own = found.read()
    given = list(own)
    for path, value in leaves.items():
        if path not in found.paths:
            raise unknown("parameter or buffer", path, found.paths)
        index = found.paths.index(path)
        given[index] = _checked(path, value, own[index].shape)
    drawn = all(leaf.drawn for leaf in own if isinstance(leaf, Parameter))
    if drawn:
        # The first call would do so, and find no parameters to learn the dtype from.
        model.initialize()
    dtypes = [(vars(module), vars(module).get("_dtype")) for _, module in model.named_modules()]
    found.put(given)
    for fields, _ in dtypes:
        # The dtype of the model's own parameters says nothing about these values.
        fields["_dtype"] = None
    try:
        yield found
    finally:
        found.put(own)
        for fields, dtype in dtypes:
            fields["_dtype"] = dtype
        if not drawn:
            # A call meanwhile took the model for complete.
            for _, module in model.named_modules():
                vars(module).pop("_ready", None)


def functional_call(model: Module, leaves: Mapping[str, Any], *inputs: Any) -> Any:
    """The model's output with these values for its parameters and buffers; see `swapped`.

    >>> from chainrule.nn import Linear
    >>> functional_call(Linear(2, 1), {"weight": [[3.0, 4.0]], "bias": [0.5]}, [1.0, 1.0])
    array([7.5], dtype=float32)
    """
    with swapped(model, leaves):
        return model(*inputs)


def _checked(path: str, value: Any, shape: tuple[int, ...]) -> Any:
    if not hasattr(value, "shape"):
        value = as_operand(value)
    if shape_of(value) != shape:
        raise ShapeError(f"{path} has shape {shape}, got a value of shape {shape_of(value)}.")
    return value
