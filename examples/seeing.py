"""Train a small convolutional net on MNIST, and look into it: the pictures of `docs/seeing.md`.

    python examples/seeing.py [FOLDER] [--samples 30000] [--epochs 5]

As it stands it trains on 500 images, for a few seconds, and writes FOLDER/seeing_*.png, here if
no folder is given. With more images the net, and so its pictures, are better.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import experiment

import chainrule as cr
from chainrule import nn, optim, vis
from chainrule.errors import MissingExtraError


def net() -> nn.Sequential:
    """Three convolutions, the first with kernels large enough to be looked at, and their means.

    What the maps of the last one hold goes to the outputs by their means alone, so that Grad-CAM
    shows all that an output rests on.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.GlobalAvgPool(),
        nn.Linear(32, 10),
    )


def trained(train: cr.data.Dataset, test: cr.data.Dataset, epochs: int) -> cr.Run:
    """A run on these images. Weight decay fades what the filters do not need."""
    return cr.fit(
        net(),
        train,
        validation=test,
        optimizer=optim.AdamW(lr=3e-3, weight_decay=0.5),
        epochs=epochs,
        show=False,
    )


def pictures(run: cr.Run, test: cr.data.Dataset) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each picture's name, and how it is drawn."""
    seven = test.x[0]
    yield "filters", lambda: vis.filters(run, before=vis.initial_weights(run))
    yield "maps", lambda: vis.maps(run, seven)
    yield "patches", lambda: vis.patches(run, test[:2000], "3", count=6)
    yield "occlusion", lambda: vis.occlusion(run, seven)
    yield "saliency", lambda: vis.saliency(run, seven, noise=0.15)
    yield "integrated", lambda: vis.integrated(run, seven)
    yield "gradcam", lambda: vis.gradcam(run, seven)
    yield "maximise", lambda: vis.maximise(run)
    yield "embedding", lambda: vis.embedding(run, test)
    yield "confusion", lambda: vis.confusion(run)
    yield "mistakes", lambda: vis.mistakes(run, count=10)
    yield "surface", lambda: vis.surface(run, points=9, samples=100)
    yield "curves", lambda: vis.curves(run)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where pictures go")
    parser.add_argument("--samples", type=int, default=500, help="images to train on")
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    train, test = (part[: options.samples] for part in cr.data.load("mnist", flatten=False))
    run = trained(train, test, options.epochs)
    print(f"{run.history[-1]['val_accuracy']:.2%} of the test images are right")
    try:
        for name, draw in pictures(run, test):
            print(experiment.save(draw(), options.folder / f"seeing_{name}.png"))
    except MissingExtraError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
