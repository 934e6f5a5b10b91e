"""How a layer lays out the data: its outputs in two dimensions, by PCA or t-SNE."""

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import DataError, OptionError, import_extra, unknown
from chainrule.settings import count as checked_count
from chainrule.train.inference import true_ids
from chainrule.vis import canvas
from chainrule.vis.layers import has_weights, layer_of, output_of, titled
from chainrule.vis.subject import Subject
from chainrule.writing import StrPath

_METHODS = ("pca", "tsne")
_NARROW = 50


def layer_outputs(model: Any, data: Any, layer: str) -> np.ndarray:
    """What a layer gives for each sample, as rows.

    Args:
        model: a model or a run.
        data: a Dataset; of a run, None for its test part.
        layer: its path; '' for the model's own output.

    Shape: (samples, features)

    Raises:
        OptionError: no such layer.
        ShapeError, DataError: data that does not fit.

    >>> net = nn.Sequential(nn.Linear(2, 5), nn.ReLU())
    >>> layer_outputs(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), "1").shape
    (2, 5)
    """
    subject = Subject.of(model)
    rows = []
    for _, x in subject.batches(subject.samples(data)):
        with subject.ready() as net:
            rows.append(np.asarray(output_of(net, layer, x)).reshape(len(x), -1))
    return np.concatenate(rows)


def principal_components(rows: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the directions in which they differ most, and the share of variance of each.

    With the centred rows U S V', their places are U S and the shares S^2 / sum(S^2). Each direction
    points to where its entry of largest size is positive.

    Shape: (samples, features) gives (samples, count) and (count,).

    Raises:
        OptionError: more directions than samples or features.

    >>> places, shares = principal_components(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), 1)
    >>> places.round(3).tolist(), shares.tolist()
    ([[-1.414], [0.0], [1.414]], [1.0])
    """
    checked_count("principal_components", "count", count)
    if count > min(rows.shape):
        raise OptionError(
            f"count is {count}, and the rows have shape {rows.shape}; expected at most "
            f"{min(rows.shape)}."
        )
    centred = np.asarray(rows, np.float64) - rows.mean(axis=0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(right).argmax(axis=1)
    signs = np.where(right[np.arange(len(right)), largest] < 0, -1.0, 1.0)
    total = np.square(sizes).sum()
    shares = np.square(sizes) / (total or 1.0)
    return (left * sizes * signs)[:, :count], shares[:count]


def t_sne(rows: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Rows in a plane where near ones stay near; distances between clusters say nothing.

    By scikit-learn's TSNE (the extra `learn`), after the 50 first principal components where there
    are more features.

    Shape: (samples, features) gives (samples, 2).

    Raises:
        MissingExtraError: scikit-learn is not installed.
        DataError: fewer than 4 rows.

    Reference: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.
    """
    if len(rows) < 4:
        raise DataError(f"t-SNE needs 4 rows or more, got {len(rows)}. Use PCA.")
    manifold = import_extra("sklearn.manifold", extra="learn", purpose="t-SNE")
    narrow = rows
    if rows.shape[1] > _NARROW and len(rows) > _NARROW:
        narrow, _ = principal_components(rows, _NARROW)
    perplexity = min(30.0, (len(rows) - 1) / 3)
    # scikit-learn takes seeds of 32 bits.
    made = manifold.TSNE(2, init="pca", perplexity=perplexity, random_state=seed % 2**32)
    # Threads that wait for one another at each of a thousand short steps cost more than they give.
    with import_extra("threadpoolctl", extra="learn", purpose="t-SNE").threadpool_limits(1):
        return np.asarray(made.fit_transform(np.asarray(narrow, np.float32)))


def embedding(
    model: Any,
    data: Any = None,
    layer: str | None = None,
    *,
    method: str = "pca",
    samples: int = 1000,
    seed: int = 0,
    path: StrPath | None = None,
) -> Any:
    """Draw the data as a layer lays it out, a dot for each sample in the colour of its class.

    Args:
        model: a model or a run.
        data: a Dataset; of a run, by default its test part.
        layer: its path; by default the one that the last layer with weights takes its input from.
        method: "pca", or "tsne" (which needs scikit-learn).
        samples: how many at most, spread over the data.
        seed: of t-SNE.
        path: a file to write: .png, .svg or .pdf.

    Raises:
        OptionError: no such layer or method.
        ShapeError, DataError: data that does not fit.
        MissingExtraError: Matplotlib or scikit-learn is not installed.
    """
    if method not in _METHODS:
        raise unknown("method", method, _METHODS)
    subject = Subject.of(model)
    whole = subject.samples(data)
    part = whole[spread(len(whole), samples)]
    place = _before_last(subject, part) if layer is None else layer
    rows = layer_outputs(subject, part, place)
    if method == "pca":
        places, shares = principal_components(rows)
        labels = [f"component {i + 1}, {share:.0%} of variance" for i, share in enumerate(shares)]
    else:
        places, labels = t_sne(rows, seed=seed), ["t-SNE, first", "t-SNE, second"]
    figure, ((axes,),) = canvas.panels(1, 1, (6.6, 5.4))
    _scatter(figure, axes, places, part)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_title(f"{len(part):,} samples as layer {titled(subject.model, place)} sees them")
    return canvas.finished(figure, path)


def spread(count: int, wanted: int) -> np.ndarray:
    """Places of at most so many samples, evenly over all: data may stand sorted by class.

    >>> spread(10, 3)
    array([0, 4, 9])
    """
    checked_count("samples", "samples", wanted)
    return np.linspace(0, count - 1, min(count, wanted)).astype(np.int64)


def _scatter(figure: Any, axes: Any, places: np.ndarray, data: Any) -> None:
    if not data.classes:
        targets = data.y.reshape(len(data), -1)[:, 0]
        dots = axes.scatter(*places.T, c=targets, cmap=canvas.AMOUNT, s=10)
        figure.colorbar(dots, ax=axes, label="target")
        return
    ids = true_ids(data.y)
    count = len(data.classes)
    colours = "tab10" if count <= 10 else "tab20" if count <= 20 else canvas.AMOUNT
    top = {"tab10": 9, "tab20": 19}.get(colours, count - 1)
    dots = axes.scatter(*places.T, c=ids, cmap=colours, vmin=0, vmax=top, s=10)
    if count <= 20:
        for number, name in enumerate(data.classes):
            axes.scatter([], [], color=dots.to_rgba(number), s=20, label=name)
        figure.legend(loc="outside right upper", title="class")
    else:
        figure.colorbar(dots, ax=axes, label="number of the class")


def _before_last(subject: Subject, data: Any) -> str:
    """The layer that feeds the last one with weights, or the model's output where there is none."""
    _, x = next(subject.batches(data))
    with subject.ready() as net:
        ran = list(nn.outputs_by_layer(net, x[:1]))
        weighted = [i for i, path in enumerate(ran) if has_weights(layer_of(net, path))]
    return ran[weighted[-1] - 1] if weighted and weighted[-1] > 0 else ""
