"""Trigonometric and hyperbolic ops, and their inverses. Angles are in radians."""

import numpy as np

from chainrule.ops.elementwise import sqrt, square, unary

_HALF_OPEN = (-0.9, 0.9)

sin = unary(
    "sin",
    np.sin,
    """The sine of x radians.

>>> sin(np.array([0.0, np.pi / 2]))
array([0., 1.])""",
    partial=lambda out, x: cos(x),
    latex=r"\sin({0})",
    emit=lambda b, x: b.sin(x),
)
cos = unary(
    "cos",
    np.cos,
    """The cosine of x radians.

>>> cos(np.array([0.0]))
array([1.])""",
    partial=lambda out, x: -sin(x),
    latex=r"\cos({0})",
    emit=lambda b, x: b.cos(x),
)
tan = unary(
    "tan",
    np.tan,
    """The tangent of x radians.

>>> tan(np.array([0.0]))
array([0.])""",
    partial=lambda out, x: 1.0 + out * out,
    latex=r"\tan({0})",
    domain=(-1.2, 1.2),
    emit=lambda b, x: b.tan(x),
)
arcsin = unary(
    "arcsin",
    np.arcsin,
    """The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].

>>> arcsin(np.array([1.0]))
array([1.57079633])""",
    partial=lambda out, x: 1.0 / sqrt(1.0 - x * x),
    latex=r"\arcsin({0})",
    domain=_HALF_OPEN,
    emit=lambda b, x: b.arcsin(x),
)
arccos = unary(
    "arccos",
    np.arccos,
    """The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].

>>> arccos(np.array([1.0]))
array([0.])""",
    partial=lambda out, x: -1.0 / sqrt(1.0 - x * x),
    latex=r"\arccos({0})",
    domain=_HALF_OPEN,
    emit=lambda b, x: b.arccos(x),
)
arctan = unary(
    "arctan",
    np.arctan,
    """The angle in (-pi/2, pi/2) whose tangent is x.

>>> arctan(np.array([1.0]))
array([0.78539816])""",
    partial=lambda out, x: 1.0 / (1.0 + x * x),
    latex=r"\arctan({0})",
    emit=lambda b, x: b.arctan(x),
)
sinh = unary(
    "sinh",
    np.sinh,
    """The hyperbolic sine (e^x - e^-x) / 2.

>>> sinh(np.array([0.0]))
array([0.])""",
    partial=lambda out, x: cosh(x),
    latex=r"\sinh({0})",
    emit=lambda b, x: b.sinh(x),
)
cosh = unary(
    "cosh",
    np.cosh,
    """The hyperbolic cosine (e^x + e^-x) / 2.

>>> cosh(np.array([0.0]))
array([1.])""",
    partial=lambda out, x: sinh(x),
    latex=r"\cosh({0})",
    emit=lambda b, x: b.cosh(x),
)
tanh = unary(
    "tanh",
    np.tanh,
    """The hyperbolic tangent (e^x - e^-x) / (e^x + e^-x) = 2 sigmoid(2x) - 1.

>>> tanh(np.array([0.0, 100.0]))
array([0., 1.])""",
    partial=lambda out, x: 1.0 - out * out,
    latex=r"\tanh({0})",
    emit=lambda b, x: b.tanh(x),
)
arcsinh = unary(
    "arcsinh",
    np.arcsinh,
    """The inverse of sinh.

>>> arcsinh(np.array([0.0]))
array([0.])""",
    partial=lambda out, x: 1.0 / sqrt(square(x) + 1.0),
    latex=r"\operatorname{{arsinh}}({0})",
    emit=lambda b, x: b.arcsinh(x),
)
arccosh = unary(
    "arccosh",
    np.arccosh,
    """The inverse of cosh; NaN below 1.

>>> arccosh(np.array([1.0]))
array([0.])""",
    partial=lambda out, x: 1.0 / sqrt(square(x) - 1.0),
    latex=r"\operatorname{{arcosh}}({0})",
    domain=(1.2, 4.0),
    emit=lambda b, x: b.arccosh(x),
)
arctanh = unary(
    "arctanh",
    np.arctanh,
    """The inverse of tanh; NaN outside [-1, 1].

>>> arctanh(np.array([0.0]))
array([0.])""",
    partial=lambda out, x: 1.0 / (1.0 - x * x),
    latex=r"\operatorname{{artanh}}({0})",
    domain=_HALF_OPEN,
    emit=lambda b, x: b.arctanh(x),
)
