"""How much room symbols and texts take, so that a layout needs no browser to measure them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.graph.draw.picture import Group, Item

NAME_SIZE, SMALL_SIZE = 12.0, 10.0
"""Font sizes in pixels: names in a proportional font, shapes in one of fixed width."""
LINE = 14.0
TITLE_ROOM = 22.0
MARGIN = 12.0

_FIXED_WIDTH = 0.605
_NARROW, _WIDE = "ijlI.,:;'|!()[]{} ftr-", "mwMW@%&…"


def text_width(text: str, size: float = NAME_SIZE, fixed: bool = False) -> float:
    """An upper bound of a text's width in the common fonts."""
    if fixed:
        return _FIXED_WIDTH * size * len(text)
    narrow = sum(letter in _NARROW for letter in text)
    wide = sum(letter in _WIDE or letter > "\u2fff" for letter in text)
    capital = sum(letter.isupper() and letter not in _WIDE for letter in text)
    plain = len(text) - narrow - wide - capital
    return size * (0.4 * narrow + 0.62 * plain + 0.72 * capital + wide)


@dataclass(frozen=True)
class Sizes:
    """Sizes of symbols in a drawing whose values flow down or to the right.

    The layout thinks in `across` and `along` the flow; here these become widths and heights.
    """

    down: bool = True

    def turned(self, across: float, along: float) -> tuple[float, float]:
        """(across, along) as (x, y), and back."""
        return (across, along) if self.down else (along, across)

    def symbol(self, item: Item, inside: Sequence[Any]) -> tuple[float, float]:
        """Width and height of the item's own shape, with the drawings inside it."""
        first, *rest = item.lines
        width = max([text_width(first), *(text_width(t, SMALL_SIZE, True) for t in rest)]) + 18
        height = 12 + LINE * len(item.lines)
        if inside:
            width = max(width, sum(part.width for part in inside) + MARGIN * (len(inside) + 1))
            height += max(part.height for part in inside) + TITLE_ROOM + MARGIN
        return max(width, 44.0), height

    def footprint(self, item: Item, inside: Sequence[Any]) -> tuple[float, float]:
        """(across, along) of an item with the captions of what leaves it."""
        width, height = self.symbol(item, inside)
        captions = [text_width(text, SMALL_SIZE, True) for text in item.outs]
        if not captions:
            return self.turned(width, height)
        if self.down:
            return max(width, sum(captions) + 10 * (len(captions) - 1)), height + LINE
        return height + LINE * len(captions), max(width, *captions)

    def leaving(self, item: Item, inside: Sequence[Any], out: int) -> float:
        """Where across an item its output number `out` leaves, from the centre."""
        if not self.down:
            step = min(LINE, (self.symbol(item, inside)[1] - 8) / len(item.outs))
            return step * (out - (len(item.outs) - 1) / 2) - LINE * len(item.outs) / 2
        widths = [text_width(text, SMALL_SIZE, True) + 10 for text in item.outs]
        return sum(widths[:out]) + widths[out] / 2 - sum(widths) / 2

    def arriving(self, item: Item, inside: Sequence[Any], number: int, count: int) -> float:
        """Where across an item the wire with that number of `count` arrives, from the centre."""
        across, _ = self.turned(*self.symbol(item, inside))
        beside = (number - (count - 1) / 2) * min(18.0, (across - 12) / count)
        return beside if self.down else beside - LINE * len(item.outs) / 2

    def inset(self, item: Item, inside: Sequence[Any]) -> float:
        """How far inside its footprint, along the flow, the item's wires begin and end."""
        if self.down:
            return 0.0
        return (self.footprint(item, inside)[1] - self.symbol(item, inside)[0]) / 2

    def padding(self, group: Group) -> tuple[float, float, float, float]:
        """Room inside a box: across before and after, along before and after."""
        if group.parent is None:
            return 0.0, 0.0, 0.0, 0.0
        if self.down:
            return MARGIN, MARGIN, TITLE_ROOM + 4, MARGIN
        return TITLE_ROOM + 4, MARGIN, MARGIN, MARGIN

    def head(self, group: Group) -> tuple[float, float]:
        """(across, along) of the title, where the wires that enter the box would cross it."""
        if group.parent is None or not self.down:
            return 0.0, 0.0
        return text_width(group.title) + MARGIN, TITLE_ROOM

    def least(self, group: Group) -> tuple[float, float]:
        """The least (across, along) of a box, for its title."""
        if group.parent is None:
            return 0.0, 0.0
        return self.turned(text_width(group.title) + 2 * MARGIN, TITLE_ROOM)

    @property
    def widest(self) -> float:
        """How far across the flow a layer may reach before what is left goes to the next."""
        return 1400.0 if self.down else 1000.0
