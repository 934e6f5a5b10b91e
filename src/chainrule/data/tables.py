"""Tables of numbers with a column of labels: CSV files."""

import csv
import gzip
import itertools
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from chainrule.data.dataset import Dataset, label_ids
from chainrule.errors import DataError, OptionError, suggestion, unknown
from chainrule.writing import StrPath

_DELIMITERS = ",;\t|"
_MISSING = frozenset(("", "?", "-", "na", "n/a", "nan", "null", "none"))
_MISSING_LABELS = frozenset(("", "?", "na", "n/a", "nan"))
"""Fewer than among numbers, for a class may well be called none."""

_TARGETS = ("auto", "classes", "numbers")
_MANY_CLASSES = 20
"""Up to here, whole numbers are taken for classes however few rows there are."""

_EXACT_INTEGERS = 2.0**53

_Line = tuple[int, list[str]]
"""The number of a line, and its cells."""


@dataclass(frozen=True)
class _Layout:
    """Where a table is, what its columns are called, and which of them holds the labels."""

    file: Path
    columns: tuple[str, ...]
    label: int

    def place(self, line: int, column: int) -> str:
        """The words for a cell, by the column's place among all."""
        return f"{self.file}, line {line}, column {self.columns[column]!r}"

    def features(self) -> list[int]:
        """The places of the columns that are no labels."""
        return [place for place in range(len(self.columns)) if place != self.label]


def read_csv(
    path: StrPath,
    *,
    label: str | int = -1,
    target: str = "auto",
    header: bool | None = None,
    delimiter: str | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    r"""Read a table with one sample a line; a name that ends in .gz is unpacked on the way.

    Shape: x (lines, columns - 1); y (lines,) class ids or (lines, 1) targets of a regression.
    dtype: x float32.

    Args:
        path: the file, in UTF-8.
        label: the column of labels, by name or by place; negative places count from the end.
        target: "classes" and "numbers" say what labels are. "auto" takes text for classes, numbers
            with a fraction for numbers, and whole numbers for classes where they repeat.
        header: whether the first line names the columns; None looks whether it has numbers in it.
        delimiter: what parts the cells; None takes the commonest of , ; tab | in the first line.
        classes: the labels in the order of their ids, such as the classes of the training part;
            the sorted distinct labels by default.

    Raises:
        DataError: the file is missing, empty or no table; a cell is missing or not a number.
        OptionError: there is no such column or kind of target.

    >>> path = Path("irises.csv")
    >>> _ = path.write_text("length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n")
    >>> data = read_csv(path, label="kind")
    >>> data.classes, data.x
    (('setosa', 'virginica'), array([[5.1, 3.5],
           [6.2, 2.9]], dtype=float32))
    """
    if target not in _TARGETS:
        raise unknown("target", target, _TARGETS)
    if delimiter is not None and len(delimiter) != 1:
        raise OptionError(f"delimiter is {delimiter!r}; expected one character, such as ','")
    file = Path(path)
    try:
        with _open_text(file) as stream:
            lines = _lines(stream, delimiter)
            layout, rows = _lay_out(file, lines, label, header)
            x, labels, numbers = _parse(rows, layout)
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not text in UTF-8 ({error}). Save it as UTF-8.") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"cannot read {file} as a table: {error}") from error
    y, names = _targets(labels, numbers, layout, target, classes)
    return Dataset(x, y, file.name.partition(".")[0], names)


def _open_text(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return open(file, encoding="utf-8-sig", newline="")


def _lines(stream: TextIO, delimiter: str | None) -> Iterator[_Line]:
    """The lines that are not blank; a line is named by the number of its last one in the file."""
    first = stream.readline()
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(itertools.chain([first], stream), delimiter=delimiter)
    return ((reader.line_num, cells) for cells in reader if cells)


def _lay_out(
    file: Path, lines: Iterator[_Line], label: str | int, header: bool | None
) -> tuple[_Layout, Iterable[_Line]]:
    """Name the columns; give the lines that are data as well."""
    first = next(lines, None)
    if first is None:
        raise DataError(f"{file} is empty; expected one sample a line")
    cells = [cell.strip() for cell in first[1]]
    if len(cells) < 2:
        raise DataError(
            f"{file} has one column, {cells[0]!r} in its first line; expected at least one of "
            "numbers and one of labels. Give delimiter=... if the cells are parted by something "
            "else than , ; tab or |."
        )
    named = header if header is not None else all(_number(cell) is None for cell in cells)
    columns = tuple(cells) if named else tuple(str(place) for place in range(len(cells)))
    layout = _Layout(file, columns, _find_column(file, columns, label))
    return layout, lines if named else itertools.chain([first], lines)


def _find_column(file: Path, columns: tuple[str, ...], label: str | int) -> int:
    if isinstance(label, str):
        if label in columns:
            return columns.index(label)
        raise OptionError(f"{file} has no column {label!r}. {suggestion(label, columns)}")
    if -len(columns) <= label < len(columns):
        return label % len(columns)
    raise OptionError(
        f"label is {label}, but {file} has {len(columns)} columns; expected a name, or a place "
        f"from {-len(columns)} to {len(columns) - 1}"
    )


def _parse(rows: Iterable[_Line], layout: _Layout) -> tuple[np.ndarray, list[str], list[int]]:
    """The features, the labels, and the number of each line."""
    features, labels, numbers = [], [], []
    width = len(layout.columns)
    with np.errstate(over="ignore"):
        for number, cells in rows:
            if len(cells) != width:
                raise DataError(
                    f"{layout.file}, line {number} has {len(cells)} cells; expected {width} like "
                    "the first line. Put text that has the delimiter in it in quotes."
                )
            labels.append(cells.pop(layout.label).strip())
            try:
                features.append(np.fromiter(map(float, cells), np.float32, width - 1))
            except ValueError:
                raise _refuse_cell(layout, number, cells) from None
            numbers.append(number)
    if not features:
        raise DataError(f"{layout.file} has a header and no samples; expected one sample a line")
    x = np.stack(features)
    finite = np.isfinite(x)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        place = layout.place(numbers[row], layout.features()[column])
        what = "is missing" if np.isnan(x[row, column]) else "is infinite or too large for float32"
        raise DataError(f"{place} {what}; expected a number. Fill it in, or remove the line.")
    return x, labels, numbers


def _refuse_cell(layout: _Layout, line: int, cells: list[str]) -> DataError:
    """The error for the first cell of a line that is not a number."""
    cell, column = next(
        (cell.strip(), column)
        for cell, column in zip(cells, layout.features(), strict=True)
        if _number(cell) is None
    )
    place = layout.place(line, column)
    if cell.lower() in _MISSING:
        return DataError(
            f"{place} is missing ({cell!r}); expected a number. Fill it in, or remove the line."
        )
    if _number(cell.replace(",", ".", 1)) is not None:
        return DataError(f"{place} holds {cell!r}; write its fraction with a point, not a comma")
    return DataError(
        f"{place} holds {cell!r}; expected a number. If this column has the labels, give "
        f"label={layout.columns[column]!r}."
    )


def _targets(
    labels: list[str],
    lines: list[int],
    layout: _Layout,
    target: str,
    classes: Sequence[str] | None,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class ids with the classes' names, or targets with none."""
    for line, label in zip(lines, labels, strict=True):
        if label.lower() in _MISSING_LABELS:
            raise DataError(
                f"{layout.place(line, layout.label)} is missing ({label!r}); expected a label. "
                "Fill it in, or remove the line."
            )
    values = [_number(label) for label in labels]
    numeric = all(value is not None and math.isfinite(value) for value in values)
    if target == "numbers" and not numeric:
        worst = next(i for i, v in enumerate(values) if v is None or not math.isfinite(v))
        raise DataError(
            f"{layout.place(lines[worst], layout.label)} holds {labels[worst]!r}; expected a "
            "finite number. If the labels are classes, give target='classes'."
        )
    numbers = np.array(values, np.float64) if numeric else np.empty(0)
    whole = numeric and bool(np.all((numbers % 1 == 0) & (np.abs(numbers) < _EXACT_INTEGERS)))
    if target == "numbers" or (target == "auto" and numeric and not whole and classes is None):
        return numbers[:, None], ()
    ids, names = label_ids(numbers.astype(np.int64) if whole else np.array(labels), classes)
    guessed = target == "auto" and whole and classes is None
    if guessed and len(names) > max(_MANY_CLASSES, len(labels) // 2):
        raise DataError(
            f"{layout.file}, column {layout.columns[layout.label]!r} has {len(names)} different "
            f"whole numbers in {len(labels)} lines. Give target='numbers' for a regression, or "
            "target='classes' if each is a class."
        )
    return ids, names


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
