"""The first neurons, and what can be seen in a net: gates, learning that ends or cannot end."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, rng
from chainrule.errors import DataError, OptionError, ShapeError

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
TRUTH = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0]}


@pytest.mark.parametrize("name", TRUTH)
def test_gates_with_given_weights_have_their_truth_tables(name: str) -> None:
    gate = models.gate(name)
    assert gate(CORNERS).tolist() == TRUTH[name]
    assert [gate(corner).item() for corner in CORNERS] == TRUTH[name]


@pytest.mark.parametrize(("threshold", "truth"), [(2.0, TRUTH["and"]), (1.0, TRUTH["or"])])
def test_the_threshold_makes_and_of_or(threshold: float, truth: list) -> None:
    unit = nn.McCullochPitts([1.0, 1.0], threshold)
    assert unit(CORNERS).tolist() == truth


def test_an_input_that_inhibits_does_so_wholly() -> None:
    unit = nn.McCullochPitts([1.0, 1.0, -2.0], threshold=1.0)
    assert unit([[1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 1, 0]]).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("name", ["and", "or", "nand"])
@pytest.mark.parametrize("lr", [1.0, 0.3])
def test_the_perceptron_learns_what_a_line_parts(name: str, lr: float) -> None:
    unit = nn.Perceptron(2)
    lesson = unit.learn(CORNERS, TRUTH[name], lr=lr)
    assert lesson.converged
    assert lesson.mistakes == 0
    assert lesson.common is None
    assert unit(CORNERS).tolist() == TRUTH[name]


def test_the_perceptron_proves_that_it_cannot_learn_xor() -> None:
    lesson = nn.Perceptron(2).learn(CORNERS, TRUTH["xor"])
    assert not lesson.converged
    assert lesson.epochs < 20
    assert lesson.mistakes > 0
    # The middle of the square lies on both diagonals.
    assert lesson.common == (0.5, 0.5)
    assert str(lesson).startswith("does not converge: ")
    assert "No line parts the classes, for the point (0.5, 0.5) lies between" in lesson.reason


def test_the_number_of_updates_keeps_to_novikoffs_bound() -> None:
    x = rng.normal(rng.key(0), (200, 3), np.float64)
    normal = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
    x = x[np.abs(x @ normal) > 0.2]
    unit = nn.Perceptron(3)
    lesson = unit.learn(x, (x @ normal > 0).astype(int))
    rows = np.column_stack([x, np.ones(len(x))])
    margin = np.abs(x @ normal).min()
    assert lesson.converged
    assert lesson.updates <= (np.linalg.norm(rows, axis=1).max() / margin) ** 2
    assert (unit(x).numpy() == (x @ normal > 0)).all()


def test_without_a_proof_it_says_only_what_it_saw() -> None:
    x = rng.normal(rng.key(1), (60, 2), np.float64)
    labels = (x @ [1.0, 1.0] + rng.normal(rng.key(2), (60,), np.float64) > 0).astype(int)
    lesson = nn.Perceptron(2).learn(x, labels, epochs=5)
    assert not lesson.converged
    assert lesson.epochs == 5
    assert lesson.common is None
    assert "try more epochs" in lesson.reason


def test_it_goes_on_from_the_weights_it_has() -> None:
    unit = nn.Perceptron(2)
    unit.learn(CORNERS, TRUTH["and"])
    again = unit.learn(CORNERS, TRUTH["and"])
    assert (again.epochs, again.updates) == (1, 0)
    other = nn.Perceptron(2)
    other.load_state_dict(unit.state_dict())
    assert other(CORNERS).tolist() == TRUTH["and"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: models.gate("nor"), OptionError, "unknown gate 'nor'. Did you mean 'or'"),
        (lambda: nn.Perceptron(2).learn(CORNERS, [0, 1]), DataError, "4 samples and 2 labels"),
        (lambda: nn.Perceptron(2).learn(CORNERS[:0], []), DataError, "0 samples"),
        (lambda: nn.Perceptron(3).learn(CORNERS, [0, 0, 0, 1]), ShapeError, r"expected \(n, 3\)"),
        (lambda: nn.Perceptron(2).learn(CORNERS, [-1, 1, 1, 1]), DataError, "hold -1; expected 0"),
        (lambda: nn.Perceptron(1).learn([[np.nan]], [1]), DataError, "NaN or infinity"),
        (lambda: nn.Perceptron(2)(np.ones(3)), ShapeError, r"\(..., 2\), got \(3,\)"),
        (lambda: nn.McCullochPitts([], 1.0), ShapeError, r"weights have shape \(0,\)"),
        (lambda: nn.McCullochPitts([1.0], 1.0)(np.ones((2, 2))), ShapeError, r"got \(2, 2\)"),
    ],
)
def test_what_the_first_neurons_refuse(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_multilayer_perceptron_learns_xor() -> None:
    model = models.mlp(2, 2, hidden=(8,), activation="tanh")
    run = cr.fit(
        model, data.gate("xor"), epochs=100, batch_size=4, show=False, optimizer="adam(lr=0.1)"
    )
    assert run.evaluate(data.gate("xor")).accuracy == 1.0


def test_a_net_without_activations_is_one_linear_layer() -> None:
    net = nn.Sequential(
        nn.Linear(4, 8, dtype=np.float64),
        nn.Identity(),
        nn.Linear(8, 6, bias=False, dtype=np.float64),
        nn.Linear(6, 3, dtype=np.float64),
    ).initialize(0)
    x = rng.normal(rng.key(0), (5, 4), np.float64)
    np.testing.assert_allclose(nn.collapse(net)(x).numpy(), net(x).numpy(), rtol=1e-12)
    with pytest.raises(OptionError, match="it holds ReLU"):
        nn.collapse(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    with pytest.raises(OptionError, match="it holds nothing"):
        nn.collapse(nn.Sequential())
    with pytest.raises(ShapeError, match="in_features must be 3"):
        nn.collapse(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 2)))


def test_outputs_can_be_seen_by_layer() -> None:
    model = models.mlp(4, 2, hidden=(6, 5), norm="batch").initialize(0)
    before = model.state_dict()
    x = rng.normal(rng.key(0), (7, 4))
    found = nn.outputs_by_layer(model, x)
    assert list(found) == ["0", "1", "2", "3", "4", "5", "6"]
    assert found["5"].shape == (7, 5)
    np.testing.assert_array_equal(found["2"], np.maximum(found["1"], 0))
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    statistics = {row.path: row for row in nn.statistics_by_layer(model, x, low=0.0)}
    assert statistics["2"].saturated == (found["1"] <= 0).mean()
    assert statistics["1"].mean == pytest.approx(0, abs=1e-6)
    assert statistics["1"].std == pytest.approx(1, rel=1e-3)
