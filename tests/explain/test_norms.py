"""Nets with norms: mean, variance and normalised values by name, and the running statistics."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from tests.explain.nets import CASES, numbers

FORWARD = (
    "mean_2 = (Σ z1^T)/5",
    "d2 = z1 - mean_2^T",
    "var_2 = (Σ d2^T ∘ d2^T)/5",
    "u1 = var_2 + 1e-05",
    "u2 = 1/√(u1)",
    "ẑ2 = d2 ∘ u2^T",
    "z2 = ẑ2 ∘ γ2 + β2",
)
BACKWARD = (
    "dL/dβ2 = Σ dL/dz2",
    "dL/dγ2 = Σ dL/dz2 ∘ ẑ2",
    "dL/dẑ2 = dL/dz2 ∘ γ2",
    "dL/du2 = Σ dL/dẑ2 ∘ d2",
    "dL/dd2 = (dL/dd2)_ẑ2 + (dL/dd2)_var_2 + (dL/dd2)_var_2",
    "dL/dmean_2 = Σ(-dL/dd2)",
    "dL/dz1 = dL/dd2 + (dL/dz1)_mean_2",
)


@pytest.mark.parametrize("formulas", [FORWARD, BACKWARD])
def test_batch_norm_is_told_as_in_a_textbook(formulas: tuple[str, ...]) -> None:
    said = [str(statement) for statement in CASES["batch norm"].explain()]
    assert set(formulas) <= set(said)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("The variance", "Normalised", "running mean moves")),
        ("zh", ("方差", "归一化", "滑动")),
    ],
)
def test_the_parts_of_a_norm_have_words(lang: str, words: tuple[str, ...]) -> None:
    text = " ".join(CASES["batch norm"].explain().text(lang=lang).split())
    assert all(word in text for word in words)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_those_that_training_leaves(momentum: float | None) -> None:
    x, y = numbers(6, 3), np.array([0, 1, 2, 1, 0, 2])
    layer = nn.BatchNorm(3, momentum=momentum, dtype=np.float64)
    model = nn.Sequential(layer, nn.Linear(3, 3, dtype=np.float64)).initialize(1)
    model(x[:4])
    before = {path: buffer.numpy().copy() for path, buffer in model.named_buffers()}
    report = cr.explain(model, x, y)
    assert report.right
    for path, buffer in model.named_buffers():
        np.testing.assert_array_equal(buffer.numpy(), before[path])
    model(x)
    np.testing.assert_array_equal(report["runningmean_1'"].value, layer.running_mean.numpy())
    np.testing.assert_array_equal(report["runningvar_1'"].value, layer.running_var.numpy())
    assert report["numbatchestracked_1'"].value == 2


def test_in_evaluation_the_running_statistics_are_used_and_stay() -> None:
    model = CASES["batch norm"].model(np.float64).initialize(1)
    report = cr.explain(model.eval(), numbers(3), 1, optimizer=optim.SGD(lr=0.1))
    assert report.right
    said = [str(statement) for statement in report]
    assert "u1 = 1/(√(running var_2 + 1e-05))" in said
    assert "u2 = (z1 - running mean_2) ∘ u1" in said
    assert not any(statement.key.startswith("runningmean_2'") for statement in report)


def test_a_derivative_whose_terms_cancel_is_right() -> None:
    report = CASES["batch norm"].explain(np.float32)
    assert np.abs(report["dL/db1"].value).max() < 1e-7
    assert report["dL/db1"].right


def test_a_norm_that_somebody_wrote_is_told_in_the_same_words() -> None:
    def standardised(x: cr.Tensor) -> cr.Tensor:
        apart = x - x.mean(axis=0, keepdims=True)
        return apart * cr.rsqrt((apart * apart).mean(axis=0, keepdims=True) + 1e-3)

    linear = nn.Linear(3, 2, dtype=np.float64)
    report = cr.explain(
        nn.Sequential(linear, standardised, nn.Tanh()), numbers(4, 3), np.array([0, 1, 1, 0])
    )
    assert report.right
    assert "The variance: the mean of the squared distances" in " ".join(report.text().split())
