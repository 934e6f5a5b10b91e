"""cond, scan and while_loop: eager, traced, and differentiated in every mode, all the same."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, GradientError, ShapeError

RNG = np.random.default_rng(5)
W = RNG.normal(size=(3, 3)) * 0.5
ROWS = RNG.normal(size=(6, 3))
START = np.zeros(3)
V = RNG.normal(size=(3, 3))


def recurrent(weight, start, rows, reverse=False):
    def step(hidden, row):
        hidden = cr.tanh(cr.matmul(weight, hidden) + row)
        return hidden, (hidden * hidden).sum()

    last, squares = cr.scan(step, start, rows, reverse=reverse)
    return squares.sum() + last.sum()


def unrolled(weight, start, rows):
    total = 0.0
    for row in rows:
        start = cr.tanh(cr.matmul(weight, start) + row)
        total = total + (start * start).sum()
    return total + start.sum()


def chosen(x):
    return cr.cond(x.sum() > 0, lambda x: (x * W).sum(), lambda x: cr.sin(x).sum(), x)


def doubling(a):
    return cr.while_loop(lambda s: s[0] < 100.0, lambda s: (s[0] * a * s[0], s[1] + a), (a, a))[0]


def agree(function, *args):
    """The traced function gives what the eager one gives."""
    eager, traced = function(*args), cr.interpret(cr.trace(function)(*args), *args)
    pairs = zip(eager, traced, strict=True) if isinstance(eager, tuple) else [(eager, traced)]
    for one, other in pairs:
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13)


def ops_of(graph):
    return [node.op.name for node in graph.calls]


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_the_loop_it_stands_for(reverse):
    rows = ROWS[::-1] if reverse else ROWS
    assert float(recurrent(W, START, ROWS, reverse)) == pytest.approx(
        float(unrolled(W, START, rows)), rel=1e-14
    )
    agree(lambda w: recurrent(w, START, ROWS, reverse), W)


def test_a_traced_scan_is_one_op_whatever_its_length():
    short = cr.trace(lambda w: recurrent(w, START, ROWS))(W)
    long = cr.trace(lambda w: recurrent(w, START, np.tile(ROWS, (100, 1))))(W)
    assert len(ops_of(short)) == len(ops_of(long)) < 8
    assert "scan" in ops_of(long)
    gradient = cr.trace(cr.grad(lambda w: recurrent(w, START, np.tile(ROWS, (100, 1)))))(W)
    assert len(ops_of(gradient)) < 12


@pytest.mark.parametrize("argnums", [(0,), (1,), (2,), (0, 1, 2)])
def test_the_derivatives_of_a_scan(argnums):
    expected = cr.grad(unrolled, argnums=argnums)(W, START, ROWS)
    found = cr.grad(recurrent, argnums=argnums)(W, START, ROWS)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    agree(cr.grad(recurrent, argnums=argnums), W, START, ROWS)


def test_higher_and_mixed_derivatives_of_a_scan():
    def of_weight(w):
        return recurrent(w, START, ROWS)

    agree(lambda w: cr.jvp(of_weight, (w,), (V,))[1], W)
    agree(lambda w: cr.jvp(cr.grad(of_weight), (w,), (V,))[1], W)
    agree(cr.grad(lambda w: cr.jvp(of_weight, (w,), (V,))[1]), W)
    agree(cr.grad(lambda w: (cr.grad(of_weight)(w) ** 2).sum()), W)
    graph = cr.trace(of_weight)(W)
    np.testing.assert_allclose(
        cr.grad(lambda w: cr.interpret(graph, w))(W), cr.grad(of_weight)(W), rtol=1e-12
    )


def test_scan_over_trees_with_integers_and_without_rows():
    def step(carry, row):
        count, total = carry["count"] + 1, carry["total"] + row["x"] * row["x"]
        return {"count": count, "total": total}, (count, total)

    def run(x):
        carry, (counts, totals) = cr.scan(
            step, {"count": np.int64(0), "total": np.float64(0.0)}, {"x": x}
        )
        return carry["total"] * 2.0 + totals.sum() + (counts * totals).sum()

    x = np.array([1.0, 2.0, 3.0])
    agree(run, x)
    agree(cr.grad(run), x)
    agree(lambda a: cr.scan(lambda c, _: (c * a, None), a, length=5)[0], np.float64(1.1))
    agree(cr.grad(lambda a: cr.scan(lambda c, _: (c * a, None), a, length=5)[0]), np.float64(1.1))


def test_scan_refuses_what_does_not_fit():
    with pytest.raises(ShapeError, match="all leading axes must be equal"):
        cr.scan(lambda c, x: (c, c), 0.0, [np.ones(3), np.ones(4)])
    with pytest.raises(ShapeError, match="its tree, shapes and dtypes must stay"):
        cr.trace(lambda x: cr.scan(lambda c, r: (cr.stack([c, c]), c), x[0], x)[0])(np.ones(3))
    with pytest.raises(ShapeError, match=r"expected a pair \(carry, y\)"):
        cr.trace(lambda x: cr.scan(lambda c, r: c + r, x[0], x)[0])(np.ones(3))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cond_follows_its_branch(sign):
    x = np.abs(W) * sign
    agree(chosen, x)
    agree(cr.grad(chosen), x)
    agree(lambda x: cr.jvp(chosen, (x,), (V,))[1], x)
    agree(cr.grad(lambda x: (cr.grad(chosen)(x) ** 3).sum()), x)
    assert "cond" in ops_of(cr.trace(chosen)(x))


def test_cond_computes_one_branch_only():
    def risky(x):
        return cr.cond(x > 0, lambda x: cr.log(x), lambda x: x, x)

    graph = cr.trace(cr.grad(risky))(np.float64(1.0))
    with np.errstate(all="raise"):
        assert cr.interpret(graph, np.float64(-2.0)) == 1.0
        assert cr.interpret(graph, np.float64(4.0)) == 0.25


def test_cond_refuses_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"the branches give .* both must give the same tree"):
        cr.trace(lambda x: cr.cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), x))(np.ones(3))
    with pytest.raises(DtypeError, match="expected one boolean"):
        cr.cond(np.array([True, False]), lambda: 1, lambda: 2)


def test_while_loop_and_its_derivatives():
    a = np.float64(1.9)
    agree(doubling, a)
    agree(cr.grad(doubling), a)
    agree(lambda a: cr.jvp(doubling, (a,), (np.float64(1.0),))[1], a)
    agree(lambda a: cr.jvp(lambda a: cr.jvp(doubling, (a,), (1.0,))[1], (a,), (1.0,))[1], a)
    assert "while_loop" in ops_of(cr.trace(doubling)(a))


def test_while_loop_says_what_it_cannot():
    with pytest.raises(GradientError, match="once, not twice"):
        cr.trace(cr.grad(cr.grad(doubling)))(np.float64(1.9))
    with pytest.raises(DtypeError, match="expected one boolean"):
        cr.trace(lambda x: cr.while_loop(lambda s: s, lambda s: s - 1.0, x))(np.float64(3.0))


def test_a_thousand_steps_differentiate():
    rows = np.tile(ROWS, (167, 1))[:1000]
    eager = cr.grad(lambda w: recurrent(w, START, rows))(W)
    traced = cr.interpret(cr.trace(cr.grad(lambda w: recurrent(w, START, rows)))(W), W)
    np.testing.assert_allclose(traced, eager, rtol=1e-9)


def test_loops_print_their_bodies():
    text = cr.trace(lambda w: recurrent(w, START, ROWS))(W).show()
    assert "scan" in text
    assert "tanh" in text
