"""The whole computation of a training step as checked arithmetic.

`explain` traces a step (forward, loss, backward, update) of any model, loss and optimizer as one
graph, and walks its nodes. It hooks into nothing. What comes out is data first:

    Report     a Content and a language; writes itself as text, Markdown, LaTeX, HTML and JSON
    Content    Sections of Statements, and the Checks
    Statement  one line: symbol = formula = value, with
                 the shapes put into the formula,
                 the values that it was computed from, which stand before it,
                 one entry multiplied out,
                 words: keys of a catalogue and what they name (catalogues: `words/`),
                 how far it is from the same value computed again

Where the numbers come from:

    step.py        traces the step; `reverse.py` is the chain rule over the traced nodes, with a
                   note of which derivative each result is and over which paths it came
    layout.py      finds out which nodes only move numbers about
    naming.py      symbols for values, from where they stand
    roles.py       what calls are together: the parts of a norm (`moments.py`), a convolution
                   with its bias or a pooling (`images.py`), and their names
    places.py      where a kernel or a window lies for the entry that is worked out
    writing.py     formulas, from the LaTeX of the op records; `formula.py` reads that LaTeX into a
                   tree, which writes text, LaTeX and MathML (`mathml.py`)
    worked.py      one entry with numbers: the terms of a sum come from the op's own derivative
    checks.py      every number again in float64 by its record from the numbers printed before it;
                   derivatives against central differences; gradients and update against eager runs
    expansions.py  fused ops as the ops that they stand for, checked against them at every run

So no number comes from a second implementation of a layer's mathematics, and an op that has no
words in the catalogues is still explained by its record's formula and its numbers.
"""

import sys
from types import ModuleType
from typing import Any

from chainrule.explain.api import Options, explain
from chainrule.explain.document import Report
from chainrule.explain.grade import Finding, Grade
from chainrule.explain.report import Checks, Content, Message, Section, Statement
from chainrule.explain.runs import explain_run
from chainrule.explain.sheets import Worksheet, compare, worksheet
from chainrule.explain.written import Formulas, formulas

__all__ = [
    "Checks",
    "Content",
    "Finding",
    "Formulas",
    "Grade",
    "Message",
    "Options",
    "Report",
    "Section",
    "Statement",
    "Worksheet",
    "compare",
    "explain",
    "explain_run",
    "formulas",
    "worksheet",
]


class _Callable(ModuleType):
    """This package as the function of its name: Python puts the package where `cr.explain` is."""

    def __call__(self, *args: Any, **options: Any) -> Report:
        return explain(*args, **options)


sys.modules[__name__].__class__ = _Callable
