"""JAX: the step under jit with its state donated; many steps in one call by scan; inference."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from job import W1, Mnist, first_weights, orders
from task import Runner, Task, Weights, one_by_one, trained
from workloads import CHECKED, Workload

State = tuple


def steps(task: Task) -> Runner:
    """One call a step. The calls may overlap; the last one of a block is waited for."""
    run = jax.jit(_step(task.work), donate_argnums=0)
    state = _state(task.weights)
    batches = cycle([(jnp.asarray(x), jnp.asarray(y)) for x, y in task.batches])

    def call() -> None:
        nonlocal state
        for _ in range(task.work.stride):
            x, y = next(batches)
            state, _ = run(state, x, y)
        jax.block_until_ready(state)

    return trained(task, call, lambda: state[0])


def scan(task: Task) -> Runner:
    """As many steps in one call as the workload strides."""
    step = _step(task.work)
    stride = task.work.stride

    @partial(jax.jit, donate_argnums=0)
    def run(state: State, xs: jax.Array, ys: jax.Array) -> tuple[State, jax.Array]:
        return jax.lax.scan(lambda state, batch: step(state, *batch), state, (xs, ys))

    state = _state(task.weights)
    parts = [slice(start, start + stride) for start in range(0, CHECKED, stride)]
    blocks = cycle([(jnp.asarray(task.x[part]), jnp.asarray(task.y[part])) for part in parts])

    def call() -> None:
        nonlocal state
        state, losses = run(state, *next(blocks))
        losses.block_until_ready()

    return trained(task, call, lambda: state[0])


def predict(task: Task) -> Runner:
    _answer_at_once()
    run = jax.jit(partial(_logits, task.work))
    parameters = _state(task.weights)[0]
    return one_by_one(task, lambda x: np.asarray(run(parameters, x)))


def predict_ahead(task: Task) -> Runner:
    _answer_at_once()
    parameters = _state(task.weights)[0]
    run = jax.jit(partial(_logits, task.work)).lower(parameters, task.x[0]).compile()
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
    def epoch(state: State, pixels: jax.Array, labels: jax.Array, order: jax.Array) -> State:
        def one(state: State, rows: jax.Array) -> tuple[State, jax.Array]:
            return step(state, pixels[rows].astype(jnp.float32) * (1 / 255), labels[rows])

        return jax.lax.scan(one, state, order)[0]

    state = _state(first_weights(rng))
    for order in orders(rng, len(labels)):
        state = epoch(state, pixels, labels, order)
    logits = jax.jit(partial(_logits, W1))(state[0], mnist.test_x.astype(np.float32) / 255)
    return mnist.accuracy(np.asarray(logits))


def _answer_at_once() -> None:
    """Compute in the calling thread: a single prediction takes 15 us in place of 26."""
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def _state(weights: Weights) -> State:
    """Parameters, both moments of Adam, and the count of steps."""
    parameters = [jnp.asarray(array) for array in weights]
    moments = [[jnp.zeros_like(p) for p in parameters] for _ in range(2)]
    return (parameters, *moments, jnp.float32(0))


def _logits(work: Workload, parameters: list, x: jax.Array) -> jax.Array:
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[work.activation]
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = activation(x @ weight.T + bias)
    return x @ parameters[-2].T + parameters[-1]


def _step(work: Workload) -> Callable[[State, jax.Array, jax.Array], tuple[State, jax.Array]]:
    def cost(parameters: list, x: jax.Array, y: jax.Array) -> jax.Array:
        logits = jax.nn.log_softmax(_logits(work, parameters, x))
        return -jnp.take_along_axis(logits, y[:, None], axis=1).mean()

    def step(state: State, x: jax.Array, y: jax.Array) -> tuple[State, jax.Array]:
        parameters, first, second, count = state
        loss, gradients = jax.value_and_grad(cost)(parameters, x, y)
        count = count + 1
        if work.optimizer == "sgd":
            new = [p - work.lr * g for p, g in zip(parameters, gradients, strict=True)]
            return (new, first, second, count), loss
        first = [m + 0.1 * (g - m) for m, g in zip(first, gradients, strict=True)]
        second = [v + 0.001 * (g * g - v) for v, g in zip(second, gradients, strict=True)]
        # In float32, 1 - 0.999**count has lost five digits at the first steps.
        rate = work.lr / -jnp.expm1(count * np.log(0.9))
        root = jnp.sqrt(-jnp.expm1(count * np.log(0.999)))
        new = [
            p - rate * m / (jnp.sqrt(v) / root + 1e-8)
            for p, m, v in zip(parameters, first, second, strict=True)
        ]
        return (new, first, second, count), loss

    return step
