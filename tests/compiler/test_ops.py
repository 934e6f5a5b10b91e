"""Every op of the table, compiled: the eager results, gradients and refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.aval import aval_of
from chainrule.ops.table import OPS
from tests.compiler.machine import compiled, judge
from tests.ops.cases import NAMES, Case, cases, concrete_sample, generator
from tests.ops.derivatives import closed, like
from tests.ops.test_forward import has_no_value, refuses

INTERPRETED = {
    "argsort": "a sorting network pays for short rows only",
    "cumsum": "each sum needs the one before it",
    "einsum": "NumPy finds the order of its products",
    "random_normal": "its bits are those of NumPy's logarithm and sine",
    "fold_windows": "only a mean over windows needs it",
}
"""The ops that a compiled program leaves to the interpreter, and why."""


FEW = 3
"""Cases of an op in the quick run."""


def calls(name: str) -> list[tuple[Callable, list]]:
    """The cases of an op that have a result, as functions of their arrays and numbers.

    One of each program, for the layouts of arrays are gone before one runs.
    """
    found: list = []
    seen = set()
    for case in cases(name):
        avals = [str(aval_of(arg)) if is_traced(arg) else repr(arg) for arg in case.args]
        program = repr((avals, list(map(type, case.args)), case.params))
        if refuses(case) or has_no_value(case) or program in seen:
            continue
        seen.add(program)
        at = tuple(i for i, arg in enumerate(case.args) if is_traced(arg))
        found.append((closed(case, at), [case.args[i] for i in at]))
    return found


def is_traced(arg: Any) -> bool:
    return isinstance(arg, (np.ndarray, float, int)) and not isinstance(arg, bool)


def test_what_the_interpreter_runs_is_chosen():
    without = {name for name in NAMES if OPS[name].emit is None}
    assert not without - set(INTERPRETED), "give these ops `emit`, or say above why they have none"
    assert not [name for name in INTERPRETED if name in OPS and OPS[name].emit]


def judge_all(name: str, found: list[tuple[Callable, list]]) -> None:
    """Compile functions side by side, which is much quicker than one by one."""
    functions = [function for function, _ in found]

    def all_of_them(*lists: list) -> list:
        return [function(*values) for function, values in zip(functions, lists, strict=True)]

    judge(all_of_them, *[values for _, values in found], told=name)


def some(found: list) -> list:
    """A few from the whole range."""
    return found[:: -(-len(found) // FEW) or 1]


@pytest.mark.parametrize("name", NAMES)
def test_compiled_is_eager(name):
    judge_all(name, some(calls(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_cases_compiled_are_eager(name, figures):
    found = calls(name)
    figures.count(name, len(found))
    judge_all(name, found)


def gradients(name: str, dtype: str) -> list[tuple[Callable, list]]:
    """The smooth cases of an op as functions that give a cotangent's way back."""
    random = generator(name)
    found: list = []
    seen = set()
    for case in cases(name):
        program = repr((list(map(np.shape, case.args)), case.params))
        if not case.smooth or program in seen:
            continue
        seen.add(program)
        function = closed(case, case.floats)
        values = [case.args[i].astype(dtype) for i in case.floats]
        (weight,) = like([function(*values)], random)
        found.append((gradient_of(function), [weight.astype(dtype), *values]))
    return found


def gradient_of(function: Callable) -> Callable:
    def gradient(weight: Any, *inputs: Any) -> tuple:
        return cr.vjp(function, *inputs)[1](weight)

    return gradient


@pytest.mark.parametrize("name", NAMES)
def test_compiled_gradient_is_eager(name):
    judge_all(name, some(gradients(name, "float32")))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_compiled_gradients_are_eager(name, figures):
    found = gradients(name, "float64")
    figures.count(name, len(found))
    judge_all(name, found)


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name in NAMES for n in range(len(OPS[name].errors))]
)
def test_refusals_are_those_of_the_eager_run(name, number):
    op = OPS[name]
    (specs, params), kind, _ = op.errors[number]
    args = concrete_sample(name, specs)
    case = Case(op, "refused", args, params)
    at = tuple(i for i, arg in enumerate(args) if is_traced(arg))
    function, values = closed(case, at), [args[i] for i in at]
    with pytest.raises(kind) as eager:
        function(*values)
    with pytest.raises(kind) as made:
        compiled(function)(*values)
    assert type(made.value) is type(eager.value)
    assert str(made.value) == str(eager.value)
