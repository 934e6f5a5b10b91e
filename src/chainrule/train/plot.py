"""The history of a run as a picture."""

import importlib.util
from pathlib import Path
from typing import Any

from chainrule.errors import DataError, import_extra
from chainrule.train.folder import write_whole

PLOT = "history.png"


def plot_history(history: list[dict[str, Any]], path: str | Path | None = None) -> Any:
    """Loss, and accuracy where there is one, by epoch; a Matplotlib figure.

    The format of `path` follows its ending: .png, .svg, .pdf.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        DataError: no epoch is finished yet.
    """
    if not history:
        raise DataError("there is nothing to plot: no epoch is finished yet.")
    figures = import_extra("matplotlib.figure", extra="plot", purpose="plotting")
    panels = ["loss"] + ["accuracy"] * (history[0].get("accuracy") is not None)
    figure = figures.Figure(figsize=(5 * len(panels), 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for column, label in ((name, "training"), (f"val_{name}", "validation")):
            if history[0].get(column) is not None:
                axes.plot(epochs, [row[column] for row in history], marker="o", label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return kept(figure, path)


def kept(figure: Any, path: str | Path | None) -> Any:
    """A Matplotlib figure, written to `path` if there is one, in the format of its ending.

    Raises:
        RunError: it cannot be written.
    """
    if path is not None:
        target = Path(path)
        kind = target.suffix.lstrip(".") or "png"
        write_whole(target, lambda file: figure.savefig(file, format=kind, dpi=120))
    return figure


def plot_if_possible(history: list[dict[str, Any]], folder: Path) -> None:
    """Draw the history into a run folder where Matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is not None:
        plot_history(history, folder / PLOT)
