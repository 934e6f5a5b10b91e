"""What is measured: the nets, how they are trained, and in what batches."""

from dataclasses import dataclass, replace
from typing import Literal

from nets import CNN, DEEP, LENET, RESNET20, Net, mlp

Kind = Literal["train", "predict", "product", "whole"]

CHECKED = 50
"""The training step after which all contenders must have the same loss; also the count of batches
that each of them has at hand."""
_STRIDES = (50, 25, 10, 5, 2, 1)
_CALL_FLOPS = 25e9
"""About as much is done in one timed call, so that no call takes long."""


@dataclass(frozen=True)
class Workload:
    """A net and how it is used.

    Args:
        name: as DESIGN names it; `/1000` is the same net at another batch size, and `/lenet`
            the same work for another net.
        kind: "train" for training steps, "predict" for outputs, "product" for one large matrix
            product, whose speed is the machine's peak.
        net: see `nets.py`.
        optimizer: "adam", "sgd", or "momentum", which is SGD with a momentum of 0.9.
        lr: the learning rate. Those of deep nets are small: at larger ones, rounding alone moves
            the loss after CHECKED steps in its second digit, and nothing could be compared.
        batch: samples in a batch.
        epoch: batches in the data set that chainrule trains on while it is timed: as many as MNIST
            has, unless they would take seconds.
    """

    name: str
    kind: Kind
    net: Net
    optimizer: str = "sgd"
    lr: float = 0.1
    batch: int = 1
    epoch: int = 1

    @property
    def flops(self) -> int:
        """Multiplications and additions of the matrix products and convolutions in one step.

        Forward, and backward to the weights, each take 2 * batch * (products of a sample) a layer;
        backward to the inputs as well, but not into the first layer. A convolution counts in full,
        its products with the zeros around a picture included. Norms, activations, pooling and the
        update of the weights count as nothing.
        """
        products = [layer.products(shape) for layer, shape in self.net.weighted]
        if self.kind == "train":
            return 2 * self.batch * (3 * sum(products) - products[0])
        return 2 * self.batch * sum(products)

    @property
    def has_pictures(self) -> bool:
        """Whether the net takes pictures, and not rows of numbers."""
        return len(self.net.in_shape) == 3

    @property
    def stride(self) -> int:
        """Steps in one timed call: a divisor of CHECKED, fewer where a step is long."""
        return next((s for s in _STRIDES if s * self.flops <= _CALL_FLOPS), 1)

    @property
    def without_dropout(self) -> "Workload":
        """The same with nothing random in it, so that all contenders give the same numbers."""
        return replace(self, net=self.net.without_dropout)

    @property
    def title(self) -> str:
        """The net and its training in words."""
        if self.kind == "predict":
            return f"{self.name}: {self.net.title}, one prediction"
        return f"{self.name}: {self.net.title}, {self.optimizer}, batch {self.batch}"


_SMALL = mlp((784, 25, 25, 10), "relu")
_MIDDLE = mlp((784, 100, 10), "sigmoid")
_LARGE = mlp((784, 1024, 1024, 10), "relu")

WORKLOADS = {
    work.name: work
    for work in (
        Workload("W1", "train", _SMALL, "adam", 1e-3, 100, 600),
        Workload("W1/1000", "train", _SMALL, "adam", 1e-3, 1000, 60),
        Workload("W2", "train", _MIDDLE, "sgd", 0.1, 100, 600),
        Workload("W2/1000", "train", _MIDDLE, "sgd", 0.1, 1000, 60),
        Workload("W3", "train", CNN, "adam", 1e-3, 100, 50),
        Workload("W4", "train", LENET, "adam", 1e-3, 64, 100),
        Workload("W5", "train", DEEP, "adam", 3e-4, 100, 10),
        Workload("W7", "train", RESNET20, "momentum", 2e-3, 64, 5),
        Workload("W8", "predict", _SMALL),
        Workload("W8/lenet", "predict", LENET),
        Workload("W9", "train", _LARGE, "sgd", 0.1, 256, 20),
    )
}

PRODUCT = Workload("product", "product", mlp((1536, 1536), ""), batch=1536)
"""The matrix product whose speed counts as the machine's peak."""
