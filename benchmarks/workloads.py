"""What is measured: the nets, how they are trained, and in what batches."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["train", "predict", "product", "whole"]

CHECKED = 50
"""The training step after which all contenders must have the same loss; also the count of batches
that each of them has at hand."""


@dataclass(frozen=True)
class Workload:
    """A multilayer perceptron and how it is used.

    Args:
        name: as DESIGN names it; `/1000` is the same net at another batch size.
        kind: "train" for training steps, "predict" for outputs, "product" for one large matrix
            product, whose speed is the machine's peak.
        sizes: the neurons of each layer.
        activation: "relu" or "sigmoid".
        optimizer: "adam" or "sgd".
        lr: the learning rate.
        batch: samples in a batch.
        epoch: batches in the data set that chainrule trains on while it is timed: as many as MNIST
            has, unless they would take seconds.
    """

    name: str
    kind: Kind
    sizes: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "sgd"
    lr: float = 0.1
    batch: int = 1
    epoch: int = 1

    @property
    def flops(self) -> int:
        """Multiplications and additions of the matrix products in one step.

        Forward, and backward to the weights, each take 2 * batch * in * out a layer; backward to
        the inputs as well, but not into the first layer.
        """
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        if self.kind == "train":
            return 2 * self.batch * (3 * sum(products) - products[0])
        return 2 * self.batch * sum(products)

    @property
    def stride(self) -> int:
        """Steps in one timed call: a divisor of CHECKED, fewer where a step is long."""
        return CHECKED if self.epoch >= CHECKED else 10

    @property
    def title(self) -> str:
        """The net in words."""
        net = f"{'-'.join(map(str, self.sizes))} {self.activation}"
        if self.kind == "predict":
            return f"{self.name}: {net}, one prediction"
        return f"{self.name}: {net}, {self.optimizer}, batch {self.batch}"


_SMALL = (784, 25, 25, 10)
_MIDDLE = (784, 100, 10)

WORKLOADS = {
    work.name: work
    for work in (
        Workload("W1", "train", _SMALL, "relu", "adam", 1e-3, 100, 600),
        Workload("W1/1000", "train", _SMALL, "relu", "adam", 1e-3, 1000, 60),
        Workload("W2", "train", _MIDDLE, "sigmoid", "sgd", 0.1, 100, 600),
        Workload("W2/1000", "train", _MIDDLE, "sigmoid", "sgd", 0.1, 1000, 60),
        Workload("W8", "predict", _SMALL),
        Workload("W9", "train", (784, 1024, 1024, 10), "relu", "sgd", 0.1, 256, 20),
    )
}

PRODUCT = Workload("product", "product", (1536, 1536), batch=1536)
"""The matrix product whose speed counts as the machine's peak."""
