"""The error function and its complement as ops; `special` has their numbers."""

from typing import Any

import numpy as np

from chainrule.ops import special
from chainrule.ops.arithmetic import clip
from chainrule.ops.elementwise import exp, square, unary


def _bell(x: Any) -> Any:
    """e^(-x^2). Beyond 30 it is 0 in float64, and the square of a larger x might overflow."""
    return exp(-square(clip(x, -30.0, 30.0)))


erf = unary(
    "erf",
    special.erf,
    """The error function 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.

>>> erf(np.array([0.0, 1.0]))
array([0.        , 0.84270079])""",
    partial=lambda out, x: float(2.0 / np.sqrt(np.pi)) * _bell(x),
    latex=r"\operatorname{{erf}}({0})",
    emit=lambda b, x: b.erf(x),
)
erfc = unary(
    "erfc",
    special.erfc,
    """1 - erf(x), without cancellation for large x.

>>> erfc(np.array([0.0, 5.0]))
array([1.00000000e+00, 1.53745979e-12])""",
    partial=lambda out, x: float(-2.0 / np.sqrt(np.pi)) * _bell(x),
    latex=r"\operatorname{{erfc}}({0})",
    emit=lambda b, x: b.erfc(x),
)
