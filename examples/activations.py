"""Every activation function with its derivative: a table, and a figure made from the same records.

    python examples/activations.py [FOLDER]

prints the table and, where Matplotlib is installed, writes FOLDER/activations.png (here if no
folder is given). The curves are the layers' own values, and the derivatives come from reverse mode.
"""

import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.errors import MissingExtraError, import_extra
from chainrule.nn import catalogue

COLUMNS = 4
REACH = 4.0
"""The figure shows x from minus this to this."""


def draw(path: Path) -> None:
    """One small plot for each activation."""
    pyplot = import_extra("matplotlib.pyplot", extra="plot", purpose="the figure")
    names = catalogue.names()
    rows = -(-len(names) // COLUMNS)
    figure, grid = pyplot.subplots(
        rows, COLUMNS, figsize=(3 * COLUMNS, 2.6 * rows), layout="constrained"
    )
    x = np.linspace(-REACH, REACH, 801)
    for name, axes in zip(names, grid.flat, strict=False):
        curve = catalogue.curve(name)
        value = cr.tensor(curve(x)).numpy()
        slope = cr.tensor(cr.grad(lambda x, curve=curve: cr.sum(curve(x)))(x)).numpy()
        for kinks, style, label in ((value, "-", "f(x)"), (slope, "--", "f'(x)")):
            # A jump is left open, not drawn as a steep line.
            line = np.where(np.abs(np.diff(kinks, prepend=kinks[0])) > 0.2, np.nan, kinks)
            axes.plot(x, line, style, label=label)
        axes.set_title(f"{name}  {catalogue.ACTIVATIONS[name].range}", fontsize=10)
        axes.set_ylim(max(value.min(), -2.5) - 0.3, min(max(value.max(), 1.2), 2.5) + 0.3)
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    print(catalogue.table())
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        draw(folder / "activations.png")
    except MissingExtraError as error:
        print(error)
    else:
        print(f"\nfigure: {folder / 'activations.png'}")


if __name__ == "__main__":
    main()
