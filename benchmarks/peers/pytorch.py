"""PyTorch: eager with its three ways to run an optimizer, torch.compile, and inference."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import nets
import numpy as np
import torch
from job import W1, Mnist, first_weights, orders
from task import Runner, Task, Training, Weights, one_by_one, step_by_step, trained
from torch import nn
from torch.nn.functional import cross_entropy, pad
from workloads import Workload


def plain(task: Task) -> Runner:
    return _train(task)


def foreach(task: Task) -> Runner:
    return _train(task, foreach=True)


def fused(task: Task) -> Runner:
    return _train(task, fused=True)


def compiled(task: Task) -> Runner:
    """Forward, loss and backward through torch.compile, which needs a C++ compiler; then fused."""
    return _train(task, torch.compile, fused=True)


def channels_last(task: Task) -> Runner:
    return _train(task, layout=torch.channels_last)


def channels_last_fused(task: Task) -> Runner:
    return _train(task, layout=torch.channels_last, fused=True)


def channels_last_compiled(task: Task) -> Runner:
    return _train(task, torch.compile, layout=torch.channels_last, fused=True)


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
    model = build(W1.net, first_weights(rng))
    step = _stepper(model, W1, _loss_of(model), fused=True)
    pixels, labels = torch.from_numpy(mnist.train_x), torch.from_numpy(mnist.train_y)
    for rows in torch.from_numpy(orders(rng, len(labels)).reshape(-1, W1.batch)):
        step(pixels[rows].float().mul_(1 / 255), labels[rows])
    with torch.inference_mode():
        return mnist.accuracy(model(torch.from_numpy(mnist.test_x).float() / 255).numpy())


class _Residual(nn.Module):
    """See `nets.Residual`."""

    def __init__(self, layer: nets.Residual, shape: nets.Shape):
        super().__init__()
        self.body = nn.Sequential(*_modules(layer.body, shape))
        self.stride = layer.stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        body = self.body(x)
        if self.stride > 1:
            missing = body.shape[1] - x.shape[1]
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, missing))
        return body + x


def _modules(layers: tuple, shape: nets.Shape) -> Iterator[nn.Module]:
    for layer in layers:
        if isinstance(layer, nets.Dense) and len(shape) == 3:
            yield nn.Flatten()
        if isinstance(layer, nets.Mean):
            yield from (nn.AdaptiveAvgPool2d(1), nn.Flatten())
        else:
            yield _module(layer, shape)
        shape = layer.out_shape(shape)


def _module(layer: nets.Layer, shape: nets.Shape) -> nn.Module:
    match layer:
        case nets.Dense(outputs):
            return nn.Linear(int(np.prod(shape)), outputs)
        case nets.Conv(outputs, kernel, padding, stride, bias):
            return nn.Conv2d(shape[0], outputs, kernel, stride, padding, bias=bias)
        case nets.Norm():
            return nn.BatchNorm2d(shape[0], eps=layer.epsilon, momentum=layer.momentum)
        case nets.Activation(name):
            return {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[name]()
        case nets.Dropout(rate):
            return nn.Dropout(rate)
        case nets.Pool(size):
            return nn.MaxPool2d(size)
        case nets.Residual():
            return _Residual(layer, shape)
    raise TypeError(layer)


def build(net: nets.Net, weights: Weights) -> nn.Sequential:
    """A net with these weights, of modules that PyTorch's users would take."""
    model = nn.Sequential(*_modules(net.layers, net.in_shape))
    for parameter, array in zip(model.parameters(), weights, strict=True):
        parameter.data = torch.from_numpy(array.copy())
    return model


def _model(task: Task) -> nn.Sequential:
    torch.set_num_threads(task.threads)
    return build(task.work.net, task.weights)


def _loss_of(model: torch.nn.Module) -> Callable:
    return lambda x, y: cross_entropy(model(x), y)


def _stepper(model: torch.nn.Module, work: Workload, loss: Callable, **options: bool) -> Callable:
    kind = {
        "adam": torch.optim.Adam,
        "sgd": torch.optim.SGD,
        "momentum": partial(torch.optim.SGD, momentum=0.9),
    }[work.optimizer]
    optimizer = kind(model.parameters(), lr=work.lr, **options)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(x, y).backward()
        optimizer.step()

    return step


def _train(
    task: Task,
    wrap: Callable = lambda loss: loss,
    layout: torch.memory_format = torch.contiguous_format,
    **options: bool,
) -> Runner:
    def make(task: Task) -> Training:
        model = _model(task).to(memory_format=layout)
        step = _stepper(model, task.work, wrap(_loss_of(model)), **options)
        batches = [
            (torch.from_numpy(x).contiguous(memory_format=layout), torch.from_numpy(y))
            for x, y in task.batches
        ]
        return step_by_step(
            task, step, lambda: [p.detach().numpy() for p in model.parameters()], batches
        )

    return trained(task, make)
