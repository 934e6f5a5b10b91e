"""JAX: the step under jit with its state donated; many steps in one call by scan; inference."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import nets
import numpy as np
from job import W1, Mnist, first_weights, orders
from layouts import to_channels_first, to_channels_last
from task import Runner, Task, Training, Weights, one_by_one, trained
from workloads import CHECKED, Workload

_LAYOUTS = {"NCHW": ("NCHW", "OIHW", "NCHW"), "NHWC": ("NHWC", "HWIO", "NHWC")}


def steps(task: Task) -> Runner:
    return trained(task, partial(_steps, layout="NCHW"))


def steps_channels_last(task: Task) -> Runner:
    return trained(task, partial(_steps, layout="NHWC"))


def scan(task: Task) -> Runner:
    return trained(task, partial(_scan, layout="NCHW"))


def scan_channels_last(task: Task) -> Runner:
    return trained(task, partial(_scan, layout="NHWC"))


def predict(task: Task) -> Runner:
    _answer_at_once()
    run = jax.jit(partial(_logits, task.work.net))
    parameters = [jnp.asarray(array) for array in task.weights]
    return one_by_one(task, lambda x: np.asarray(run(parameters, x)))


def predict_ahead(task: Task) -> Runner:
    _answer_at_once()
    parameters = [jnp.asarray(array) for array in task.weights]
    run = jax.jit(partial(_logits, task.work.net)).lower(parameters, task.x[0]).compile()
    return one_by_one(task, lambda x: np.asarray(run(parameters, x)))


def product(task: Task) -> Runner:
    a = jnp.asarray(task.x)
    run = jax.jit(jnp.matmul)
    return Runner(lambda: run(a, a).block_until_ready(), 1)


def whole(folder: Path) -> float:
    """An epoch is one call; the batches are gathered from the bytes within it."""
    mnist = Mnist.load(folder)
    rng = np.random.default_rng(0)
    step = _step(W1)
    pixels, labels = jnp.asarray(mnist.train_x), jnp.asarray(mnist.train_y)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: dict, pixels: jax.Array, labels: jax.Array, order: jax.Array) -> dict:
        def one(state: dict, rows: jax.Array) -> tuple[dict, jax.Array]:
            return step(state, pixels[rows].astype(jnp.float32) * (1 / 255), labels[rows])

        return jax.lax.scan(one, state, order)[0]

    state = _state(W1, first_weights(rng))
    for order in orders(rng, len(labels)):
        state = epoch(state, pixels, labels, order)
    x = mnist.test_x.astype(np.float32) / 255
    logits = jax.jit(partial(_logits, W1.net))(state["parameters"], x)
    return mnist.accuracy(np.asarray(logits))


def _answer_at_once() -> None:
    """Compute in the calling thread: a single prediction takes 15 us in place of 26."""
    jax.config.update("jax_cpu_enable_async_dispatch", False)


class _Kit:
    """See `nets.Kit`. Norms take the statistics of the batch, and count them in.

    Args:
        layout: of pictures, "NCHW" or "NHWC".
        running: the running mean and variance of each norm; each one met is moved on.
        key: what dropout draws with; None where there is none.
    """

    def __init__(self, layout: str = "NCHW", running: Any = (), key: Any = None):
        self.layout = _LAYOUTS[layout]
        self.channel = layout.index("C")
        self.sides = (2, 3) if self.channel == 1 else (1, 2)
        self.running = list(running)
        self.moved: list = []
        self.key = key

    def dense(self, layer: nets.Dense, x: jax.Array, weight: jax.Array, bias: jax.Array):
        return x.reshape(len(x), -1) @ weight.T + bias

    def conv(self, layer: nets.Conv, x: jax.Array, weight: jax.Array, bias: Any = None):
        sums = jax.lax.conv_general_dilated(
            x,
            weight,
            window_strides=(layer.stride, layer.stride),
            padding=[(layer.padding, layer.padding)] * 2,
            dimension_numbers=self.layout,
        )
        return sums if bias is None else sums + self._over_channels(bias)

    def norm(self, layer: nets.Norm, x: jax.Array, scale: jax.Array, shift: jax.Array):
        axes = (0, *self.sides)
        mean, variance = x.mean(axes), x.var(axes)
        if self.running:
            count = x.size // mean.size
            seen = (mean, variance * (count / (count - 1)))
            old = self.running[len(self.moved)]
            moved = [o + layer.momentum * (s - o) for o, s in zip(old, seen, strict=True)]
            self.moved.append(jax.lax.stop_gradient(moved))
        factor = scale * jax.lax.rsqrt(variance + layer.epsilon)
        over = self._over_channels
        return (x - over(mean)) * over(factor) + over(shift)

    def activation(self, layer: nets.Activation, x: jax.Array):
        return {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[layer.name](x)

    def dropout(self, layer: nets.Dropout, x: jax.Array):
        self.key, key = jax.random.split(self.key)
        kept = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
        return jnp.where(kept, x / (1 - layer.rate), 0)

    def pool(self, layer: nets.Pool, x: jax.Array):
        size = tuple(layer.size if axis in self.sides else 1 for axis in range(4))
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, size, size, "VALID")

    def mean(self, layer: nets.Mean, x: jax.Array):
        return x.mean(self.sides)

    def shortcut(self, layer: nets.Residual, x: jax.Array, body: jax.Array):
        if layer.stride == 1:
            return x
        every = slice(None, None, layer.stride)
        fewer = x[tuple(every if axis in self.sides else slice(None) for axis in range(4))]
        missing = body.shape[self.channel] - x.shape[self.channel]
        pads = [(0, missing if axis == self.channel else 0) for axis in range(4)]
        return jnp.pad(fewer, pads)

    def _over_channels(self, array: jax.Array) -> jax.Array:
        return array[:, None, None] if self.channel == 1 else array


def _steps(task: Task, layout: str) -> Training:
    """One call a step. The calls may overlap; the last one of a block is waited for."""
    run = jax.jit(_step(task.work, layout), donate_argnums=0)
    state = _state(task.work, _in(layout, task))
    xs = _pictures_in(layout, task)
    batches = cycle([(jnp.asarray(x), jnp.asarray(y)) for x, y in zip(xs, task.y, strict=True)])

    def call() -> None:
        nonlocal state
        for _ in range(task.work.stride):
            x, y = next(batches)
            state, _ = run(state, x, y)
        jax.block_until_ready(state)

    return Training(call, lambda: _out(layout, task, state))


def _scan(task: Task, layout: str) -> Training:
    """As many steps in one call as the workload strides."""
    step = _step(task.work, layout)
    stride = task.work.stride

    @partial(jax.jit, donate_argnums=0)
    def run(state: dict, xs: jax.Array, ys: jax.Array) -> tuple[dict, jax.Array]:
        return jax.lax.scan(lambda state, batch: step(state, *batch), state, (xs, ys))

    state = _state(task.work, _in(layout, task))
    xs = _pictures_in(layout, task)
    parts = [slice(start, start + stride) for start in range(0, CHECKED, stride)]
    blocks = cycle([(jnp.asarray(xs[part]), jnp.asarray(task.y[part])) for part in parts])

    def call() -> None:
        nonlocal state
        state, losses = run(state, *next(blocks))
        losses.block_until_ready()

    return Training(call, lambda: _out(layout, task, state))


def _in(layout: str, task: Task) -> Weights:
    return task.weights if layout == "NCHW" else to_channels_last(task.work.net, task.weights)


def _out(layout: str, task: Task, state: dict) -> Weights:
    weights = [np.asarray(array) for array in state["parameters"]]
    return weights if layout == "NCHW" else to_channels_first(task.work.net, weights)


def _pictures_in(layout: str, task: Task) -> np.ndarray:
    return task.x if layout == "NCHW" else np.moveaxis(task.x, -3, -1)


def _state(work: Workload, weights: Weights) -> dict[str, Any]:
    """Parameters, what the optimizer keeps of each, running statistics, and the count of steps."""
    parameters = [jnp.asarray(array) for array in weights]
    kept = {"adam": 2, "momentum": 1, "sgd": 0}[work.optimizer]
    norms = [shape[0] for layer, shape in work.net.weighted if isinstance(layer, nets.Norm)]
    return {
        "parameters": parameters,
        "moments": [[jnp.zeros_like(p) for p in parameters] for _ in range(kept)],
        "running": [[jnp.zeros(channels), jnp.ones(channels)] for channels in norms],
        "count": jnp.float32(0),
    }


def _logits(net: nets.Net, parameters: list, x: jax.Array) -> jax.Array:
    return nets.forward(net, _Kit(), x, parameters)


def _step(
    work: Workload, layout: str = "NCHW"
) -> Callable[[dict, jax.Array, jax.Array], tuple[dict, jax.Array]]:
    def cost(parameters: list, running: list, key: Any, x: jax.Array, y: jax.Array) -> Any:
        kit = _Kit(layout, running, key)
        logits = jax.nn.log_softmax(nets.forward(work.net, kit, x, parameters))
        return -jnp.take_along_axis(logits, y[:, None], axis=1).mean(), kit.moved

    def step(state: dict, x: jax.Array, y: jax.Array) -> tuple[dict, jax.Array]:
        parameters, count = state["parameters"], state["count"] + 1
        key = None
        if work.net.is_random:
            key = jax.random.fold_in(jax.random.key(0), count.astype(jnp.uint32))
        (loss, running), gradients = jax.value_and_grad(cost, has_aux=True)(
            parameters, state["running"], key, x, y
        )
        update = {"sgd": _sgd, "momentum": _momentum, "adam": _adam}[work.optimizer]
        parameters, moments = update(work.lr, count, parameters, gradients, state["moments"])
        new = {"parameters": parameters, "moments": moments, "running": running, "count": count}
        return new, loss

    return step


def _sgd(lr: float, count: jax.Array, parameters: list, gradients: list, moments: list) -> tuple:
    return [p - lr * g for p, g in zip(parameters, gradients, strict=True)], moments


def _momentum(
    lr: float, count: jax.Array, parameters: list, gradients: list, moments: list
) -> tuple:
    speed = [0.9 * v + g for v, g in zip(*moments, gradients, strict=True)]
    return [p - lr * v for p, v in zip(parameters, speed, strict=True)], [speed]


def _adam(lr: float, count: jax.Array, parameters: list, gradients: list, moments: list) -> tuple:
    first, second = moments
    first = [m + 0.1 * (g - m) for m, g in zip(first, gradients, strict=True)]
    second = [v + 0.001 * (g * g - v) for v, g in zip(second, gradients, strict=True)]
    # In float32, 1 - 0.999**count has lost five digits at the first steps.
    rate = lr / -jnp.expm1(count * np.log(0.9))
    root = jnp.sqrt(-jnp.expm1(count * np.log(0.999)))
    new = [
        p - rate * m / (jnp.sqrt(v) / root + 1e-8)
        for p, m, v in zip(parameters, first, second, strict=True)
    ]
    return new, [first, second]
