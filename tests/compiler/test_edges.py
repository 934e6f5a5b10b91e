"""Compiled functions at the edges: unusual numbers, sizes, dtypes, places in memory, results."""

import functools
from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import GradientError
from tests.compiler.machine import compiled, judge


def normal(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def special(dtype: str) -> np.ndarray:
    info = np.finfo(dtype)
    ends = [np.inf, info.max, info.smallest_normal, info.smallest_subnormal, 0.0, 88.0, 1.0, 1e-5]
    return np.array([*ends, *(-end for end in ends), np.nan], dtype)


X = normal(5, 7)
IDS = np.array([-1, -5, 0, 4])
FUNCTIONS: dict[str, tuple[Callable, list]] = {
    "an argument as it is": (lambda x: (x, x.T, x), [X]),
    "one result twice": (lambda x: (x * 2, (x * 2).T, x * 2), [X]),
    "a constant beside it": (lambda x: (cr.transpose(np.ones((3, 2))), x), [X]),
    "a spread number to the interpreter": (
        lambda x: cr.cumsum(cr.broadcast_to(2.0, (100, 100)), axis=0) + cr.sum(x),
        [X],
    ),
    "no rows": (lambda x: (cr.sum(x[:0], axis=0), x[:0] * 2), [X]),
    "a product over nothing": (lambda x: cr.matmul(x[:, :0], x[:, :0].T), [X]),
    "a Python number": (lambda a, x: x * a, [3, X]),
    "a Python number and integers": (lambda a, x: x * a, [3, np.arange(5)]),
    "a large number and integers": (lambda x: x + 2**40, [np.arange(5)]),
    "a Python bool": (lambda a, x: cr.where(cr.logical_not(a), x, 0.0), [True, X]),
    "half floats": (lambda x: cr.tanh(x) * 2, [X.astype("float16")]),
    "bytes that wrap": (lambda x: (x * x, x + x), [(X * 40).astype("int8")]),
    "bytes without a sign": (lambda x: x * 2 + x, [np.abs(X * 40).astype("uint8")]),
    "the other order of bytes": (lambda x: x * 2, [X.astype(">f8")]),
    "an odd address": (
        lambda x: x * 2 + 1,
        [np.frombuffer(b"." + normal(50, dtype="float32").tobytes(), "f4", 50, 1)],
    ),
    "ids from the end": (lambda x, i: (x[i], x[:, i], x[i, i]), [X, IDS]),
    "ids around a slice": (lambda x, i: x[i, :, i], [normal(5, 3, 5), IDS]),
    "ids beside an int": (
        lambda x, i: (x[i, 1], x[1, :, i], x[:, i, None]),
        [normal(5, 5, 5), IDS],
    ),
    "ids in rows and columns": (lambda x, i: x[i[:, None], i], [X, IDS]),
    "one id": (lambda x, i: x[i], [X, np.array(2)]),
    "the gradient of chosen rows": (
        lambda x, i: cr.grad(lambda x: cr.sum(cr.square(x[i])))(x),
        [X, IDS],
    ),
    "a Hessian": (lambda x: cr.hessian(lambda v: cr.sum(cr.tanh(v) ** 3))(x), [X[0]]),
    "random numbers": (lambda key: cr.random.normal(key, (3, 4)), [cr.random.key(3)]),
    "the greatest beside NaN": (
        lambda x: (cr.max(x, axis=1), cr.argmax(x, axis=1), cr.min(x)),
        [np.where(X > 1, np.nan, X)],
    ),
    "zeros with signs": (lambda x: (x + 0.0, -x, cr.absolute(x)), [np.array([-0.0, 0.0])]),
    "infinite logits": (lambda x: (cr.softmax(x), cr.logsumexp(x)), [np.array([np.inf, 1.0])]),
    "quotients of integers": (
        lambda x, y: (x // y, x % y),
        [np.array([7, -7, 8]), np.array([2, 2, -3])],
    ),
    "quotients of floats": (
        lambda x, y: (x // y, x % y),
        [np.array([7.5, -7.5, 8, 0.3]), np.array([2.0, 2, -3, 0.1])],
    ),
    "powers": (lambda x: (x**2, x**3, x**0.5, x**-1, 2.0**x), [np.abs(X)]),
    "casts": (
        lambda x: tuple(cr.cast(x * 9, dtype=d) for d in ("int32", "uint8", "bool", "float16")),
        [np.abs(X)],
    ),
    "whole numbers that only unsigned ones hold": (
        lambda x: cr.cast(x, dtype="uint64"),
        [np.array([2.0**63 + 2.0**12, 3.7, 2.0**52 + 1])],
    ),
    "a long chain": (lambda x: functools.reduce(lambda a, _: cr.relu(a) + x, range(400), x), [X]),
    "rows of many vectors": (lambda x: cr.log_softmax(x, axis=1), [normal(3, 5000)]),
    "rows of one": (lambda x: (cr.softmax(x, axis=1), cr.sum(x, axis=1)), [normal(100, 1)]),
    "short rows side by side": (
        lambda x: (cr.softmax(x, axis=1) * cr.max(x, axis=1)[:, None], cr.argmax(x, axis=1)),
        [normal(100, 10, dtype="float32")],
    ),
    "sums of many": (
        lambda x: (cr.sum(x), cr.mean(x, axis=0), cr.var(x, axis=1)),
        [normal(211, 503, dtype="float32")],
    ),
    "folds of axes apart": (
        lambda x: (cr.sum(x, axis=1), cr.max(x, axis=(0, 2)), cr.sum(x, axis=(0, 1))),
        [normal(11, 13, 17, dtype="float32")],
    ),
    "five axes": (
        lambda x: cr.sum(cr.transpose(x, (4, 2, 0, 1, 3)) * 2, axis=(1, 3)),
        [normal(2, 3, 4, 5, 6, dtype="float32")],
    ),
    "an outer sum": (lambda x, y: x[:, None] * y[None] + 1, [normal(30, 40), normal(20, 40)]),
    "sorted rows": (lambda x: cr.sort(x, axis=1), [X]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_is_eager(name):
    function, args = FUNCTIONS[name]
    judge(function, *args, told=name)


def frozen(x: np.ndarray) -> np.ndarray:
    x.flags.writeable = False
    return x


LAYOUTS: dict[str, Callable] = {
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, 1::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "by columns": np.asfortranarray,
    "one row for all": lambda x: np.broadcast_to(x[0], x.shape),
    "read-only": lambda x: frozen(x.copy()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arguments_may_lie_in_memory_in_any_way(layout):
    x = LAYOUTS[layout](normal(17, 17))
    judge(lambda x: (x * 2 + 1, cr.matmul(x, x), cr.sum(x, axis=0)), x, told=layout)
    twice = compiled(lambda x: x * 2)
    assert all((twice(x) == 2 * x).all() for _ in range(3))


UNARY = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "erf", "sqrt", "sin", "tan")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_numbers(dtype):
    x = special(dtype)
    judge(lambda x: [getattr(cr, name)(x) for name in UNARY], x)
    judge(lambda x, y: (x + y, x * y, x / y, cr.maximum(x, y), x < y), x[:, None], x)


LOOPS: dict[str, Callable] = {
    "scan": lambda x: cr.scan(lambda c, v: (cr.tanh(c + v), c * 2), x[0], x),
    "a gradient through scan": lambda x: cr.grad(
        lambda x: cr.sum(cr.scan(lambda c, v: (cr.tanh(c + v), c * 2), x[0], x)[1])
    )(x),
    "a branch": lambda x: cr.cond(cr.sum(x) > 0, lambda x: x * 2, lambda x: x - 1, x),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches_run_in_between(name):
    function = LOOPS[name]
    made, wanted = (cr.tree.flatten(f(X * 1.0))[0] for f in (compiled(function), function))
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_trees_of_arguments_and_results_keep_their_kinds():
    function = compiled(lambda tree: {"sum": tree["a"] + tree["b"][0], "both": (tree["b"], None)})
    made = function({"a": np.ones(2), "b": [np.ones(2), np.zeros(3)]})
    assert list(made) == ["sum", "both"]
    assert (made["sum"] == [2.0, 2.0]).all()
    assert isinstance(made["both"][0], list)
    assert made["both"][1] is None


def test_other_shapes_and_dtypes_are_compiled_anew():
    double = compiled(lambda x: x * 2)
    for x in (np.ones(3), np.ones((2, 2)), np.ones(3, np.float32), np.arange(3), 2.0):
        assert np.array_equal(double(x), np.asarray(x) * 2)


def test_inside_a_derivative_or_a_trace_it_is_the_function_itself():
    square = compiled(cr.square)
    assert (cr.grad(lambda x: cr.sum(square(x)))(np.array([1.0, 3.0])) == [2.0, 6.0]).all()
    assert "square" in cr.trace(square)(np.ones(2)).show()


def test_the_first_refusal_of_several_is_told():
    def function(x, ids, more):
        chosen = cr.index_set(x, ids, 1.0)
        return chosen[more] + cr.cumsum(chosen)[more]

    x, twice, outside = np.zeros(3), np.array([1, 1]), np.array([3])
    for ids, more, told in ((twice, outside, "selected more than once"), ([0], outside, "index 3")):
        with pytest.raises(cr.errors.ShapeError, match=told):
            compiled(function)(x, np.array(ids), more)


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, "2"])
def test_threads_are_at_least_one(threads):
    with pytest.raises(cr.errors.OptionError, match="expected an integer of 1 or more"):
        compiled(cr.exp, threads=threads)


def test_a_model_is_compiled_as_it_is_at_each_call():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3), nn.ReLU(), nn.Linear(3, 2))
    model.initialize(0).eval()
    function = cr.compile(model)
    x = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)

    def agree() -> bool:
        return bool(np.allclose(function(x), model(x).numpy(), rtol=1e-5, atol=1e-5))

    assert agree()
    first = function(x)
    model[1].weight.data = model[1].weight.data * 3
    assert agree()
    model[1].running_mean = np.ones(3, np.float32)
    assert agree()
    model[0].weight.data = model[0].weight.data * 2
    assert agree()
    assert not np.allclose(function(x), first)
    model.train()
    with pytest.raises(GradientError, match=r"call model\.eval\(\) first"):
        function(x)
    model.eval()
    assert agree()
