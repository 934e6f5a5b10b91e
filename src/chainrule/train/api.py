"""fit, resume and load_run: the ways to a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chainrule import data as datasets
from chainrule import nn, optim
from chainrule.data import Dataset
from chainrule.errors import DataError, DtypeError, RunError, unknown
from chainrule.optim import Optimizer
from chainrule.train import folder as files
from chainrule.train.callbacks import BestCheckpoint, Callback
from chainrule.train.loop import train
from chainrule.train.run import Run
from chainrule.train.settings import DataInfo, Settings


def fit(
    model: nn.Module,
    data: Any,
    *,
    loss: str | Callable = "cross_entropy",
    optimizer: str | Optimizer = "adam",
    validation: Any = None,
    callbacks: Sequence[Callback] = (),
    out: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> Run:
    """Train a model, and give the run.

    Each epoch goes once through the data in an order drawn from the seed; each step computes the
    mean loss over a batch, its gradient by reverse mode, and the optimizer's update. Ctrl-C ends
    it after the step in progress; `run.resume()` goes on.

    Args:
        model: trained in place. Weights that have no numbers yet are drawn from the seed.
        data: a Dataset, or a pair (x, y) of arrays.
        loss: a name ("cross_entropy", "binary_cross_entropy", "mse"), or a function of
            (outputs, targets) that gives one number.
        optimizer: a name, or such as optim.Adam(lr=1e-3).
        validation: data that is evaluated after each epoch.
        callbacks: see chainrule.train.callbacks.
        out: the folder that keeps the run; it must be new or empty.
        show: progress on standard error.
        settings: epochs=5, batch_size=100, seed=0, clip_norm=None, accumulate=1 (batches for each
            update), checkpoint_seconds=30.

    Raises:
        OptionError: an unknown name or a setting outside its range.
        DataError: empty or damaged data, NaN, labels out of range.
        ShapeError: data, layers and loss do not fit; the message names the layer.
        RunError: `out` holds another run.
        NonFiniteError: the loss or a gradient became NaN or infinite.

    >>> from chainrule import data, nn
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> run = fit(model, data.gate("xor"), epochs=100, batch_size=4, optimizer=optim.Adam(lr=0.1),
    ...           show=False)
    >>> run.evaluate(data.gate("xor")).accuracy
    1.0
    """
    _check_model(model)
    train_data = _as_data(data, None)
    chosen = optim.by_name(optimizer) if isinstance(optimizer, str) else optimizer
    run = Run(model, loss, chosen, make_settings(settings), DataInfo.of(train_data))
    run.data = train_data
    run.validation = None if validation is None else _as_data(validation, run.info)
    run.show = show
    _try_out(run)
    run.folder = Path(out) if out is not None else None
    run.callbacks = _with_best(run, callbacks)
    if run.folder is not None:
        files.claim(run.folder, run.describe())
    train(run)
    return run


def make_settings(options: dict[str, Any]) -> Settings:
    """Settings from keyword arguments.

    Raises:
        OptionError: an unknown name or a value outside its range.
    """
    known = list(Settings.__dataclass_fields__)
    for name in options:
        if name not in known:
            raise unknown("setting", name, known)
    return Settings(**options)


def _check_model(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise DtypeError(
            f"fit: got a {type(model).__name__} as the model; expected a chainrule.nn.Module, such "
            "as nn.Sequential(nn.Linear(784, 10))."
        )


def _as_data(data: Any, info: DataInfo | None) -> Dataset:
    """A Dataset; a bare pair takes classes and transform from the training data."""
    if isinstance(data, Dataset) or info is None:
        return datasets.as_dataset(data)
    x, y = data
    return Dataset(x, y, classes=info.classes, transform=info.transform)


def _try_out(run: Run) -> None:
    """Meet wrong shapes and labels on a first small batch, before anything is written."""
    if run.data is None or len(run.data) == 0:
        raise DataError("the training data is empty.")
    x, y = run.data.batch(slice(0, min(len(run.data), 2)))
    run.loss(run.model(x), y)


def _with_best(run: Run, callbacks: Sequence[Callback]) -> list[Callback]:
    """The user's callbacks, and one that keeps the best checkpoint where there is validation."""
    chosen = list(callbacks)
    has_one = any(isinstance(callback, BestCheckpoint) for callback in chosen)
    if run.folder is not None and run.validation is not None and not has_one:
        chosen.insert(0, BestCheckpoint())
    return chosen


def load_run(
    folder: str | Path,
    *,
    which: str = "last",
    model: nn.Module | None = None,
    loss: Callable | None = None,
) -> Run:
    """Load a run from its folder, to evaluate and predict.

    Args:
        folder: what `fit(..., out=folder)` or `run.save(folder)` wrote.
        which: "last", or "best" for the best validation loss.
        model: needed where the model is of a class of your own.
        loss: needed where the loss is a function of your own.

    Raises:
        RunError: no run there, or it is damaged, or a model or loss is needed.
    """
    path = Path(folder)
    run = _from_config(path, model, loss)
    if which not in ("last", "best"):
        raise RunError(f"which is {which!r}; expected 'last' or 'best'.")
    run.restore(*files.read_arrays(path / (files.LAST if which == "last" else files.BEST)))
    run.folder = path
    return run


def _from_config(path: Path, model: nn.Module | None, loss: str | Callable | None) -> Run:
    config = files.read_config(path)
    try:
        if model is None and config["model"] is None:
            raise RunError(
                f"{path} was trained with a model of your own class; pass it with model=..."
            )
        if loss is None and config["loss"] == "custom":
            raise RunError(f"{path} was trained with a loss of your own; pass it with loss=...")
        return Run(
            model if model is not None else nn.from_config(config["model"]),
            loss if loss is not None else config["loss"],
            optim.by_name(config["optimizer"]["name"], **config["optimizer"]["options"]),
            Settings(**config["settings"]),
            DataInfo.from_json(config["data"]),
        )
    except (KeyError, TypeError) as error:
        raise RunError(f"{path / files.CONFIG} lacks or garbles an entry: {error}") from error


def resume(
    folder: str | Path,
    data: Any = None,
    *,
    validation: Any = None,
    callbacks: Sequence[Callback] = (),
    model: nn.Module | None = None,
    loss: Callable | None = None,
    epochs: int | None = None,
) -> Run:
    """Go on with an interrupted run: the end is the same, bit for bit, as without interruption.

    Args:
        folder: the run's folder.
        data: the same training data; left out where the run's data set has a name.
        validation: as in `fit`; left out, the named data set's test part.
        callbacks: as in `fit`.
        model: see `load_run`.
        loss: see `load_run`.
        epochs: train up to another number of epochs than planned.

    Raises:
        RunError: no run there, it is damaged, or the data differs.
    """
    path = Path(folder)
    run = _from_config(path, model, loss)
    if data is None:
        data, test = _named_data(run.info)
        validation = test if validation is None else validation
    run.data = _as_data(data, run.info)
    run.info.must_match(run.data)
    run.validation = None if validation is None else _as_data(validation, run.info)
    run.folder = path
    run.callbacks = _with_best(run, callbacks)
    run.restore(*files.read_arrays(path / files.LAST))
    return run.resume(epochs)


def _named_data(info: DataInfo) -> tuple[Dataset, Dataset]:
    if info.name not in datasets.names():
        raise RunError(
            f"the run's data {info.name!r} is no data set by name; pass it with data=..."
        )
    flatten = len(info.sample_shape) == 1
    return datasets.load(info.name, flatten=flatten)
