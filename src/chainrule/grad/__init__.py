"""Derivatives of functions, four ways.

Reverse and forward mode are loaded with the package; the others when they are first named.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.grad.forward import jvp
from chainrule.grad.reverse import grad, value_and_grad, vjp

if TYPE_CHECKING:
    from chainrule.grad.batching import vmap
    from chainrule.grad.checkpointing import checkpoint
    from chainrule.grad.custom import check_custom, custom_jvp, custom_vjp
    from chainrule.grad.expression import Expr, variable, variables
    from chainrule.grad.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
    from chainrule.grad.numeric import numeric_gradient, numeric_jvp, random_direction, step_curve
    from chainrule.grad.symbolic import derive, symbolic_gradient

_LATE = MappingProxyType(
    {
        "vmap": "batching",
        "checkpoint": "checkpointing",
        **dict.fromkeys(("check_custom", "custom_jvp", "custom_vjp"), "custom"),
        **dict.fromkeys(("Expr", "variable", "variables"), "expression"),
        **dict.fromkeys(("hessian", "hvp", "jacfwd", "jacobian", "jacrev"), "jacobians"),
        **dict.fromkeys(
            ("numeric_gradient", "numeric_jvp", "random_direction", "step_curve"), "numeric"
        ),
        **dict.fromkeys(("derive", "symbolic_gradient"), "symbolic"),
    }
)
"""Names that are loaded when first used, with their home."""

__all__ = ["grad", "jvp", "value_and_grad", "vjp", *_LATE]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"chainrule.grad.{_LATE[name]}"), name)
    raise AttributeError(f"module 'chainrule.grad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
