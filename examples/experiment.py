"""What the experiments in this folder share: their command line and the frame of their figures.

An experiment is a program with three functions: `measure(quick=False)` does it and gives its
numbers, `finding(numbers)` says in two sentences what they show, and `draw(numbers)` makes a
figure. They run as

    python examples/NAME.py [FOLDER] [--quick]

which prints the finding and writes FOLDER/NAME.png, here if no folder is given. The quick form
takes seconds; its numbers are rougher and show the same.
"""

import argparse
import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chainrule.errors import MissingExtraError, import_extra

Finding = tuple[str, str]
"""Two sentences; the first is also the figure's title."""


def run(
    program: str,
    measure: Callable[..., Any],
    finding: Callable[[Any], Finding],
    draw: Callable[[Any], Any],
    arguments: Sequence[str] | None = None,
) -> Any:
    """Do an experiment as its command line asks, and give its numbers.

    `program` is the file of the experiment, and `arguments` are those of the command line.
    """
    name = Path(program).stem
    parser = argparse.ArgumentParser(prog=f"{name}.py")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where figures go")
    parser.add_argument("--quick", action="store_true", help="a few seconds, rougher numbers")
    options = parser.parse_args(arguments)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"{options.folder} cannot be the folder of the figure: {error}")
    try:
        numbers = measure(quick=options.quick)
    except MissingExtraError as error:
        parser.error(str(error))
    sentences = finding(numbers)
    print(*sentences, sep="\n")
    try:
        figure = draw(numbers)
    except MissingExtraError as error:
        print(error)
        return numbers
    characters = int(figure.get_figwidth() * 10)
    figure.suptitle(textwrap.fill(sentences[0], characters), fontsize=11)
    print(f"figure: {save(figure, options.folder / f'{name}.png')}")
    return numbers


def save(figure: Any, path: Path) -> Path:
    """Write a figure, whole or not at all, in 256 colours: so it has a third of the bytes."""
    pillow = import_extra("PIL.Image", extra="plot", purpose="the figure")
    drawn, partial = io.BytesIO(), path.with_suffix(".part")
    figure.savefig(drawn, format="png", dpi=80)
    pillow.open(drawn).convert("RGB").quantize(256, dither=0).save(partial, "png", optimize=True)
    partial.replace(path)
    return path


def panels(rows: int, columns: int, **options: Any) -> tuple[Any, Any]:
    """A Matplotlib figure of so many panels, and the array of them: (rows, columns).

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    figures = import_extra("matplotlib.figure", extra="plot", purpose="the figure")
    size = options.pop("size", (4.8 * columns, 3.8 * rows))
    figure = figures.Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)
