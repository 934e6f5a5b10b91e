"""TensorFlow: the step as a graph (`tf.function`), as it runs it and through XLA; inference."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from job import W1, Mnist, first_weights, orders
from task import Runner, Task, Weights, one_by_one, step_by_step
from workloads import Workload


def function(task: Task) -> Runner:
    return _train(task, xla=False)


def xla(task: Task) -> Runner:
    return _train(task, xla=True)


def predict(task: Task) -> Runner:
    _set_threads(task.threads)
    variables = _variables(task.weights)
    signature = [tf.TensorSpec((1, task.work.sizes[0]), tf.float32)]

    @tf.function(jit_compile=True, input_signature=signature)
    def run(x: tf.Tensor) -> tf.Tensor:
        return _logits(task.work, variables, x)

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
    return mnist.accuracy(_logits(W1, variables, x).numpy())


def _set_threads(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _variables(weights: Weights) -> list[tf.Variable]:
    return [tf.Variable(array) for array in weights]


def _logits(work: Workload, variables: list[tf.Variable], x: tf.Tensor) -> tf.Tensor:
    activation = {"relu": tf.nn.relu, "sigmoid": tf.nn.sigmoid}[work.activation]
    *inner, (last, last_bias) = zip(variables[::2], variables[1::2], strict=True)
    for weight, bias in inner:
        x = activation(tf.matmul(x, weight, transpose_b=True) + bias)
    return tf.matmul(x, last, transpose_b=True) + last_bias


def _step(work: Workload, variables: list[tf.Variable]) -> Callable:
    moments = [[tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2)]
    count = tf.Variable(0.0)

    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = _logits(work, variables, x)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        if work.optimizer == "sgd":
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(work.lr * gradient)
            return loss
        count.assign_add(1.0)
        # In float32, 1 - 0.999**count has lost five digits at the first steps.
        rate = work.lr / -tf.math.expm1(count * np.log(0.9))
        root = tf.sqrt(-tf.math.expm1(count * np.log(0.999)))
        for v, g, first, second in zip(variables, gradients, *moments, strict=True):
            first.assign_add(0.1 * (g - first))
            second.assign_add(0.001 * (g * g - second))
            v.assign_sub(rate * first / (tf.sqrt(second) / root + 1e-8))
        return loss

    return step


def _train(task: Task, xla: bool) -> Runner:
    _set_threads(task.threads)
    variables = _variables(task.weights)
    step = tf.function(_step(task.work, variables), jit_compile=xla)
    batches = [(tf.constant(x), tf.constant(y)) for x, y in task.batches]
    return step_by_step(task, step, lambda: [v.numpy() for v in variables], batches)
