"""The table of a model's layers."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.aval import DEFAULT_FLOAT
from chainrule.nn.observe import Shapes, observe, untouched
from chainrule.nn.parameter import Parameter
from chainrule.nn.walk import Node

_TITLES = ("layer", "kind", "output shape", "parameters", "initialiser")


@dataclass(frozen=True)
class Row:
    """One layer: `shape` is its output's, as text; `outputs` counts the numbers in it."""

    path: str
    kind: str
    shape: str
    parameters: int
    initialiser: str
    outputs: int

    def cells(self) -> tuple[str, ...]:
        count = f"{self.parameters:,}"
        return (self.path or "(itself)", self.kind, self.shape, count, self.initialiser)


@dataclass(frozen=True)
class Summary:
    """The layers of a model; `print(summary)` shows a table, and so does a notebook."""

    rows: tuple[Row, ...]
    parameters: int
    parameter_bytes: int
    itemsize: int

    @property
    def totals(self) -> str:
        """How many parameters there are, and the memory that they and a sample's outputs take."""
        outputs = sum(row.outputs for row in self.rows) * self.itemsize
        return (
            f"{self.parameters:,} parameters, {_bytes(self.parameter_bytes)}; "
            f"outputs of all layers, {_bytes(outputs)} a sample"
        )

    def __str__(self) -> str:
        return f"{draw_table(self.rows)}\n{self.totals}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For notebooks."""
        head = "".join(f"<th>{title}</th>" for title in _TITLES)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells()) + "</tr>"
            for row in self.rows
        )
        return f"<table><tr>{head}</tr>{body}</table><p>{html.escape(self.totals)}</p>"


def draw_table(rows: Sequence[Row]) -> str:
    """Rows as text: numbers to the right, all else to the left."""
    lines = [_TITLES, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_TITLES))]
    right = _TITLES.index("parameters")
    drawn = [
        "  ".join(
            cell.rjust(width) if i == right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    drawn.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(drawn)


def rows_of(model: Node, shapes: Shapes, batch: int | None) -> list[tuple[Node, Row]]:
    """Each layer with its row: each part that holds no other, or has parameters of its own.

    `batch` is the size to write as N.
    """
    rows, counted = [], set()
    for path, module in model.named_modules():
        held = [place for place in module.own() if isinstance(place.value, Parameter)]
        if not held and next(module.children(), None) is not None:
            continue
        new = [place.value for place in held if id(place.value) not in counted]
        counted.update(map(id, new))
        found = shapes.get(id(module), ())
        row = Row(
            path,
            type(module).__name__,
            ", ".join(_shape(shape, batch) for shape in found) or "?",
            sum(parameter.size for parameter in new),
            ", ".join(f"{place.path} {place.value.init}" for place in held),
            sum(math.prod(shape) for shape in found),
        )
        rows.append((module, row))
    return rows


def summarize(model: Any, input_shape: tuple[int, ...] | None) -> Summary:
    """The summary of a model for samples of this shape; see `Module.summary`."""
    sample = _first_input(model) if input_shape is None else tuple(input_shape)
    parameters = list(model.parameters())
    dtype = parameters[0].dtype if parameters else DEFAULT_FLOAT
    shapes: Shapes = {}
    if sample is not None:
        # One sample, not none: the mean of an empty batch is an error.
        inputs = (np.zeros((1, *sample), dtype),)
        with untouched(model):
            model.eval()
            shapes, ended = observe(model, inputs, {})
            if not ended and input_shape is not None:
                model(*inputs)  # raises, and says where
    return Summary(
        tuple(row for _, row in rows_of(model, shapes, batch=1)),
        model.parameter_count,
        sum(parameter.size * parameter.dtype.itemsize for parameter in parameters),
        dtype.itemsize,
    )


def _first_input(model: Node) -> tuple[int, ...] | None:
    for _, module in model.named_modules():
        if hasattr(module, "in_features"):
            return (module.in_features,)
    return None


def _shape(shape: tuple[int, ...], batch: int | None) -> str:
    if batch is None or shape[:1] != (batch,):
        return str(shape)
    return str(("N", *shape[1:])).replace("'", "")


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
