"""Saying in which layer a call failed, and what ran before it."""

import dataclasses
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.nn.observe import observe
from chainrule.nn.summary import Row, draw_table, rows_of
from chainrule.nn.walk import Node
from chainrule.ops.table import dtype_of, shape_of

_HERE = "<-- here"


class _Located(str):
    """A message that was written for a layer, with what it was before."""

    detail: str
    layer: Node
    got: str


def locate(error: ChainruleError, module: Node, inputs: tuple, options: dict) -> None:
    """Put the layer's path, its input and the table down to it into the error's message.

    Each module on the way out does so once more with the path as it sees it, so that the last
    word is the outermost's.
    """
    text = error.args[0] if error.args else ""
    if isinstance(text, _Located):
        detail, layer, got = text.detail, text.layer, text.got
    else:
        detail, layer, got = str(text), module, _describe(inputs)
    message = f"{_name(layer, module)} got {got}: {detail}"
    if next(module.children(), None) is not None:
        message += f"\n\n{_table(layer, module, inputs, options)}"
    located = _Located(message)
    located.detail, located.layer, located.got = detail, layer, got
    error.args = (located, *error.args[1:])


def _name(layer: Node, root: Node) -> str:
    """Path and class of a layer, as far as it can be found below `root`."""
    path, text = _path(layer, root), repr(layer)
    text = text if "\n" not in text else type(layer).__name__
    return f"layer {path!r}, {text}," if path else text


def _path(layer: Node, root: Node) -> str:
    return next((path for path, module in root.named_modules() if module is layer), "")


def _describe(inputs: tuple) -> str:
    shapes = [str(shape_of(value)) for value in inputs if _is_array(value)]
    if len(shapes) == 1:
        return f"an input of shape {shapes[0]}"
    return f"inputs of shapes {', '.join(shapes)}" if shapes else "no array"


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _table(layer: Node, root: Node, inputs: tuple, options: dict) -> str:
    """The layers that run before `layer` fails, found by running them once more on zeros."""
    zeros = tuple(
        np.zeros(shape_of(value), dtype_of(value)) if _is_array(value) else value
        for value in inputs
    )
    shapes, _ = observe(root, zeros, options)
    pairs = rows_of(root, shapes, batch=None)
    ran = [row for module, row in pairs if id(module) in shapes and module is not layer]
    own = [row for module, row in pairs if module is layer]
    failed = own[0] if own else Row(_path(layer, root), type(layer).__name__, "", 0, "", 0)
    return draw_table([*ran, dataclasses.replace(failed, shape=_HERE)])
