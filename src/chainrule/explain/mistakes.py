"""What learners get wrong, recognised by computing it: a step again with the mistake in it.

Each mistake is a function from a statement to the values that it would lead to. The values come
from the step's own graph with other numbers put in (no bias, the transposed weights, the new
weights), so that a mistake in a convolution is found by the same lines as one in a matrix product.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ChainruleError
from chainrule.explain.builder import Builder
from chainrule.graph import Node

Guess = tuple[str, np.ndarray]
"""A mistake's key in the catalogues, and the values that it leads to."""

FACTORS: Mapping[str, Callable[[int], float]] = MappingProxyType(
    {
        "sign": lambda samples: -1.0,
        "sum_for_mean": float,
        "mean_for_sum": lambda samples: 1.0 / samples,
        "twice": lambda samples: 2.0,
        "half": lambda samples: 0.5,
    }
)
"""Mistakes that multiply the whole value; the argument is the number of samples."""


class Mistakes:
    """The wrong values that known mistakes give, for the statements of one step."""

    def __init__(self, builder: Builder):
        self.builder = builder
        self.step = builder.step
        self.owner = self.step.owner()
        self.moved = {self.step.leaves[path]: node for path, node in self.step.moved.items()}
        self.slopes = {slope.total: slope for slope in self.step.slopes}

    def of(self, node: Node, given: Mapping[Node, np.ndarray]) -> Iterator[Guess]:
        """What might have gone wrong with a value, from the likeliest on.

        `given` holds the learner's own values of earlier steps: a value that follows rightly from
        these is no new mistake.
        """
        sources = self.builder.recomputer.sources(node)
        own = {source: given[source] for source in sources if source in given}
        if own:
            yield from self._with(node, "carried", own)
        yield from self._leaves(node, sources)
        value = np.asarray(self.step.values[node], np.float64)
        yield from self._updates(node, value)
        yield from self._probabilities(node)
        for name, factor in FACTORS.items():
            times = factor(self.step.x.aval.shape[0])
            if times != 1.0:
                yield name, value * times
        yield from self._copies(node, sources, value)
        if node in self.owner.values() or self._is_gradient(node):
            yield "transposed", value.T

    def _is_gradient(self, node: Node) -> bool:
        return node in self.step.gradients.values() and node.aval.ndim == 2

    def _with(self, node: Node, name: str, others: Mapping[Node, Any]) -> Iterator[Guess]:
        try:
            yield name, self.builder.recomputer.exchanged(node, others)
        except (ChainruleError, ValueError, TypeError):
            return

    def _leaves(self, node: Node, sources: list[Node]) -> Iterator[Guess]:
        """Without the bias, with the weights transposed, with the weights after the update."""
        for source in sources:
            if source not in self.owner:
                continue
            value = np.asarray(self.step.values[source], np.float64)
            if value.ndim == 1 and node not in self.moved.values():
                yield from self._with(node, "bias", {source: np.zeros_like(value)})
            if value.ndim == 2 and value.shape[0] == value.shape[1]:
                yield from self._with(node, "transposed_weight", {source: value.T})
            later = self.moved.get(source)
            if later is not None and node not in self.moved.values():
                new = np.asarray(self.step.values[later], np.float64)
                yield from self._with(node, "new_weight", {source: new})

    def _updates(self, node: Node, value: np.ndarray) -> Iterator[Guess]:
        """An update that adds, or forgets the learning rate."""
        for path, moved in self.step.moved.items():
            if moved is node:
                start = np.asarray(self.step.values[self.step.leaves[path]], np.float64)
                slope = np.asarray(self.step.values[self.step.gradients[path]], np.float64)
                yield "added", start + (start - value)
                yield "no_rate", start - slope
                yield "unmoved", start
                yield "only_step", start - value

    def _probabilities(self, node: Node) -> Iterator[Guess]:
        """Softmax over the samples in place of the classes, or without the sum."""
        for steps in self.step.expansions.values():
            if steps.get("p") is node:
                powers = np.asarray(self.step.values[steps["q"]], np.float64)
                for axis in range(powers.ndim - 1):
                    logits = steps["s"].args[0]
                    wrong = ops.softmax(np.asarray(self.step.values[logits], np.float64), axis)
                    yield "softmax_axis", np.asarray(wrong)
                yield "softmax_axis", powers / powers.sum()
                yield "softmax_sum", powers

    def _copies(self, node: Node, sources: list[Node], value: np.ndarray) -> Iterator[Guess]:
        """A value handed on as it was: no activation, no mask, the weights for their slope."""
        slope = self.slopes.get(node)
        if slope is not None and slope.of in self.owner:
            yield "weight_for_slope", np.asarray(self.step.values[slope.of], np.float64)
        for source in sources:
            copy = np.asarray(self.step.values[source], np.float64)
            if copy.shape == value.shape:
                yield ("mask" if slope is not None else "activation"), copy
        if slope is not None:
            yield from self._slope_mistakes(slope.of, sources, value)

    def _slope_mistakes(self, of: Node, sources: list[Node], value: np.ndarray) -> Iterator[Guess]:
        """The error times the activation itself, or its own slope alone."""
        arrays = [np.asarray(self.step.values[source], np.float64) for source in sources]
        fitting = [array for array in arrays if array.shape == value.shape]
        if len(fitting) > 1:
            product = fitting[0]
            for array in fitting[1:]:
                product = product * array
            yield "value_for_slope", product
            with np.errstate(all="ignore"):
                alone = np.where(fitting[0] != 0, value / fitting[0], 0.0)
            yield "slope_alone", alone
