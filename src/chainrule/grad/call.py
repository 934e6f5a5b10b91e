"""Ops made for a single call: a user's function with its own derivative, as all modes see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import Aval, aval_of
from chainrule.errors import GradientError
from chainrule.grad.batching import Batched, vmap
from chainrule.grad.forward import Dual, fit, zeros
from chainrule.grad.reverse import concrete_leaf, vjp
from chainrule.ops.table import Box, Op, dtype_of, make_op, operand
from chainrule.tensor import Tensor


@dataclass(frozen=True)
class Rules:
    """A function of a flat list of arrays, with its rules; at least one of the two kinds.

    `forward` gives the outputs and residuals, `backward` the inputs' cotangents (or None) from
    residuals and the outputs' cotangents, `push` the outputs and their tangents.
    """

    name: str
    function: Callable[[Sequence], list]
    forward: Callable[[Sequence], tuple[list, Any]] | None = None
    backward: Callable[[Any, list], list] | None = None
    push: Callable[[Sequence, Sequence], tuple[list, list]] | None = None


@dataclass(frozen=True, eq=False)
class CallOp(Op):
    """An op whose meaning is a function that takes boxes, too."""

    def __call__(self, *args: Any, **params: Any) -> tuple:
        return self.np(*args)

    def run(self, args: Sequence, params: Mapping[str, Any]) -> tuple:
        return self.np(*args)


def call_op(name: str, count: int, run: Callable, **fields: Any) -> CallOp:
    """An op of `count` arguments, not in the table, that gives a tuple."""
    shown = name.strip("<>").replace("_", r"\_")
    record = make_op(
        name,
        doc=f"One call of {name}.",
        np=run,
        infer=fields.pop("infer", _unknown),
        arity=count,
        several=True,
        latex=rf"\operatorname{{{{{shown}}}}}({{all}})",
        **fields,
    )
    return CallOp(**{field.name: getattr(record, field.name) for field in fields_of(record)})


def _unknown(*avals: Aval) -> tuple:
    raise GradientError("the shapes of this call's results are known only after it ran.")


def highest(values: Sequence) -> Box | None:
    """The box that interprets a call with these arguments."""
    boxes = [value for value in values if isinstance(value, Box)]
    return max(boxes, key=lambda box: box.level, default=None)


def apply(rules: Rules, leaves: Sequence) -> list:
    """Call a function so that every mode uses its rules, also the modes further in."""
    leaves = [operand(leaf) for leaf in leaves]
    top = highest(leaves)
    if top is None:
        return rules.function(leaves)
    if isinstance(top, Tensor):
        return list(top.interpret(_recording(rules, top, leaves), tuple(leaves), {}))
    if isinstance(top, Dual):
        return _dual(rules, top, leaves)
    if isinstance(top, Batched):
        return _batched(rules, top, leaves)
    return list(top.interpret(_opaque(rules, leaves), tuple(leaves), {}))


def _recording(rules: Rules, top: Tensor, leaves: Sequence) -> CallOp:
    """The op that reverse mode records: it keeps the residuals of its one run."""
    tracked = any(_own(leaf, top) and leaf.requires_grad for leaf in leaves)
    saved: list = []

    def run(*values: Any) -> tuple:
        if rules.forward is None or not tracked:
            outputs = apply(rules, values)
        else:
            outputs, residuals = rules.forward(values)
            saved[:] = [values, residuals]
        _check_captured(rules, outputs, top.level)
        return tuple(outputs)

    def pull(g: list, outputs: Any, *values: Any) -> list:
        same = saved and all(a is b for a, b in zip(saved[0], values, strict=True))
        return _cotangents(rules, g, values, saved[1:] if same else [])

    return call_op(rules.name, len(leaves), run, vjp=pull)


def _own(leaf: Any, top: Box) -> bool:
    return type(leaf) is type(top) and leaf.level == top.level


def _check_captured(rules: Rules, outputs: Sequence, level: int) -> None:
    for out in outputs:
        if isinstance(out, Box) and out.level >= level:
            raise GradientError(
                f"{rules.name} uses a value that is being differentiated and is none of its "
                "arguments, so its rule cannot give the derivative by it. Pass it as an argument."
            )


def _cotangents(rules: Rules, g: list, values: Sequence, residuals: list) -> list:
    """Cotangents of the arguments: by the rule, or by turning the forward rule around."""
    if rules.backward is not None and rules.forward is not None:
        kept = residuals[0] if residuals else rules.forward(values)[1]
        return rules.backward(kept, g)
    live = [i for i, value in enumerate(values) if _is_float(value)]
    outs = [i for i, part in enumerate(g) if _is_float(part)]

    def slopes(*tangents: Any) -> list:
        moved = [zeros(value) for value in values]
        for i, tangent in zip(live, tangents, strict=True):
            moved[i] = tangent
        found = _pushed(rules, values, moved)[1]
        return [found[i] for i in outs]

    # The slopes are linear in the tangents, so their derivative at any point is their transpose.
    _, pull = vjp(slopes, *(zeros(values[i]) for i in live))
    result: list = [None] * len(values)
    for i, cotangent in zip(live, pull([g[i] for i in outs]), strict=True):
        result[i] = cotangent
    return result


def _is_float(value: Any) -> bool:
    return dtype_of(value).kind == "f"


def _pushed(rules: Rules, primals: Sequence, tangents: Sequence) -> tuple[list, list]:
    """The rule of forward mode, its tangents in the shapes and dtypes of the outputs."""
    if rules.push is None:
        raise GradientError(
            f"{rules.name} has a rule for reverse mode only. Give it one for forward mode with "
            f"{rules.name}.defjvp(rule), or write it with custom_jvp, which serves both."
        )
    outputs, slopes = rules.push(primals, tangents)
    pairs = zip(outputs, slopes, strict=True)
    return outputs, [zeros(out) if slope is None else fit(slope, out) for out, slope in pairs]


def _dual(rules: Rules, top: Dual, leaves: Sequence) -> list:
    primals = [leaf.primal if _own(leaf, top) else leaf for leaf in leaves]
    tangents = [leaf.tangent if _own(leaf, top) else zeros(leaf) for leaf in leaves]
    outputs, slopes = _pushed(rules, primals, tangents)
    _check_captured(rules, outputs, top.level)
    return [
        Dual(out, slope, top.level) if _is_float(out) else out
        for out, slope in zip(outputs, slopes, strict=True)
    ]


def _batched(rules: Rules, top: Batched, leaves: Sequence) -> list:
    """The same call one level further in, on whole batches, with rules for whole batches."""
    own = [_own(leaf, top) for leaf in leaves]
    outputs = apply(
        _rules_of_batch(rules, own),
        [leaf.data if mine else leaf for leaf, mine in zip(leaves, own, strict=True)],
    )
    return [Batched(out, top.level) for out in outputs]


def _rules_of_batch(rules: Rules, own: list[bool]) -> Rules:
    axes = tuple(0 if mine else None for mine in own)

    def listed(function: Callable) -> Callable:
        return vmap(lambda *values: function(values), axes)

    def forward(values: Sequence) -> tuple[list, Any]:
        return listed(rules.forward)(*values)  # type: ignore[arg-type]

    def backward(residuals: Any, g: list) -> list:
        found = vmap(rules.backward)(residuals, g)  # type: ignore[arg-type]
        return [
            part if part is None or mine else ops.sum(part, axis=0)
            for part, mine in zip(found, own, strict=True)
        ]

    def push(primals: Sequence, tangents: Sequence) -> tuple[list, list]:
        both = vmap(lambda x, t: _pushed(rules, x, t), (list(axes), list(axes)))
        return both(list(primals), list(tangents))

    return Rules(
        rules.name,
        lambda values: listed(rules.function)(*values),
        None if rules.forward is None else forward,
        None if rules.backward is None else backward,
        None if rules.push is None else push,
    )


def _opaque(rules: Rules, leaves: Sequence) -> CallOp:
    """The op that expressions and graphs keep, so that its rules hold when they are run.

    The shapes of its results come from a run on ones: they must not depend on numbers.
    """
    with np.errstate(all="ignore"):
        stand_ins = [np.ones(aval.shape, aval.dtype) for aval in map(aval_of, leaves)]
        avals = tuple(aval_of(concrete_leaf(out)) for out in rules.function(stand_ins))

    def infer(*_: Aval) -> tuple:
        return avals

    def run(*values: Any) -> tuple:
        return tuple(map(concrete_leaf, apply(rules, values)))

    return call_op(rules.name, len(leaves), run, infer=infer)


def plain(value: Any) -> Any:
    """A leaf that a user's function gave; a tensor that records nothing as its array."""
    if isinstance(value, Tensor) and value.level == 0 and not value.requires_grad:
        return value.data
    return concrete_leaf(value)


def friendly(leaves: Sequence) -> list:
    """Leaves for a user's function: plain arrays as tensors, which have the methods of all boxes.

    Beside boxes they stay arrays, or what is computed with both would be a tensor inside a box.
    """
    if highest(leaves) is not None:
        return list(leaves)
    return [Tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
