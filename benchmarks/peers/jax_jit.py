"""JAX: the whole step under jit, with the parameters donated."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from workloads import Workload

MODES = ("jit",)


def build(work: Workload, mode: str) -> Callable[[np.ndarray, np.ndarray], float]:
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[work.activation]

    def cost(parameters: list, x: jax.Array, y: jax.Array) -> jax.Array:
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            x = activation(x @ weight.T + bias)
        logits = x @ parameters[-2].T + parameters[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=0)
    def run(state: tuple, x: jax.Array, y: jax.Array) -> tuple:
        parameters, first, second, count = state
        loss, gradients = jax.value_and_grad(cost)(parameters, x, y)
        count = count + 1
        if work.optimizer == "sgd":
            new = [p - work.lr * g for p, g in zip(parameters, gradients, strict=True)]
            return (new, first, second, count), loss
        first = [m + 0.1 * (g - m) for m, g in zip(first, gradients, strict=True)]
        second = [v + 0.001 * (g * g - v) for v, g in zip(second, gradients, strict=True)]
        rate, root = work.lr / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        new = [
            p - rate * m / (jnp.sqrt(v) / root + 1e-8)
            for p, m, v in zip(parameters, first, second, strict=True)
        ]
        return (new, first, second, count), loss

    parameters = [jnp.asarray(w) for w in work.weights()]
    zeros = [jnp.zeros_like(p) for p in parameters]
    state = (parameters, zeros, [jnp.zeros_like(p) for p in parameters], jnp.float32(0))

    def step(x: np.ndarray, y: np.ndarray) -> float:
        nonlocal state
        state, loss = run(state, x, y)
        return float(loss)

    return step
