"""Where a NaN or an infinity came from: one step is run again and watched op by op."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.nn import Module
from chainrule.tensor import Tensor, leaf_cotangents, made_before

_ADVICE = (
    "Lower the learning rate, clip the gradient (clip_norm=1.0), or check the data and the loss."
)


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def explain_not_finite(model: Module, loss: Callable, x: np.ndarray, y: np.ndarray) -> str:
    """Say in words which op, in which layer, first gave a NaN or an infinity on this batch."""
    if not _finite(x):
        return f"The inputs of the batch hold NaN or infinity. {_ADVICE}"
    for path, parameter in model.named_parameters():
        if not _finite(parameter.data):
            return f"The parameter {path!r} holds NaN or infinity. {_ADVICE}"
    layers: dict[int, str] = {}
    with _watched(model, layers), np.errstate(all="ignore"):
        result = loss(model(x), y)
    for tensor in made_before([result]):
        if not _finite(tensor.data):
            op = tensor.op.name if tensor.op else "an input"
            place = layers.get(id(tensor), "the loss")
            return f"It first appeared forward, in the op {op!r} of {place}. {_ADVICE}"
    return _explain_backward(model, result)


def _explain_backward(model: Module, result: Tensor) -> str:
    with np.errstate(all="ignore"):
        gradients = leaf_cotangents([result], [np.ones((), result.dtype)])
    names = {id(parameter): path for path, parameter in model.named_parameters()}
    bad = [names[id(leaf)] for leaf, g in gradients if id(leaf) in names and not _finite(g)]
    return (
        f"The loss is finite; the gradient is not, first at the parameter {bad[0]!r}. {_ADVICE}"
        if bad
        else _ADVICE
    )


class _watched:  # noqa: N801 - a context manager, used like a function
    """While it is open, remember for each tensor the innermost layer that made it."""

    def __init__(self, model: Module, layers: dict[int, str]):
        self.modules = list(model.named_modules())
        self.layers = layers
        self.kept: list[Tensor] = []

    def __enter__(self) -> None:
        for path, module in self.modules:
            vars(module)["forward"] = self._wrap(path, module)

    def __exit__(self, *exception: object) -> None:
        for _, module in self.modules:
            del vars(module)["forward"]

    def _wrap(self, path: str, module: Module) -> Callable:
        forward = module.forward

        def watched(*inputs: Any) -> Any:
            output = forward(*inputs)
            if isinstance(output, Tensor):
                name = f"layer {path!r} ({type(module).__name__})" if path else "the model"
                self.kept.append(output)
                for tensor in made_before([output]):
                    self.layers.setdefault(id(tensor), name)
            return output

        return watched
