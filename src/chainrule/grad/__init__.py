"""Derivatives of functions, four ways."""

from chainrule.grad.forward import jvp
from chainrule.grad.reverse import grad, value_and_grad, vjp

__all__ = ["grad", "jvp", "value_and_grad", "vjp"]
