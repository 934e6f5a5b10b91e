"""vmap against a loop, for every op and every choice of arguments with a batch."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.ops.table import OPS
from tests.ops.cases import NAMES, Case, cases, generator

SIZE = 3


def batches(case: Case, random: np.random.Generator) -> Iterator[tuple[list, list]]:
    """Arguments with a batch in every choice of the arrays, and where the batch stands."""
    arrays = [i for i, arg in enumerate(case.args) if isinstance(arg, np.ndarray)]
    for count in range(1, len(arrays) + 1):
        for chosen in itertools.combinations(arrays, count):
            args = list(case.args)
            axes: list[int | None] = [None] * len(args)
            for i in chosen:
                axis = axes[i] = int(random.integers(0, args[i].ndim + 1))
                examples = [np.roll(args[i], shift) for shift in range(SIZE)]
                args[i] = np.stack(examples, axis=axis)
            yield args, axes


def example(args: list, axes: list, number: int) -> list:
    return [
        arg if axis is None else np.take(arg, number, axis)
        for arg, axis in zip(args, axes, strict=True)
    ]


def in_float64(case: Case) -> bool:
    return case.smooth or not case.floats


@pytest.mark.parametrize("name", NAMES)
def test_every_op_gives_what_a_loop_gives(name: str) -> None:
    random = generator(name)
    tried = 0
    for case in filter(in_float64, cases(name)):
        for args, axes in batches(case, random):

            def run(*given: Any, case: Case = case) -> Any:
                return case.op(*given, **case.params)

            try:
                loop = [run(*example(args, axes, number)) for number in range(SIZE)]
            except (ValueError, TypeError):
                continue  # the examples made from this case do not fit the op
            tried += 1
            out = cr.vmap(run, in_axes=tuple(axes))(*args)
            message = f"{case} with batches at {axes}"
            assert out.dtype == loop[0].dtype, message
            bound = 1e-6 if out.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(out, np.stack(loop), bound, bound, err_msg=message)
    assert tried >= 3


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].differentiable])
def test_derivatives_of_every_op_in_a_batch(name: str) -> None:
    """Gradients for each example, and all cotangents at once: rules run on batches."""
    for case in itertools.islice((c for c in cases(name) if c.smooth), 0, None, 3):
        floats = case.floats

        def run(*given: Any, case: Case = case, floats: tuple = floats) -> Any:
            args = list(case.args)
            for place, value in zip(floats, given, strict=True):
                args[place] = value
            return case.op(*args, **case.params)

        values = [case.args[i] for i in floats]
        numbers = tuple(range(len(values)))
        rows = cr.jacrev(run, numbers)(*values)
        columns = cr.jacfwd(run, numbers)(*values)
        out, pull = cr.vjp(run, *values)
        weight = generator(name).standard_normal(out.shape)
        pulled = pull(weight)
        for row, column, g, value in zip(rows, columns, pulled, values, strict=True):
            assert row.shape == column.shape == (*out.shape, *value.shape)
            np.testing.assert_allclose(row, column, rtol=1e-10, atol=1e-12, err_msg=str(case))
            together = np.tensordot(weight, row, axes=out.ndim)
            np.testing.assert_allclose(together, g, rtol=1e-10, atol=1e-11, err_msg=str(case))


INDEX = np.array([[0, 2], [1, 1]])
KEYS = [
    (slice(None), INDEX),
    (INDEX, slice(None), INDEX),
    (0, slice(None), INDEX),
    (slice(None), INDEX, None, INDEX),
    (slice(None), 1, INDEX),
    (INDEX[0], INDEX),
    (None, slice(1, None), INDEX, slice(None, None, -1)),
    (np.array(1), slice(None), INDEX),
    (slice(None), slice(None), INDEX),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("which", ["base", "ids", "both"])
def test_indices_beside_slices_and_new_axes(key: tuple, which: str) -> None:
    """NumPy moves the axes of index arrays that other entries part; a batch must not notice."""
    random = np.random.default_rng(0)
    base = random.standard_normal((4, 3, 3, 3))
    arrays = [entry for entry in key if isinstance(entry, np.ndarray)]
    ids = [np.stack([(array + shift) % 3 for shift in range(4)]) for array in arrays]

    def run(x: Any, *found: Any) -> Any:
        rest = iter(found)
        return cr.getitem(x, tuple(next(rest) if isinstance(e, np.ndarray) else e for e in key))

    of_base, of_ids = which != "ids", which != "base"
    x = base if of_base else base[0]
    given = ids if of_ids else arrays
    axes = (0 if of_base else None, *(0 if of_ids else None for _ in given))
    batched = cr.vmap(lambda x, *i: run(x, *i), axes)(x, *given)
    looped = [
        run(x[n] if of_base else x, *(i[n] if of_ids else i for i in given)) for n in range(4)
    ]
    np.testing.assert_array_equal(batched, np.stack(looped))

    def weighted(x: Any, *found: Any) -> Any:
        picked = run(x, *found)
        return (picked * np.arange(1.0, picked.size + 1).reshape(picked.shape)).sum()

    slopes = cr.vmap(cr.grad(weighted), axes)(x, *given)
    each = [
        cr.grad(weighted)(x[n] if of_base else x, *(i[n] if of_ids else i for i in given))
        for n in range(4)
    ]
    np.testing.assert_array_equal(slopes, np.stack(each))


def test_axes_in_and_out() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(cr.vmap(cr.sin, 2, 1)(x), np.moveaxis(np.sin(x), 2, 1))
    np.testing.assert_array_equal(cr.vmap(cr.sin, -1, -1)(x), np.sin(x))
    tree = {"w": x, "b": (np.arange(3.0), 5.0)}
    axes = {"w": 1, "b": (0, None)}
    out = cr.vmap(lambda t: t["w"].sum() + t["b"][0] + t["b"][1], (axes,))(tree)
    np.testing.assert_array_equal(out, x.sum(axis=(0, 2)) + np.arange(3.0) + 5.0)
    same, own = cr.vmap(lambda x: (7.0, x), out_axes=(None, 0))(np.arange(3.0))
    assert same == 7.0
    np.testing.assert_array_equal(own, np.arange(3.0))


def test_gradients_of_single_examples() -> None:
    random = np.random.default_rng(1)
    w, x, y = (random.standard_normal(shape) for shape in [(3, 2), (5, 3), (5, 2)])

    def loss(w: Any, x: Any, y: Any) -> Any:
        return ((cr.tanh(x @ w) - y) ** 2).sum()

    each = cr.vmap(cr.grad(loss), (None, 0, 0))(w, x, y)
    np.testing.assert_allclose(each.sum(axis=0), cr.grad(loss)(w, x, y), rtol=1e-12)
    assert each.shape == (5, 3, 2)


def test_gradients_of_single_examples_with_a_fused_loss() -> None:
    random = np.random.default_rng(2)
    w, x = random.standard_normal((4, 3)), random.standard_normal((6, 3))
    ids = random.integers(0, 4, 6)

    def loss(w: Any, x: Any, label: Any) -> Any:
        return cr.nn.cross_entropy((w @ x)[None], label[None])

    each = cr.vmap(cr.grad(loss), (None, 0, 0))(w, x, ids)
    singly = [cr.grad(loss)(w, row, label) for row, label in zip(x, ids, strict=True)]
    np.testing.assert_allclose(each, singly, rtol=1e-12, atol=1e-14)


def test_any_nesting() -> None:
    x, y = np.arange(1.0, 4.0), np.arange(2.0, 6.0)
    table = cr.vmap(lambda a: cr.vmap(lambda b: a**2 * b)(y))(x)
    np.testing.assert_allclose(table, x[:, None] ** 2 * y)
    slope = cr.grad(lambda s: cr.vmap(lambda a: cr.sin(a * s))(x).sum())(0.5)
    np.testing.assert_allclose(slope, (x * np.cos(0.5 * x)).sum(), rtol=1e-6)
    _, push = cr.jvp(lambda s: cr.vmap(lambda a: a * s)(x), (y[0],), (1.0,))
    np.testing.assert_allclose(push, x)
    second = cr.vmap(cr.grad(cr.grad(lambda a: a**3)))(x)
    np.testing.assert_allclose(second, 6 * x)
    inside = cr.vmap(lambda a: cr.grad(lambda b: a * b**2)(a))(x)
    np.testing.assert_allclose(inside, 2 * x**2)


def test_scans_in_a_batch_and_what_a_batch_cannot_choose() -> None:
    x = np.array([[0.5, 1.5, 2.0], [1.0, 0.0, 3.0]])

    def total(rows: Any) -> Any:
        return cr.scan(lambda c, row: (c * row + row, None), np.float64(0.0), rows)[0]

    each = [cr.grad(total)(row) for row in x]
    np.testing.assert_allclose(cr.vmap(cr.grad(total))(x), each)
    graph = cr.trace(cr.vmap(cr.grad(total)))(x)
    np.testing.assert_allclose(cr.interpret(graph, x), each)
    np.testing.assert_allclose(cr.symbolic_gradient(total, x[0]), each[0])
    with pytest.raises(GradientError, match=r"2 examples at once.*where"):
        cr.vmap(lambda row: cr.cond(row[0] > 0.6, cr.sin, cr.cos, row))(x)
    with pytest.raises(GradientError, match=r"2 examples at once.*where"):
        cr.vmap(lambda row: cr.while_loop(lambda s: s.sum() < 9.0, lambda s: s * 2.0, row))(x)


def test_a_batch_of_no_examples() -> None:
    none = np.zeros((0, 3))
    assert cr.vmap(lambda x: (x * 2.0).sum())(none).shape == (0,)
    assert cr.vmap(cr.sort)(none).shape == (0, 3)
    assert cr.vmap(cr.grad(lambda x: cr.prod(x)))(none).shape == (0, 3)


WRONG = [
    (lambda: cr.vmap(cr.add)(np.ones(3), np.ones(4)), ShapeError, "differ in size.*None"),
    (lambda: cr.vmap(cr.sin, (0, 0))(np.ones(3)), OptionError, "2 entries for 1 arguments"),
    (lambda: cr.vmap(cr.sin, None)(np.ones(3)), OptionError, "no argument has a batch"),
    (lambda: cr.vmap(cr.sin, 1)(np.ones(3)), ShapeError, r"axis 1 does not exist in shape \(3,\)"),
    (lambda: cr.vmap(cr.sin, ({"a": 0},))(np.ones(3)), OptionError, "does not fit a tree"),
    (lambda: cr.vmap(lambda x: x, out_axes=None)(np.ones(3)), OptionError, "differs from example"),
    (lambda: cr.vmap(lambda x: x if x > 0 else -x)(np.ones(3)), GradientError, "where"),
    (lambda: cr.vmap(float)(np.ones(3)), GradientError, "3 examples at once"),
    (lambda: cr.vmap(np.asarray)(np.ones(3)), GradientError, "functions in chainrule"),
    # In one example x is a vector, though the whole batch would pass for a matrix.
    (
        lambda: cr.vmap(OPS["matmul"], (0, None))(np.ones((4, 3)), np.ones((3, 2))),
        ShapeError,
        r"x has shape \(3,\)",
    ),
]


@pytest.mark.parametrize(("run", "error", "message"), WRONG)
def test_errors_say_what_to_do(run: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        run()
