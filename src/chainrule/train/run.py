"""A training run: what was trained, how it went, and what can be done with it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.data import Dataset
from chainrule.errors import RunError
from chainrule.nn import losses
from chainrule.optim import Optimizer
from chainrule.train import folder as files
from chainrule.train import inference
from chainrule.train.callbacks import Callback
from chainrule.train.loop import NO_TOTALS, train
from chainrule.train.metrics import Evaluation
from chainrule.train.plot import plot_history
from chainrule.train.settings import DataInfo, Settings
from chainrule.train.step import TrainingStep


class Run:
    """A model in training: `history`, `evaluate`, `predict`, `save`, `resume`, `plot`.

    Made by `chainrule.fit`, `chainrule.resume` and `chainrule.load_run`. `history` is a list with
    one dict an epoch: epoch, loss, accuracy, val_loss, val_accuracy, lr, seconds.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: str | Callable,
        optimizer: Optimizer,
        settings: Settings,
        info: DataInfo,
    ):
        self.model = model
        self.loss_name = loss if isinstance(loss, str) else "custom"
        self.loss = losses.by_name(loss) if isinstance(loss, str) else loss
        self.optimizer = optimizer
        self.settings = settings
        self.info = info
        self.data: Dataset | None = None
        self.validation: Dataset | None = None
        self.callbacks: list[Callback] = []
        self.folder: Path | None = None
        self.show = True
        self.history: list[dict[str, Any]] = []
        self.epoch = 0
        self.batch = 0
        self.totals: dict[str, float] = dict(NO_TOTALS)
        self.lr_factor = 1.0
        self.stopped: str | None = None
        self.interrupted = False
        self.stepper = TrainingStep(
            model.initialize(settings.seed), self.loss, optimizer, settings.clip_norm
        )

    @property
    def step(self) -> int:
        """The number of updates done."""
        return self.stepper.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.lr * self.lr_factor

    def stop(self, reason: str) -> None:
        """End training after this epoch (for callbacks)."""
        self.stopped = reason

    def outputs(self, x: Any) -> np.ndarray:
        """The model's raw outputs (logits for a classifier).

        `x` is as the training data holds it, before its transform, one sample or many; where the
        training data is bytes (pixels), floats count as already scaled. A Dataset serves as well.

        Raises:
            ShapeError: samples of another shape than those trained on.
        """
        return inference.outputs(self.model, self.info, x)

    def predict_proba(self, x: Any) -> np.ndarray:
        """Class probabilities; for `x` see `outputs`. Shape: (n, classes)."""
        inference.classifier_only(self.info)
        logits = self.outputs(x)
        if logits.ndim == 1 or logits.shape[1] == 1:
            positive = ops.sigmoid(logits.reshape(-1))
            return np.stack([1 - positive, positive], axis=1)
        return ops.softmax(logits, axis=-1)

    def predict(self, x: Any) -> np.ndarray:
        """Class ids (n,) for a classifier, the outputs for a regressor; for `x` see `outputs`."""
        outputs = self.outputs(x)
        return inference.decide(outputs) if self.info.classes else outputs

    def evaluate(self, data: Any) -> Evaluation:
        """Loss, accuracy, rates by class and confusion matrix on a data set or an (x, y) pair.

        Raises:
            DataError: other classes than those trained on, or nothing in it.
            ShapeError: samples of another shape.
        """
        return inference.evaluate(self.model, self.loss, self.info, data)

    def describe(self) -> dict[str, Any]:
        """The configuration, as JSON can hold it."""
        return {
            "format": files.FORMAT,
            "model": nn.to_config(self.model),
            "loss": self.loss_name,
            "optimizer": {
                "name": type(self.optimizer).__name__.lower(),
                "options": dataclasses.asdict(self.optimizer),
            },
            "settings": dataclasses.asdict(self.settings),
            "data": self.info.to_json(),
        }

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that training needs to go on, at this very position."""
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "totals": self.totals,
            "lr_factor": self.lr_factor,
            "history": self.history,
            "callbacks": [[type(c).__name__, c.state()] for c in self.callbacks],
            "stopped": self.stopped,
        }
        return self.stepper.arrays(), state

    def restore(self, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
        """Take up a checkpoint.

        Raises:
            RunError: callbacks with a state of their own are missing.
        """
        kept = state["callbacks"]
        own = [type(callback).__name__ for callback in self.callbacks]
        if self.data is not None and own != [name for name, _ in kept]:
            raise RunError(
                f"the run was made with callbacks {[name for name, _ in kept]}, now given {own}. "
                "Give the same callbacks in the same order, so that they go on where they were."
            )
        for callback, (_, saved) in zip(self.callbacks, kept, strict=False):
            callback.load_state(saved)
        self.stepper.load(arrays, state["step"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.totals, self.history = state["totals"], state["history"]
        self.lr_factor, self.stopped = state["lr_factor"], state["stopped"]

    def save_last(self) -> None:
        """Write the checkpoint of this moment into the run folder, if there is one."""
        if self.folder is not None:
            files.write_arrays(self.folder / files.LAST, *self.checkpoint())

    def save_best(self) -> None:
        """Write the checkpoint of this moment as the best one, if there is a run folder."""
        if self.folder is not None:
            files.write_arrays(self.folder / files.BEST, *self.checkpoint())

    def save(self, path: str | Path) -> Path:
        """Save the run as a new run folder.

        Raises:
            RunError: the folder holds another run, or cannot be written to.
        """
        target = Path(path)
        files.claim(target, self.describe())
        files.write_arrays(target / files.LAST, *self.checkpoint())
        files.write_history(target, self.history)
        return target

    def resume(self, epochs: int | None = None) -> "Run":
        """Go on from where the run is, to its own number of epochs or to another.

        Raises:
            RunError: the run was loaded without its training data.
        """
        if self.data is None:
            raise RunError("this run has no training data; use chainrule.resume(folder, data=...).")
        if epochs is not None:
            self.settings = dataclasses.replace(self.settings, epochs=epochs)
            self.stopped = None
        train(self)
        return self

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw loss and accuracy by epoch; gives the Matplotlib figure, and writes it to `path`.

        Raises:
            MissingExtraError: Matplotlib is not installed.
        """
        return plot_history(self.history, path)

    def __repr__(self) -> str:
        last = self.history[-1] if self.history else {}
        figures = "".join(
            f", {name} {last[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if last.get(name) is not None
        )
        name = type(self.model).__name__
        return f"<run of {name}: {self.epoch} of {self.settings.epochs} epochs{figures}>"
