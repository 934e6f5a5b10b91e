"""fit, resume and load_run: the ways to a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn, optim
from chainrule.data import Dataset, as_dataset
from chainrule.errors import ChainruleError, DtypeError, GradientError, OptionError, RunError
from chainrule.nn.heads import first_head
from chainrule.optim import Optimizer
from chainrule.optim.schedules import Plateau
from chainrule.tensor import Tensor
from chainrule.train import folder as files
from chainrule.train.augmenting import check_pictures
from chainrule.train.callbacks import BestCheckpoint, Callback, take_up
from chainrule.train.inference import prepared
from chainrule.train.info import DataInfo
from chainrule.train.loop import train
from chainrule.train.objective import check_outputs
from chainrule.train.run import Run
from chainrule.train.settings import Settings

_WHICH = {"last": files.LAST, "best": files.BEST}


def fit(
    model: nn.Module,
    data: Any,
    *,
    loss: str | Callable | None = None,
    optimizer: str | Optimizer = "adam",
    validation: Any = None,
    callbacks: Sequence[Callback] = (),
    out: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Train a model, and give the run.

    Each epoch goes once through the data in an order drawn from the seed; each step computes the
    mean loss over a batch, its gradient by reverse mode, and the optimizer's update. Ctrl-C ends
    it after the step in progress; `run.resume()` goes on. A full disk does not end it: it warns,
    and `run.unsaved` has the error.

    Args:
        model: trained in place. Weights that have no numbers yet are drawn from the seed.
        data: a Dataset, or a pair (x, y) of arrays.
        loss: a name (see chainrule.nn.losses), with options in brackets where it takes some:
            "cross_entropy(label_smoothing=0.1)"; or a function of (outputs, targets) that gives one
            number; by default cross-entropy for classes and the mean squared error for numbers. By
            name, class ids become what the loss takes.
        optimizer: a name, or such as optim.Adam(lr=1e-3).
        validation: data that is evaluated after each epoch.
        callbacks: see chainrule.train.callbacks.
        out: the folder that keeps the run; it must be new or empty.
        settings: epochs=5, batch_size=100, seed=0, show=True, ...: see chainrule.train.Settings.

    Raises:
        OptionError: an unknown name or a setting outside its range.
        DataError: empty or damaged data, NaN, labels out of range.
        ShapeError: data, layers and loss do not fit; the message names the layer.
        GradientError: there is nothing to train.
        RunError: `out` holds another run, or cannot be written to.
        NonFiniteError: the loss, a gradient or an update became NaN or infinite.

    >>> from chainrule import data, nn
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> run = fit(model, data.gate("xor"), epochs=100, batch_size=4, optimizer=optim.Adam(lr=0.1),
    ...           show=False)
    >>> run.evaluate(data.gate("xor")).accuracy
    1.0
    """
    _check_model(model)
    train_data = as_dataset(data)
    chosen = optim.by_name(optimizer) if isinstance(optimizer, str) else optimizer
    asked = Settings.of(settings).over(len(train_data))
    run = Run(model, loss, chosen, asked, DataInfo.of(train_data))
    run.data = train_data
    if validation is not None:
        run.validation = prepared(validation, run.info)
        run.validation_info = DataInfo.of(run.validation)
    _check_plateau(run)
    check_pictures(run, train_data)
    _try_out(run, train_data)
    run.callbacks = list(callbacks)
    if out is not None:
        has_best = any(isinstance(callback, BestCheckpoint) for callback in callbacks)
        if run.validation is not None and not has_best:
            run.callbacks.insert(0, BestCheckpoint())
        run.keep_in(out)
    train(run)
    return run


def _check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise DtypeError(
            f"fit: got a {type(model).__name__} as the model; expected a chainrule.nn.Module, such "
            "as nn.Sequential(nn.Linear(784, 10))."
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise GradientError(
            f"fit: this {type(model).__name__} has no parameters to train. Give it a layer such as "
            "nn.Linear(784, 10), or parameters with requires_grad=True."
        )


def _check_plateau(run: Run) -> None:
    """Refuse a schedule that follows a figure which there will not be."""
    schedule = run.settings.schedule
    if not isinstance(schedule, Plateau) or run.validation is not None:
        return
    if schedule.monitor.startswith("val_"):
        raise OptionError(
            f"the schedule follows {schedule.monitor!r}, and there is nothing to validate on. Give "
            "validation=..., or follow another figure: 'plateau(monitor=loss)'."
        )


def _try_out(run: Run, data: Dataset) -> None:
    """Meet wrong shapes and labels on a first small batch, before anything is written.

    It has one sample where the last batch of an epoch will: what cannot train on one is met here.
    """
    last = len(data) % run.settings.batch_size
    rows = slice(0, 1 if last == 1 or run.settings.batch_size == 1 else 2)
    # What is not finite is explained later, at the step that meets it.
    with np.errstate(all="ignore"), run.stepper.trial():
        output = run.model(data.transform(data.x[rows]))
        decides = first_head(output)
        if not isinstance(decides, Tensor):
            raise GradientError(
                f"the model gave a {type(decides).__name__}; expected one tensor that depends on "
                "its parameters, or nn.Heads of several. Compute it with chainrule's ops."
            )
        check_outputs(decides.shape, run.info)
        loss = run.loss(output, data.y[rows])
    if not isinstance(loss, Tensor) or loss.shape != () or not loss.requires_grad:
        raise GradientError(
            f"the loss {run.loss_name!r} gave {loss!r}; expected one number that depends on the "
            "model's parameters. Write it with chainrule's ops, and reduce it with .mean()."
        )


def load_run(
    folder: str | Path,
    *,
    which: str = "last",
    model: nn.Module | None = None,
    loss: Callable | None = None,
    optimizer: Optimizer | None = None,
) -> Run:
    """Load a run from its folder, to evaluate and predict.

    Args:
        folder: what `fit(..., out=folder)` or `run.save(folder)` wrote.
        which: "last", or "best" for the best validation loss.
        model: needed where the model is of a class of your own, or has frozen parameters.
        loss: needed where the loss is a function of your own.
        optimizer: needed where the optimizer is of a class of your own.

    Raises:
        RunError: no run there, or it is damaged, or a model or loss is needed.
        OptionError: `which` is neither.
    """
    if which not in _WHICH:
        raise OptionError(f"which is {which!r}; expected 'last' or 'best'.")
    run, _ = _load(Path(folder), _WHICH[which], _Own(model, loss, optimizer))
    return run


def resume(
    folder: str | Path,
    data: Any = None,
    *,
    validation: Any = None,
    callbacks: Sequence[Callback] | None = None,
    model: nn.Module | None = None,
    loss: Callable | None = None,
    optimizer: Optimizer | None = None,
    **changes: Any,
) -> Run:
    """Go on with an interrupted run: the end is the same, bit for bit, as without interruption.

    Args:
        folder: the run's folder.
        data: the same training data; left out where the run's data has a name or a path.
        validation: the same validation data; left out likewise, or where the run had none.
        callbacks: the same callbacks; left out where they are all of this package and have no
            functions in them.
        model: see `load_run`.
        loss: see `load_run`.
        optimizer: see `load_run`.
        changes: epochs, show, checkpoint_seconds, compile, threads, kernels: train up to another
            number of epochs, with compiled steps or without, ...

    Raises:
        RunError: no run there, it is damaged, or data or callbacks differ or are needed.
        OptionError: a change to a setting that is fixed.
    """
    run, state = _load(Path(folder), files.LAST, _Own(model, loss, optimizer))
    run.settings = run.settings.changed(changes)
    if "epochs" in changes:
        run.stopped = None
    _take_up_data(run, data, validation)
    run.callbacks = take_up(state["callbacks"], callbacks)
    files.remove_leftovers(Path(folder))
    train(run)
    return run


class _Own(NamedTuple):
    """The parts of a run that its configuration cannot describe, as the user gives them."""

    model: Any
    loss: Any
    optimizer: Any

    def check(self, path: Path, config: dict[str, Any]) -> None:
        """Ask for what is missing.

        Raises:
            RunError: the run was trained with a part of the user's own, which is not given.
        """
        for name, part in self._asdict().items():
            if part is None and config[name] is None:
                raise RunError(
                    f"{path} was trained with your own {name}, which its {files.CONFIG} cannot "
                    f"hold; pass it with {name}=..."
                )


def _load(path: Path, checkpoint: str, own: _Own) -> tuple[Run, dict[str, Any]]:
    """The run in a folder at a checkpoint, and the checkpoint's state."""
    config = files.read_config(path)
    arrays, state = files.read_checkpoint(path / checkpoint)
    try:
        own.check(path, config)
        run = _from_config(config, own)
        run.restore(arrays, state)
    except RunError:
        raise
    except (KeyError, TypeError, AttributeError, ChainruleError) as error:
        raise RunError(
            f"the run in {path} cannot be taken up: its {files.CONFIG} and {checkpoint} do not "
            f"belong together, or are not as they were written ({type(error).__name__}: {error})"
        ) from error
    run.folder = path
    return run, state


def _from_config(config: dict[str, Any], own: _Own) -> Run:
    described, validation = config["optimizer"], config["validation"]
    optimizer = own.optimizer
    if described is not None:
        optimizer = optim.from_config(described)
        if own.optimizer is not None and own.optimizer != optimizer:
            raise RunError(
                f"the run was trained with {optimizer}, now given is {own.optimizer}. Leave out "
                "optimizer=, or begin a new run."
            )
    run = Run(
        nn.from_config(config["model"]) if own.model is None else own.model,
        config["loss"] if own.loss is None else own.loss,
        optimizer,
        Settings.from_json(config["settings"]),
        DataInfo.from_json(config["data"]),
    )
    run.validation_info = None if validation is None else DataInfo.from_json(validation)
    return run


def _take_up_data(run: Run, data: Any, validation: Any) -> None:
    """Put the data into a loaded run: what is given, and else what its source opens."""
    needs_validation = validation is None and run.validation_info is not None
    if data is None or (needs_validation and run.source is not None):
        train_part, test_part = run.reopen()
        data = train_part if data is None else data
        validation = test_part if needs_validation else validation
    run.data = prepared(data, run.info)
    run.info.must_match(run.data, "training")
    if validation is None and run.validation_info is not None:
        raise RunError(
            f"the run was validated on {run.validation_info.name!r}, "
            f"{run.validation_info.samples:,} samples; pass them with validation=..."
        )
    run.validation = None if validation is None else prepared(validation, run.info)
    if run.validation is not None and run.validation_info is not None:
        run.validation_info.must_match(run.validation, "validation")
