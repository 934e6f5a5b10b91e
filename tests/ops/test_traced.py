"""Every op in the static graph: the same shapes, and from the interpreter the same bits."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.aval import aval_of
from chainrule.graph import interpret, trace
from tests.ops.cases import NAMES, cases, generator
from tests.ops.derivatives import closed, like
from tests.ops.test_forward import has_no_value, refuses


def same_bits(got, want) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    return (got.shape, got.dtype, got.tobytes()) == (want.shape, want.dtype, want.tobytes())


@pytest.mark.parametrize("name", NAMES)
def test_traced_is_eager(name):
    for case in cases(name):
        if refuses(case) or has_no_value(case):
            continue
        at = tuple(i for i, arg in enumerate(case.args) if isinstance(arg, np.ndarray))
        function, values = closed(case, at), [case.args[i] for i in at]
        graph = trace(function)(*values)
        expected = function(*values)
        assert graph.outputs[0].aval == aval_of(expected), case
        got = interpret(graph, *values)
        assert same_bits(got, expected), f"{case}: {got}, eager {expected}"


@pytest.mark.parametrize("name", NAMES)
def test_traced_gradient_is_the_eager_gradient(name):
    random = generator(name)
    for case in cases(name):
        if not case.smooth:
            continue
        function, values = closed(case, case.floats), [case.args[i] for i in case.floats]
        (weight,) = like([function(*values)], random)

        def gradients(weight, *inputs, function=function):
            return cr.vjp(function, *inputs)[1](weight)

        graph = trace(gradients)(weight, *values)
        rows = zip(interpret(graph, weight, *values), gradients(weight, *values), strict=True)
        assert all(same_bits(got, want) for got, want in rows), case
