"""What every loss keeps: PyTorch's values and gradients, stability, and shapes that never bend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, rng
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError

REDUCTIONS = ("mean", "sum", "none")
IDS = np.array([3, 0, 2, 1, 3])
WEIGHT = [0.5, 2.0, 1.0, 0.25]


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 3 * rng.normal(rng.key(seed), shape, np.float64)


def fractions(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return rng.uniform(rng.key(seed), shape, np.float64)


def shares(shape: tuple[int, ...]) -> np.ndarray:
    raw = fractions(shape)
    return raw / raw.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Case:
    """A loss, what to call it with, and PyTorch's function of the same."""

    loss: Callable
    output: np.ndarray
    target: np.ndarray
    twin: Callable[[Any], Callable]


def probabilities(output: Any, target: Any, **options: Any) -> Any:
    return nn.binary_cross_entropy(output, target, from_logits=False, **options)


def weighted(output: Any, target: Any, **options: Any) -> Any:
    return nn.cross_entropy(
        output, target, weight=WEIGHT, label_smoothing=0.1, ignore_index=2, **options
    )


def weighted_by_torch(f: Any) -> Callable:
    def loss(output: Any, target: Any, reduction: str) -> Any:
        options = {"label_smoothing": 0.1, "ignore_index": 2, "reduction": reduction}
        return f.cross_entropy(output, target, weight=output.new_tensor(WEIGHT), **options)

    return loss


def kl_by_torch(f: Any) -> Callable:
    def loss(output: Any, target: Any, reduction: str) -> Any:
        rows = f.kl_div(output.log_softmax(-1), target, reduction="none").sum(-1)
        return rows if reduction == "none" else getattr(rows, reduction)()

    return loss


def hinge_by_torch(f: Any) -> Callable:
    def loss(output: Any, target: Any, reduction: str) -> Any:
        losses = f.relu(1 - output * target)
        return losses if reduction == "none" else getattr(losses, reduction)()

    return loss


CASES = {
    "cross_entropy of ids": Case(nn.cross_entropy, numbers((5, 4)), IDS, lambda f: f.cross_entropy),
    "cross_entropy of one-hot rows": Case(
        nn.cross_entropy, numbers((5, 4)), np.eye(4)[IDS], lambda f: f.cross_entropy
    ),
    "cross_entropy of soft targets": Case(
        nn.cross_entropy, numbers((5, 4)), shares((5, 4)), lambda f: f.cross_entropy
    ),
    "cross_entropy of many classes": Case(
        nn.cross_entropy, numbers((5, 150)), IDS * 30, lambda f: f.cross_entropy
    ),
    "binary_cross_entropy": Case(
        nn.binary_cross_entropy,
        numbers((5, 1)),
        fractions((5, 1)),
        lambda f: f.binary_cross_entropy_with_logits,
    ),
    "binary_cross_entropy of probabilities": Case(
        probabilities, fractions((5, 2), 2), fractions((5, 2)), lambda f: f.binary_cross_entropy
    ),
    "mse": Case(nn.mse, numbers((5, 2)), numbers((5, 2), 1), lambda f: f.mse_loss),
    "mae": Case(nn.mae, numbers((5, 2)), numbers((5, 2), 1), lambda f: f.l1_loss),
    "huber": Case(nn.huber, numbers((5, 2)), numbers((5, 2), 1), lambda f: f.huber_loss),
    "cross_entropy with all options": Case(weighted, numbers((5, 4)), IDS, weighted_by_torch),
    "nll": Case(nn.nll, numbers((5, 4)), IDS, lambda f: f.nll_loss),
    "kl_divergence": Case(nn.kl_divergence, numbers((5, 4)), shares((5, 4)), kl_by_torch),
    "hinge": Case(nn.hinge, numbers((5, 2)), np.sign(numbers((5, 2), 1)), hinge_by_torch),
    "multi_margin": Case(nn.multi_margin, numbers((5, 4)), IDS, lambda f: f.multi_margin_loss),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@ALL
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_and_gradients_are_those_of_pytorch(case: Case, reduction: str, torch: Any) -> None:
    output = cr.tensor(case.output, requires_grad=True)
    loss = case.loss(output, case.target, reduction=reduction)
    weights = numbers(loss.shape, 7)
    loss.backward(weights)

    other = torch.tensor(case.output, requires_grad=True)
    twin = case.twin(torch.nn.functional)
    theirs = twin(other, torch.from_numpy(case.target), reduction=reduction)
    theirs.backward(torch.from_numpy(np.asarray(weights)))

    np.testing.assert_allclose(loss.numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(output.grad.numpy(), other.grad.numpy(), rtol=1e-12, atol=1e-12)


@ALL
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_second_derivatives_are_the_numeric_ones(case: Case, reduction: str) -> None:
    direction = numbers(case.output.shape, 4)

    def slope(x: Any) -> Any:
        def total(y: Any) -> Any:
            return cr.sum(cr.square(case.loss(y, case.target, reduction=reduction)))

        return cr.sum(cr.grad(total)(x) * direction)

    other, h = numbers(case.output.shape, 5), 1e-6
    numeric = (slope(case.output + h * other) - slope(case.output - h * other)) / (2 * h)
    assert float((cr.grad(slope)(case.output) * other).sum()) == pytest.approx(numeric, rel=1e-6)


@ALL
def test_arrays_give_arrays_of_the_outputs_dtype(case: Case) -> None:
    loss = case.loss(case.output.astype(np.float32), case.target)
    assert not isinstance(loss, cr.Tensor)
    assert loss.dtype == np.float32
    assert loss.shape == ()


@ALL
def test_wide_targets_do_not_widen_the_gradient(case: Case) -> None:
    output = cr.tensor(case.output.astype(np.float32), requires_grad=True)
    case.loss(output, case.target).backward()
    assert output.grad.dtype == np.float32


@ALL
def test_in_a_trace_the_loss_and_its_gradient_are_the_same(case: Case) -> None:
    function = cr.value_and_grad(lambda x: case.loss(x, case.target))
    graph = cr.trace(function)(case.output)
    for eager, traced in zip(function(case.output), cr.interpret(graph, case.output), strict=True):
        np.testing.assert_array_equal(eager, traced)


@ALL
@pytest.mark.parametrize(
    "reduction", ["mean", *(pytest.param(r, marks=pytest.mark.slow) for r in ("sum", "none"))]
)
def test_compiled_the_loss_and_its_gradient_are_the_same(case: Case, reduction: str) -> None:
    compiler = pytest.importorskip("chainrule.compiler", reason="needs llvmlite")

    def total(x: Any) -> Any:
        return cr.sum(case.loss(x, case.target, reduction=reduction))

    function = cr.value_and_grad(total)
    results = function(case.output), compiler.compile(function)(case.output)
    for eager, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-12, atol=1e-14)


@ALL
def test_an_empty_batch_has_no_mean(case: Case) -> None:
    with pytest.raises((ShapeError, DataError), match=r"empty|no rows"):
        case.loss(case.output[:0], case.target[:0])


@ALL
def test_reductions_are_three(case: Case) -> None:
    with pytest.raises(OptionError, match=r"unknown reduction 'sums'.*Did you mean 'sum'"):
        case.loss(case.output, case.target, reduction="sums")


@pytest.mark.parametrize(
    "loss",
    [nn.binary_cross_entropy, nn.mse, nn.mae, nn.huber, nn.hinge, nn.kl_divergence],
    ids=lambda loss: loss.__name__,
)
@pytest.mark.parametrize(
    ("shape", "given", "mend"),
    [
        ((5, 1), (5,), r"target\[\.\.\., None\]"),
        ((5,), (5, 1), r"target\[\.\.\., 0\]"),
        ((5, 3), (5,), "cross_entropy"),
        ((5, 3), (1, 3), "as many outputs as"),
        ((5, 3), (5, 2), "as many outputs as"),
        ((), (5,), "as many outputs as"),
    ],
)
def test_losses_never_broadcast(loss: Callable, shape: tuple, given: tuple, mend: str) -> None:
    with pytest.raises(ShapeError, match=rf"do not broadcast.*{mend}") as caught:
        loss(np.zeros(shape), np.zeros(given))
    assert str(shape) in str(caught.value)
    assert str(given) in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "target", "error", "message"),
    [
        ((5, 4), IDS[:, None], ShapeError, r"the target \(5, 1\).*target\[\.\.\., 0\]"),
        ((5, 4), IDS[:3], ShapeError, r"one class id, or a row"),
        ((5, 4), np.eye(3)[[0, 1, 2, 0, 1]], ShapeError, "3 classes apart"),
        ((4,), np.array(1), ShapeError, r"logits\[None\]"),
        ((5, 1), np.zeros(5, int), ShapeError, "binary_cross_entropy"),
        ((5, 1), np.ones((5, 1)), ShapeError, "binary_cross_entropy"),
        ((5, 4), IDS.astype(float), DtypeError, r"float64; expected integers.*astype"),
        ((5, 4), np.array([0, 1, 4, 1, 2]), DataError, "class id 4 in row 2, .* 4 classes"),
        ((5, 4), np.array([0, 1, -1, 1, 2]), DataError, "class id -1 in row 2"),
        ((2, 3, 4), np.array([[0, 1, 2], [3, 4, 0]]), DataError, r"id 4 in row \(1, 1\)"),
        ((5, 4), 2 * np.eye(4)[IDS], DataError, "row 0 .* sums to 2.*Divide each row"),
        ((1, 2), np.array([[1.5, -0.5]]), DataError, "expected numbers of 0 or more"),
    ],
)
def test_targets_of_cross_entropy_are_checked(
    shape: tuple, target: np.ndarray, error: type, message: str
) -> None:
    for logits in (np.zeros(shape), cr.tensor(np.zeros(shape), requires_grad=True)):
        with pytest.raises(error, match=message):
            nn.cross_entropy(logits, target)


def test_ids_of_any_integer_dtype_and_lists_are_taken() -> None:
    logits = numbers((5, 4))
    expected = nn.cross_entropy(logits, IDS)
    one_hot = np.eye(4, dtype=int)[IDS]
    for target in (IDS.astype(np.uint8), IDS.astype(np.int32), IDS.tolist(), one_hot):
        assert nn.cross_entropy(logits, target) == pytest.approx(expected, rel=1e-12)


def test_classes_stand_on_the_last_axis() -> None:
    logits, ids = numbers((2, 3, 4)), np.array([[0, 1, 2], [3, 2, 0]])
    flat = nn.cross_entropy(logits.reshape(6, 4), ids.reshape(6), reduction="none")
    np.testing.assert_array_equal(
        nn.cross_entropy(logits, ids, reduction="none"), flat.reshape(2, 3)
    )


def test_targets_of_binary_cross_entropy_are_checked() -> None:
    with pytest.raises(DataError, match=r"target holds 2\.0; expected numbers from 0 to 1"):
        nn.binary_cross_entropy(np.zeros(3), np.array([0.0, 1.0, 2.0]))
    with pytest.raises(DataError, match=r"output holds -1\.0.*leave out from_logits=False"):
        nn.binary_cross_entropy(np.array([0.5, -1.0]), np.zeros(2), from_logits=False)


def test_labels_of_binary_cross_entropy_may_be_bool_or_integer() -> None:
    logits = numbers((4,))
    expected = nn.binary_cross_entropy(logits, np.array([1.0, 0.0, 0.0, 1.0]))
    assert nn.binary_cross_entropy(logits, np.array([True, False, False, True])) == expected
    assert nn.binary_cross_entropy(logits, np.array([1, 0, 0, 1])) == expected


@pytest.mark.parametrize("size", [1e2, 1e4, 1e38])
def test_any_finite_logits_give_finite_losses_and_gradients(size: float) -> None:
    raw = np.array([[size, -size, 0.0], [-size, -size, -size]], np.float32)
    x = cr.tensor(raw, requires_grad=True)
    loss = nn.cross_entropy(x, np.array([0, 2]), reduction="none")
    loss.backward(np.ones(2))
    np.testing.assert_allclose(loss.numpy(), [0.0, np.log(3)], rtol=1e-6)
    expected = np.array([[0, 0, 0], [1 / 3, 1 / 3, -2 / 3]])
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-6)


def test_yes_or_no_is_exact_at_both_ends_in_float32() -> None:
    x = cr.tensor([1e4, -1e4, 30.0, -30.0, 0.0], requires_grad=True)
    loss = nn.binary_cross_entropy(x, [1.0, 0.0, 1.0, 0.0, 1.0], reduction="none")
    loss.backward(np.ones(5))
    small = np.log1p(np.exp(-30.0))
    np.testing.assert_allclose(loss.numpy(), [0, 0, small, small, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 0, 0, -0.5], atol=1e-12)
    wrong = nn.binary_cross_entropy([1e4, -1e4], [0.0, 1.0], reduction="none")
    np.testing.assert_array_equal(wrong, np.array([1e4, 1e4], np.float32))


def test_certain_probabilities_cost_at_most_a_hundred() -> None:
    for dtype in (np.float32, np.float64):
        certain = np.array([0.0, 1.0, 0.0, 1.0], dtype)
        loss = nn.binary_cross_entropy(
            certain, np.array([0.0, 1.0, 1.0, 0.0]), from_logits=False, reduction="none"
        )
        np.testing.assert_allclose(loss, [0, 0, 100, 100], rtol=1e-3)


def test_masked_classes_may_be_minus_infinity() -> None:
    loss = nn.cross_entropy(np.array([[0.0, -np.inf, 0.0]]), np.array([0]))
    assert loss == pytest.approx(np.log(2))


def test_names_find_their_losses() -> None:
    assert nn.losses.by_name("cross-entropy") is nn.cross_entropy
    assert nn.losses.by_name("BCE") is nn.binary_cross_entropy
    assert nn.losses.by_name("mean squared error") is nn.mse
    assert nn.losses.by_name("L1") is nn.mae
    with pytest.raises(OptionError, match=r"unknown loss 'cross_entrpy'.*'cross_entropy'"):
        nn.losses.by_name("cross_entrpy")
