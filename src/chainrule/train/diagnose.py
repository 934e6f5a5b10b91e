"""Where a NaN or an infinity came from: a step is run again and watched op by op."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.nn import Module
from chainrule.ops.shape import unbroadcast
from chainrule.tensor import Tensor, made_before

_ADVICE = (
    "Lower the learning rate, clip the gradient (clip_norm=1.0), or check the data and the loss."
)


def explain_not_finite(
    model: Module, loss: Callable, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> str:
    """Say in words which op, in which layer, first gave a NaN or an infinity on these batches."""
    for path, parameter in model.named_parameters():
        if not _finite(parameter.data):
            return f"The parameter {path!r} holds NaN or infinity. {_ADVICE}"
    found = (_explain(model, loss, x, y) for x, y in batches)
    return " ".join(filter(None, (next(filter(None, found), ""), _ADVICE)))


def _explain(model: Module, loss: Callable, x: np.ndarray, y: np.ndarray) -> str:
    if not _finite(x):
        return "The inputs of the batch hold NaN or infinity."
    # A tensor that asks for its gradient, so that what is computed from it alone is recorded too.
    inputs = Tensor(x, requires_grad=x.dtype.kind == "f")
    with np.errstate(all="ignore"):
        with _watched(model) as layers:
            result = loss(model(inputs), y)
        made = made_before([result])
        return _first_forward(made, layers) or _first_backward(made, layers)


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _first_forward(made: list[Tensor], layers: "_Layers") -> str:
    for tensor in made:
        if tensor.op is not None and not _finite(tensor.data):
            return (
                f"It first appeared forward, in the op {tensor.op.name!r} of {layers.of(tensor)}."
            )
    return ""


def _first_backward(made: list[Tensor], layers: "_Layers") -> str:
    """The first op on the way back whose derivative is not finite."""
    cotangents: dict[int, Any] = {id(made[-1]): np.ones((), made[-1].dtype)}
    for tensor in reversed(made):
        op, g = tensor.op, cotangents.pop(id(tensor), None)
        if op is None or g is None:
            continue
        rules = op.vjp(g, tensor.data, *tensor.values, **tensor.params) if op.vjp else None
        for i, arg in enumerate(tensor.args):
            if not (isinstance(arg, Tensor) and arg.requires_grad):
                continue
            part = rules[i] if rules else op.pull(i, g, tensor.data, tensor.values, tensor.params)
            if part is None:
                continue
            if not _finite(part):
                return (
                    "The loss is finite; it first appeared backward, in the derivative of the op "
                    f"{op.name!r} of {layers.of(tensor)}."
                )
            part = unbroadcast(part, arg.shape)
            cotangents[id(arg)] = cotangents.get(id(arg), 0.0) + part
    return ""


class _Layers:
    """Which layer made a tensor; holds the tensors, so that no other takes over their id."""

    def __init__(self) -> None:
        self.made: dict[int, tuple[Tensor, str]] = {}

    def note(self, tensor: Tensor, layer: str) -> None:
        """The first to say so is the innermost layer."""
        self.made.setdefault(id(tensor), (tensor, layer))

    def of(self, tensor: Tensor) -> str:
        return self.made.get(id(tensor), (tensor, "the loss"))[1]


@contextlib.contextmanager
def _watched(model: Module) -> Iterator[_Layers]:
    """While it is open, note for each tensor the innermost layer that made it."""
    layers = _Layers()
    modules = list(model.named_modules())
    for path, module in modules:
        name = f"layer {path!r} ({type(module).__name__})" if path else type(module).__name__
        vars(module)["forward"] = _noting(module.forward, name, layers)
    try:
        yield layers
    finally:
        for _, module in modules:
            del vars(module)["forward"]


def _noting(forward: Callable, name: str, layers: _Layers) -> Callable:
    def run(*inputs: Any, **options: Any) -> Any:
        before = {id(tensor) for value in inputs for tensor in _history(value)}
        output = forward(*inputs, **options)
        for tensor in _history(output):
            if id(tensor) not in before:
                layers.note(tensor, name)
        return output

    return run


def _history(value: Any) -> list[Tensor]:
    return made_before([value]) if isinstance(value, Tensor) else []
