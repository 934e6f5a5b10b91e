"""Worksheets: the pages of a report with blanks, the answers, and the grading of a learner's."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chainrule.explain.api import options_of, prepare
from chainrule.explain.build import content_of
from chainrule.explain.builder import Builder
from chainrule.explain.document import Report
from chainrule.explain.grade import Grade, grade_answers
from chainrule.explain.report import Content, Section, Statement
from chainrule.optim import Optimizer


class Worksheet:
    """One training step to be worked out by hand: `page` with blanks, `key` with the working.

    `blanks` are the keys of the statements to be filled in; `grade` takes arrays by these keys.
    """

    def __init__(self, builder: Builder, lang: str, detail: str):
        self._builder = builder
        content = content_of(builder)
        self.key = Report(content, lang, detail)
        self.page = Report(_blanked(content), lang, detail)
        self.lang = lang

    @property
    def blanks(self) -> tuple[str, ...]:
        """The keys of what is to be filled in."""
        return tuple(statement.key for statement in self.page if statement.blank)

    def grade(self, answers: Mapping[str, Any]) -> Grade:
        """Say for each answer whether it is right, and if not, what went wrong.

        Samples may be rows or columns. A value that follows rightly from a wrong one before it
        counts as right, and is said to.

        Raises:
            OptionError: a key that no statement has.
            DtypeError: an answer that holds no numbers.
            DataError: no answers.
        """
        return grade_answers(self._builder, answers, self.lang)

    def save(self, path: str | Path, form: str | None = None) -> Path:
        """Write the page with blanks; see `Report.save`. `key.save` writes the answers."""
        return self.page.save(path, form)

    def __str__(self) -> str:
        return str(self.page)

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


def worksheet(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: str | Callable | None = None,
    optimizer: str | Optimizer = "sgd",
    **options: Any,
) -> Worksheet:
    """A worksheet about one training step; the arguments are those of `explain`.

    Raises:
        OptionError, ShapeError, DataError, TraceError: as `explain` does.

    >>> from chainrule import nn
    >>> import numpy as np
    >>> sheet = worksheet(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), [1.0, 2.0], 0)
    >>> sheet.blanks[:3]
    ('z1', 'h1', 'z2')
    >>> forgotten = np.asarray(sheet.key["z1"].value) - sheet.key["b1"].value[:, None]
    >>> sheet.grade({"z1": forgotten}).first.mistake
    'bias'
    """
    chosen = options_of(options)
    task, origin = prepare(model, x, y, loss, optimizer, chosen)
    return Worksheet(Builder(task, origin), chosen.lang, chosen.detail)


def compare(
    model: Any,
    sample: tuple[Any, Any],
    gradients: Mapping[str, Any],
    *,
    loss: str | Callable | None = None,
    **options: Any,
) -> Grade:
    """Compare the gradients of your own backward pass with the model's, and name mistakes.

    Args:
        model: the model.
        sample: a pair (x, y), as a data set gives, or a batch of them.
        gradients: arrays by parameter path ("0.weight") or by statement ("dL/dz1", "h1").
        loss: as for `explain`.
        options: as for `explain`.

    Raises:
        OptionError: a name that neither a parameter nor a statement has.
        ShapeError, DataError: as `explain` does.

    >>> from chainrule import nn
    >>> import numpy as np
    >>> model = nn.Sequential(nn.Linear(2, 2, dtype="float64"))
    >>> shares = np.exp(model([1.0, 2.0]).numpy())
    >>> error = shares / shares.sum() - [1.0, 0.0]
    >>> mine = {"0.weight": np.outer(error, [1.0, 2.0]), "0.bias": -error}
    >>> print(compare(model, ([1.0, 2.0], 0), mine))
    - 0.bias: the sign is wrong: dL/db1 = dL/dz1
    + 0.weight: right
    1 of 2 right
    """
    x, y = sample
    chosen = options_of(options)
    task, origin = prepare(model, x, y, loss, "sgd", chosen)
    builder = Builder(task, origin)
    content_of(builder)
    return grade_answers(builder, gradients, chosen.lang)


_GIVEN = ("data", "model")
"""Sections that a worksheet leaves as they are."""


def _blanked(content: Content) -> Content:
    """The same with blanks for what is computed, and without the working."""

    def emptied(section: Section, statement: Statement) -> Statement:
        if section.key in _GIVEN:
            return dataclasses.replace(statement, level="normal")
        return dataclasses.replace(statement, blank=True, worked=None)

    sections = tuple(
        dataclasses.replace(
            section,
            statements=tuple(emptied(section, statement) for statement in section.statements),
        )
        for section in content.sections
        if section.key != "after"
    )
    return dataclasses.replace(content, sections=sections, blanks=True)
