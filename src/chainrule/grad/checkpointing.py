"""Computing a part of a function again in the backward pass, in place of storing what it made."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule import tree
from chainrule.errors import GradientError
from chainrule.grad.call import call_op, highest
from chainrule.grad.reverse import vjp
from chainrule.ops.table import Box
from chainrule.tensor import Tensor, leaf_cotangents, made_before


def checkpoint(function: Callable) -> Callable:
    """A function that stores its inputs only, and computes the rest again for the backward pass.

    Values and gradients are those of `function`, with about one more forward pass of time, and
    memory for the values inside one checkpoint at a time. Tensors that `function` captures, such
    as the parameters of a module, get their gradients, too. (Griewank and Walther, "Algorithm 799:
    revolve", ACM Transactions on Mathematical Software 26, 2000; Chen, Xu, Zhang and Guestrin,
    "Training deep nets with sublinear memory cost", arXiv 1604.06174, 2016.)

    The function must give the same for the same arguments, so draw random numbers from a key.
    Under vmap, forward mode and in graphs it runs as it is.

    Raises:
        GradientError: an argument or a captured tensor got new data before the backward pass.

    >>> _, pull = vjp(checkpoint(lambda x: x.sin().exp()), np.array([0.0]))
    >>> pull(np.array([1.0]))
    (array([1.]),)
    """

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        leaves, structure = tree.flatten(args)
        top = highest(leaves)
        if top is not None and not isinstance(top, Tensor):
            return function(*args, **options)
        level = -1 if top is None else top.level

        def of_leaves(values: Sequence) -> Any:
            return function(*tree.unflatten(structure, list(values)), **options)

        given = [_is_tracked(leaf, level) for leaf in leaves]
        values = [_fresh(x.data, x.level) if t else x for x, t in _pairs(leaves, given)]
        result = of_leaves(values)
        outputs, out_structure = tree.flatten(result)
        boxes = [out for out in outputs if isinstance(out, Box)]
        own = [isinstance(out, Tensor) and out.requires_grad for out in outputs]
        recorded = [out for out, mine in _pairs(outputs, own) if mine]
        levels = {out.level for out in recorded}
        if any(given) and (levels - {level} or any(box.level > level for box in boxes)):
            # A captured value is differentiated further out or further in: keep the whole graph.
            return of_leaves(leaves)
        if len(levels) != 1:
            return result
        name = getattr(function, "__name__", "checkpoint")
        inside = {id(value) for value, t in _pairs(values, given) if t}
        parts = iter(_Segment(name, of_leaves, leaves, given, own).record(recorded, inside))
        kept = [next(parts) if mine else out for out, mine in _pairs(outputs, own)]
        return tree.unflatten(out_structure, kept)

    return run


def _pairs(values: Sequence, marks: Sequence[bool]) -> Any:
    return zip(values, marks, strict=True)


def _is_tracked(leaf: Any, level: int) -> bool:
    return isinstance(leaf, Tensor) and leaf.level == level and leaf.requires_grad


def _fresh(data: Any, level: int) -> Tensor:
    """A tensor at which the part's own backward pass ends."""
    return Tensor(data, level, requires_grad=True)


class _Segment:
    """One run of a checkpointed function, in the graph as a single op."""

    def __init__(
        self,
        name: str,
        function: Callable[[Sequence], Any],
        leaves: Sequence,
        given: Sequence[bool],
        own: Sequence[bool],
    ):
        self.name = name
        self.function = function
        self.leaves = leaves
        self.given = given
        self.own = own
        self.level = 0
        self.captured: list[Tensor] = []

    def record(self, outputs: list[Tensor], inside: set[int]) -> tuple:
        """The outputs once more, made by one op; the graph of this run is not kept.

        `inside` are the ids of the leaves that stood for the arguments.
        """
        self.level = outputs[0].level
        self.captured = [leaf for leaf in _leaves_of(outputs) if id(leaf) not in inside]
        args = [leaf for leaf, mine in _pairs(self.leaves, self.given) if mine]
        data = tuple(out.data for out in outputs)
        everything = (*args, *self.captured)
        op = call_op(self.name, len(everything), lambda *_: data, vjp=self._pull)
        return Tensor(None, self.level).interpret(op, everything, {})

    def _pull(self, g: list, outputs: Any, *values: Any) -> list:
        count = sum(self.given)
        self._check_unchanged(values[count:])
        if isinstance(outputs, Tensor):
            return self._pull_again(g, values)
        fresh = [_fresh(value, self.level) for value in values[:count]]
        again = self._outputs(fresh)
        found = {id(leaf): part for leaf, part in leaf_cotangents(again, g)}
        return [found.get(id(leaf)) for leaf in (*fresh, *self.captured)]

    def _pull_again(self, g: list, values: Sequence) -> list:
        """With create_graph, where cotangents must know how they came from the arguments."""
        if self.captured:
            raise GradientError(
                f"{self.name}: create_graph=True through a checkpoint that captures tensors. Pass "
                "them as arguments, or use chainrule.grad of chainrule.grad."
            )
        return list(vjp(lambda *x: self._outputs(x), *values)[1](g))

    def _outputs(self, values: Sequence) -> list:
        """The differentiable outputs for other values of the arguments."""
        rest = iter(values)
        full = [next(rest) if mine else leaf for leaf, mine in _pairs(self.leaves, self.given)]
        outputs = tree.flatten(self.function(full))[0]
        return [out for out, mine in _pairs(outputs, self.own) if mine]

    def _check_unchanged(self, values: Sequence) -> None:
        for leaf, value in zip(self.captured, values, strict=True):
            if leaf is not value and leaf.data is not value:
                raise GradientError(
                    f"{self.name}: a captured tensor got new data before the backward pass, which "
                    "computes with it again. Run backward before the update."
                )


def _leaves_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """The tensors that a backward pass from these ends at."""
    level = outputs[0].level
    found = {id(out): out for out in outputs if out.op is None}
    for tensor in made_before(outputs):
        for arg in tensor.args:
            if _is_tracked(arg, level) and arg.op is None:
                found[id(arg)] = arg
    return list(found.values())
