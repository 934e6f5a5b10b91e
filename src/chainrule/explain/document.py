"""A report that can be written in every form, and read by key."""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chainrule.errors import unknown
from chainrule.explain.html import write_fragment, write_html
from chainrule.explain.markdown import write_markdown
from chainrule.explain.papers import write_paper
from chainrule.explain.plain import to_dict, write_json
from chainrule.explain.report import LEVELS, Checks, Content, Statement
from chainrule.explain.text import Terminal
from chainrule.explain.words import Words
from chainrule.train.folder import write_text


class Report:
    """One training step as checked arithmetic; print it, save it, or read its statements.

    `report["dL/dW1"]` is a statement; `save` writes the form that a file's ending names. `lang`
    and `detail` are those asked for, and every method takes others.

    Attributes:
        content: the sections and statements, without any form.
        checks: what the checks came to.
    """

    def __init__(self, content: Content, lang: str = "en", detail: str = "normal"):
        self.content = content
        self.lang = lang
        self.detail = detail

    @property
    def checks(self) -> Checks:
        return self.content.checks

    @property
    def right(self) -> bool:
        """Whether every check holds."""
        return not self.content.checks.failures

    @functools.cached_property
    def _by_key(self) -> dict[str, Statement]:
        return {statement.key: statement for statement in self.content.statements()}

    def __getitem__(self, key: str) -> Statement:
        """The statement of that key, which is its symbol as text.

        Raises:
            OptionError: there is none.
        """
        if key not in self._by_key:
            raise unknown("statement", key, self._by_key)
        return self._by_key[key]

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def text(
        self,
        *,
        lang: str | None = None,
        detail: str | None = None,
        width: int = 80,
        colour: bool = False,
    ) -> str:
        """For a terminal of `width` columns."""
        terminal = Terminal(Words(lang or self.lang), width=width, colour=colour)
        return terminal.write(self.content, self._level(detail))

    def markdown(self, *, lang: str | None = None, detail: str | None = None) -> str:
        """For a page of notes; formulas stand in dollar signs."""
        return write_markdown(self.content, Words(lang or self.lang), self._level(detail))

    def latex(self, *, lang: str | None = None, detail: str | None = None) -> str:
        """A whole document; Chinese needs XeLaTeX or LuaLaTeX."""
        return write_paper(self.content, Words(lang or self.lang), self._level(detail))

    def html(self, *, lang: str | None = None, detail: str | None = None) -> str:
        """A page of its own that needs nothing else, in all languages, this one shown first."""
        return write_html(self.content, lang or self.lang, self._level(detail))

    def json(self, *, lang: str | None = None, detail: str | None = None) -> str:
        """Data for other programs, with every formula in all writings."""
        return write_json(self.content, Words(lang or self.lang), self._level(detail))

    def to_dict(self, *, lang: str | None = None, detail: str | None = None) -> dict[str, Any]:
        """The same as `json`, as dicts and lists."""
        return to_dict(self.content, Words(lang or self.lang), self._level(detail))

    def save(self, path: str | Path, form: str | None = None) -> Path:
        """Write a file, whole or not at all; its ending names the form unless `form` does.

        Raises:
            OptionError: neither names a form: html, markdown, latex, json, text.
            RunError: the file cannot be written.
        """
        target = Path(path)
        name = _ENDINGS.get(target.suffix.lower(), target.suffix) if form is None else form
        if name not in _FORMS:
            raise unknown("form", name, [*_FORMS, *_ENDINGS])
        write_text(target, _FORMS[name](self))
        return target

    def _level(self, detail: str | None) -> str:
        chosen = detail or self.detail
        if chosen not in LEVELS:
            raise unknown("detail", chosen, LEVELS)
        return chosen

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        state = "all right" if self.right else f"failed: {', '.join(self.checks.failures)}"
        return f"<explanation: {len(self)} statements, {state}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        return write_fragment(self.content, Words(self.lang), self._level(None))


_FORMS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "html": Report.html,
        "markdown": Report.markdown,
        "latex": Report.latex,
        "json": Report.json,
        "text": Report.text,
    }
)
_ENDINGS = MappingProxyType(
    {
        ".html": "html",
        ".htm": "html",
        ".md": "markdown",
        ".tex": "latex",
        ".json": "json",
        ".txt": "text",
    }
)
