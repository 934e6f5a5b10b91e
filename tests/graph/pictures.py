"""Reading drawings back: where the symbols, boxes, texts and wires of an SVG text stand."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SVG = "{http://www.w3.org/2000/svg}"
SYMBOLS = {"op", "module", "input", "parameter", "constant", "output", "reference"}


class Rect(NamedTuple):
    kind: str
    x: float
    y: float
    width: float
    height: float
    tip: str

    def overlaps(self, other: "Rect", slack: float = 0.5) -> bool:
        return (
            self.x + slack < other.x + other.width
            and other.x + slack < self.x + self.width
            and self.y + slack < other.y + other.height
            and other.y + slack < self.y + self.height
        )

    def holds(self, other: "Rect") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.x + self.width >= other.x + other.width
            and self.y + self.height >= other.y + other.height
        )

    def has(self, x: Any, y: Any, slack: float = 1.5) -> Any:
        """Whether a point, or each of many, lies inside."""
        across = (self.x + slack < x) & (x < self.x + self.width - slack)
        return across & (self.y + slack < y) & (y < self.y + self.height - slack)


class Text(NamedTuple):
    text: str
    x: float
    y: float
    kind: str


@dataclass
class Sheet:
    """What an SVG drawing shows, in the coordinates of the page."""

    width: float
    height: float
    title: str
    about: str
    symbols: list[Rect] = field(default_factory=list)
    boxes: list[Rect] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    wires: list[list[tuple[float, float]]] = field(default_factory=list)
    tips: list[tuple[float, float]] = field(default_factory=list)

    def kinds(self, kind: str) -> list[Rect]:
        return [symbol for symbol in self.symbols if symbol.kind == kind]

    def words(self) -> list[str]:
        return [text.text for text in self.texts]

    def titles(self) -> list[str]:
        return [text.text for text in self.texts if text.kind.startswith("title")]


def read(svg: str) -> Sheet:
    """Take a drawing apart; it must be well-formed XML."""
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, about = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert about is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"
    size = float(root.get("width", 0)), float(root.get("height", 0))
    sheet = Sheet(*size, title.text or "", about.text or "")
    _walk(root, 0.0, 0.0, "", sheet, legend=True)
    return sheet


def _walk(
    parent: ET.Element, dx: float, dy: float, tip: str, sheet: Sheet, legend: bool = False
) -> None:
    own = parent.find(f"{SVG}title")
    tip = own.text or "" if own is not None else tip
    for child in parent:
        kind = child.get("class", "")
        if child.tag == f"{SVG}g":
            shift = re.fullmatch(r"translate\(([-\d.]+) ([-\d.]+)\)", child.get("transform", ""))
            if legend and kind == "plain" and shift:
                continue  # the legend
            x, y = (float(shift[1]), float(shift[2])) if shift else (0.0, 0.0)
            _walk(child, dx + x, dy + y, tip, sheet)
        elif child.tag == f"{SVG}rect" and kind != "page":
            x, y = dx + float(child.get("x", 0)), dy + float(child.get("y", 0))
            size = float(child.get("width", 0)), float(child.get("height", 0))
            rect = Rect(kind, x, y, *size, tip)
            (sheet.symbols if kind in SYMBOLS else sheet.boxes).append(rect)
        elif child.tag == f"{SVG}text":
            x, y = dx + float(child.get("x", 0)), dy + float(child.get("y", 0))
            sheet.texts.append(Text(child.text or "", x, y, kind))
        elif child.tag == f"{SVG}path" and kind.startswith("wire"):
            sheet.wires += [_moved(piece, dx, dy) for piece in _pieces(child.get("d", ""))]
        elif child.tag == f"{SVG}path" and kind == "tip":
            for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)", child.get("d", "")):
                sheet.tips.append((dx + float(x), dy + float(y)))


def _moved(points: list[tuple[float, float]], dx: float, dy: float) -> list[tuple[float, float]]:
    return [(x + dx, y + dy) for x, y in points]


def _pieces(path: str) -> list[list[tuple[float, float]]]:
    """Each stretch of a path as points close together."""
    pieces = []
    for piece in path.split("M")[1:]:
        steps = re.findall(r"([MLC])([^MLC]*)", f"M{piece}")
        points: list[tuple[float, float]] = []
        for letter, numbers in steps:
            values = [float(number) for number in numbers.split()]
            ends = list(zip(values[::2], values[1::2], strict=True))
            points += _curve([points[-1], *ends]) if letter == "C" else _line(points, ends[0])
        pieces.append(points)
    return pieces


def _line(before: list[tuple[float, float]], end: tuple[float, float]) -> list:
    if not before:
        return [end]
    x, y = before[-1]
    parts = [i / 20 for i in range(1, 21)]
    return [(x + (end[0] - x) * part, y + (end[1] - y) * part) for part in parts]


def _curve(four: list[tuple[float, float]], steps: int = 20) -> list[tuple[float, float]]:
    result = []
    for i in range(1, steps + 1):
        t = i / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        result.append(
            tuple(sum(w * p[axis] for w, p in zip(weights, four, strict=True)) for axis in (0, 1))
        )
    return result
