"""Every activation, loss and norm beside its referee, as functions of float64 arrays.

PyTorch is the referee where it has the part; else the paper's formula, written once more: in mpmath
for functions of one number, in PyTorch's tensors for the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np

import chainrule as cr
from chainrule import nn, ops, rng

F64 = np.float64


@dataclass(frozen=True)
class Case:
    """One part: our function, the referee's, and the arrays that both get.

    `theirs` takes the module torch, or with referee="mpmath" is a function of one mpmath number.
    """

    kind: str
    part: str
    ours: Callable
    theirs: Callable
    inputs: tuple[np.ndarray, ...]
    referee: str = "torch"
    smooth: bool = field(default=False, kw_only=True)


def normal(shape: tuple[int, ...], seed: int = 0, scale: float = 2.0) -> np.ndarray:
    return scale * rng.normal(rng.key(seed), shape, F64)


X = normal((6, 4))
"""No number of these is a kink of any activation."""
IDS = np.array([3, 0, 2, 1, 3, 2])
RAW = rng.uniform(rng.key(5), (6, 4), F64) + 0.05
SHARES = RAW / RAW.sum(axis=-1, keepdims=True)
OTHER = np.roll(SHARES, 1, axis=-1)
SIGNS = np.where(normal((6, 4), 7) > 0, 1.0, -1.0)
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])


def activation(part: str, theirs: Callable, *more: np.ndarray, referee: str = "torch") -> Case:
    """An activation by its name, its parameters (if any) taken from `more`."""
    layer = nn.catalogue.by_name(part, 4)
    paths = [path for path, _ in layer.named_parameters()]

    def ours(x: Any, *values: Any) -> Any:
        return nn.functional_call(layer, dict(zip(paths, values, strict=True)), x)

    return Case("activation", part, ours, theirs, (X, *more), referee)


def _logistic(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _maxout(x: Any, weight: Any, bias: Any) -> Any:
    layer = nn.Maxout(4, 3, pieces=2, dtype=F64)
    return nn.functional_call(layer, {"weight": weight, "bias": bias}, x)


ACTIVATIONS = (
    activation("identity", lambda t: t.nn.Identity()),
    activation("step", lambda x: mpmath.mpf(x >= 0), referee="mpmath"),
    activation("step(1.5)", lambda x: mpmath.mpf(x >= 1.5), referee="mpmath"),
    activation("sigmoid", lambda t: t.sigmoid),
    activation("tanh", lambda t: t.tanh),
    activation(
        "hard_sigmoid", lambda x: max(min(0.25 * x + 0.5, 1), mpmath.mpf(0)), referee="mpmath"
    ),
    # Not PyTorch's hardsigmoid itself: its derivative has 1/6 in float32 only.
    activation("hard_sigmoid(0.16666666666666666)", lambda t: lambda x: t.nn.ReLU6()(x + 3) / 6),
    activation("hard_tanh", lambda t: t.nn.functional.hardtanh),
    activation("relu", lambda t: t.relu),
    activation("leaky_relu", lambda t: t.nn.functional.leaky_relu),
    activation("leaky_relu(0.3)", lambda t: t.nn.LeakyReLU(0.3)),
    activation("prelu", lambda t: t.nn.functional.prelu, np.array([0.3])),
    activation("prelu(4)", lambda t: t.nn.functional.prelu, np.array([0.3, 0.1, -0.2, 1.5])),
    activation("elu", lambda t: t.nn.functional.elu),
    activation("elu(0.7)", lambda t: t.nn.ELU(0.7)),
    activation("selu", lambda t: t.selu),
    activation("softplus", lambda t: t.nn.Softplus(threshold=1e9)),
    activation("softplus(3)", lambda t: t.nn.Softplus(3, threshold=1e9)),
    activation("silu", lambda t: t.nn.functional.silu),
    activation("silu(1.7)", lambda x: x * _logistic(1.7 * x), referee="mpmath"),
    activation("swish", lambda t: lambda x, b: x * t.sigmoid(b * x), np.array([1.3])),
    activation(
        "swish(4)", lambda t: lambda x, b: x * t.sigmoid(b * x), np.array([1.3, 0.4, -1.0, 2.0])
    ),
    activation("gelu", lambda t: t.nn.GELU()),
    activation("gelu", lambda x: x * mpmath.ncdf(x), referee="mpmath"),
    activation("gelu(tanh)", lambda t: t.nn.GELU(approximate="tanh")),
    activation("gelu(sigmoid)", lambda x: x * _logistic(1.702 * x), referee="mpmath"),
    activation(
        "dyt",
        lambda t: lambda x, a, w, b: w * t.tanh(a * x) + b,
        np.array([0.6]),
        normal((4,), 1),
        normal((4,), 2),
    ),
    Case(
        "activation",
        "maxout",
        _maxout,
        lambda t: lambda x, w, b: (x @ w.T + b).unflatten(-1, (3, 2)).amax(-1),
        (X, normal((6, 4), 3), normal((6,), 4)),
    ),
    activation("softmax", lambda t: t.nn.Softmax(-1)),
    activation("softmax(0)", lambda t: t.nn.Softmax(0)),
    activation("log_softmax", lambda t: t.nn.LogSoftmax(-1)),
)


def loss(name: str, target: Any, theirs: Callable, output: np.ndarray = X) -> Case:
    """A loss by its name, the mean over a batch."""
    function = nn.losses.by_name(name)

    def referee(t: Any) -> Callable:
        return lambda x: theirs(t.nn.functional, t)(x, t.as_tensor(target))

    shown = f"{name} of {'ids' if target.dtype.kind == 'i' else 'rows'}"
    return Case("loss", shown, lambda x: function(x, target), referee, (output,))


def _entropy_of(**options: Any) -> Callable:
    """PyTorch's cross-entropy with options; lists become tensors."""

    def theirs(f: Any, t: Any) -> Callable:
        made = {
            name: t.tensor(value, dtype=t.float64) if isinstance(value, list) else value
            for name, value in options.items()
        }
        return lambda x, y: f.cross_entropy(x, y, **made)

    return theirs


_WEIGHTS = "weight=[0.5, 2.0, 1.0, 0.25]"
_LISTED = WEIGHT.tolist()
LOSSES = (
    loss("cross_entropy", IDS, _entropy_of()),
    loss("cross_entropy", np.eye(4)[IDS], _entropy_of()),
    loss("cross_entropy", SHARES, _entropy_of()),
    loss("cross_entropy(label_smoothing=0.1)", IDS, _entropy_of(label_smoothing=0.1)),
    loss("cross_entropy(label_smoothing=0.1)", SHARES, _entropy_of(label_smoothing=0.1)),
    loss(f"cross_entropy({_WEIGHTS})", IDS, _entropy_of(weight=_LISTED)),
    loss(f"cross_entropy({_WEIGHTS})", SHARES, _entropy_of(weight=_LISTED)),
    loss("cross_entropy(ignore_index=2)", IDS, _entropy_of(ignore_index=2)),
    loss(
        "cross_entropy(ignore_index=-100)",
        np.array([3, -100, 2, 1, -100, 0]),
        _entropy_of(ignore_index=-100),
    ),
    loss(
        f"cross_entropy({_WEIGHTS}, label_smoothing=0.2, ignore_index=3)",
        IDS,
        _entropy_of(weight=_LISTED, label_smoothing=0.2, ignore_index=3),
    ),
    loss(
        "cross_entropy(from_logits=False)",
        OTHER,
        lambda f, t: lambda q, p: -(p * q.log()).sum(-1).mean(),
        SHARES,
    ),
    loss("binary_cross_entropy", RAW / 2, lambda f, t: f.binary_cross_entropy_with_logits),
    loss(
        "binary_cross_entropy(from_logits=False)",
        RAW / 2,
        lambda f, t: f.binary_cross_entropy,
        OTHER,
    ),
    loss("mse", RAW, lambda f, t: f.mse_loss),
    loss("mae", RAW, lambda f, t: f.l1_loss),
    loss("huber", RAW, lambda f, t: f.huber_loss),
    loss("huber(delta=0.4)", RAW, lambda f, t: lambda x, y: f.huber_loss(x, y, delta=0.4)),
    loss(
        "kl_divergence",
        SHARES,
        lambda f, t: lambda x, p: f.kl_div(x.log_softmax(-1), p, reduction="batchmean"),
    ),
    loss(
        "kl_divergence(from_logits=False)",
        SHARES,
        lambda f, t: lambda q, p: f.kl_div(q.log(), p, reduction="batchmean"),
        OTHER,
    ),
    loss("hinge", SIGNS, lambda f, t: lambda x, y: (1 - y * x).clamp(min=0).mean()),
    loss("hinge(margin=0.5)", SIGNS, lambda f, t: lambda x, y: (0.5 - y * x).clamp(min=0).mean()),
    loss("multi_margin", IDS, lambda f, t: f.multi_margin_loss),
    loss(
        "multi_margin(margin=2.0, power=2)",
        IDS,
        lambda f, t: lambda x, y: f.multi_margin_loss(x, y, p=2, margin=2.0),
    ),
    loss("nll", IDS, lambda f, t: f.nll_loss),
    loss(
        f"nll({_WEIGHTS}, ignore_index=1)",
        IDS,
        lambda f, t: (
            lambda x, y: f.nll_loss(x, y, weight=t.tensor(_LISTED, dtype=t.float64), ignore_index=1)
        ),
    ),
    Case(
        "function",
        "entropy",
        lambda p: nn.entropy(p / ops.sum(p, axis=-1, keepdims=True)),
        lambda t: lambda p: t.distributions.Categorical(probs=p).entropy(),
        (SHARES,),
    ),
    Case(
        "function",
        "self_information",
        nn.self_information,
        lambda t: lambda p: -p.log(),
        (RAW / 2,),
    ),
)

IMAGES = normal((5, 4, 3, 2), 8)
SCALE, SHIFT = normal((4,), 9), normal((4,), 10)


def norm(part: str, make: Callable[[], nn.Module], theirs: Callable, *inputs: np.ndarray) -> Case:
    """A norm, its weight and bias (as far as it has them) given as inputs."""

    def ours(x: Any, *values: Any) -> Any:
        layer = make()
        paths = [path for path, _ in layer.named_parameters()]
        return nn.functional_call(layer, dict(zip(paths, values, strict=False)), x)

    return Case("norm", part, ours, theirs, inputs, smooth=True)


def _settled_batch_norm() -> nn.Module:
    layer = nn.BatchNorm(4, dtype=F64)
    layer.running_mean, layer.running_var = SHIFT, np.square(SCALE) + 0.1
    return layer.eval()


def _batch_norm_eval(t: Any) -> Callable:
    mean, var = t.tensor(SHIFT), t.tensor(np.square(SCALE) + 0.1)
    return lambda x, w, b: t.nn.functional.batch_norm(x, mean, var, w, b)


NORMS = (
    norm(
        "LocalResponseNorm",
        lambda: nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
        lambda t: t.nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
        IMAGES,
    ),
    norm(
        "BatchNorm of (N, C)",
        lambda: nn.BatchNorm(4, dtype=F64),
        lambda t: lambda x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True),
        X,
        SCALE,
        SHIFT,
    ),
    norm(
        "BatchNorm of images",
        lambda: nn.BatchNorm(4, eps=0.1, dtype=F64),
        lambda t: (
            lambda x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, training=True, eps=0.1)
        ),
        IMAGES,
        SCALE,
        SHIFT,
    ),
    norm("BatchNorm in evaluation", _settled_batch_norm, _batch_norm_eval, IMAGES, SCALE, SHIFT),
    norm(
        "BatchNorm without weights",
        lambda: nn.BatchNorm(4, affine=False, dtype=F64),
        lambda t: lambda x: t.nn.functional.batch_norm(x, None, None, training=True),
        X,
    ),
    norm(
        "LayerNorm",
        lambda: nn.LayerNorm(4, dtype=F64),
        lambda t: lambda x, w, b: t.nn.functional.layer_norm(x, (4,), w, b),
        X,
        SCALE,
        SHIFT,
    ),
    norm(
        "LayerNorm over two axes",
        lambda: nn.LayerNorm((3, 2), bias=False, dtype=F64),
        lambda t: lambda x, w: t.nn.functional.layer_norm(x, (3, 2), w),
        IMAGES,
        normal((3, 2), 11),
    ),
    norm(
        "InstanceNorm",
        lambda: nn.InstanceNorm(4, dtype=F64),
        lambda t: t.nn.functional.instance_norm,
        IMAGES,
    ),
    norm(
        "InstanceNorm with weights",
        lambda: nn.InstanceNorm(4, affine=True, dtype=F64),
        lambda t: lambda x, w, b: t.nn.functional.instance_norm(x, weight=w, bias=b),
        IMAGES,
        SCALE,
        SHIFT,
    ),
    norm(
        "GroupNorm",
        lambda: nn.GroupNorm(2, 4, dtype=F64),
        lambda t: lambda x, w, b: t.nn.functional.group_norm(x, 2, w, b),
        IMAGES,
        SCALE,
        SHIFT,
    ),
    norm(
        "GroupNorm of (N, C)",
        lambda: nn.GroupNorm(1, 4, affine=False, dtype=F64),
        lambda t: lambda x: t.nn.functional.group_norm(x, 1),
        X,
    ),
    norm(
        "RMSNorm",
        lambda: nn.RMSNorm(4, eps=1e-5, dtype=F64),
        lambda t: lambda x, w: t.nn.functional.rms_norm(x, (4,), w, eps=1e-5),
        X,
        SCALE,
    ),
)
CASES = (*ACTIVATIONS, *LOSSES, *NORMS)


def weights_of(shape: tuple[int, ...]) -> np.ndarray:
    """What the elements of an output weigh in the number that is differentiated."""
    return normal(shape, 20, 1.0) + 0.3


def our_gradients(case: Case) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Value, first derivatives, and those of their sum against fixed weights."""
    numbers = tuple(range(len(case.inputs)))

    def total(*inputs: Any) -> Any:
        out = case.ours(*inputs)
        return ops.sum(out * weights_of(out.shape))

    def slope(*inputs: Any) -> Any:
        found = cr.grad(total, argnums=numbers)(*inputs)
        return sum(ops.sum(g * weights_of(g.shape)) for g in found)

    second = list(cr.grad(slope, argnums=numbers)(*case.inputs)) if case.smooth else []
    value = case.ours(*case.inputs)
    return np.asarray(value), list(cr.grad(total, argnums=numbers)(*case.inputs)), second


def torch_gradients(case: Case, t: Any) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The same by PyTorch."""
    inputs = [t.tensor(array, requires_grad=True) for array in case.inputs]
    out = case.theirs(t)(*inputs)
    total = (out * t.tensor(weights_of(tuple(out.shape)))).sum()
    first = t.autograd.grad(total, inputs, create_graph=case.smooth)
    second = []
    if case.smooth:
        slope = sum((g * t.tensor(weights_of(tuple(g.shape)))).sum() for g in first)
        second = t.autograd.grad(slope, inputs, materialize_grads=True)
    return out.detach().numpy(), *([g.detach().numpy() for g in part] for part in (first, second))


def mpmath_gradients(case: Case) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The same by mpmath with 40 digits, for functions of one number."""
    (x,) = case.inputs
    with mpmath.workdps(40):
        value = [float(case.theirs(mpmath.mpf(v))) for v in x.ravel()]
        slope = [float(mpmath.diff(case.theirs, mpmath.mpf(v))) for v in x.ravel()]
    return np.reshape(value, x.shape), [np.reshape(slope, x.shape) * weights_of(x.shape)], []
