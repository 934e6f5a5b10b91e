"""Rules of the user's own: used in every mode and nesting, checked, and refused when malformed."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError, OptionError, ShapeError

X, Y = np.array([0.3, 0.5, -1.1]), np.array([2.0, 3.0, 0.7])


def reverse_rule(factor: float = 1.0) -> Any:
    """sin(x) y, the rule of x off by a factor, so that it shows where the rule is used."""

    @cr.custom_vjp
    def waves(x: Any, y: Any) -> Any:
        return cr.sin(x) * y

    waves.defvjp(
        lambda x, y: (cr.sin(x) * y, (x, y)),
        lambda kept, g: (factor * g * cr.cos(kept[0]) * kept[1], g * cr.sin(kept[0])),
    )
    return waves


def forward_rule(factor: float = 1.0) -> Any:
    @cr.custom_jvp
    def waves(x: Any, y: Any) -> Any:
        return cr.sin(x) * y

    @waves.defjvp
    def rule(primals: tuple, tangents: tuple) -> tuple:
        (x, y), (dx, dy) = primals, tangents
        return waves(x, y), factor * dx * cr.cos(x) * y + dy * cr.sin(x)

    return waves


RULES = [reverse_rule, forward_rule]
FACTOR = 7.0
SLOPE = FACTOR * np.cos(X) * Y


@pytest.fixture(params=RULES)
def waves(request: pytest.FixtureRequest) -> Any:
    return request.param(FACTOR)


def small(error: float | None, bound: float = 1e-8) -> bool:
    return error is not None and error < bound


def total(waves: Any) -> Any:
    return lambda x: waves(x, Y).sum()


def test_the_function_itself_is_unchanged(waves: Any) -> None:
    np.testing.assert_array_equal(waves(X, Y), np.sin(X) * Y)
    assert waves.__name__ == "waves"
    assert "waves" in repr(waves)


def test_reverse_mode(waves: Any) -> None:
    np.testing.assert_allclose(cr.grad(total(waves))(X), SLOPE)
    by_y = cr.grad(lambda y: waves(X, y).sum())(Y)
    np.testing.assert_allclose(by_y, np.sin(X))
    leaf = cr.tensor(X, requires_grad=True)
    waves(leaf, Y).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), SLOPE)


def test_the_second_derivative_is_that_of_the_rule(waves: Any) -> None:
    expected = -FACTOR * np.sin(X) * Y
    np.testing.assert_allclose(cr.grad(lambda x: cr.grad(total(waves))(x).sum())(X), expected)
    np.testing.assert_allclose(cr.hessian(total(waves))(X), np.diag(expected))
    leaf = cr.tensor(X, requires_grad=True)
    waves(leaf, Y).sum().backward(create_graph=True)
    first = leaf.grad
    leaf.grad = None
    first.sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), expected)


def test_forward_mode_and_its_nestings() -> None:
    waves = forward_rule(FACTOR)
    value, push = cr.jvp(lambda x: waves(x, Y), (X,), (np.ones(3),))
    np.testing.assert_allclose(value, np.sin(X) * Y)
    np.testing.assert_allclose(push, SLOPE)
    # The rule of the second order is the derivative of the rule.
    twice = cr.jvp(lambda x: cr.jvp(lambda z: waves(z, Y), (x,), (X,))[1], (X,), (np.ones(3),))[1]
    np.testing.assert_allclose(twice, -FACTOR * np.sin(X) * Y * X)
    over = cr.grad(lambda x: cr.jvp(lambda z: waves(z, Y), (x,), (np.ones(3),))[1].sum())(X)
    np.testing.assert_allclose(over, -FACTOR * np.sin(X) * Y)


def test_a_batch_uses_the_rule_too(waves: Any) -> None:
    np.testing.assert_allclose(cr.vmap(cr.grad(waves))(X, Y), SLOPE)
    np.testing.assert_allclose(cr.grad(lambda x: cr.vmap(waves)(x, Y).sum())(X), SLOPE)
    shared = cr.grad(lambda y: cr.vmap(waves, (0, None))(X, y).sum())(np.float64(2.0))
    assert shared == pytest.approx(np.sin(X).sum())
    np.testing.assert_allclose(cr.jacrev(lambda x: waves(x, Y))(X), np.diag(SLOPE))
    nested = cr.vmap(lambda y: cr.grad(lambda x: cr.vmap(waves)(x, y).sum())(X))(np.stack([Y, Y]))
    np.testing.assert_allclose(nested, [SLOPE, SLOPE])


def test_a_trace_keeps_the_rule(waves: Any) -> None:
    inside = cr.trace(cr.grad(total(waves)))(X)
    np.testing.assert_allclose(cr.interpret(inside, X), SLOPE)
    graph = cr.trace(total(waves))(X)
    np.testing.assert_allclose(cr.interpret(graph, X), (np.sin(X) * Y).sum())
    np.testing.assert_allclose(cr.grad(lambda x: cr.interpret(graph, x))(X), SLOPE)
    simpler = cr.optimize(graph)
    np.testing.assert_allclose(cr.grad(lambda x: cr.interpret(simpler, x))(X), SLOPE)


def test_an_expression_keeps_the_rule(waves: Any) -> None:
    assert str(cr.derive(lambda x: waves(x, 2.0))) == "14 * cos(x)"
    (x,) = cr.variables("x")
    made = waves(x, 2.0)
    assert made(0.5) == 2.0 * np.sin(0.5)
    assert str(made.derive("x")) == "14 * cos(x)"
    np.testing.assert_allclose(cr.symbolic_gradient(total(waves), X), SLOPE)


def test_scans_keep_the_rule(waves: Any) -> None:
    def loss(x: Any) -> Any:
        return cr.scan(lambda sum_, row: (sum_ + waves(row, 2.0), None), np.float64(0.0), x)[0]

    expected = FACTOR * np.cos(X) * 2.0
    np.testing.assert_allclose(cr.grad(loss)(X), expected)
    traced = cr.trace(cr.grad(loss))(X)
    np.testing.assert_allclose(cr.interpret(traced, X), expected)


def test_both_rules_are_used_each_in_its_mode() -> None:
    waves = reverse_rule(2.0)

    @waves.defjvp
    def rule(primals: tuple, tangents: tuple) -> tuple:
        (x, y), (dx, dy) = primals, tangents
        return waves(x, y), 3.0 * dx * cr.cos(x) * y + dy * cr.sin(x)

    np.testing.assert_allclose(cr.grad(total(waves))(X), 2.0 * np.cos(X) * Y)
    _, push = cr.jvp(lambda x: waves(x, Y), (X,), (np.ones(3),))
    np.testing.assert_allclose(push, 3.0 * np.cos(X) * Y)


def test_the_forward_rule_runs_once() -> None:
    runs = []

    @cr.custom_vjp
    def square(x: Any) -> Any:
        return x * x

    def forward(x: Any) -> tuple:
        runs.append("forward")
        return x * x, x

    square.defvjp(forward, lambda x, g: (2.0 * x * g,))
    np.testing.assert_allclose(cr.grad(lambda x: square(x).sum())(X), 2 * X)
    assert runs == ["forward"]


def test_trees_options_and_integers() -> None:
    @cr.custom_vjp
    def scaled(net: dict, ids: Any, *, power: int) -> dict:
        return {"out": net["w"][ids] ** power, "count": ids + 1}

    scaled.defvjp(
        lambda net, ids, power: (
            {"out": net["w"][ids] ** power, "count": ids + 1},
            (net["w"], ids),
        ),
        lambda kept, g: ({"w": cr.index_add(0.0 * kept[0], kept[1], g["out"] * 100.0)}, None),
    )
    ids = np.array([2, 0])
    value = scaled({"w": X}, ids, power=2)
    np.testing.assert_array_equal(value["out"], X[ids] ** 2)
    found = cr.grad(lambda net: scaled(net, ids, power=2)["out"].sum())({"w": X})
    np.testing.assert_array_equal(found["w"], [100.0, 0.0, 100.0])
    (whole,) = cr.vjp(lambda net: scaled(net, ids, power=2), {"w": X})[1](
        {"out": np.array([1.0, 2.0]), "count": np.zeros(2, int)}
    )
    np.testing.assert_array_equal(whole["w"], [200.0, 0.0, 100.0])


def test_rules_may_order_their_dicts_anew() -> None:
    @cr.custom_vjp
    def split(net: dict) -> dict:
        return {"sine": cr.sin(net["a"]), "cube": net["b"] ** 3}

    split.defvjp(
        lambda net: ({"cube": net["b"] ** 3, "sine": cr.sin(net["a"])}, (net["a"], net["b"])),
        lambda kept, g: ({"b": 3 * kept[1] ** 2 * g["cube"], "a": cr.cos(kept[0]) * g["sine"]},),
    )
    net = {"a": X, "b": Y}
    found = cr.grad(lambda net: (split(net)["sine"] + 10.0 * split(net)["cube"]).sum())(net)
    np.testing.assert_allclose(found["a"], np.cos(X))
    np.testing.assert_allclose(found["b"], 30 * Y**2)
    graph = cr.trace(lambda net: split(net)["sine"])(net)
    np.testing.assert_allclose(
        cr.grad(lambda net: cr.interpret(graph, net).sum())(net)["a"], np.cos(X)
    )


def test_functions_written_in_numpy() -> None:
    """What chainrule cannot look into becomes differentiable by its rule."""

    @cr.custom_vjp
    def bessel_like(x: Any) -> Any:
        return np.sin(np.asarray(x)) / np.asarray(x)

    bessel_like.defvjp(
        lambda x: (bessel_like(x), x), lambda x, g: (g * (cr.cos(x) / x - cr.sin(x) / x**2),)
    )
    expected = np.cos(X) / X - np.sin(X) / X**2
    np.testing.assert_allclose(cr.grad(lambda x: bessel_like(x).sum())(X), expected)
    assert small(cr.check_custom(bessel_like, X).reverse)
    graph = cr.trace(lambda x: bessel_like(x) * 2.0)(X)
    np.testing.assert_allclose(cr.interpret(graph, X), 2.0 * np.sin(X) / X)


def test_right_rules_pass_the_check() -> None:
    found = cr.check_custom(reverse_rule(), X, Y)
    assert small(found.reverse)
    assert found.forward is None
    assert small(cr.check_custom(forward_rule(), X.astype(np.float32), Y).forward)
    both = reverse_rule()
    both.defjvp(forward_rule()._push)
    checked = cr.check_custom(both, X, Y)
    assert small(checked.agreement, 1e-12)


def planted(**wrong: Any) -> Any:
    """A function of two arguments with one mistake."""
    parts: dict[str, Any] = {
        "value": lambda x, y: cr.sin(x) * y,
        "by_x": lambda x, y, g: g * cr.cos(x) * y,
        "by_y": lambda x, y, g: g * cr.sin(x),
        "push": lambda x, y, dx, dy: dx * cr.cos(x) * y + dy * cr.sin(x),
        **wrong,
    }

    @cr.custom_vjp
    def wave(x: Any, y: Any) -> Any:
        return cr.sin(x) * y

    wave.defvjp(
        lambda x, y: (parts["value"](x, y), (x, y)),
        lambda kept, g: (parts["by_x"](*kept, g), parts["by_y"](*kept, g)),
    )
    wave.defjvp(lambda xs, dxs: (wave(*xs), parts["push"](*xs, *dxs)))
    return wave


MISTAKES = [
    ({"by_x": lambda x, y, g: -g * cr.cos(x) * y}, "reverse mode is off.* array 0"),
    ({"by_x": lambda x, y, g: g * cr.cos(x)}, "reverse mode is off.* array 0"),
    ({"by_y": lambda x, y, g: 1.001 * g * cr.sin(x)}, "reverse mode is off.* array 1"),
    ({"by_y": lambda x, y, g: cr.sin(x)}, "reverse mode is off.* array 1"),
    ({"by_y": lambda x, y, g: None}, "reverse mode is off.* array 1"),
    ({"push": lambda x, y, dx, dy: dx * cr.cos(x) * y}, "forward mode is off.* array 1"),
    ({"push": lambda x, y, dx, dy: dx * cr.sin(x) * y + dy * cr.sin(x)}, "forward mode.* array 0"),
    ({"value": lambda x, y: cr.sin(x) * y + 1e-3}, "another value than the function"),
]


@pytest.mark.parametrize(("wrong", "message"), MISTAKES)
def test_the_check_finds_and_names_a_mistake(wrong: dict, message: str) -> None:
    cr.check_custom(planted(), X, Y)
    with pytest.raises(GradientError, match=message):
        cr.check_custom(planted(**wrong), X, Y)


def test_what_is_malformed_is_refused() -> None:
    @cr.custom_vjp
    def bare(x: Any) -> Any:
        return x

    with pytest.raises(GradientError, match=r"no derivative rule yet.*bare\.defvjp"):
        bare(X)
    bare.defvjp(lambda x: x, lambda kept, g: g)
    with pytest.raises(ShapeError, match=r"must return \(value, residuals\)"):
        cr.grad(lambda x: bare(x).sum())(X)
    bare.defvjp(lambda x: (x, None), lambda kept, g: g)
    with pytest.raises(ShapeError, match=r"a tuple of 1.*got Tensor"):
        cr.grad(lambda x: bare(x).sum())(X)
    bare.defvjp(lambda x: (x, None), lambda kept, g: (g, g))
    with pytest.raises(ShapeError, match=r"a tuple of 1.*got 2 values"):
        cr.grad(lambda x: bare(x).sum())(X)
    bare.defvjp(lambda x: (x, None), lambda kept, g: (g.sum(),))
    with pytest.raises(ShapeError, match=r"argument 0 has the shapes \[\(\)\].*\[\(3,\)\]"):
        cr.grad(lambda x: bare(x).sum())(X)
    bare.defjvp(lambda xs, dxs: (xs[0], dxs[0][:1]))
    with pytest.raises(ShapeError, match=r"value of shapes \[\(3,\)\].*\[\(1,\)\]"):
        cr.jvp(bare, (X,), (X,))
    with pytest.raises(OptionError, match="expected what custom_vjp"):
        cr.check_custom(cr.sin, X)  # type: ignore[arg-type]


def test_forward_mode_without_its_rule_is_refused() -> None:
    with pytest.raises(GradientError, match=r"reverse mode only.*waves\.defjvp.*custom_jvp"):
        cr.jvp(lambda x: reverse_rule()(x, Y), (X,), (X,))


def test_what_is_differentiated_must_be_an_argument() -> None:
    def outer(w: Any) -> Any:
        @cr.custom_vjp
        def times(x: Any) -> Any:
            return x * w

        times.defvjp(lambda x: (x * w, None), lambda kept, g: (g * 2.0,))
        return times(w).sum()

    with pytest.raises(GradientError, match=r"none of its arguments.*Pass it as an argument"):
        cr.grad(outer)(X)
    waves = reverse_rule()
    with pytest.raises(GradientError, match=r"option 'y'.*Pass it by position"):
        cr.grad(lambda y: waves(X, y=y).sum())(Y)
