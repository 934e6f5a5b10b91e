r"""A report as a LaTeX document that compiles with pdfLaTeX, XeLaTeX and LuaLaTeX."""

import textwrap
from collections.abc import Iterator

from chainrule.explain.formula import Formula
from chainrule.explain.report import Content, Statement
from chainrule.explain.wording import blank_line, is_printed, printed, summary, verdict, worked_line
from chainrule.explain.words import Words

_HEAD = r"""\documentclass[11pt,a4paper]{article}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[utf8]{inputenc}
  \usepackage[T1]{fontenc}
\else
  \usepackage{fontspec}
  %(chinese)s
\fi
\usepackage{amsmath,amssymb}
\usepackage[margin=22mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5ex plus 0.2ex}
\allowdisplaybreaks
\newcommand{\where}[1]{\hfill{\footnotesize\texttt{#1}}}
\begin{document}
"""
_CHINESE = r"""\IfFontExistsTF{Noto Serif CJK SC}{\setmainfont{Noto Serif CJK SC}}{%
    \IfFontExistsTF{Source Han Serif SC}{\setmainfont{Source Han Serif SC}}{%
    \IfFontExistsTF{SimSun}{\setmainfont{SimSun}}{%
    \IfFontExistsTF{WenQuanYi Zen Hei}{\setmainfont{WenQuanYi Zen Hei}}{%
    \IfFontExistsTF{Songti SC}{\setmainfont{Songti SC}}{}}}}}
  \XeTeXlinebreaklocale "zh"
  \XeTeXlinebreakskip = 0pt plus 1pt"""
_ESCAPES = str.maketrans(
    {
        **{sign: rf"\{sign}" for sign in "#$%&_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "∘": r"$\odot$",
        "Δ": r"$\Delta$",
        "ℓ": r"$\ell$",
        "θ": r"$\theta$",
        "η": r"$\eta$",
        "Σ": r"$\Sigma$",
        "σ": r"$\sigma$",
    }
)


def write_paper(content: Content, words: Words, detail: str) -> str:
    """The whole report."""
    lines = [_HEAD % {"chinese": _CHINESE if words.language == "zh" else ""}]
    lines += [rf"\section*{{{_escaped(words.say(content.title))}}}"]
    for section, statements in content.shown(detail):
        if not statements:
            continue
        lines.append(rf"\subsection*{{{_escaped(words.say(section.title))}}}")
        if detail != "brief":
            lines += [_escaped(words.say(message)) + "\n" for message in section.words]
        for statement in statements:
            lines += _statement(statement, content, words, detail)
    if not content.blanks:
        lines.append(rf"\subsection*{{{_escaped(words['section.check'])}}}")
    lines += [_escaped(sentence) + "\n" for sentence in verdict(content, words)]
    return "\n".join([*lines, r"\end{document}", ""])


def _statement(statement: Statement, content: Content, words: Words, detail: str) -> Iterator[str]:
    symbol = Formula.of(statement.symbol).latex
    formula = rf" = {Formula.of(statement.formula).latex}" if statement.formula else ""
    where = rf" \where{{{_escaped(statement.where)}}}" if statement.where else ""
    yield rf"\medskip\noindent $\displaystyle {symbol}{formula}$ {where}"
    yield ""
    if detail != "brief":
        if statement.shapes:
            yield rf"{{\small {_escaped(statement.shapes)}}}"
            yield ""
        said = " ".join(_escaped(words.say(message)) for message in statement.words)
        if said:
            yield said
            yield ""
        if statement.worked:
            line = worked_line(statement.symbol, statement.worked, words)
            yield (
                rf"{{\raggedright $ {line.left.latex} = {line.middle.latex} = "
                rf"{line.right.latex} $\par}}"
            )
            yield ""
    yield from _value(statement, content, words)


def _value(statement: Statement, content: Content, words: Words) -> Iterator[str]:
    if statement.blank:
        yield _escaped(blank_line(statement))
    elif not is_printed(statement.value):
        text = summary(statement.value, content.digits, words)
        yield rf"{{\small {_escaped(words['value'])}: {_escaped(text)}}}"
    else:
        rows = printed(statement.value, min(content.digits, 5))
        if len(rows) == 1 and len(rows[0]) == 1:
            rows = printed(statement.value, content.digits)
        yield r"{\small\raggedright"
        for row in rows:
            text = ",\\ ".join(f"${number}$" for number in row)
            yield from textwrap.wrap(text, 95, break_long_words=False, break_on_hyphens=False)
            yield r"\par"
        yield "}"
    yield ""


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
