"""Derivatives of functions."""

from chainrule.grad.reverse import grad, value_and_grad, vjp

__all__ = ["grad", "value_and_grad", "vjp"]
