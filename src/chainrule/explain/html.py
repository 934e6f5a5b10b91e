"""A report as one HTML file that needs nothing else: MathML, styles and a script inside.

Both languages are in it, and a switch. Every symbol can be pointed at, or reached with the Tab
key, to see the shape and a heat map of its values.
"""

import base64
import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.explain.formula import Formula
from chainrule.explain.formula_tree import Row, is_operator
from chainrule.explain.mathml import Links, write_mathml
from chainrule.explain.page import SCRIPT, STYLE
from chainrule.explain.report import Content, Message, Section, Statement
from chainrule.explain.shapes import shape_text
from chainrule.explain.wording import blank_line, is_printed, printed, verdict, worked_line
from chainrule.explain.words import CATALOGUES, Words
from chainrule.explain.writing import number_text

_INFIX = '<mo form="infix" lspace="0.22em" rspace="0.22em">'
_EXACT = 400
"""Values of more numbers are kept in 8 bits each, which a heat map cannot tell from more."""


def write_html(content: Content, lang: str, detail: str) -> str:
    """The page, with `lang` shown first."""
    page = _Page(content, [Words(name) for name in CATALOGUES], detail)
    first = Words(lang)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(first.say(content.title))}</title>\n<style>{STYLE}</style>\n"
        f"</head>\n<body>\n{page.controls(lang)}\n{page.body()}\n"
        '<aside id="panel" role="status" aria-live="polite" hidden></aside>\n'
        f'<script type="application/json" id="values">{page.values()}</script>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def write_fragment(content: Content, words: Words, detail: str) -> str:
    """The report for a notebook: one language, folds, no script."""
    page = _Page(content, [words], detail)
    return f'<div class="chainrule-explain">{page.body()}</div>'


class _Page:
    """The parts of a page in some languages."""

    def __init__(self, content: Content, languages: list[Words], detail: str):
        self.content = content
        self.languages = languages
        self.detail = detail
        self.sections = [(a, b) for a, b in content.shown(detail) if b]

    def say(self, message: Message | str) -> str:
        """Words in every language of the page, each marked as such."""
        spoken = [
            words[message] if isinstance(message, str) else words.say(message)
            for words in self.languages
        ]
        return self._each([html.escape(text) for text in spoken])

    def _each(self, versions: list[str]) -> str:
        if len(set(versions)) == 1:
            return versions[0]
        pairs = zip(self.languages, versions, strict=True)
        return "".join(f'<span lang="{w.language}">{text}</span>' for w, text in pairs)

    def controls(self, lang: str) -> str:
        """The bar on top: languages, fold and unfold."""
        buttons = "".join(
            f'<button type="button" data-lang="{words.language}" '
            f'aria-pressed="{str(words.language == lang).lower()}">{words["language"]}</button>'
            for words in self.languages
        )
        return (
            f'<div class="bar"><div>{buttons}'
            f'<button type="button" id="unfold">{self.say("unfold")}</button>'
            f'<button type="button" id="fold">{self.say("fold")}</button></div></div>'
        )

    def body(self) -> str:
        """Title, contents, sections, verdict."""
        entries = "".join(
            f'<li><a href="#{_anchor(s.key)}">{self.say(s.title)}</a></li>'
            for s, _ in self.sections
        )
        sections = "".join(self._section(s, statements) for s, statements in self.sections)
        bad = " bad" if self.content.checks.failures else ""
        found = zip(*(list(verdict(self.content, words)) for words in self.languages), strict=True)
        sentences = "".join(f"<p>{self._each(list(map(html.escape, v)))}</p>" for v in found)
        check = (
            f'<section id="check"><h2>{self.say("section.check")}</h2>'
            f'<div class="verdict{bad}">{sentences}</div></section>'
        )
        check = "" if self.content.blanks else check
        return (
            f'<header><h1>{self.say(self.content.title)}</h1><p class="soft">{self.say("hint")}'
            f'</p><nav aria-label="{self.languages[0]["contents"]}"><ol>{entries}</ol></nav>'
            f"</header><main>{sections}{check}</main>"
        )

    def _section(self, section: Section, statements: list[Statement]) -> str:
        intro = "".join(f"<p>{self.say(message)}</p>" for message in section.words)
        inner = "\n".join(self._statement(statement) for statement in statements)
        title = self.say(section.title)
        return f'<section id="{_anchor(section.key)}"><h2>{title}</h2>{intro}{inner}</section>\n'

    def _statement(self, statement: Statement) -> str:
        links = _links(statement)
        wrong = "" if statement.right else " wrong"
        where = f'<span class="where">{html.escape(statement.where)}</span>'
        parts = [
            f'<details class="st{wrong}" open id="{_anchor(statement.key)}"><summary>'
            f"{_whole(statement, links)}{where if statement.where else ''}</summary>"
        ]
        if statement.shapes:
            parts.append(f'<p class="shapes">{html.escape(statement.shapes)}</p>')
        parts += [f"<p>{self.say(message)}</p>" for message in statement.words]
        if statement.worked:
            lines = [worked_line(statement.symbol, statement.worked, w) for w in self.languages]
            versions = [
                " ".join(
                    [
                        *_chunks(line.left, links, "="),
                        *_chunks(line.middle, links, "="),
                        *_chunks(line.right, links),
                    ]
                )
                for line in lines
            ]
            parts.append(f'<div class="worked row">{self._each(versions)}</div>')
        return "".join([*parts, *self._value(statement), "</details>"])

    def _value(self, statement: Statement) -> Iterator[str]:
        value, digits = statement.value, self.content.digits
        key = html.escape(statement.key)
        if statement.blank:
            yield f'<p class="number">{blank_line(statement)}</p>'
        elif statement.shows == "bars" and value.ndim == 2 and value.shape[1] == 1:
            yield from _bars(value.reshape(-1))
        elif is_printed(value):
            rows = printed(value, min(digits, 6))
            if len(rows) == 1 and len(rows[0]) == 1:
                yield f'<p class="number">= {printed(value, digits)[0][0]}</p>'
            elif len(rows) == 1:
                cells = "".join(f"<span>{number}</span>" for number in rows[0])
                yield f'<div class="numbers">{cells}</div>'
            else:
                cells = "".join(
                    f"<tr>{''.join(f'<td>{number}</td>' for number in row)}</tr>" for row in rows
                )
                yield f'<div class="row"><table class="matrix">{cells}</table></div>'
        else:
            facts = _facts(value, digits)
            text = Message("value.summary", facts)
            label = html.escape(f"{Formula.of(statement.symbol).text}: {facts['shape']}")
            yield f'<p class="soft">{self.say(text)}</p>'
            yield f'<canvas data-v="{key}" role="img" aria-label="{label}"></canvas>'

    def values(self) -> str:
        """The numbers behind the symbols, and the words that the script needs."""
        shown = {statement.key for _, statements in self.sections for statement in statements}
        used = {
            key
            for _, statements in self.sections
            for statement in statements
            for _, key in statement.sources
        }
        held = {
            statement.key: self._held(statement)
            for statement in self.content.statements()
            if statement.key in shown | used and not statement.blank
        }
        words = {
            w.language: {"title": w.say(self.content.title), "summary": w["value.summary"]}
            for w in self.languages
        }
        text = json.dumps({"values": held, "words": words}, ensure_ascii=False)
        return text.replace("<", "\\u003c")

    def _held(self, statement: Statement) -> dict[str, Any]:
        value = np.nan_to_num(np.asarray(statement.value, np.float64))
        picture = statement.shows == "picture" and value.shape[1:] == (1,)
        grid: tuple[int, ...] | None = self.content.image_shape if picture else None
        if grid is None:
            grid = (
                (value.size // value.shape[-1], value.shape[-1])
                if value.ndim > 1
                else (1, value.size)
            )
            # A column is drawn as a row, which takes less of the screen.
            grid = grid[::-1] if grid[1] == 1 else grid
        facts = {"symbol": Formula.of(statement.symbol).text, "grid": grid}
        facts |= _facts(value, self.content.digits)
        if value.size <= _EXACT:
            numbers = [float(number_text(number, 5)) for number in value.reshape(-1)]
            return {**facts, "n": numbers}
        top = float(np.abs(value).max()) or 1.0
        small = np.rint(value.reshape(-1) / top * 127).astype(np.int8)
        return {**facts, "q": base64.b64encode(small.tobytes()).decode(), "top": top}


def _facts(value: np.ndarray, digits: int) -> dict[str, str]:
    numbers = np.asarray(value, np.float64)
    facts = {"low": numbers.min(), "high": numbers.max(), "mean": numbers.mean()}
    short = min(digits, 4)
    written = {name: number_text(number, short) for name, number in facts.items()}
    return {"shape": shape_text(np.shape(value)), **written}


def _links(statement: Statement) -> Links:
    links = {Formula.of(symbol).tree: key for symbol, key in statement.sources}
    links[Formula.of(statement.symbol).tree] = statement.key
    return links


def _whole(statement: Statement, links: Mapping[Any, str]) -> str:
    symbol = Formula.of(statement.symbol)
    if not statement.formula:
        return write_mathml(symbol, links)
    right = _chunks(Formula.of(statement.formula), links)
    return " ".join([*_chunks(symbol, links, "="), *right])


def _chunks(formula: Formula, links: Links, end: str = "") -> list[str]:
    """A formula in pieces that a line may be broken between: before each sign of a sum.

    Browsers do not break lines inside MathML.
    """
    tree = formula.tree
    known = tree in links
    items = tree.items if isinstance(tree, Row) and not known else (tree,)
    pieces: list[list[Any]] = [[]]
    for i, item in enumerate(items):
        if i and is_operator(item, ("+", "-")) and not is_operator(items[i - 1]):
            pieces.append([])
        pieces[-1].append(item)
    if end:
        pieces[-1] += Formula.of(f"x {end}").tree.items[1:]
    rows = (piece[0] if len(piece) == 1 else Row(tuple(piece)) for piece in pieces)
    written = [write_mathml(Formula(row), links) for row in rows]
    # A sign that begins a piece still stands between two terms, and is spaced so.
    return [written[0], *(text.replace("<mo>", _INFIX, 1) for text in written[1:])]


def _bars(shares: np.ndarray) -> Iterator[str]:
    for place, share in enumerate(shares):
        width = f"{100 * float(share):.2f}"
        yield (
            f'<div class="share"><span>{place}</span><span>{float(share):.4f}</span>'
            f'<span><i style="width:{width}%"></i></span></div>'
        )


def _anchor(key: str) -> str:
    """A key as the name of a place in the page."""
    return "s-" + "".join(sign if sign.isalnum() else f"-{ord(sign):x}-" for sign in key)
