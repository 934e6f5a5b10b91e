"""How far optimizers and schedules are from their referees, printed as one line at the end."""

from dataclasses import dataclass, field

import pytest


@dataclass
class Figures:
    """The largest relative difference of each part, by its kind."""

    worst: dict[str, dict[str, float]] = field(
        default_factory=lambda: {"optimizers": {}, "schedules": {}}
    )

    def error(self, kind: str, part: str, relative: float) -> float:
        """Note a difference and hand it back."""
        known = self.worst[kind]
        known[part] = max(known.get(part, 0.0), relative)
        return relative


_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(request):
    return request.config.stash.setdefault(_FIGURES, Figures())


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(_FIGURES, None)
    for kind, parts in figures.worst.items() if figures is not None else ():
        if parts:
            largest = ", ".join(f"{name} {worst:.0e}" for name, worst in parts.items())
            terminalreporter.write_line(
                f"{len(parts)} {kind} against their referees, largest relative difference: "
                f"{largest}"
            )
