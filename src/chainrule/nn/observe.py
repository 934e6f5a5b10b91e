"""Running a model once to see the shapes that its parts give, without a trace left behind."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.errors import ChainruleError
from chainrule.nn.walk import Node
from chainrule.ops.table import shape_of

Shapes = dict[int, tuple]
"""By the id of a module: the tree of its first output, with shapes for leaves."""


class _PartFailedError(Exception):
    """A part of the observed model failed; unlike other errors, it is not explained on its way."""


def observe(model: Node, inputs: tuple, options: dict) -> tuple[Shapes, bool]:
    """The outputs' shapes of all parts that ran, and whether the run came to its end."""
    shapes: Shapes = {}
    with untouched(model) as modules, np.errstate(all="ignore"):
        for module in modules:
            vars(module)["forward"] = _watched(module, shapes)
        try:
            model(*inputs, **options)  # type: ignore[operator]
        # The run only serves a table, so that no failure of its own may hide what is shown.
        except Exception:
            return shapes, False
    return shapes, True


def _watched(module: Any, shapes: Shapes) -> Callable:
    forward = module.forward

    def run(*inputs: Any, **options: Any) -> Any:
        try:
            output = forward(*inputs, **options)
        except ChainruleError:
            raise _PartFailedError from None
        if id(module) not in shapes:
            shapes[id(module)] = tuple(shape_of(leaf) for leaf in tree.flatten(output)[0])
        return output

    return run


@contextlib.contextmanager
def untouched(model: Node) -> Iterator[list]:
    """Give back every attribute afterwards, and parameters without numbers zeros meanwhile."""
    modules = [module for _, module in model.named_modules()]
    before = [dict(vars(module)) for module in modules]
    undrawn = [parameter for parameter in model.parameters() if not parameter.drawn]
    for parameter in undrawn:
        # One zero seen at every place: the shape without the memory.
        parameter.data = np.broadcast_to(np.zeros((), parameter.dtype), parameter.shape)
    try:
        yield modules
    finally:
        for parameter in undrawn:
            del parameter.data
        for module, attributes in zip(modules, before, strict=True):
            vars(module).clear()
            vars(module).update(attributes)
