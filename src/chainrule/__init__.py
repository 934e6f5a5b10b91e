"""chainrule: a deep-learning framework from first principles.

    import chainrule as cr
    from chainrule import nn, optim

    train, test = cr.data.mnist()
    model = nn.Sequential(nn.Linear(784, 25), nn.ReLU(), nn.Linear(25, 10))
    run = cr.fit(model, train, loss="cross_entropy", optimizer=optim.Adam(lr=1e-3), epochs=5)
    print(run.evaluate(test))

The ops (`cr.exp`, `cr.matmul`, ...), tensors and derivatives are loaded with the package; the
larger parts (`cr.nn`, `cr.data`, `cr.fit`, ...) when they are first named.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule import ops
from chainrule.grad import grad, jvp, value_and_grad, vjp
from chainrule.ops import *  # noqa: F403 - every op stands at the top of the package
from chainrule.tensor import Tensor, tensor

if TYPE_CHECKING:
    from chainrule import (
        data,
        doctor,
        errors,
        graph,
        models,
        nn,
        optim,
        random,
        train,
        tree,
        tune,
        vis,
    )
    from chainrule.compiler import compile
    from chainrule.doctor import certify
    from chainrule.explain import compare, explain, worksheet
    from chainrule.grad import (
        check_custom,
        checkpoint,
        custom_jvp,
        custom_vjp,
        derive,
        hessian,
        hvp,
        jacfwd,
        jacobian,
        jacrev,
        numeric_gradient,
        numeric_jvp,
        step_curve,
        symbolic_gradient,
        variable,
        variables,
        vmap,
    )
    from chainrule.graph import cond, interpret, optimize, scan, trace, while_loop
    from chainrule.train import Run, fit, load_run, resume
    from chainrule.tune import sweep

__version__ = "0.1.0"

_MODULES = (
    *("data", "doctor", "errors", "explain", "graph", "models", "nn", "optim", "random", "train"),
    *("tree", "tune", "vis"),
)
_LATE = MappingProxyType(
    {
        **dict.fromkeys(("cond", "interpret", "optimize", "scan", "trace", "while_loop"), "graph"),
        **dict.fromkeys(("check_custom", "checkpoint", "custom_jvp", "custom_vjp"), "grad"),
        **dict.fromkeys(("derive", "symbolic_gradient", "variable", "variables"), "grad"),
        **dict.fromkeys(("hessian", "hvp", "jacfwd", "jacobian", "jacrev", "vmap"), "grad"),
        **dict.fromkeys(("numeric_gradient", "numeric_jvp", "step_curve"), "grad"),
        **dict.fromkeys(("Run", "fit", "load_run", "resume"), "train"),
        "certify": "doctor",
        **dict.fromkeys(("compare", "worksheet"), "explain"),
        "sweep": "tune",
        "compile": "compiler",
    }
)
"""Names that stand at the top of the package and are loaded when first used, with their home."""

__all__ = [
    "Tensor",
    "grad",
    "jvp",
    "tensor",
    "value_and_grad",
    "vjp",
    *ops.__all__,
    *_MODULES,
    *_LATE,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"chainrule.{name}")
    if name in _LATE:
        return getattr(importlib.import_module(f"chainrule.{_LATE[name]}"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
