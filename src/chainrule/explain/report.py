"""What a report is made of: sections of statements, each with its numbers and its checks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.explain.formula import Formula

LEVELS = ("brief", "normal", "full")
"""How much is shown; a statement is shown from its own level on."""


@dataclass(frozen=True)
class Message:
    """Words by their key in the catalogues of `chainrule.explain.words`, and what they name."""

    key: str
    args: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Worked:
    """One entry multiplied out: its index, its formula with numbers (LaTeX), and what it gives."""

    index: str
    expression: str
    value: str


@dataclass(frozen=True)
class Statement:
    """One line of the arithmetic: symbol = formula = value, and how it was checked.

    Attributes:
        key: names the statement in this report.
        symbol: LaTeX, as are `formula` and what `worked` holds; other writings come from these.
        shapes: the shapes put into the formula, such as 25×1 = 25×784 · 784×1 + 25×1.
        value: the numbers, as they are shown: samples are columns.
        sources: the symbols that the formula uses, with the keys of their statements.
        words: what is to be said about it.
        where: the module that computes it.
        residual: how far the value is from the same computed again, or None for what is given.
        numeric: for derivatives, how far it is from central differences.
        tolerance: the largest residual of either kind that is right.
        shows: a hint for drawing: "picture", "bars" or "".
        level: from which detail on it is shown.
        blank: whether the value is left to be filled in.
    """

    key: str
    symbol: str
    formula: str
    shapes: str
    value: np.ndarray
    sources: tuple[tuple[str, str], ...] = ()
    worked: Worked | None = None
    words: tuple[Message, ...] = ()
    where: str = ""
    residual: float | None = None
    numeric: float | None = None
    tolerance: tuple[float, float] = (1e-6, 1e-4)
    shows: str = ""
    level: str = "normal"
    blank: bool = False

    @property
    def right(self) -> bool:
        """Whether every check of it holds."""
        pairs = zip((self.residual, self.numeric), self.tolerance, strict=True)
        return all(found is None or found <= largest for found, largest in pairs)

    def __str__(self) -> str:
        """The formula as text."""
        formula = f" = {Formula.of(self.formula).text}" if self.formula else ""
        return f"{Formula.of(self.symbol).text}{formula}"


@dataclass(frozen=True)
class Section:
    """Statements that belong together, under a title."""

    key: str
    title: Message
    statements: tuple[Statement, ...]
    words: tuple[Message, ...] = ()
    level: str = "brief"


@dataclass(frozen=True)
class Checks:
    """What the checks of a report came to."""

    statements: int
    recomputed: float
    derivatives: int
    numeric: float
    framework: float
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """A report without its form: what was explained, the sections, and the checks."""

    title: Message
    sections: tuple[Section, ...]
    checks: Checks
    digits: int
    image_shape: tuple[int, int] | None = None
    blanks: bool = False

    def statements(self) -> Iterator[Statement]:
        """Every statement, in order."""
        for section in self.sections:
            yield from section.statements

    def shown(self, detail: str) -> Iterator[tuple[Section, list[Statement]]]:
        """The sections and statements that this detail shows."""
        most = LEVELS.index(detail)
        for section in self.sections:
            if LEVELS.index(section.level) <= most:
                chosen = [s for s in section.statements if LEVELS.index(s.level) <= most]
                yield section, chosen
