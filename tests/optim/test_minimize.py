"""L-BFGS: minima that are known, and those that PyTorch and SciPy find."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import DtypeError, NonFiniteError, OptionError


def rosenbrock(x: Any) -> Any:
    return cr.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


X = rng.normal(rng.key(0), (60, 5), np.float64)
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0, 1.0]) + rng.normal(rng.key(1), (60,), np.float64) > 0) * 1.0


def logistic(parameters: Any) -> Any:
    logits = cr.matmul(X, parameters["w"]) + parameters["b"]
    fit = cr.mean(cr.softplus(logits) - logits * Y)
    return fit + 0.05 * (cr.sum(cr.square(parameters["w"])) + parameters["b"] ** 2)


START = {"w": np.zeros(5), "b": np.array(0.0)}
EXACT = optim.LBFGS(gradient_tolerance=1e-12, change_tolerance=0.0)


def vector(parameters: Any) -> np.ndarray:
    return np.append(parameters["w"], parameters["b"])


@pytest.mark.parametrize("size", [2, 5, 20])
def test_the_valley_of_rosenbrock(size: int) -> None:
    start = np.full(size, -1.0)
    start[::2] = 1.2
    found = optim.minimize(rosenbrock, start, EXACT)
    assert found.converged
    np.testing.assert_allclose(found.parameters, np.ones(size), rtol=1e-9)
    assert found.evaluations < 60 + 20 * size


def test_a_parabola_of_many_scales() -> None:
    scales = np.logspace(0, 4, 12)
    goal = rng.normal(rng.key(2), (12,), np.float64)
    found = optim.minimize(lambda x: cr.sum(scales * cr.square(x - goal)), np.zeros(12), EXACT)
    np.testing.assert_allclose(found.parameters, goal, rtol=1e-10)


def test_the_minimum_is_pytorchs(torch: Any, figures: Any) -> None:
    theirs = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    x, y = torch.tensor(X), torch.tensor(Y)
    stepper = torch.optim.LBFGS(
        [theirs],
        max_iter=200,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        stepper.zero_grad()
        logits = x @ theirs[:5] + theirs[5]
        loss = (torch.nn.functional.softplus(logits) - logits * y).mean()
        loss = loss + 0.05 * (theirs**2).sum()
        loss.backward()
        return loss

    stepper.step(closure)
    expected = theirs.detach().numpy()
    found = vector(optim.minimize(logistic, START, EXACT).parameters)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert figures.error("optimizers", "LBFGS", float(error)) <= 1e-8


def test_the_minimum_is_scipys() -> None:
    scipy = pytest.importorskip("scipy.optimize")

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = cr.value_and_grad(logistic)({"w": x[:5], "b": x[5]})
        return float(value), vector(gradient)

    theirs = scipy.minimize(
        both, np.zeros(6), jac=True, method="L-BFGS-B", options={"ftol": 0.0, "gtol": 1e-11}
    )
    found = optim.minimize(logistic, START, EXACT)
    np.testing.assert_allclose(vector(found.parameters), theirs.x, rtol=1e-8, atol=1e-9)
    assert found.evaluations < 2 * theirs.nfev + 10


@pytest.mark.parametrize("c2", [0.1, 0.9])
@pytest.mark.parametrize("function", [rosenbrock, lambda x: cr.sum(cr.cosh(x) + cr.sin(3 * x))])
def test_each_step_fulfils_the_strong_wolfe_conditions(function: Callable, c2: float) -> None:
    found = optim.minimize(
        function, np.linspace(-3, 2, 6), optim.LBFGS(c2=c2, gradient_tolerance=1e-5)
    )
    assert len(found.path) > 5
    for step in found.path:
        assert step.slope < 0
        assert step.next_value <= step.value + 1e-4 * step.step * step.slope
        assert abs(step.next_slope) <= c2 * abs(step.slope)


def test_where_the_function_is_not_finite_it_turns_back() -> None:
    with np.errstate(all="raise"):
        found = optim.minimize(lambda x: cr.sum(x - cr.log(x)), np.array([1e-3, 50.0]), EXACT)
    np.testing.assert_allclose(found.parameters, [1.0, 1.0], rtol=1e-7)


def test_a_whole_model_in_its_own_dtype() -> None:
    data = cr.data.gate("xor")
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)).initialize(3)
    x, y = data.batch(np.arange(4))

    def loss(weights: Any) -> Any:
        return nn.cross_entropy(nn.functional_call(model, weights, x), y)

    found = optim.minimize(loss, model.state_dict())
    assert found.value < 1e-4
    assert {array.dtype for array in found.parameters.values()} == {np.dtype(np.float32)}
    model.load_state_dict(found.parameters)
    np.testing.assert_array_equal(model(x).numpy().argmax(1), y)


def test_it_says_why_it_ended() -> None:
    cut = optim.minimize(rosenbrock, np.zeros(2), optim.LBFGS(iterations=3))
    assert (cut.converged, len(cut.path)) == (False, 3)
    assert cut.reason == "the number of iterations is used up"
    done = optim.minimize(lambda x: cr.sum(cr.square(x)), np.zeros(2))
    assert done.converged
    assert done.path == ()
    assert "gradient" in done.reason
    rough = optim.minimize(
        lambda x: cr.sum(cr.square(x - 1.5) + 1e6),
        np.zeros(2, np.float32),
        optim.LBFGS(gradient_tolerance=0.0, change_tolerance=0.0),
    )
    assert rough.converged
    np.testing.assert_allclose(rough.parameters, [1.5, 1.5], atol=0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.minimize(cr.sum, np.arange(3)), DtypeError, "has dtype int64; expected flo"),
        (lambda: optim.minimize(lambda x: cr.sum(cr.log(x)), np.zeros(1)), NonFiniteError, "start"),
        (lambda: optim.LBFGS(history=0), OptionError, "LBFGS: history is 0; expected an integer"),
        (lambda: optim.LBFGS(c1=0.9, c2=0.5), OptionError, "c1 is 0.9 and c2 0.5; c1 must be"),
        (lambda: optim.LBFGS(c2=1.0), OptionError, "LBFGS: c2 is 1.0; expected a number above 0"),
        (lambda: optim.LBFGS(iterations=-1), OptionError, "iterations is -1; expected an integer"),
    ],
)
def test_bad_values_meet_words(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
