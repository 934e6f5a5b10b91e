"""Derivatives of functions, four ways."""

from chainrule.grad.forward import jvp
from chainrule.grad.numeric import numeric_gradient, numeric_jvp, random_direction, step_curve
from chainrule.grad.reverse import grad, value_and_grad, vjp

__all__ = [
    "grad",
    "jvp",
    "numeric_gradient",
    "numeric_jvp",
    "random_direction",
    "step_curve",
    "value_and_grad",
    "vjp",
]
