"""What every optimizer keeps: PyTorch's steps, purity, dtypes, declared ranges."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import GradientError, OptionError, ShapeError


@dataclass(frozen=True)
class Case:
    """An optimizer, and PyTorch's of the same settings."""

    optimizer: optim.Optimizer
    twin: Callable[[Any, Any], Any]


CASES = {
    "SGD": Case(optim.SGD(lr=0.05), lambda t, p: t.optim.SGD(p, lr=0.05)),
    "SGD with decay": Case(
        optim.SGD(lr=0.05, weight_decay=0.1), lambda t, p: t.optim.SGD(p, lr=0.05, weight_decay=0.1)
    ),
    "Momentum": Case(
        optim.Momentum(lr=0.01, momentum=0.8), lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.8)
    ),
    "Momentum with Nesterov and decay": Case(
        optim.Momentum(lr=0.01, nesterov=True, weight_decay=0.1),
        lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    "Adam": Case(optim.Adam(lr=0.02), lambda t, p: t.optim.Adam(p, lr=0.02)),
    "Adam with all settings": Case(
        optim.Adam(lr=0.02, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.1),
        lambda t, p: t.optim.Adam(p, lr=0.02, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.1),
    ),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)

START = {
    "w": rng.normal(rng.key(0), (3, 4), np.float64),
    "b": rng.normal(rng.key(1), (4,), np.float64),
}
X, Y = rng.normal(rng.key(2), (8, 3), np.float64), rng.normal(rng.key(3), (8, 4), np.float64)


def loss_of(tree: Any) -> Any:
    return nn.mse(cr.tanh(cr.matmul(X, tree["w"]) + tree["b"]), Y)


@ALL
def test_a_hundred_steps_are_those_of_pytorch(case: Case, torch: Any) -> None:
    tree, state = START, case.optimizer.start(START)
    theirs = {name: torch.tensor(array, requires_grad=True) for name, array in START.items()}
    twin = case.twin(torch, list(theirs.values()))
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    for _ in range(100):
        tree, state = case.optimizer.step(tree, cr.grad(loss_of)(tree), state)
        twin.zero_grad()
        ((torch.tanh(x @ theirs["w"] + theirs["b"]) - y) ** 2).mean().backward()
        twin.step()
    assert state["step"] == 100
    for name, array in tree.items():
        np.testing.assert_allclose(array, theirs[name].detach().numpy(), rtol=1e-12, atol=1e-12)


@ALL
def test_one_step_lowers_the_loss_and_changes_none_of_its_arguments(case: Case) -> None:
    copies = {name: array.copy() for name, array in START.items()}
    state = case.optimizer.start(START)
    gradients = cr.grad(loss_of)(START)
    before = str(state), str(gradients)
    after, _ = case.optimizer.step(START, gradients, state)
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
    assert case.optimizer.elementwise
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
def test_names_and_options_make_it_again(case: Case) -> None:
    name = type(case.optimizer).__name__
    options = dataclasses.asdict(case.optimizer)
    assert optim.by_name(name, **options) == case.optimizer
    assert optim.by_name(name.lower(), **options) == case.optimizer


@ALL
def test_the_rate_may_be_given_by_position(case: Case) -> None:
    kind = type(case.optimizer)
    assert kind(0.25) == kind(lr=0.25)


def _ranges() -> list[tuple[type, str, Any]]:
    return [
        (kind, entry.name, entry.metadata["range"])
        for kind in (optim.SGD, optim.Momentum, optim.Adam)
        for entry in dataclasses.fields(kind)
        if "range" in entry.metadata
    ]


@pytest.mark.parametrize(("kind", "name", "allowed"), _ranges())
def test_declared_ranges_are_kept(kind: type, name: str, allowed: Any) -> None:
    edge = np.nextafter(allowed.high, -math.inf) if allowed.high < math.inf else 1e30
    kind(**{name: float(edge)})
    outside = [allowed.low - 1e-9, -1, math.nan, math.inf, "0.1", None, True]
    outside += [] if allowed.low_included else [allowed.low]
    outside += [allowed.high]
    for value in outside:
        with pytest.raises(OptionError) as caught:
            kind(**{name: value})
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
