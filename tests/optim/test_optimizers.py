"""What every optimizer keeps: PyTorch's steps, purity, dtypes, declared ranges."""

import dataclasses
import importlib
import json
import math
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import GradientError, OptionError, ShapeError
from tests.optim.cases import CASES, Case

KINDS = tuple(dict.fromkeys(type(case.optimizer) for case in CASES.values()))


ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)

START = {
    "w": rng.normal(rng.key(0), (3, 4), np.float64),
    "v": rng.normal(rng.key(1), (5, 4), np.float64) / 2,
    "u": rng.normal(rng.key(4), (2, 5), np.float64),
}
"""Matrices, one wider than tall, one taller: all optimizers take them."""
X, Y = rng.normal(rng.key(2), (8, 3), np.float64), rng.normal(rng.key(3), (8, 4), np.float64)


def loss_of(tree: Any) -> Any:
    hidden = cr.tanh(cr.matmul(cr.tanh(cr.matmul(X, tree["w"])), tree["v"].T))
    return nn.mse(cr.matmul(hidden, tree["u"].T), Y[:, :2])


def one_by_one(optimizer: optim.Optimizer) -> optim.Optimizer:
    """The optimizer for each leaf of a tree, also where it would leave some to others."""
    return optim.Groups(optim.SGD(lr=optimizer.lr), {"*": optimizer})


@ALL
def test_a_hundred_steps_are_the_referee_s(case: Case, request: Any, figures: Any) -> None:
    """PyTorch's on the very same gradients, or the formulas of the paper on those of the path."""
    path = _path(case.optimizer)
    for name, start in START.items():
        gradients = [gradient[name] for _, gradient in path]
        if case.torch is not None:
            expected = _by_torch(request.getfixturevalue("torch"), case.torch, start, gradients)
        else:
            expected = _by_formula(case.formula, start, gradients)
        error = max(
            np.abs(tree[name] - theirs).max() / np.abs(theirs).max()
            for (tree, _), theirs in zip(path, expected, strict=True)
        )
        # PyTorch's NAdam has one number in float32; its formulas are judged as the others.
        rounded = isinstance(case.optimizer, optim.NAdam) and case.torch is not None
        bound = 1e-8 if rounded else 1e-12
        assert figures.error("optimizers", type(case.optimizer).__name__, float(error)) <= bound


def _path(optimizer: optim.Optimizer) -> list[tuple[Any, Any]]:
    """A hundred steps: the weights after each, and the gradient that led there."""
    whole, tree, path = one_by_one(optimizer), START, []
    state = whole.start(START)
    for _ in range(100):
        gradients = cr.grad(loss_of)(tree)
        tree, state = whole.step(tree, gradients, state)
        path.append((tree, gradients))
    assert state["step"] == 100
    return path


def _by_torch(torch: Any, twin: Any, start: np.ndarray, gradients: list) -> list[np.ndarray]:
    theirs = torch.tensor(start, requires_grad=True)
    stepper, after = twin(torch, [theirs]), []
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        stepper.step()
        after.append(theirs.detach().numpy().copy())
    return after


def _by_formula(formula: Any, start: np.ndarray, gradients: list) -> list[np.ndarray]:
    run = formula(start)
    next(run)
    return [run.send(gradient) for gradient in gradients]


@ALL
def test_a_trace_of_the_update_gives_the_same_bits(case: Case) -> None:
    """Steps and rates are numbers of the trace: nothing of them is baked in."""
    parameter = START["w"].astype(np.float32)
    update = case.optimizer.update
    graph = cr.trace(update)(
        parameter, parameter, case.optimizer.init(parameter), np.asarray(1), np.asarray(0.1)
    )
    value, state = parameter, case.optimizer.init(parameter)
    for count in range(1, 9):
        arguments = value, np.sin(value * count), state, np.asarray(count), np.asarray(0.1 / count)
        value, state = update(*arguments)
        traced, kept = cr.interpret(graph, *arguments)
        np.testing.assert_array_equal(traced, value)
        assert kept.keys() == state.keys()
        for name, array in state.items():
            np.testing.assert_array_equal(kept[name], array)


@ALL
def test_compiled_updates_are_the_eager_ones(case: Case) -> None:
    pytest.importorskip("llvmlite")
    compiled = importlib.import_module("chainrule.compiler").compile(case.optimizer.update)
    value, state = START["w"], case.optimizer.init(START["w"])
    for count in range(1, 9):
        arguments = value, np.sin(value * count), state, np.asarray(count), np.asarray(0.1 / count)
        value, state = case.optimizer.update(*arguments)
        fast, kept = compiled(*arguments)
        np.testing.assert_allclose(fast, value, rtol=1e-12, atol=1e-14)
        for name, array in state.items():
            np.testing.assert_allclose(kept[name], array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (1.0, [2, -14, 98, -686]),
        (0.25, [2, -2, 2, -2]),
        (0.24, [2, -1.84, 1.6928, -1.557376]),
        (0.1, [2, 0.4, 0.08, 0.016]),
    ],
)
def test_descent_on_a_parabola(lr: float, expected: list[float]) -> None:
    """On 4 x^2, a rate above 1/4 diverges, 1/4 swings for ever, one below it converges."""
    sgd, x = optim.SGD(lr=lr), np.array(2.0)
    state, path = sgd.start(x), [x]
    for _ in range(3):
        x, state = sgd.step(x, cr.grad(lambda x: 4 * x**2)(x), state)
        path.append(x)
    np.testing.assert_allclose(path, expected, rtol=1e-14)


@ALL
def test_one_step_lowers_the_loss_and_changes_none_of_its_arguments(case: Case) -> None:
    copies = {name: array.copy() for name, array in START.items()}
    optimizer = one_by_one(case.optimizer)
    state = optimizer.start(START)
    gradients = cr.grad(loss_of)(START)
    before = str(state), str(gradients)
    after, _ = optimizer.step(START, gradients, state)
    assert loss_of(after) < loss_of(START)
    assert (str(state), str(gradients)) == before
    for name, array in START.items():
        np.testing.assert_array_equal(array, copies[name])


@ALL
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.float32(0.1), np.array(0.1)])
@pytest.mark.parametrize("step", [3, np.int64(3), np.float64(3)])
def test_parameter_and_state_keep_their_dtype(case: Case, lr: Any, step: Any) -> None:
    parameter = START["w"].astype(np.float32)
    state = case.optimizer.init(parameter)
    value, after = case.optimizer.update(parameter, parameter / 2, state, step, lr)
    assert value.dtype == np.float32
    assert {name: array.dtype for name, array in after.items()} == dict.fromkeys(
        state, np.dtype(np.float32)
    )
    expected, _ = case.optimizer.update(parameter, parameter / 2, state, 3, 0.1)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@ALL
def test_updates_are_the_same_on_arrays_tensors_and_vectors(case: Case) -> None:
    parameter, gradient = START["w"], START["w"] / 2
    state = {name: array + 0.5 for name, array in case.optimizer.init(parameter).items()}
    expected, after = case.optimizer.update(parameter, gradient, state, 4, 0.1)
    boxed, kept = case.optimizer.update(
        cr.tensor(parameter), cr.tensor(gradient), state, cr.tensor(4), cr.tensor(np.float64(0.1))
    )
    np.testing.assert_allclose(boxed.numpy(), expected, rtol=1e-15)
    assert kept.keys() == after.keys()
    if not case.optimizer.elementwise:
        return
    flat = {name: array.ravel() for name, array in state.items()}
    joined, _ = case.optimizer.update(parameter.ravel(), gradient.ravel(), flat, 4, 0.1)
    np.testing.assert_array_equal(joined.reshape(parameter.shape), expected)


@ALL
def test_a_derivative_goes_through_the_update(case: Case) -> None:
    """As when a learning rate is itself learnt."""
    state = {name: a + 0.5 for name, a in case.optimizer.init(START["w"]).items()}

    def after(lr: Any) -> Any:
        return cr.sum(case.optimizer.update(START["w"], START["w"] / 2, state, 4, lr)[0])

    h = 1e-6
    numeric = (after(0.1 + h) - after(0.1 - h)) / (2 * h)
    assert float(cr.grad(after)(np.float64(0.1))) == pytest.approx(float(numeric), rel=1e-6)


@ALL
def test_plain_data_makes_it_again(case: Case) -> None:
    config = optim.to_config(case.optimizer)
    assert optim.from_config(json.loads(json.dumps(config))) == case.optimizer


@ALL
def test_what_is_kept_of_a_tree_goes_on_bit_for_bit(case: Case) -> None:
    optimizer = one_by_one(case.optimizer)
    whole = START, optimizer.start(START)
    halves = START, optimizer.start(START)
    for step in range(6):
        gradients = cr.grad(loss_of)(whole[0])
        whole = optimizer.step(whole[0], gradients, whole[1])
        if step == 3:
            optimizer = optim.from_config(json.loads(json.dumps(optim.to_config(optimizer))))
            halves = pickle.loads(pickle.dumps(halves))
        halves = optimizer.step(halves[0], cr.grad(loss_of)(halves[0]), halves[1])
    for name in START:
        np.testing.assert_array_equal(whole[0][name], halves[0][name])


def test_every_name_makes_an_optimizer() -> None:
    made = {name: optim.by_name(name) for name in optim.names()}
    assert {type(optimizer) for optimizer in made.values()} == {
        kind for kind in KINDS if not issubclass(kind, (optim.EMA, optim.SWA, optim.Lookahead))
    }
    assert made["nesterov"] == optim.Momentum(nesterov=True)
    for name in optim.wrapper_names():
        assert optim.wrap(made["sgd"], name).lr == made["sgd"].lr
    assert optim.by_name("AdamW(beta2=0.9)", lr=0.5) == optim.AdamW(lr=0.5, beta2=0.9)
    assert optim.wrap(made["sgd"], "ema(decay=0.5)") == optim.EMA(made["sgd"], decay=0.5)


@pytest.mark.parametrize("kind", [k for k in KINDS if "inner" not in k.__dataclass_fields__])
def test_the_rate_may_be_given_by_position(kind: type) -> None:
    assert kind(0.25) == kind(lr=0.25)


def _ranges() -> list[tuple[type, str, Any]]:
    return [
        (kind, entry.name, entry.metadata["range"])
        for kind in KINDS
        for entry in dataclasses.fields(kind)
        if "range" in entry.metadata and entry.init
    ]


def make(kind: type, **options: Any) -> Any:
    return kind(optim.SGD(), **options) if hasattr(kind, "kept") else kind(**options)


@pytest.mark.parametrize(("kind", "name", "allowed"), _ranges())
def test_declared_ranges_are_kept(kind: type, name: str, allowed: Any) -> None:
    edge = np.nextafter(allowed.high, -math.inf) if allowed.high < math.inf else 1e30
    make(kind, **{name: float(edge)})
    outside = [allowed.low - 1e-9, -1, math.nan, math.inf, "0.1", None, True]
    outside += [] if allowed.low_included else [allowed.low]
    outside += [] if allowed.high_included else [allowed.high]
    for value in outside:
        with pytest.raises(OptionError) as caught:
            make(kind, **{name: value})
        assert str(caught.value) == f"{kind.__name__}: {name} is {value!r}; expected {allowed}."


def test_the_ranges_read_well() -> None:
    texts = {name: str(allowed) for kind, name, allowed in _ranges() if kind is optim.Adam}
    assert texts == {
        "lr": "a number above 0",
        "weight_decay": "0 or more",
        "beta1": "a number 0 or more and below 1",
        "beta2": "a number 0 or more and below 1",
        "eps": "a number above 0",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.by_name("adm"), "unknown optimizer 'adm'. Did you mean 'adam'"),
        (lambda: optim.by_name("adam", beta=1), "unknown option of adam 'beta'.*'beta[12]'"),
        (lambda: optim.by_name("sgd", lr=0), "SGD: lr is 0; expected a number above 0"),
        (lambda: optim.by_name("sgd(0.1, 0.2)"), r"too many values .*write sgd\(option=value\)"),
        (lambda: optim.by_name("l-bfgs"), r"batch by batch: use optim\.minimize"),
        (lambda: optim.Momentum(convention="torch"), "unknown convention .*'pytorch'"),
        (lambda: optim.Muon(iterations=0), "Muon: iterations is 0; expected an integer of 1 or"),
        (lambda: optim.Muon(others="adam"), r"Muon: others is 'adam'; expected an optimizer"),
        (lambda: optim.Lookahead(optim.SGD(), k=0), "Lookahead: k is 0; expected an integer of 1"),
        (lambda: optim.SWA(optim.SGD(), every=1.5), "SWA: every is 1.5; expected an integer of 1"),
        (lambda: optim.SWA(optim.SGD(), first=0), "SWA: first is 0; expected an integer of 1"),
        (lambda: optim.EMA("sgd"), r"EMA: got 'sgd' inside; expected an optimizer such as Adam"),
        (lambda: optim.EMA(optim.SWA(optim.SGD())), "one average array with each parameter, and"),
        (lambda: optim.wrap(optim.SGD(), "emma"), "unknown wrapper 'emma'. Did you mean 'ema'"),
        (lambda: optim.wrap(optim.SGD(), "ema", lr=1), "unknown option of ema 'lr'. .*decay"),
        (
            lambda: optim.from_config({"name": "x", "options": {}}),
            "unknown optimizer or schedule 'x'",
        ),
        (lambda: optim.clip_by_norm({}, 0.0), "max_norm is 0.0; expected a positive number"),
        (lambda: optim.clip_by_value({}, -1.0), "limit is -1.0; expected a positive number"),
    ],
)
def test_unknown_names_and_bad_numbers(call: Callable, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call()


def test_trees_must_fit() -> None:
    sgd, tree = optim.SGD(lr=0.1), {"w": np.ones((2, 3))}
    with pytest.raises(ShapeError, match="differ in structure"):
        sgd.step(tree, {"v": np.ones((2, 3))}, sgd.start(tree))
    with pytest.raises(ShapeError, match=r"SGD: .* shape \(2, 3\) and its gradient \(3,\)"):
        sgd.step(tree, {"w": np.ones(3)}, sgd.start(tree))


class TestStepper:
    def test_it_takes_the_steps_of_the_pure_update_and_clears_gradients(self) -> None:
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).initialize(0)
        adam = optim.Adam(lr=0.01)
        tree = model.state_dict()
        state = adam.start(tree)
        stepper = optim.Stepper(model, adam)
        x = X.astype(np.float32)

        def loss(leaves: Any) -> Any:
            return nn.mse(nn.functional_call(model, leaves, x), Y)

        for _ in range(3):
            tree, state = adam.step(tree, cr.grad(loss)(tree), state)
            nn.mse(model(x), Y).backward()
            stepper.step()
            assert all(parameter.grad is None for parameter in model.parameters())
        for path, array in model.state_dict().items():
            np.testing.assert_allclose(array, tree[path], rtol=1e-5, atol=1e-7)

    def test_without_a_gradient_it_says_so(self) -> None:
        stepper = optim.Stepper(nn.Linear(2, 1), optim.SGD(lr=0.1))
        with pytest.raises(GradientError, match=r"Call loss\.backward\(\) before step\(\)"):
            stepper.step()

    def test_frozen_parameters_stay(self) -> None:
        model = nn.Linear(3, 4).initialize(0)
        model.weight.requires_grad = False
        before = model.state_dict()
        nn.mse(model(X), Y).backward()
        optim.Stepper(model, optim.Adam(lr=0.1)).step()
        np.testing.assert_array_equal(model.weight.numpy(), before["weight"])
        assert not np.array_equal(model.bias.numpy(), before["bias"])

    def test_a_parameter_that_joins_in_late_begins_with_its_first_step(self) -> None:
        model = nn.Linear(3, 4).initialize(0)
        stepper = optim.Stepper(model, optim.Adam(lr=0.1))
        model.weight.requires_grad = False
        for _ in range(5):
            nn.mse(model(X), Y).backward()
            stepper.step()
        model.weight.requires_grad = True
        before = model.weight.numpy()
        nn.mse(model(X), Y).backward()
        stepper.step()
        # Adam's first step has the length lr in every element.
        np.testing.assert_allclose(np.abs(model.weight.numpy() - before), 0.1, rtol=1e-3)

    def test_the_rate_may_change(self) -> None:
        model = nn.Linear(3, 4).initialize(0)
        stepper = optim.Stepper(model, optim.SGD(lr=0.1))
        before = model.weight.numpy()
        nn.mse(model(X), Y).backward()
        gradient = model.weight.grad.numpy()
        stepper.lr = 0.5
        stepper.step()
        np.testing.assert_allclose(model.weight.numpy(), before - 0.5 * gradient, rtol=1e-6)


class TestClipping:
    TREE: ClassVar[Any] = {"a": np.array([3.0, 0.0]), "b": [np.array([[4.0]], np.float32)]}

    def test_the_norm_of_all_leaves_together_is_held(self, torch: Any) -> None:
        clipped = optim.clip_by_norm(self.TREE, 2.0)
        np.testing.assert_allclose(clipped["a"], [1.2, 0.0])
        np.testing.assert_allclose(clipped["b"][0], [[1.6]])
        assert clipped["b"][0].dtype == np.float32
        leaves = [torch.zeros(2).double().requires_grad_(), torch.zeros(1, 1).requires_grad_()]
        leaves[0].grad, leaves[1].grad = torch.tensor([3.0, 0.0]).double(), torch.tensor([[4.0]])
        torch.nn.utils.clip_grad_norm_(leaves, 2.0)
        np.testing.assert_allclose(clipped["a"], leaves[0].grad.numpy(), rtol=1e-6)

    def test_short_gradients_stay_as_they_are(self) -> None:
        np.testing.assert_array_equal(optim.clip_by_norm(self.TREE, 5.0)["a"], self.TREE["a"])

    def test_squares_that_would_overflow_float32(self) -> None:
        clipped = optim.clip_by_norm([np.array([3e30, 4e30], np.float32)], 5.0)
        np.testing.assert_allclose(clipped[0], [3.0, 4.0], rtol=1e-6)

    def test_values_are_held(self) -> None:
        clipped = optim.clip_by_value(self.TREE, 3.5)
        np.testing.assert_array_equal(clipped["a"], [3.0, 0.0])
        np.testing.assert_array_equal(clipped["b"][0], [[3.5]])

    def test_a_derivative_goes_through(self) -> None:
        def norm(x: Any) -> Any:
            return cr.norm(optim.clip_by_norm([x], 2.0)[0])

        np.testing.assert_allclose(cr.grad(norm)(np.array([3.0, 4.0])), [0, 0], atol=1e-12)
        np.testing.assert_allclose(cr.grad(norm)(np.array([0.3, 0.4])), [0.6, 0.8])
