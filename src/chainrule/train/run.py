"""A training run: what was trained, how it went, and what can be done with it."""

import dataclasses
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn, ops, optim
from chainrule.data import Dataset
from chainrule.errors import RunError
from chainrule.optim import Optimizer
from chainrule.optim.schedules import Plateau, Schedule, Waiting
from chainrule.train import compiling, inference
from chainrule.train import folder as files
from chainrule.train.averaged import averaged_model
from chainrule.train.callbacks import Callback, column
from chainrule.train.forward import CompiledOutputs, wanted
from chainrule.train.info import DataInfo
from chainrule.train.loop import NO_TOTALS, train
from chainrule.train.metrics import Evaluation
from chainrule.train.objective import CUSTOM, choose_loss
from chainrule.train.pictures import picture_sample
from chainrule.train.plot import plot_history
from chainrule.train.settings import Settings
from chainrule.train.source import Source
from chainrule.train.step import TrainingStep


class Run:
    """A model in training: `history`, `evaluate`, `predict`, `save`, `resume`, `plot`.

    Made by `chainrule.fit`, `chainrule.resume` and `chainrule.load_run`.

    Attributes:
        history: a dict for each epoch: epoch, loss (the mean over the batches, as the weights
            moved), accuracy, val_loss, val_accuracy, lr, step, seconds. With penalties also
            penalty, and with measure_cost also cost (the mean loss over the training data after
            the epoch) and objective (cost + penalty).
        info: what is remembered of the training data.
        folder: where checkpoints are kept, or None.
        interrupted: whether Ctrl-C ended the training.
        stopped: why a callback ended the training, or None.
        unsaved: the error that kept the last checkpoint from being written, or None.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: str | Callable | None,
        optimizer: Optimizer,
        settings: Settings,
        info: DataInfo,
    ):
        self.model = model
        self.loss_name, self.loss = choose_loss(loss, info)
        self.optimizer = optimizer
        self.settings = settings
        self.info = info
        self.validation_info: DataInfo | None = None
        self.data: Dataset | None = None
        self.validation: Dataset | None = None
        self.callbacks: list[Callback] = []
        self.folder: Path | None = None
        self.history: list[dict[str, Any]] = []
        self.epoch = 0
        self.batch = 0
        self.totals: dict[str, float] = dict(NO_TOTALS)
        self.lr_factor = 1.0
        self.waiting = Waiting()
        self.stopped: str | None = None
        self.interrupted = False
        self.saved_at: tuple[int, int] | None = None
        self.unsaved: RunError | None = None
        self._outputs: CompiledOutputs | None = None
        self.stepper = TrainingStep(model.initialize(settings.seed), self.loss, optimizer, settings)

    @property
    def position(self) -> tuple[int, int]:
        """Epochs done, and batches done of the next one."""
        return self.epoch, self.batch

    @property
    def step(self) -> int:
        """The number of updates done."""
        return self.stepper.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step, after schedule and callbacks."""
        return self.rates(1)[0]

    def rates(self, count: int) -> list[float]:
        """The learning rates of so many steps that come next, as far as is known now."""
        schedule, base = self.settings.schedule, self.optimizer.lr * self.lr_factor
        if isinstance(schedule, Plateau):
            return [base * self.waiting.factor] * count
        if not isinstance(schedule, Schedule):
            return [base] * count
        return [base * schedule(self.step + ahead) for ahead in range(count)]

    @property
    def averages(self) -> dict[str, np.ndarray]:
        """The averaged weights by path, where the optimizer is an optim.EMA or optim.SWA.

        Evaluation and prediction use them in place of the model's own, with which training goes on.
        Buffers are the model's; where it has batch norms, take `averaged_model`.
        """
        return self.stepper.averages()

    def averaged_model(self) -> nn.Module:
        """A copy of the model with the averaged weights; the model itself stays as it is.

        The running statistics of its batch norms are measured anew on the training data, for those
        of the model belong to other weights. (PyTorch's `swa_utils.update_bn`.)
        """
        size = self.settings.batch_size
        return averaged_model(self.model, self.averages, self.data, size)

    def observe(self, row: dict[str, Any]) -> None:
        """Let a schedule that follows a figure see an epoch's row.

        Raises:
            OptionError: the history has no such column.
        """
        schedule = self.settings.schedule
        if isinstance(schedule, Plateau):
            self.waiting = schedule.after(self.waiting, column(row, schedule.monitor))

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
        return inference.outputs(self, x)

    def compiled_outputs(self, samples: int) -> CompiledOutputs | None:
        """The model's outputs as machine code, where the settings want it for so many samples."""
        if not wanted(self, samples):
            return None
        if self._outputs is None:
            self._outputs = CompiledOutputs(self)
        return self._outputs

    def read_picture(self, path: str | Path) -> np.ndarray:
        """Bring a picture file to the form of the training data: one sample, for `predict`.

        Pictures of 28 x 28 grey pixels are made as MNIST was: see `chainrule.data.to_digit`.
        Others are resized.

        Raises:
            OptionError: the run was not trained on pictures.
            DataError: the file is no picture, or damaged, or nothing is drawn in it.
            MissingExtraError: Pillow is not installed.
        """
        return picture_sample(path, self.info)

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
            DataError: other classes or another transform than in training, or nothing in it.
            ShapeError: samples of another shape.
        """
        return inference.evaluate(self, inference.prepared(data, self.info))

    def cost(self, data: Any) -> float:
        """The mean loss over a whole set, in evaluation mode; for `data` see `evaluate`."""
        return self.evaluate(data).loss

    def penalty(self) -> float:
        """What the weights cost as they are, by the settings l1 and l2."""
        return float(self.stepper.penalty())

    def objective(self, data: Any) -> float:
        """What training makes small: the cost on a set, plus the penalty."""
        return self.cost(data) + self.penalty()

    @property
    def source(self) -> Source | None:
        """Where the training data came from, where that is known."""
        return self.settings.source or Source.named(self.info.name)

    def reopen(
        self, *, cache: str | Path | None = None, progress: Any = None
    ) -> tuple[Dataset, Dataset]:
        """Open the data of this run again: (train, test).

        See `chainrule.train.Source.open` for `cache` and `progress`.

        Raises:
            RunError: the run does not know where its data came from.
            OptionError, DataError: the data is gone, or cannot be read.
        """
        if self.source is None:
            raise RunError(
                f"the run in {self.folder} does not know where its data {self.info.name!r} came "
                "from. Give the data itself."
            )
        flatten = len(self.info.sample_shape) == 1
        train_part, test_part = self.source.open(flatten=flatten, cache=cache, progress=progress)
        transform = self.info.transform
        return train_part.with_transform(transform), test_part.with_transform(transform)

    def open(self, name: str, *, cache: str | Path | None = None, progress: Any = None) -> Dataset:
        """Open data by name or path as the training data was read; its test part, if it has one.

        See `chainrule.train.Source` for what can be named, and for `cache` and `progress`.

        Raises:
            OptionError, DataError: there is no such data, or it cannot be read.
            ShapeError: samples of another shape.
        """
        source = dataclasses.replace(self.source or Source(name), data=name, test=None)
        return source.open_like(self.info, cache=cache, progress=progress)

    def describe(self) -> dict[str, Any]:
        """The configuration, as JSON can hold it."""
        validation = self.validation_info
        return {
            "format": files.FORMAT,
            "model": nn.to_config(self.model),
            "loss": None if self.loss_name == CUSTOM else self.loss_name,
            "optimizer": optim.to_config(self.optimizer),
            "settings": self.settings.to_json(),
            "data": self.info.to_json(),
            "validation": None if validation is None else validation.to_json(),
        }

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that training needs to go on, at this very position."""
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "epochs": self.settings.epochs,
            "totals": self.totals,
            "lr_factor": self.lr_factor,
            "waiting": self.waiting,
            "history": self.history,
            "callbacks": [[type(c).__name__, c.options(), c.state()] for c in self.callbacks],
            "stopped": self.stopped,
        }
        return self.stepper.arrays(), state

    def restore(self, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
        """Take up a checkpoint, but for the state of the callbacks.

        Raises:
            KeyError, DataError: it is not one of this run.
        """
        self.stepper.load(arrays, state["step"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.totals, self.history = state["totals"], state["history"]
        self.lr_factor, self.stopped = state["lr_factor"], state["stopped"]
        self.waiting = Waiting(*state["waiting"])
        self.settings = dataclasses.replace(self.settings, epochs=state["epochs"])

    def attempt(self, write: Callable[[], object]) -> RunError | None:
        """Write to disk; where that fails, warn and go on, for the training is worth more.

        Gives the error.
        """
        try:
            write()
        except RunError as error:
            warnings.warn(f"training goes on, but {error}", RuntimeWarning, stacklevel=2)
            return error
        return None

    def save_last(self) -> None:
        """Write the checkpoint of this moment into the run folder, if there is one."""
        if self.folder is not None:
            files.write_checkpoint(self.folder / files.LAST, *self.checkpoint())

    def save_best(self) -> None:
        """Write the checkpoint of this moment as the best one, if there is a run folder."""
        if self.folder is not None:
            files.write_checkpoint(self.folder / files.BEST, *self.checkpoint())

    def save(self, path: str | Path) -> Path:
        """Save the run as a new run folder.

        Raises:
            RunError: the folder holds another run, or cannot be written to.
        """
        target = Path(path)
        files.check_free(target)
        files.write_checkpoint(target / files.LAST, *self.checkpoint())
        files.write_history(target, self.history)
        files.write_config(target, self.describe())
        return target

    def keep_in(self, path: str | Path) -> None:
        """Save the run as a new run folder, and keep its checkpoints there from now on.

        Raises:
            RunError: as `save` does.
        """
        self.folder = self.save(path)
        self.saved_at = self.position

    def resume(self, epochs: int | None = None) -> "Run":
        """Go on from where the run is, to its own number of epochs or to another.

        Raises:
            RunError: the run was loaded without its training data.
            OptionError: `epochs` is not 0 or more.
        """
        if self.data is None:
            raise RunError("this run has no training data; use chainrule.resume(folder, data).")
        if epochs is not None:
            self.settings = self.settings.changed({"epochs": epochs})
            self.stopped = None
        train(self)
        return self

    def explain(self, sample: Any = 0, **options: Any) -> Any:
        """A training step as checked arithmetic; see `chainrule.explain.explain_run`."""
        # A higher floor, reached over the roof, which loads it when it is first named.
        return sys.modules["chainrule"].explain.explain_run(self, sample, **options)

    def compiled(self, threads: int = 1) -> Any:
        """What the compiler makes of this run's training step; print it.

        Gives a chainrule.compiler.Report: the groups in order, their tiles, work and memory, and
        `graph`, `llvm` and `asm` for the code itself.

        Raises:
            RunError: the run was loaded without its training data.
            OptionError: a setting that only eager steps know.
            MissingExtraError: llvmlite is not installed.
        """
        if self.data is None:
            raise RunError("this run has no training data; use chainrule.resume(folder, data).")
        return compiling.report_of(self, self.data, threads)

    def profile(self, steps: int = 200) -> Any:
        """How long a compiled training step takes on one core, group by group; print it.

        Gives a chainrule.compiler.Profile, with the peaks of this machine, measured beside it.
        The steps are taken on this run's data and then undone: the run stays where it is.

        Raises:
            RunError: the run was loaded without its training data.
            MissingExtraError: llvmlite is not installed.
            OptionError, TraceError: the step is not compiled; see `compiled`.
        """
        if self.data is None:
            raise RunError("this run has no training data; use chainrule.resume(folder, data).")
        return compiling.profile_of(self, self.data, steps)

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
