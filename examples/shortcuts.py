"""The gradient in deep residual nets, with their shortcuts and without.

    python examples/shortcuts.py [FOLDER] [--quick]

The nets are those of CIFAR-10 (He, Zhang, Ren and Sun, 2016), on digits. Without shortcuts batch
norm keeps the signals in bounds, and the gradient grows from block to block on its way back (Yang,
Pennington, Rao, Sohl-Dickstein and Schoenholz, "A mean field theory of batch normalization", 2019):
one learning rate cannot suit the first and the last layers of a deep net.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

from chainrule import data, models, nn

KINDS = {"with shortcuts": "padding", "without": "none"}
STARTS = 3


class Numbers(NamedTuple):
    """Sizes of the gradient by layer, first to last, by kind of net and depth."""

    sizes: dict[str, dict[int, np.ndarray]]

    def ratio(self, kind: str, depth: int) -> float:
        """The gradient of the first layer of the first block over that of the last block's last."""
        sizes = self.sizes[kind][depth]
        return float(sizes[0] / sizes[-1])


def measure(quick: bool = False) -> Numbers:
    depths = (8, 20, 32) if quick else (8, 14, 20, 32, 44, 56)
    train, _ = data.mnist(flatten=False)
    batch = train[: 16 if quick else 50]
    return Numbers(
        {
            name: {depth: sizes_by_layer(shortcut, depth, batch) for depth in depths}
            for name, shortcut in KINDS.items()
        }
    )


def sizes_by_layer(shortcut: Any, depth: int, batch: data.Dataset) -> np.ndarray:
    """The root mean square of the gradient of each block's convolutions, median of the starts."""
    x, y = batch.batch(np.arange(len(batch)))
    found = []
    for seed in range(STARTS):
        net = models.CifarResNet(batch.x.shape[1:], 10, depth, shortcut).initialize(seed)
        nn.cross_entropy(net(x), y).backward()
        blocks = [part for _, part in net.named_modules() if isinstance(part, models.BasicBlock)]
        layers = [layer for block in blocks for layer in (block.conv1, block.conv2)]
        found.append([np.sqrt(np.mean(layer.weight.grad.numpy() ** 2)) for layer in layers])
    return np.median(found, axis=0)


def finding(numbers: Numbers) -> experiment.Finding:
    residual, plain = KINDS
    depths = list(numbers.sizes[plain])
    shallow, deep = depths[0], depths[-1]
    return (
        f"Without shortcuts the first block of {deep} layers gets {numbers.ratio(plain, deep):,.0f}"
        f" times the gradient of the last one, and of {shallow} layers "
        f"{numbers.ratio(plain, shallow):.1f} times.",
        f"With shortcuts, past which the gradient goes undiminished and unenlarged, it is "
        f"{numbers.ratio(residual, deep):.1f} times with {deep} layers and "
        f"{numbers.ratio(residual, shallow):.1f} times with {shallow}: both ends learn.",
    )


def draw(numbers: Numbers) -> Any:
    figure, ((by_layer, by_depth),) = experiment.panels(1, 2)
    for name, sizes in numbers.sizes.items():
        depths = list(sizes)
        last = sizes[depths[-1]]
        by_layer.semilogy(np.arange(1, len(last) + 1), last, ".-", label=name)
        ratios = [numbers.ratio(name, depth) for depth in depths]
        by_depth.semilogy(depths, ratios, "o-", label=name)
    by_layer.set(
        xlabel="convolution in the blocks",
        ylabel="size of the gradient",
        title=f"{depths[-1]} layers",
    )
    by_depth.set(xlabel="depth", ylabel="first block's gradient / last's", title="by depth")
    by_layer.legend()
    by_depth.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> Numbers:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
