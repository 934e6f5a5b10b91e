"""What the compiler's generated tests ran, printed as one line at the end."""

from collections import Counter

import pytest

from chainrule.ops.table import OPS


class Figures:
    """How many cases of each op were compiled."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()

    def count(self, name: str, cases: int) -> None:
        self.cases[name] += cases

    def __str__(self) -> str:
        native = sum(OPS[name].emit is not None for name in self.cases)
        return (
            f"compiler: {len(self.cases)} ops in {self.cases.total():,} cases, {native} of them "
            "as machine code, the others by the interpreter"
        )


_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(request):
    return request.config.stash.setdefault(_FIGURES, Figures())


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(_FIGURES, None)
    if figures is not None:
        terminalreporter.write_line(str(figures))
