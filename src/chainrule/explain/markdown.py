"""A report as Markdown, with formulas in dollar signs as most readers set them."""

from collections.abc import Iterator

from chainrule.explain.formula import Formula
from chainrule.explain.report import Content, Statement
from chainrule.explain.wording import blank_line, is_printed, printed, summary, verdict, worked_line
from chainrule.explain.words import Words


def write_markdown(content: Content, words: Words, detail: str) -> str:
    """The whole report."""
    lines = [f"# {words.say(content.title)}", ""]
    for section, statements in content.shown(detail):
        if not statements:
            continue
        lines += [f"## {words.say(section.title)}", ""]
        if detail != "brief":
            lines += [part for m in section.words for part in (words.say(m), "")]
        for statement in statements:
            lines += _statement(statement, content, words, detail)
    if not content.blanks:
        lines += [f"## {words['section.check']}", ""]
    lines += [part for sentence in verdict(content, words) for part in (sentence, "")]
    return "\n".join(lines)


def _statement(statement: Statement, content: Content, words: Words, detail: str) -> Iterator[str]:
    symbol = Formula.of(statement.symbol).latex
    formula = f" = {Formula.of(statement.formula).latex}" if statement.formula else ""
    where = f"  (`{statement.where}`)" if statement.where else ""
    yield from (f"$${symbol}{formula}$${where}", "")
    if detail != "brief":
        said = " ".join(words.say(message) for message in statement.words)
        if statement.shapes:
            said = f"{statement.shapes}. {said}"
        if said:
            yield from (said.strip(), "")
        if statement.worked:
            line = worked_line(statement.symbol, statement.worked, words)
            yield from (f"$${line.left.latex} = {line.middle.latex} = {line.right.latex}$$", "")
    yield from _value(statement, content, words)


def _value(statement: Statement, content: Content, words: Words) -> Iterator[str]:
    if statement.blank:
        yield from (blank_line(statement).replace("_", r"\_"), "")
        return
    if not is_printed(statement.value):
        yield from (f"{words['value']}: {summary(statement.value, content.digits, words)}", "")
        return
    rows = printed(statement.value, min(content.digits, 6))
    if len(rows) == 1 and len(rows[0]) == 1:
        number = printed(statement.value, content.digits)[0][0]
        yield from (f"{words['value']}: {number}", "")
        return
    yield from ("    " + "  ".join(row) for row in rows)
    yield ""
