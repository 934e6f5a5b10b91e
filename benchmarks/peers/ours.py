"""chainrule as its users call it: `fit` for training, `run.outputs` and `compile` for inference.

A timed call is whole epochs of `fit`: it shuffles, gathers the batches from the bytes of the data
set, scales them, counts what is right and writes the history, all of which the peers are spared.
"""

from pathlib import Path
from typing import Any

from job import EPOCHS, W1
from task import Runner, Task, one_by_one
from workloads import CHECKED, Workload

import chainrule as cr
from chainrule import models, optim


def eager(task: Task) -> Runner:
    return _train(task, epochs=1, compile=False)


def compiled(task: Task) -> Runner:
    # So many that making the step ready, which all others do before they are timed, counts little.
    return _train(task, epochs=25, compile=True, threads=task.threads)


def predict_eager(task: Task) -> Runner:
    return one_by_one(task, _fit(task, samples=1, epochs=0, compile=False).outputs)


def predict_compiled(task: Task) -> Runner:
    return one_by_one(task, cr.compile(_model(task)))


def product(task: Task) -> Runner:
    matmul = cr.compile(cr.matmul)
    matmul(task.x, task.x)
    return Runner(lambda: matmul(task.x, task.x), 1)


def whole_eager(folder: Path) -> float:
    return _whole(compile=False)


def whole_compiled(folder: Path) -> float:
    return _whole(compile=True)


def _model(task: Task) -> cr.nn.Module:
    """The net of a workload, with the first weights that all share."""
    model = _net(task.work)
    names = list(model.initialize(0).state_dict())
    model.load_state_dict(dict(zip(names, task.weights, strict=True)))
    return model


def _net(work: Workload) -> cr.nn.Module:
    first, *hidden, last = work.sizes
    return models.mlp(first, last, hidden, work.activation)


def _fit(task: Task, samples: int, epochs: int, **options: Any) -> cr.Run:
    train, _ = cr.data.mnist()
    return cr.fit(
        _model(task),
        train[:samples],
        optimizer=optim.by_name(task.work.optimizer, lr=task.work.lr),
        epochs=epochs,
        batch_size=task.work.batch,
        show=False,
        **options,
    )


def _train(task: Task, epochs: int, **options: Any) -> Runner:
    """Time so many epochs a call on the workload's part of MNIST; check on CHECKED batches."""
    work = task.work
    checked = _fit(task, CHECKED * work.batch, 1, **options)
    run = _fit(task, work.epoch * work.batch, 1, **options)
    return Runner(
        lambda: run.resume(run.epoch + epochs),
        epochs * work.epoch,
        task.loss(checked.model.state_dict().values()),
    )


def _whole(**options: Any) -> float:
    train, test = cr.data.mnist()
    run = cr.fit(
        _net(W1),
        train,
        optimizer=optim.Adam(lr=W1.lr),
        epochs=EPOCHS,
        batch_size=W1.batch,
        show=False,
        **options,
    )
    return run.evaluate(test).accuracy
