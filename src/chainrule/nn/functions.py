"""Activation functions, written in ops; the layers of the same names hold their options.

`chainrule.relu`, `sigmoid`, `tanh`, `softplus`, `softmax` and `log_softmax` are ops themselves.
Each takes floats of any shape and gives the same shape and dtype, unless it says otherwise.
"""

import math
from typing import Any

from chainrule import ops
from chainrule.aval import float_dtype
from chainrule.errors import ShapeError, unknown
from chainrule.ops.table import dtype_of, operand, shape_of

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
GELU_FORMS = ("none", "tanh", "sigmoid")


def step(x: Any, threshold: float = 0.0) -> Any:
    """The step function of Heaviside: 1 where x >= threshold, else 0. Its derivative is 0.

    Reference: McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity",
    Bulletin of Mathematical Biophysics 5, 1943.

    >>> step([-1.0, 0.0, 2.0])
    array([0., 1., 1.], dtype=float32)
    """
    x = operand(x)
    return ops.cast(x >= threshold, dtype=float_dtype(dtype_of(x)))


def hard_sigmoid(x: Any, slope: float = 0.25) -> Any:
    """The logistic function in three straight pieces: max(min(slope x + 0.5, 1), 0).

    A slope of 0.25 is that of the logistic function at 0. PyTorch's convention is 1/6, that of
    Keras 2 was 0.2.

    >>> hard_sigmoid([-3.0, 0.0, 1.0])
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return ops.clip(operand(x) * slope + 0.5, 0.0, 1.0)


def hard_tanh(x: Any) -> Any:
    """tanh in three straight pieces: max(min(x, 1), -1).

    >>> hard_tanh([-3.0, 0.5])
    array([-1. ,  0.5], dtype=float32)
    """
    return ops.clip(operand(x), -1.0, 1.0)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where x > 0, else slope x; the derivative at 0 is the slope, as in PyTorch.

    Reference: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic
    models", 2013.

    >>> leaky_relu([-1.0, 2.0], slope=0.1)
    array([-0.1,  2. ], dtype=float32)
    """
    x = operand(x)
    return ops.where(x > 0, x, x * slope)


def prelu(x: Any, weight: Any) -> Any:
    """x where x > 0, else weight x: a leaky ReLU whose slopes are learnt.

    Reference: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Shape: x (N, C, ...) with weight (C,) or (1,); (1,) goes with any x.

    Raises:
        ShapeError: as many slopes as there are no channels.

    >>> prelu([[-1.0, -1.0]], [0.1, 0.5])
    array([[-0.1, -0.5]], dtype=float32)
    """
    x = operand(x)
    return ops.where(x > 0, x, x * channelwise(weight, shape_of(x), "prelu"))


def channelwise(weight: Any, shape: tuple[int, ...], who: str) -> Any:
    """`weight` (C,) shaped so that it goes along axis 1 of an array of that shape.

    Raises:
        ShapeError: the array has another number of channels.
    """
    weight = operand(weight)
    (size,) = shape_of(weight)
    if size == 1:
        return weight
    if len(shape) < 2 or shape[1] != size:
        raise ShapeError(
            f"{who} has one number for each of {size} channels and got an input of shape {shape}; "
            f"expected (N, {size}, ...). Give it as many channels, or let all share one number."
        )
    return ops.reshape(weight, shape=(size, *(1,) * (len(shape) - 2)))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha (e^x - 1); the derivative at 0 is alpha.

    Reference: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", ICLR 2016.

    >>> elu([-1000.0, 2.0])
    array([-1.,  2.], dtype=float32)
    """
    x = operand(x)
    # The branch that is not chosen must not overflow, or its derivative would be 0 times infinity.
    low = ops.where(x > 0, 0.0, x)
    return ops.where(x > 0, x, alpha * ops.expm1(low))


def selu(x: Any) -> Any:
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer.

    Reference: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks",
    NeurIPS 2017; made for weights drawn with "lecun_normal".

    >>> selu([1.0])
    array([1.050701], dtype=float32)
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def silu(x: Any, beta: Any = 1.0) -> Any:
    """x sigmoid(beta x), also called Swish.

    References: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units", 2017; Ramachandran, Zoph
    and Le, "Searching for activation functions", 2017.

    >>> silu([0.0, 1000.0])
    array([   0., 1000.], dtype=float32)
    """
    x = operand(x)
    return x * ops.sigmoid(x * beta)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Phi(x), where Phi is the distribution function of the standard normal distribution.

    Exact: x erfc(-x / sqrt(2)) / 2. With approximate="tanh",
    x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2; with "sigmoid", x sigmoid(1.702 x).

    Reference: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.

    Raises:
        OptionError: unknown approximation.

    >>> float(gelu(1.0)), float(gelu(1.0, "tanh"))
    (0.8413447..., 0.841192...)
    """
    x = operand(x)
    if approximate == "sigmoid":
        return silu(x, 1.702)
    if approximate == "tanh":
        # The number first, for the cube of an integer might not fit its dtype.
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1.0 + ops.tanh(inner))
    if approximate != "none":
        raise unknown("approximation of gelu", approximate, GELU_FORMS)
    # erfc and not 1 + erf, which would lose all digits far left of 0.
    return 0.5 * x * ops.erfc(x * -math.sqrt(0.5))


def maxout(x: Any, pieces: int) -> Any:
    """The largest of each `pieces` numbers that stand together on the last axis.

    Reference: Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout networks", ICML 2013.

    Shape: (..., units * pieces) gives (..., units).

    Raises:
        ShapeError: the last axis cannot be parted so.

    >>> maxout([1.0, 3.0, -2.0, -5.0], 2)
    array([ 3., -2.], dtype=float32)
    """
    x = operand(x)
    shape = shape_of(x)
    if not shape or pieces < 1 or shape[-1] % pieces:
        raise ShapeError(
            f"maxout: an input of shape {shape} does not part into units of {pieces} pieces; "
            f"expected (..., units * {pieces}). Give the layer before it that many outputs."
        )
    return ops.max(ops.reshape(x, shape=(*shape[:-1], shape[-1] // pieces, pieces)), axis=-1)


def dyt(x: Any, alpha: Any, weight: Any, bias: Any) -> Any:
    """Dynamic tanh: weight tanh(alpha x) + bias, in the place of a normalisation.

    Reference: Zhu, Chen, He, LeCun and Liu, "Transformers without normalization", CVPR 2025.

    Shape: x (..., C), alpha (1,), weight and bias (C,) give (..., C).

    >>> dyt([[0.0, 100.0]], [0.5], [2.0, 2.0], [1.0, 1.0])
    array([[1., 3.]], dtype=float32)
    """
    scaled = operand(x) * operand(alpha)
    return ops.tanh(scaled) * operand(weight) + operand(bias)
