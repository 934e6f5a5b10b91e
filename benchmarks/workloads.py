"""The training steps that are measured: shapes, optimizers, batches and first weights."""

from dataclasses import dataclass

import numpy as np

import chainrule as cr


@dataclass(frozen=True)
class Workload:
    """A multilayer perceptron and how it is trained."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    optimizer: str
    lr: float
    batch: int

    @property
    def flops(self) -> int:
        """Multiplications and additions of the matrix products in one step.

        Forward, and backward to the weights, each take 2 * batch * in * out a layer; backward to
        the inputs as well, but not into the first layer.
        """
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2 * self.batch * (3 * sum(products) - products[0])

    def weights(self) -> list[np.ndarray]:
        """First weights: W1 (out, in), b1, W2, b2, ..., the same for every contender."""
        key, arrays = cr.random.key(7), []
        for layer, (inputs, outputs) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            spread = np.float32(np.sqrt(2.0 / inputs))
            drawn = np.asarray(cr.random.normal(cr.random.fold_in(key, layer), (outputs, inputs)))
            arrays += [drawn * spread, np.zeros(outputs, np.float32)]
        return arrays

    def batches(self, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (count, batch, 784) as float32 and class ids (count, batch) from MNIST."""
        train, _ = cr.data.mnist()
        x, y = train.batch(np.arange(count * self.batch))
        shape = (count, self.batch)
        return x.reshape(*shape, -1), np.asarray(y).reshape(shape)


WORKLOADS = {
    work.name: work
    for work in (
        Workload("W1", (784, 25, 25, 10), "relu", "adam", 1e-3, 100),
        Workload("W2", (784, 100, 10), "sigmoid", "sgd", 0.1, 100),
    )
}
