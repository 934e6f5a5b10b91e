"""PyTorch: eager with its three ways to run an optimizer, torch.compile, and inference."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from job import W1, Mnist, first_weights, orders
from task import Runner, Task, Weights, one_by_one, step_by_step
from torch.nn.functional import cross_entropy
from workloads import Workload


def plain(task: Task) -> Runner:
    return _train(task)


def foreach(task: Task) -> Runner:
    return _train(task, foreach=True)


def fused(task: Task) -> Runner:
    return _train(task, fused=True)


def compiled(task: Task) -> Runner:
    """Forward, loss and backward through torch.compile, which needs a C++ compiler; then fused."""
    return _train(task, lambda model: torch.compile(_loss_of(model)), fused=True)


def inference(task: Task) -> Runner:
    model = _model(task)

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()

    return one_by_one(task, predict)


def traced(task: Task) -> Runner:
    model = _model(task).eval()
    with torch.inference_mode():
        example = torch.from_numpy(task.x[0])
        frozen = torch.jit.optimize_for_inference(torch.jit.trace(model, example))

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return frozen(torch.from_numpy(x)).numpy()

    return one_by_one(task, predict)


def product(task: Task) -> Runner:
    torch.set_num_threads(task.threads)
    a = torch.from_numpy(task.x)
    out = torch.empty_like(a)
    return Runner(lambda: torch.matmul(a, a, out=out), 1)


def whole(folder: Path) -> float:
    mnist = Mnist.load(folder)
    rng = np.random.default_rng(0)
    model = _net(W1, first_weights(rng))
    step = _stepper(model, W1, _loss_of(model), fused=True)
    pixels, labels = torch.from_numpy(mnist.train_x), torch.from_numpy(mnist.train_y)
    for rows in torch.from_numpy(orders(rng, len(labels)).reshape(-1, W1.batch)):
        step(pixels[rows].float().mul_(1 / 255), labels[rows])
    with torch.inference_mode():
        return mnist.accuracy(model(torch.from_numpy(mnist.test_x).float() / 255).numpy())


def _net(work: Workload, weights: Weights) -> torch.nn.Sequential:
    activation = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[work.activation]
    layers: list[torch.nn.Module] = []
    arrays = iter(weights)
    for inputs, outputs in zip(work.sizes, work.sizes[1:], strict=False):
        layer = torch.nn.Linear(inputs, outputs)
        layer.weight.data = torch.from_numpy(next(arrays).copy())
        layer.bias.data = torch.from_numpy(next(arrays).copy())
        layers += [layer, activation()]
    return torch.nn.Sequential(*layers[:-1])


def _model(task: Task) -> torch.nn.Sequential:
    torch.set_num_threads(task.threads)
    return _net(task.work, task.weights)


def _loss_of(model: torch.nn.Module) -> Callable:
    return lambda x, y: cross_entropy(model(x), y)


def _stepper(model: torch.nn.Module, work: Workload, loss: Callable, **options: bool) -> Callable:
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[work.optimizer]
    optimizer = kind(model.parameters(), lr=work.lr, **options)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(x, y).backward()
        optimizer.step()

    return step


def _train(task: Task, wrap: Callable = _loss_of, **options: bool) -> Runner:
    model = _model(task)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in task.batches]
    step = _stepper(model, task.work, wrap(model), **options)
    return step_by_step(
        task, step, lambda: [p.detach().numpy() for p in model.parameters()], batches
    )
