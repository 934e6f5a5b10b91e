"""Arrays as notebooks show them: a line that names shape and dtype, and a table of the numbers."""

import html
from typing import Any

import numpy as np

_ROWS, _COLUMNS = 12, 10
"""Longer axes are shown by their ends."""


def array_html(title: str, array: np.ndarray) -> str:
    """A table of at most two axes; more axes as text.

    >>> array_html("x", np.array([1.5, 2.0]))
    '<div><code>x</code><table><tr><td>1.5</td><td>2</td></tr></table></div>'
    """
    head = f"<code>{html.escape(title)}</code>"
    if array.ndim > 2:
        text = np.array2string(array, separator=", ", threshold=100, edgeitems=2)
        return f"<div>{head}<pre>{html.escape(text)}</pre></div>"
    table = array.reshape(1, -1) if array.ndim < 2 else array
    rows = "".join(_row(table, i) for i in _shown(table.shape[0], _ROWS))
    return f"<div>{head}<table>{rows}</table></div>"


def _shown(size: int, room: int) -> list[int | None]:
    """The positions that are shown; None stands for those left out."""
    if size <= room:
        return list(range(size))
    half = room // 2
    return [*range(half), None, *range(size - half, size)]


def _row(table: Any, i: int | None) -> str:
    cells = [
        "\u22ef" if j is None and i is not None else "\u22ee" if i is None else _cell(table[i, j])
        for j in _shown(table.shape[1], _COLUMNS)
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _cell(number: np.generic) -> str:
    value = number.item()
    return html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))
