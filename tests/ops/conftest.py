"""What the generated op tests found, printed as one line at the end of the run."""

from dataclasses import dataclass, field

import pytest


@dataclass
class Figures:
    """Counts and largest errors over all generated tests."""

    ops: set[str] = field(default_factory=set)
    cases: int = 0
    derivatives: int = 0
    worst: dict[str, float] = field(default_factory=dict)

    def error(self, referee: str, relative: float) -> float:
        """Note an error against a referee and hand it back."""
        self.worst[referee] = max(self.worst.get(referee, 0.0), relative)
        return relative


_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(request):
    return request.config.stash.setdefault(_FIGURES, Figures())


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(_FIGURES, None)
    if figures is None:
        return
    errors = ", ".join(f"{name} {worst:.1e}" for name, worst in figures.worst.items())
    terminalreporter.write_line(
        f"op table: {len(figures.ops)} ops, {figures.cases:,} cases, "
        f"{figures.derivatives:,} derivatives; largest relative error: {errors}"
    )
