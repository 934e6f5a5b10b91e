"""chainrule as its users call it: `fit` for training, `run.outputs` and `compile` for inference.

A timed call is whole epochs of `fit`: it shuffles, gathers the batches from the bytes of the data
set, scales them, counts what is right and writes the history, all of which the peers are spared.
"""

import time
from pathlib import Path
from typing import Any

import nets
from job import EPOCHS, W1
from prepare import data_of
from task import Runner, Task, one_by_one
from workloads import CHECKED

import chainrule as cr
from chainrule import models, nn, optim
from chainrule.train import Callback

_CALL_FLOPS = 5e10
"""About as much is done by compiled steps in one timed call, so that no call takes long."""


def eager(task: Task) -> Runner:
    return _train(task, epochs=1, compile=False)


def compiled(task: Task) -> Runner:
    epochs = max(1, round(_CALL_FLOPS / (task.work.epoch * task.work.flops)))
    return _train(task, epochs, compile=True, threads=task.threads)


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


class _Clock(Callback):
    """The moments at which epochs ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_epoch(self, run: Any) -> None:
        self.ends.append(time.perf_counter())


def _model(task: Task) -> nn.Module:
    """The net of a workload, with the first weights that all share."""
    model = _net(task.work.net).initialize(0)
    names = [name for name, _ in model.named_parameters()]
    model.load_state_dict(dict(zip(names, task.weights, strict=True)), strict=False)
    return model


def _net(net: nets.Net) -> nn.Module:
    """The public model that a net describes."""
    if net.model == "mlp":
        first, *hidden, last = net.sizes
        return models.mlp(first, last, hidden, net.layers[1].name)
    chance = {"dropout": 0.0} if net == nets.DEEP.without_dropout else {}
    return models.by_name(net.model, in_shape=net.in_shape, classes=10, **chance)


def _fit(task: Task, samples: int, epochs: int, **options: Any) -> cr.Run:
    return cr.fit(
        _model(task),
        data_of(task.work, samples),
        optimizer=optim.by_name(task.work.optimizer, lr=task.work.lr),
        epochs=epochs,
        batch_size=task.work.batch,
        show=False,
        **options,
    )


def _train(task: Task, epochs: int, **options: Any) -> Runner:
    """Time so many epochs a call on the workload's part of the data; check on CHECKED batches.

    A call does one epoch more, its first, which is not counted: to make the step ready is what all
    others do before they are timed.
    """
    work, clock = task.work, _Clock()
    checked = _fit(task.without_dropout, CHECKED * work.batch, 1, **options)
    run = _fit(task, work.epoch * work.batch, 1, callbacks=[clock], **options)

    def call() -> float:
        run.resume(run.epoch + 1 + epochs)
        return clock.ends[-1] - clock.ends[-1 - epochs]

    loss = task.loss(parameter.data for parameter in checked.model.parameters())
    return Runner(call, epochs * work.epoch, loss, warms_up=True)


def _whole(**options: Any) -> float:
    train, test = cr.data.mnist()
    run = cr.fit(
        _net(W1.net),
        train,
        optimizer=optim.Adam(lr=W1.lr),
        epochs=EPOCHS,
        batch_size=W1.batch,
        show=False,
        **options,
    )
    return run.evaluate(test).accuracy
