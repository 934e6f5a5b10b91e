"""A net that learns 300 and 600 digits by heart, and what each remedy does for unseen ones.

    python examples/overfitting.py [FOLDER] [--quick]

The same net, optimizer and number of passes; one remedy at a time. Early stopping holds back a
fifth of the images to decide by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import experiment
import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, train

NONE = "no remedy"
HIDDEN = (100, 100, 100)


@dataclass(frozen=True)
class Remedy:
    """What is changed: options of `fit`, dropout, noise on the images, or early stopping."""

    options: Mapping[str, Any] = field(default_factory=dict)
    dropout: float = 0.0
    noise: float = 0.0
    patience: int = 0


REMEDIES = {
    NONE: Remedy(),
    "L1": Remedy({"l1": 1e-4}),
    "L2": Remedy({"l2": 1e-2}),
    "weight decay": Remedy({"optimizer": optim.AdamW(lr=1e-3, weight_decay=1.0)}),
    "max-norm": Remedy({"max_norm": 1.0}),
    "dropout": Remedy(dropout=0.3),
    "noise": Remedy(noise=0.5),
    "mixup": Remedy({"mixup": 0.2}),
    "label smoothing": Remedy({"loss": "cross_entropy(label_smoothing=0.1)"}),
    "early stopping": Remedy(patience=5),
}


class Outcome(NamedTuple):
    """Accuracy on the training images and on the test set, and the test set's cross-entropy."""

    known: float
    accuracy: float
    loss: float


Numbers = dict[int, dict[str, Outcome]]
"""By number of images and by remedy, the mean over the starts."""


def measure(quick: bool = False) -> Numbers:
    images, test = data.mnist()
    test = test[:2000] if quick else test
    starts, epochs = (1, 25) if quick else (3, 100)
    return {
        count: {
            name: mean([learn(remedy, images[:count], test, epochs, s) for s in range(starts)])
            for name, remedy in REMEDIES.items()
        }
        for count in ((150, 300) if quick else (300, 600))
    }


def mean(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(*np.mean(outcomes, axis=0).tolist())


def learn(
    remedy: Remedy, images: data.Dataset, test: data.Dataset, epochs: int, seed: int
) -> Outcome:
    net = models.mlp(784, 10, hidden=HIDDEN, dropout=remedy.dropout)
    if remedy.noise:
        net = nn.Sequential(nn.GaussianNoise(remedy.noise), *net)
    options: dict[str, Any] = {"optimizer": optim.Adam(lr=1e-3), **remedy.options}
    learnt = images
    if remedy.patience:
        learnt, held_back = images.split(0.2, seed=seed)
        options["validation"] = held_back
        options["callbacks"] = [train.EarlyStopping(patience=remedy.patience)]
    run = cr.fit(net, learnt, epochs=epochs, batch_size=50, seed=seed, show=False, **options)
    logits = run.outputs(test.x)
    return Outcome(
        known=float(np.mean(run.predict(images.x) == images.y)),
        accuracy=float(np.mean(logits.argmax(axis=1) == test.y)),
        loss=float(nn.cross_entropy(logits, test.y)),
    )


def finding(numbers: Numbers) -> experiment.Finding:
    count, outcomes = next(iter(numbers.items()))
    plain = outcomes[NONE]
    best = max(outcomes, key=lambda name: outcomes[name].accuracy)
    surest = min(outcomes, key=lambda name: outcomes[name].loss)
    more, again = list(numbers.items())[-1]
    better = [name for name in outcomes if outcomes[name].loss < plain.loss]
    return (
        f"Without a remedy the net knows {plain.known:.1%} of {count} training images and "
        f"{plain.accuracy:.1%} of the test images; most gains {best} "
        f"({outcomes[best].accuracy:.1%}).",
        f"The test loss, which punishes being surely wrong, falls from {plain.loss:.2f} with "
        f"{len(better)} of {len(outcomes) - 1} remedies, most with {surest} "
        f"({outcomes[surest].loss:.2f}); {more} images without any remedy have "
        f"{again[NONE].accuracy:.1%} and {again[NONE].loss:.2f}.",
    )


def draw(numbers: Numbers) -> Any:
    figure, (axes,) = experiment.panels(1, 2, size=(12, 5), sharey=True)
    rows = np.arange(len(REMEDIES))
    for place, (count, outcomes) in enumerate(numbers.items()):
        for panel, what in zip(axes, ("accuracy", "loss"), strict=True):
            values = [getattr(outcomes[name], what) for name in REMEDIES]
            panel.plot(values, rows, "os"[place], label=f"{count} training images")
            panel.axvline(values[0], color=f"C{place}", linestyle=":")
            panel.grid(axis="y", color="0.9")
    axes[0].set_yticks(rows, list(REMEDIES))
    axes[0].invert_yaxis()
    axes[0].set_xlabel("test accuracy (dotted: no remedy)")
    axes[1].set_xlabel("test loss (dotted: no remedy)")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
