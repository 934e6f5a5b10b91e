"""What a classifier takes for what: the confusion matrix, and its worst mistakes."""

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import DataError, OptionError
from chainrule.settings import count as checked_count
from chainrule.train import Run
from chainrule.train.inference import true_ids
from chainrule.vis import canvas
from chainrule.vis.subject import Subject, check_run
from chainrule.writing import StrPath

_COUNTED = 20


class Mistake(NamedTuple):
    """A sample that was taken for another class.

    `sample` is its place in the data, `truth` and `taken_for` are ids of classes; `probability` is
    that of the class it was taken for, `truth_probability` that of its own.
    """

    sample: int
    truth: int
    taken_for: int
    probability: float
    truth_probability: float


def worst_mistakes(run: Run, data: Any = None, count: int = 25) -> list[Mistake]:
    """The mistakes that the run is surest of: those with the least probability of the truth first.

    Args:
        run: what `fit`, `load_run` or `resume` gave, of a classifier.
        data: a Dataset or a pair (x, y); by default what it was validated on, or its test part.
        count: how many at most; there may be fewer.

    Raises:
        DtypeError: it is no run.
        OptionError: the run predicts numbers.
        ShapeError, DataError: data that does not fit.
    """
    checked_count("worst_mistakes", "count", count)
    subject = _classifier(run)
    samples = subject.samples(data)
    shares = run.predict_proba(samples)
    truths, taken = true_ids(samples.y), shares.argmax(axis=1)
    rows = np.arange(len(shares))
    own = shares[rows, truths]
    wrong = np.flatnonzero(taken != truths)
    worst = wrong[np.argsort(own[wrong], kind="stable")][:count]
    return [
        Mistake(int(i), int(truths[i]), int(taken[i]), float(shares[i, taken[i]]), float(own[i]))
        for i in worst
    ]


def _classifier(run: Any) -> Subject:
    if not check_run(run).info.classes:
        raise OptionError("only a classifier has mistakes to show; this run predicts numbers.")
    return Subject.of(run)


def mistakes(run: Run, data: Any = None, *, count: int = 25, path: StrPath | None = None) -> Any:
    """Draw the mistakes that a run is surest of, each with its class and what it was taken for.

    Args:
        run: a run of a classifier of pictures.
        data: a Dataset or a pair (x, y); by default what it was validated on, or its test part.
        count: how many at most.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        DtypeError: it is no run.
        OptionError: the run predicts numbers.
        DataError: it makes no mistake on this data.
        ShapeError: the samples are no pictures.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = _classifier(run)
    samples = subject.samples(data)
    found = worst_mistakes(run, samples, count)
    if not found:
        raise DataError(
            f"the run makes no mistake on the {len(samples):,} samples of {samples.name!r}: there "
            "is nothing to show. Give other data."
        )
    columns = canvas.columns_for(len(found))
    rows = math.ceil(len(found) / columns)
    figure, grid = canvas.panels(rows, columns, (1.75 * columns, 2.0 * rows + 0.6))
    for axes in grid.reshape(-1)[len(found) :]:
        axes.set_axis_off()
    for axes, mistake in zip(grid.reshape(-1), found, strict=False):
        picture = subject.look(samples.x[mistake.sample]).picture
        truth, taken = subject.name(mistake.truth), subject.name(mistake.taken_for)
        canvas.draw_picture(axes, picture)
        surely = f"{mistake.probability:.0%}, sample {mistake.sample}"
        axes.set_title(f"{truth}, taken for {taken}\n{surely}", fontsize=8)
    canvas.entitle(figure, f"the {len(found)} worst mistakes of {len(samples):,} samples")
    return canvas.finished(figure, path)


def confusion(run: Run, data: Any = None, *, path: StrPath | None = None) -> Any:
    """Draw the confusion matrix: rows are the truth, columns what it was taken for.

    Colours show the mistakes alone, as a share of their class: beside the right answers they would
    all look like nothing. Up to twenty classes the counts stand in the cells.

    Args:
        run: a run of a classifier.
        data: a Dataset or a pair (x, y); by default what it was validated on, or its test part.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        DtypeError: it is no run.
        OptionError: the run predicts numbers.
        ShapeError, DataError: data that does not fit.
        MissingExtraError: Matplotlib is not installed.
    """
    subject = _classifier(run)
    samples = subject.samples(data)
    counts = np.asarray(run.evaluate(samples).confusion)
    names = run.info.classes
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * counts / np.where(totals, totals, 1)
    np.fill_diagonal(shares, np.nan)
    side = min(12.0, 3.0 + 0.5 * len(names))
    figure, ((axes,),) = canvas.panels(1, 1, (side + 1, side))
    axes.set_facecolor("0.92")
    top = float(np.nanmax(shares, initial=0.0)) or 1.0
    image = axes.imshow(shares, cmap="Oranges", vmin=0, vmax=top, interpolation="nearest")
    if len(names) <= _COUNTED:
        _write_counts(axes, counts, shares / top)
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=axes, label="mistakes, % of the class", shrink=0.8)
    axes.set(xlabel="taken for", ylabel="truth")
    accuracy = np.trace(counts) / counts.sum()
    axes.set_title(f"{samples.name}: {accuracy:.2%} right of {len(samples):,} samples")
    return canvas.finished(figure, path)


def _write_counts(axes: Any, counts: np.ndarray, depth: np.ndarray) -> None:
    """The counts in their cells, white where the colour is dark."""
    for (row, column), number in np.ndenumerate(counts):
        if number:
            dark = row != column and depth[row, column] > 0.6
            colour = "white" if dark else "0.35" if row == column else "black"
            axes.text(
                column, row, f"{number:,}", ha="center", va="center", fontsize=7, color=colour
            )


def curves(run: Run, *, path: StrPath | None = None) -> Any:
    """Draw loss and accuracy by epoch, of training and of validation; see `Run.plot`.

    Raises:
        DataError: no epoch is finished yet.
        OptionError: the file's ending is none of .png, .svg and .pdf.
        MissingExtraError: Matplotlib is not installed.
    """
    return canvas.finished(run.plot(), path)
