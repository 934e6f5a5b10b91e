"""The layers between the layers: activation functions, each with its options and parameters."""

from typing import Any

from chainrule import ops
from chainrule.aval import DEFAULT_FLOAT
from chainrule.errors import ShapeError, unknown
from chainrule.nn import functions, init
from chainrule.nn.module import Module
from chainrule.nn.parameter import Parameter
from chainrule.ops.axes import integer
from chainrule.ops.table import shape_of
from chainrule.settings import FINITE, POSITIVE, count, number


class Step(Module):
    """1 where x >= threshold, else 0: the unit of McCulloch and Pitts. Its derivative is 0.

    >>> Step()([-1.0, 0.0])
    array([0., 1.], dtype=float32)
    """

    def __init__(self, threshold: float = 0.0):
        self.threshold = number("Step", "threshold", threshold, FINITE)

    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def forward(self, x: Any) -> Any:
        return functions.step(x, self.threshold)


class ReLU(Module):
    """max(0, x); its derivative at 0 is 0, as in PyTorch.

    >>> ReLU()([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.relu(x)


class Sigmoid(Module):
    """1 / (1 + e^-x), the logistic function.

    >>> Sigmoid()([0.0])
    array([0.5], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> Tanh()([0.0])
    array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return ops.tanh(x)


class Hardsigmoid(Module):
    """max(min(slope x + 0.5, 1), 0); `slope=1/6` is PyTorch's convention.

    Raises:
        OptionError: a slope that is not above 0.

    >>> Hardsigmoid()([-3.0, 0.0, 1.0])
    array([0.  , 0.5 , 0.75], dtype=float32)
    """

    def __init__(self, slope: float = 0.25):
        self.slope = number("Hardsigmoid", "slope", slope, POSITIVE)

    def options(self) -> dict[str, Any]:
        return {"slope": self.slope}

    def forward(self, x: Any) -> Any:
        return functions.hard_sigmoid(x, self.slope)


class Hardtanh(Module):
    """max(min(x, 1), -1).

    >>> Hardtanh()([-3.0, 0.5])
    array([-1. ,  0.5], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return functions.hard_tanh(x)


class LeakyReLU(Module):
    """x where x > 0, else slope x.

    Raises:
        OptionError: a slope that is no finite number.

    >>> LeakyReLU(0.1)([-1.0, 2.0])
    array([-0.1,  2. ], dtype=float32)
    """

    def __init__(self, slope: float = 0.01):
        self.slope = number("LeakyReLU", "slope", slope, FINITE)

    def options(self) -> dict[str, Any]:
        return {"slope": self.slope}

    def forward(self, x: Any) -> Any:
        return functions.leaky_relu(x, self.slope)


class PReLU(Module):
    """x where x > 0, else weight x, with one learnt slope for all, or one for each channel.

    Shape: x (N, num_parameters, ...), or any with num_parameters=1; weight (num_parameters,).

    Raises:
        OptionError: a size below 1, or a first slope that is no finite number.
        ShapeError: (when called) another number of channels.

    >>> PReLU().initialize()([-1.0, 2.0])
    tensor([-0.25,  2.  ], from where)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = DEFAULT_FLOAT):
        self.num_parameters = count("PReLU", "num_parameters", num_parameters)
        self.init = number("PReLU", "init", init, FINITE)
        self.weight: Any = _constant((self.num_parameters,), init, dtype)

    def options(self) -> dict[str, Any]:
        return {
            "num_parameters": self.num_parameters,
            "init": self.init,
            "dtype": self.weight.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        return functions.prelu(x, self.weight)


class ELU(Module):
    """x where x > 0, else alpha (e^x - 1).

    Raises:
        OptionError: an alpha that is no finite number.

    >>> ELU()([-1000.0, 2.0])
    array([-1.,  2.], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0):
        self.alpha = number("ELU", "alpha", alpha, FINITE)

    def options(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def forward(self, x: Any) -> Any:
        return functions.elu(x, self.alpha)


class SELU(Module):
    """1.0507 ELU(x, 1.6733), made for weights drawn with "lecun_normal".

    >>> SELU()([1.0])
    array([1.050701], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        return functions.selu(x)


class Softplus(Module):
    """ln(1 + e^(beta x)) / beta, a smooth ReLU; stable at any finite x.

    Raises:
        OptionError: a beta that is not above 0.

    >>> Softplus()([1000.0])
    array([1000.], dtype=float32)
    """

    def __init__(self, beta: float = 1.0):
        self.beta = number("Softplus", "beta", beta, POSITIVE)

    def options(self) -> dict[str, Any]:
        return {"beta": self.beta}

    def forward(self, x: Any) -> Any:
        return ops.softplus(x) if self.beta == 1 else ops.softplus(x * self.beta) / self.beta


class SiLU(Module):
    """x sigmoid(beta x) with a fixed beta; `Swish` learns it.

    Raises:
        OptionError: a beta that is no finite number.

    >>> SiLU()([0.0, 1000.0])
    array([   0., 1000.], dtype=float32)
    """

    def __init__(self, beta: float = 1.0):
        self.beta = number("SiLU", "beta", beta, FINITE)

    def options(self) -> dict[str, Any]:
        return {"beta": self.beta}

    def forward(self, x: Any) -> Any:
        return functions.silu(x, self.beta)


class Swish(Module):
    """x sigmoid(beta x) with one learnt beta for all, or one for each channel.

    Reference: Ramachandran, Zoph and Le, "Searching for activation functions", 2017.

    Shape: x (N, num_parameters, ...), or any with num_parameters=1; beta (num_parameters,).

    Raises:
        OptionError: a size below 1, or a first beta that is no finite number.
        ShapeError: (when called) another number of channels.

    >>> Swish().initialize()([0.0, 1000.0])
    tensor([   0., 1000.], from multiply)
    """

    def __init__(self, num_parameters: int = 1, init: float = 1.0, dtype: Any = DEFAULT_FLOAT):
        self.num_parameters = count("Swish", "num_parameters", num_parameters)
        self.init = number("Swish", "init", init, FINITE)
        self.beta: Any = _constant((self.num_parameters,), init, dtype)

    def options(self) -> dict[str, Any]:
        return {
            "num_parameters": self.num_parameters,
            "init": self.init,
            "dtype": self.beta.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        return functions.silu(x, functions.channelwise(self.beta, x.shape, "Swish"))


class GELU(Module):
    """x Phi(x), exact or by one of two approximations: see `functions.gelu`.

    Raises:
        OptionError: `approximate` is not "none", "tanh" or "sigmoid".

    >>> GELU("tanh")([0.0])
    array([0.], dtype=float32)
    """

    def __init__(self, approximate: str = "none"):
        if approximate not in functions.GELU_FORMS:
            raise unknown("approximation of gelu", approximate, functions.GELU_FORMS)
        self.approximate = approximate

    def options(self) -> dict[str, Any]:
        return {"approximate": self.approximate}

    def forward(self, x: Any) -> Any:
        return functions.gelu(x, self.approximate)


class DyT(Module):
    """Dynamic tanh, weight tanh(alpha x) + bias, all three learnt: a norm without statistics.

    Reference: Zhu, Chen, He, LeCun and Liu, "Transformers without normalization", CVPR 2025.

    Shape: x (..., num_features), alpha (1,), weight and bias (num_features,).

    Raises:
        OptionError: a size below 1, or a first alpha that is no finite number.

    >>> DyT(2)([[0.0, 100.0]])
    tensor([[0., 1.]], from add)
    """

    def __init__(self, num_features: int, alpha_init: float = 0.5, dtype: Any = DEFAULT_FLOAT):
        self.num_features = count("DyT", "num_features", num_features)
        self.alpha_init = number("DyT", "alpha_init", alpha_init, FINITE)
        self.alpha: Any = _constant((1,), alpha_init, dtype)
        self.weight: Any = Parameter((self.num_features,), "ones", dtype)
        self.bias: Any = Parameter((self.num_features,), "zeros", dtype)

    def options(self) -> dict[str, Any]:
        return {
            "num_features": self.num_features,
            "alpha_init": self.alpha_init,
            "dtype": self.alpha.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        return functions.dyt(x, self.alpha, self.weight, self.bias)


class Maxout(Module):
    """Units that give the largest of several linear functions: y_j = max_k (W_jk x + b_jk).

    With two pieces a unit can learn |x| or ReLU, with more any convex function, piece by piece.

    Reference: Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout networks", ICML 2013.

    Shape: (..., in_features) gives (..., out_features); weight has (out_features *
    pieces, in_features), the pieces of a unit one after the other.

    Raises:
        OptionError: a size below 1, or an unknown initialiser.
        ShapeError: (when called) another number of inputs.

    >>> Maxout(3, 2, pieces=4)([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        *,
        weight_init: str | init.Initializer = "kaiming_uniform",
        dtype: Any = DEFAULT_FLOAT,
    ):
        self.in_features = count("Maxout", "in_features", in_features)
        self.out_features = count("Maxout", "out_features", out_features)
        self.pieces = count("Maxout", "pieces", pieces)
        rows = self.out_features * self.pieces
        self.weight: Any = Parameter((rows, self.in_features), weight_init, dtype)
        self.bias: Any = Parameter((rows,), "uniform", dtype, (self.in_features, rows))

    def options(self) -> dict[str, Any]:
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "pieces": self.pieces,
            "weight_init": self.weight.init,
            "dtype": self.weight.dtype.name,
        }

    def forward(self, x: Any) -> Any:
        if shape_of(x)[-1:] != (self.in_features,):
            raise ShapeError(
                f"expected an input of shape (..., {self.in_features}), got {shape_of(x)}."
            )
        return functions.maxout(ops.linear(x, self.weight, self.bias), self.pieces)


class Softmax(Module):
    """e^x / sum(e^x) along an axis: probabilities. `cross_entropy` takes what comes before it.

    >>> Softmax()([0.0, 0.0])
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, axis: int = -1):
        self.axis = integer(axis, "Softmax: axis")

    def options(self) -> dict[str, Any]:
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        return ops.softmax(x, self.axis)


class LogSoftmax(Module):
    """ln(softmax(x)) along an axis, finite where softmax rounds to 0; `nll` takes it.

    >>> LogSoftmax()([0.0, -1000.0])
    array([    0., -1000.], dtype=float32)
    """

    def __init__(self, axis: int = -1):
        self.axis = integer(axis, "LogSoftmax: axis")

    def options(self) -> dict[str, Any]:
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        return ops.log_softmax(x, self.axis)


def _constant(shape: tuple[int, ...], value: float, dtype: Any) -> Parameter:
    return Parameter(shape, init.Constant(value), dtype)
