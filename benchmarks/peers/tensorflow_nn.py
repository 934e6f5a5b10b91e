"""TensorFlow: the step as a graph (`tf.function`), as it runs it and through XLA; inference.

Pictures have their channels last, the only layout in which it trains on a processor.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nets
import numpy as np
import tensorflow as tf
from job import W1, Mnist, first_weights, orders
from layouts import to_channels_first, to_channels_last
from task import Runner, Task, Training, Weights, one_by_one, step_by_step, trained
from workloads import Workload


def function(task: Task) -> Runner:
    return _train(task, xla=False)


def xla(task: Task) -> Runner:
    return _train(task, xla=True)


def predict(task: Task) -> Runner:
    _set_threads(task.threads)
    net = task.work.net
    variables = _variables(to_channels_last(net, task.weights))

    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec(task.x.shape[1:], tf.float32)])
    def run(x: tf.Tensor) -> tf.Tensor:
        if len(net.in_shape) == 3:
            x = tf.transpose(x, (0, 2, 3, 1))
        return _logits(net, variables, x)

    ready = run.get_concrete_function()
    return one_by_one(task, lambda x: ready(tf.constant(x)).numpy())


def whole(folder: Path) -> float:
    """An epoch is one call of a graph that loops; the batches are gathered within it."""
    mnist = Mnist.load(folder)
    rng = np.random.default_rng(0)
    variables = _variables(first_weights(rng))
    step = _step(W1, variables)
    pixels, labels = tf.constant(mnist.train_x), tf.constant(mnist.train_y)

    @tf.function
    def epoch(order: tf.Tensor) -> None:
        for rows in order:
            step(tf.cast(tf.gather(pixels, rows), tf.float32) / 255.0, tf.gather(labels, rows))

    for order in orders(rng, len(mnist.train_y)):
        epoch(tf.constant(order))
    x = tf.constant(mnist.test_x.astype(np.float32) / 255)
    return mnist.accuracy(_logits(W1.net, variables, x).numpy())


def _set_threads(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _variables(weights: Weights) -> list[tf.Variable]:
    return [tf.Variable(array) for array in weights]


class _Kit:
    """See `nets.Kit`. Norms take the statistics of the batch, and count them in.

    Args:
        running: the running mean and variance of each norm, which are moved on.
    """

    def __init__(self, running: list[tuple[tf.Variable, tf.Variable]] | None = None):
        self.running = iter(running or [])

    def dense(self, layer: nets.Dense, x: tf.Tensor, weight: tf.Variable, bias: tf.Variable):
        rows = tf.reshape(x, (x.shape[0], -1))
        return tf.matmul(rows, weight, transpose_b=True) + bias

    def conv(self, layer: nets.Conv, x: tf.Tensor, weight: tf.Variable, bias: Any = None):
        sides = [layer.padding] * 2
        sums = tf.nn.conv2d(x, weight, layer.stride, [[0, 0], sides, sides, [0, 0]])
        return sums if bias is None else tf.nn.bias_add(sums, bias)

    def norm(self, layer: nets.Norm, x: tf.Tensor, scale: tf.Variable, shift: tf.Variable):
        # Its fused kernel, which also gives the variance with n - 1 for the running one.
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=shift,
            mean=np.zeros(0, np.float32),
            variance=np.zeros(0, np.float32),
            epsilon=layer.epsilon,
            is_training=True,
        )
        for old, seen in zip(next(self.running), (mean, variance), strict=True):
            old.assign_add(layer.momentum * (seen - old))
        return y

    def activation(self, layer: nets.Activation, x: tf.Tensor):
        return {"relu": tf.nn.relu, "sigmoid": tf.nn.sigmoid}[layer.name](x)

    def dropout(self, layer: nets.Dropout, x: tf.Tensor):
        return tf.nn.dropout(x, layer.rate)

    def pool(self, layer: nets.Pool, x: tf.Tensor):
        return tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")

    def mean(self, layer: nets.Mean, x: tf.Tensor):
        return tf.reduce_mean(x, (1, 2))

    def shortcut(self, layer: nets.Residual, x: tf.Tensor, body: tf.Tensor):
        if layer.stride == 1:
            return x
        missing = body.shape[3] - x.shape[3]
        fewer = x[:, :: layer.stride, :: layer.stride]
        return tf.pad(fewer, ((0, 0), (0, 0), (0, 0), (0, missing)))


def _logits(net: nets.Net, variables: list[tf.Variable], x: tf.Tensor) -> tf.Tensor:
    return nets.forward(net, _Kit(), x, variables)


def _step(work: Workload, variables: list[tf.Variable]) -> Callable:
    update = {"sgd": _sgd, "momentum": _momentum, "adam": _adam}[work.optimizer]
    move = update(variables, work.lr)
    channels = [shape[0] for layer, shape in work.net.weighted if isinstance(layer, nets.Norm)]
    running = [(tf.Variable(tf.zeros(c)), tf.Variable(tf.ones(c))) for c in channels]

    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = nets.forward(work.net, _Kit(running), x, variables)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
            loss = tf.reduce_mean(losses)
        move(tape.gradient(loss, variables))
        return loss

    return step


def _sgd(variables: list[tf.Variable], lr: float) -> Callable:
    def update(gradients: list[tf.Tensor]) -> None:
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(lr * gradient)

    return update


def _momentum(variables: list[tf.Variable], lr: float) -> Callable:
    speeds = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def update(gradients: list[tf.Tensor]) -> None:
        for variable, gradient, speed in zip(variables, gradients, speeds, strict=True):
            speed.assign(0.9 * speed + gradient)
            variable.assign_sub(lr * speed)

    return update


def _adam(variables: list[tf.Variable], lr: float) -> Callable:
    moments = [[tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2)]
    count = tf.Variable(0.0)

    def update(gradients: list[tf.Tensor]) -> None:
        count.assign_add(1.0)
        # In float32, 1 - 0.999**count has lost five digits at the first steps.
        rate = lr / -tf.math.expm1(count * np.log(0.9))
        root = tf.sqrt(-tf.math.expm1(count * np.log(0.999)))
        for v, g, first, second in zip(variables, gradients, *moments, strict=True):
            first.assign_add(0.1 * (g - first))
            second.assign_add(0.001 * (g * g - second))
            v.assign_sub(rate * first / (tf.sqrt(second) / root + 1e-8))

    return update


def _train(task: Task, xla: bool) -> Runner:
    _set_threads(task.threads)

    def make(task: Task) -> Training:
        net = task.work.net
        variables = _variables(to_channels_last(net, task.weights))
        step = tf.function(_step(task.work, variables), jit_compile=xla)
        xs = np.moveaxis(task.x, -3, -1) if task.work.has_pictures else task.x
        batches = [(tf.constant(x), tf.constant(y)) for x, y in zip(xs, task.y, strict=True)]
        return step_by_step(
            task,
            step,
            lambda: to_channels_first(net, [v.numpy() for v in variables]),
            batches,
        )

    return trained(task, make)
