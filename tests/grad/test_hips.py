"""HIPS autograd's own checker accepts our derivatives, to second order, in both modes."""

import numpy as np
import pytest
from autograd.extend import defjvp, defvjp, primitive
from autograd.test_util import check_grads

import chainrule as cr
from tests.programs import BINARY, UNARY, random_program


def lifted(function):
    """A function as autograd's primitive, whose derivatives are ours, again lifted."""

    def compute(*args):
        return np.asarray(function(*map(np.asarray, args)))

    lift = primitive(compute)

    def pull_of(i):
        def pulled(*args):
            *inputs, g = args
            return cr.vjp(lambda value: function(*inputs[:i], value, *inputs[i + 1 :]), inputs[i])[
                1
            ](g)[0]

        return lambda ans, *args: lambda g: lifted(pulled)(*args, g)

    def push_of(i):
        def pushed(*args):
            *inputs, g = args
            return cr.jvp(
                lambda value: function(*inputs[:i], value, *inputs[i + 1 :]), (inputs[i],), (g,)
            )[1]

        return lambda g, ans, *args: lifted(pushed)(*args, g)

    count = 8
    defvjp(lift, *(pull_of(i) for i in range(count)), argnums=range(count))
    defjvp(lift, *(push_of(i) for i in range(count)), argnums=range(count))
    return lift


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_array(name):
    x = np.random.default_rng(1).uniform(0.1, 1.4, size=(3, 3))
    check_grads(lifted(UNARY[name]), modes=["fwd", "rev"], order=2)(x)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays(name):
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0.1, 1.4, size=(2, 3, 3))
    check_grads(lifted(BINARY[name]), modes=["fwd", "rev"], order=2)(x, y)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    program, arrays = random_program(seed)
    check_grads(lifted(program), modes=["fwd", "rev"], order=2)(*arrays)
