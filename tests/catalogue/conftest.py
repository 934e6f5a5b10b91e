"""How far activations, losses and norms are from their referees: a table at the end of the run."""

import pytest

_ROWS = pytest.StashKey[dict[tuple[str, str, str], dict[str, float]]]()
_COLUMNS = ("values", "gradients", "second order")


@pytest.fixture(scope="session")
def note(request):
    """Note the largest relative difference of a part in a column of the table."""
    rows = request.config.stash.setdefault(_ROWS, {})

    def noted(kind: str, part: str, referee: str, column: str, difference: float) -> float:
        row = rows.setdefault((kind, part, referee), {})
        row[column] = max(row.get(column, 0.0), difference)
        return difference

    return noted


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(_ROWS, None)
    if not rows:
        return
    whole = any("catalogue" in str(argument) for argument in config.args)
    largest = max(max(row.values()) for row in rows.values())
    terminalreporter.write_line(
        f"catalogue: {len(rows)} activations, losses and norms; largest relative difference to "
        f"their referees {largest:.0e}" + ("" if whole else " (pytest tests/catalogue: the table)")
    )
    if not whole:
        return
    width = max(len(part) for _, part, _ in rows)
    head = f"{'':10}  {'part':{width}}  {'referee':8}" + "".join(f"  {c:>12}" for c in _COLUMNS)
    terminalreporter.write_line(head)
    for (kind, part, referee), row in rows.items():
        cells = "".join(f"  {row[c]:12.0e}" if c in row else f"  {'':12}" for c in _COLUMNS)
        terminalreporter.write_line(f"{kind:10}  {part:{width}}  {referee:8}{cells}".rstrip())
