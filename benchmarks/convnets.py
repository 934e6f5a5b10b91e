"""Train convolutional nets on MNIST, and hold their test accuracy to what is expected of them.

Usage: python benchmarks/convnets.py [--model deep] [--epochs 20] [--seed 0] [--members 1]
           [--batch-size 100] [--lr 3e-3] [--schedule one_cycle] [--decay 0.999]
           [--augment "shift=2, rotate=10, zoom=0.1"] [--minutes 10] [--threads 2]
           [--hold-out 5000] [--out runs/convnets] [--json FILE]

What is left out is as the model's recipe has it; see RECIPES. Each member of an ensemble is a run
of its own, from a seed of its own, and their probabilities are averaged. The test pictures are seen
once, at the end; with --hold-out the last pictures of the training set stand for them and are not
trained on, which is how a recipe is chosen. Runs are kept: the same command goes on where it was
stopped. The exit status is 1 where the accuracy stays below the recipe's mark, or training was
stopped before its end.
"""

import argparse
import json
import zlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from options import positive
from report import machine, write_json

import chainrule as cr
from chainrule import models, optim
from chainrule.train import Callback, Run

CLASSES = 10


@dataclass(frozen=True)
class Recipe:
    """A model, how it is trained, and what is expected of it.

    Args:
        model: the name of a model that takes pictures.
        mark: the accuracy that is expected.
        epochs: over all training pictures.
        batch_size: samples in a batch.
        lr: the largest learning rate of Adam.
        schedule: see chainrule.optim.schedules; laid over all epochs.
        decay: of the moving average of the weights, which is what is tested; 0 for none.
        augment: see chainrule.data.as_augmentation; empty for none.
        members: runs from so many seeds, whose probabilities are averaged.
    """

    model: str
    mark: float
    epochs: int
    batch_size: int = 100
    lr: float = 3e-3
    schedule: str = "one_cycle"
    decay: float = 0.999
    augment: str = ""
    members: int = 1

    def optimizer(self) -> optim.Optimizer:
        adam = optim.Adam(lr=self.lr)
        return optim.EMA(adam, decay=self.decay) if self.decay else adam

    def folder(self, out: Path, seed: int) -> Path:
        """Where the run of a seed is kept: one that is made otherwise gets another name."""
        made = {k: v for k, v in asdict(self).items() if k not in ("mark", "members")}
        digest = zlib.crc32(json.dumps(made, sort_keys=True).encode())
        return out / f"{self.model}-{self.epochs}-seed{seed}-{digest:08x}"


_DEEP = Recipe("deep", mark=0.994, epochs=18, augment="shift=2, rotate=10, zoom=0.1")

RECIPES = {
    "cnn": Recipe("cnn", mark=0.988, epochs=10),
    "lenet": Recipe("lenet", mark=0.990, epochs=20, batch_size=64, augment="shift=1, rotate=8"),
    "deep": _DEEP,
    # Its first member is the deep net's own run.
    "ensemble": replace(_DEEP, mark=0.996, members=3),
}
_SETTINGS = tuple(field.name for field in fields(Recipe) if field.name not in ("model", "mark"))


class TimeLimit(Callback):
    """Ends training after the epoch in which so many seconds are used up."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_start(self, run: Run) -> None:
        self.on_epoch(run)

    def on_epoch(self, run: Run) -> None:
        if seconds_of(run) > self.seconds:
            run.stop(f"{self.seconds:.0f} seconds are used up")


def seconds_of(run: Run) -> float:
    """What its epochs took, those before an interruption included."""
    return sum(row["seconds"] for row in run.history)


def parts(held_out: int) -> tuple[cr.data.Dataset, cr.data.Dataset]:
    """What is trained on, and what is tested on."""
    pictures, test = cr.data.mnist(flatten=False)
    if not held_out:
        return pictures, test
    if held_out >= len(pictures):
        raise SystemExit(f"--hold-out {held_out}: give less than the {len(pictures)} there are.")
    return pictures[:-held_out], pictures[-held_out:]


def train(
    recipe: Recipe, seed: int, folder: Path, seconds: float, pictures: Any, **options: Any
) -> Run:
    """Begin a run, or go on with the one that the folder keeps."""
    limit = TimeLimit(seconds)
    if (folder / "config.json").exists():
        # The number of epochs, though it is the same, lets a run go on that was out of time.
        again = {"epochs": recipe.epochs, **options}
        return cr.resume(folder, pictures, callbacks=[limit], **again)
    return cr.fit(
        models.fitting(recipe.model, pictures),
        pictures,
        optimizer=recipe.optimizer(),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        schedule=recipe.schedule,
        augment=recipe.augment or None,
        seed=seed,
        callbacks=[limit],
        out=folder,
        **options,
    )


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def measure(recipe: Recipe, options: argparse.Namespace) -> tuple[list[dict[str, Any]], float]:
    """Train all members, as far as there is time; their figures, and the accuracy of them all."""
    pictures, test = parts(options.hold_out)
    out = options.out / f"held-out-{options.hold_out}" if options.hold_out else options.out
    total, rows, left = np.zeros((len(test), CLASSES)), [], options.minutes * 60
    for seed in range(options.seed, options.seed + recipe.members):
        if left <= 0:
            break
        folder = recipe.folder(out, seed)
        chosen = {"threads": options.threads, "compile": options.compile, "show": True}
        run = train(recipe, seed, folder, left, pictures, **chosen)
        left -= seconds_of(run)
        probabilities = run.predict_proba(test)
        total += probabilities
        rows.append(
            {
                "seed": seed,
                "epochs": run.epoch,
                "seconds": round(seconds_of(run), 1),
                "accuracy": accuracy(probabilities, test.y),
            }
        )
        print("  seed {seed}: {epochs} epochs, {seconds:.1f} s, {accuracy:.4f}".format(**rows[-1]))
        if run.interrupted:
            break
    return rows, accuracy(total, test.y)


def main() -> int:
    options = parse()
    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    recipe = replace(RECIPES[options.model], **given)
    print(f"{machine()}\n{recipe}", flush=True)
    rows, reached = measure(recipe, options)
    seconds = sum(row["seconds"] for row in rows)
    whole = len(rows) == recipe.members and all(row["epochs"] == recipe.epochs for row in rows)
    tested = "held-out" if options.hold_out else "test"
    missed = "" if reached >= recipe.mark else "  <- MISSED"
    print(
        f"{options.model}: {len(rows)} of {recipe.members} x {recipe.epochs} epochs, "
        f"seed {options.seed}{'' if whole else ', stopped before the end'}, {seconds:.0f} s, "
        f"{tested} accuracy {reached:.4f} (at least {recipe.mark}){missed}"
    )
    if options.json:
        facts = {"recipe": asdict(recipe), "runs": rows, "accuracy": reached}
        write_json(options.json, facts)
    return int(bool(missed) or not whole)


def parse() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--model", choices=RECIPES, default="deep")
    for name, kind in (("epochs", positive), ("batch_size", positive), ("members", positive)):
        made.add_argument(f"--{name.replace('_', '-')}", type=kind)
    for name, kind in (("lr", float), ("decay", float), ("schedule", str), ("augment", str)):
        made.add_argument(f"--{name}", type=kind)
    made.add_argument("--seed", type=int, default=0, help="of the first member")
    hold_out = "test on so many pictures of the training set instead"
    made.add_argument("--hold-out", type=positive, default=0, metavar="N", help=hold_out)
    made.add_argument("--minutes", type=float, default=10.0, help="for all members together")
    made.add_argument("--threads", type=positive, help="left out: as many as there are")
    made.add_argument("--eager", dest="compile", action="store_const", const=False, default="auto")
    made.add_argument("--out", type=Path, default=Path("runs/convnets"), help="keeps the runs")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    return made.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
