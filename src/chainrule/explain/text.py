"""A report for the terminal: 80 columns, colours where they are wanted."""

import textwrap
import unicodedata
from collections.abc import Iterator

import numpy as np

from chainrule.explain.report import Content, Statement
from chainrule.explain.wording import blank_line, is_printed, printed, summary, verdict, worked_line
from chainrule.explain.words import Words

_BOLD, _DIM, _GREEN, _RED, _CYAN = "1", "2", "32", "31", "36"
_SHADES = " .:-=+*#%@"
_BAR = 30


class Terminal:
    """Writes a report for a terminal of `width` columns."""

    def __init__(self, words: Words, *, width: int = 80, colour: bool = False):
        self.words = words
        self.width = width
        self.colour = colour

    def write(self, content: Content, detail: str) -> str:
        """The whole report."""
        lines = [*self._title(self.words.say(content.title))]
        for section, statements in content.shown(detail):
            if not statements:
                continue
            lines += ["", *self._heading(self.words.say(section.title))]
            if detail != "brief":
                for message in section.words:
                    lines += self._filled(self.words.say(message), "")
            for statement in statements:
                lines += ["", *self._statement(statement, content, detail)]
        if not content.blanks:
            lines += ["", *self._heading(self.words["section.check"])]
        paint = _RED if content.checks.failures else _GREEN
        for sentence in verdict(content, self.words):
            lines += [self._paint(line, paint) for line in self._filled(sentence, "")]
        return "\n".join(lines) + "\n"

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def _title(self, text: str) -> list[str]:
        return [self._paint(line, _BOLD) for line in self._filled(text, "")]

    def _heading(self, text: str) -> list[str]:
        rule = "-" * max(0, self.width - columns(text) - 4)
        return [self._paint(f"-- {text} {rule}", _BOLD)]

    def _statement(self, statement: Statement, content: Content, detail: str) -> Iterator[str]:
        formula = str(statement)
        lines = self._filled(formula, "", indent="    ")
        where = statement.where
        if where and len(lines) == 1 and columns(lines[0]) + columns(where) + 2 <= self.width:
            gap = " " * (self.width - columns(lines[0]) - columns(where))
            yield self._paint(lines[0], _CYAN) + gap + self._paint(where, _DIM)
        else:
            yield from (self._paint(line, _CYAN) for line in lines)
        if detail != "brief":
            if statement.shapes:
                yield from self._filled(statement.shapes, "  ")
            for message in statement.words:
                yield from self._filled(self.words.say(message), "  ")
            if statement.worked:
                line = worked_line(statement.symbol, statement.worked, self.words)
                text = f"{line.left.text} = {line.middle.text} = {line.right.text}"
                yield from self._filled(text, "  ", indent="    ")
        yield from self._value(statement, content, detail)
        if detail == "full" and statement.residual is not None:
            yield self._paint(f"  {self._checked(statement)}", _DIM)

    def _checked(self, statement: Statement) -> str:
        text = f"{self.words['checked']}: {statement.residual:.1e}"
        if statement.numeric is not None:
            text += f"; {self.words['numeric']}: {statement.numeric:.1e}"
        return text

    def _value(self, statement: Statement, content: Content, detail: str) -> Iterator[str]:
        value = statement.value
        if statement.blank:
            yield f"  {blank_line(statement)}"
        elif statement.shows == "picture" and content.image_shape and value.shape[-1] == 1:
            if detail == "brief":
                return
            yield from picture(value.reshape(content.image_shape))
        elif statement.shows == "bars" and value.shape[-1] == 1 and value.size <= PRINTED_BARS:
            yield from bars(value.reshape(-1), content.digits)
        elif is_printed(value):
            rows = printed(value, min(content.digits, 5))
            if len(rows) == 1 and len(rows[0]) == 1:
                yield f"  = {printed(value, content.digits)[0][0]}"
            else:
                yield from self._grid(rows)
        else:
            yield from self._filled(f"[{summary(value, content.digits, self.words)}]", "  ")

    def _grid(self, rows: list[list[str]]) -> Iterator[str]:
        """Numbers in columns; a row that is too long goes on in the next line."""
        widest = max(len(cell) for row in rows for cell in row)
        fit = max(1, (self.width - 6) // (widest + 2))
        for row in rows:
            for start in range(0, len(row), fit):
                text = "  ".join(cell.rjust(widest) for cell in row[start : start + fit])
                left = "[" if start == 0 else " "
                right = " ]" if start + fit >= len(row) else ""
                yield f"  {left} {text}{right}"

    def _filled(self, text: str, first: str, *, indent: str | None = None) -> list[str]:
        """Text in lines that fit; signs of double width count twice."""
        rest = first if indent is None else first + indent
        if text.isascii() or not any(columns(sign) == 2 for sign in text):
            filler = textwrap.TextWrapper(
                self.width,
                initial_indent=first,
                subsequent_indent=rest,
                break_long_words=True,
                break_on_hyphens=False,
            )
            return filler.wrap(text)
        lines, line = [], first
        for sign in text:
            if columns(line + sign) > self.width:
                lines.append(line.rstrip())
                line = rest
            line += sign
        return [*lines, line]


PRINTED_BARS = 40
"""At most so many probabilities are drawn as bars."""


def columns(text: str) -> int:
    """How many columns a text takes; Chinese signs take two.

    >>> columns("loss"), columns("损失")
    (4, 4)
    """
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def picture(image: np.ndarray) -> list[str]:
    """A grey picture in signs, from blank for the smallest number to @ for the largest."""
    numbers = np.asarray(image, np.float64)
    low, span = numbers.min(), np.ptp(numbers) or 1.0
    shades = ((numbers - low) / span * (len(_SHADES) - 1)).round().astype(int)
    lines = ["  " + "".join(_SHADES[shade] * 2 for shade in row).rstrip() for row in shades]
    filled = [i for i, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def bars(shares: np.ndarray, digits: int) -> list[str]:
    """A bar for each share."""
    return [
        f"  {place:>3}  {float(share):.4f}  {'#' * round(float(share) * _BAR)}".rstrip()
        for place, share in enumerate(shares)
    ]
