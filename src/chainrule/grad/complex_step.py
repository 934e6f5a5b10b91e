"""Values with a small imaginary part, which carries a derivative without a difference.

For an analytic f, f(x + ih) = f(x) + ih f'(x) + O(h^2), so that f'(x) = Im f(x + ih) / h, and
nothing cancels however small h is (Squire and Trapp, "Using complex variables to estimate
derivatives of real functions", SIAM Review 40, 1998).
"""

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.aval import Aval, aval_of
from chainrule.errors import GradientError
from chainrule.operators import ArrayBox
from chainrule.ops.table import Op

_ANALYTIC = frozenset(
    {
        *(ops.negative, ops.square, ops.reciprocal, ops.sqrt, ops.rsqrt),
        *(ops.exp, ops.exp2, ops.expm1, ops.log, ops.log2, ops.log10, ops.log1p, ops.sigmoid),
        *(ops.sin, ops.cos, ops.tan, ops.arcsin, ops.arccos, ops.arctan),
        *(ops.sinh, ops.cosh, ops.tanh, ops.arcsinh, ops.arccosh, ops.arctanh),
        *(ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.prod, ops.pad),
    }
)
"""Ops beside the linear ones whose NumPy meaning is an analytic function of complex numbers."""


class Complex(ArrayBox):
    """A number that passes for real, its derivative in the imaginary part."""

    __slots__ = ("data", "level")

    def __init__(self, data: np.ndarray, level: int):
        self.data = data
        self.level = level

    @property
    def aval(self) -> Aval:
        return Aval(self.data.shape, np.finfo(self.data.dtype).dtype)

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        if op is ops.stop_gradient:
            return np.real(self.data)
        mine = [isinstance(arg, Complex) and arg.level == self.level for arg in args]
        for i, own in enumerate(mine):
            if own and op not in _ANALYTIC and not op.is_linear_in(i):
                raise _refusal(op)
        values = [arg.data if own else arg for arg, own in zip(args, mine, strict=True)]
        if op is ops.cast:
            return Complex(_cast(values[0], op.infer(aval_of(self), **params).dtype), self.level)
        return Complex(np.asarray(op(*values, **params)), self.level)

    def __bool__(self) -> bool:
        raise GradientError(
            "the complex step cannot follow a branch on a value. Use method='central'."
        )

    __float__ = __int__ = __index__ = __bool__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise GradientError(
            "the complex step would be lost in a NumPy array. Use the function of that name in "
            "chainrule, or method='central'."
        )

    def __repr__(self) -> str:
        return f"complex({self.data!r})"


def _refusal(op: Op) -> GradientError:
    return GradientError(
        f"method='complex': {op.name} is not an analytic function of complex numbers, so its "
        "imaginary part says nothing of its derivative. Use method='central' or 'ridders'."
    )


def _cast(data: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "f":
        raise _refusal(ops.cast)
    return data.astype(np.result_type(dtype, np.complex64))
