"""Options of the losses, entropy and information, the worked numbers, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, rng
from chainrule.errors import DataError, DtypeError, OptionError, ShapeError

IDS = np.array([3, 0, 2, 1, 3])


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 3 * rng.normal(rng.key(seed), shape, np.float64)


def shares(shape: tuple[int, ...]) -> np.ndarray:
    raw = rng.uniform(rng.key(1), shape, np.float64)
    return raw / raw.sum(axis=-1, keepdims=True)


def test_the_worked_numbers() -> None:
    assert nn.mse(np.array([1.0, 2.0]), np.array([1.5, 1.5])) == 0.25
    p = np.array([[0.05, 0.1, 0.7, 0.15]])
    assert nn.cross_entropy(p, np.array([2]), from_logits=False).round(3) == 0.357
    assert nn.cross_entropy(np.log(p), np.array([2])).round(3) == 0.357
    assert nn.nll(np.log(p), np.array([2])).round(2) == 0.36
    assert nn.self_information(0.7).round(3) == 0.357


@pytest.mark.parametrize("base", [np.e, 2.0, 10.0])
def test_cross_entropy_is_entropy_and_divergence(base: float) -> None:
    p, q = shares((5, 4)), np.roll(shares((5, 4)), 1, axis=-1)
    options: dict[str, Any] = {"from_logits": False, "reduction": "none"}
    crossed, divergence = nn.cross_entropy(q, p, **options), nn.kl_divergence(q, p, **options)
    total = nn.entropy(p, base) + divergence / np.log(base)
    np.testing.assert_allclose(crossed / np.log(base), total, rtol=1e-13)
    assert (divergence > 0).all()
    np.testing.assert_allclose(nn.kl_divergence(p, p, **options), 0, atol=1e-15)
    mean = (p * nn.self_information(p, base)).sum(axis=-1)
    np.testing.assert_allclose(nn.entropy(p, base), mean, rtol=1e-13)


def test_certain_outcomes_have_no_entropy_and_no_nan() -> None:
    certain = cr.tensor([[1.0, 0.0], [0.5, 0.5]], requires_grad=True)
    entropy = nn.entropy(certain, 2)
    entropy.sum().backward()
    np.testing.assert_array_equal(entropy.numpy(), [0.0, 1.0])
    assert np.isfinite(certain.grad.numpy()).all()
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(nn.self_information([1.0, 0.0]), [0.0, np.inf])
    x = cr.tensor([[30.0, -30.0]], requires_grad=True)
    nn.kl_divergence(x, [[1.0, 0.0]]).backward()
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-12)


def test_options_may_stand_in_the_name() -> None:
    x = numbers((5, 4))
    smooth = nn.losses.by_name("Cross-Entropy(label_smoothing=0.1)")
    assert smooth(x, IDS) == nn.cross_entropy(x, IDS, label_smoothing=0.1)
    assert nn.losses.by_name("huber(delta=2)")(x, x + 3) == nn.huber(x, x + 3, delta=2)


def test_what_is_ignored_moves_nothing() -> None:
    x = numbers((5, 4))
    kept = IDS != 2
    only = nn.cross_entropy(x[kept], IDS[kept])
    assert nn.cross_entropy(x, IDS, ignore_index=2) == pytest.approx(only, rel=1e-15)
    x[~kept] = np.inf
    tensor = cr.tensor(np.where(np.isinf(x), 1e300, x), requires_grad=True)
    nn.cross_entropy(tensor, IDS, ignore_index=2).backward()
    np.testing.assert_array_equal(tensor.grad.numpy()[~kept], 0.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: nn.cross_entropy(x, IDS, label_smoothing=1.5), OptionError, "is 1.5; .* 1 or l"),
        (lambda x: nn.cross_entropy(x, IDS, weight=[1.0]), ShapeError, r"weight has shape \(1,\)"),
        (lambda x: nn.cross_entropy(x, IDS, weight=[-1.0, 1, 1, 1]), DataError, "holds -1.0"),
        (
            lambda x: nn.cross_entropy(x, IDS + 1, ignore_index=9),
            DataError,
            r"id 4 .*\(or 9, which",
        ),
        (lambda x: nn.cross_entropy(x, np.full(5, 9), ignore_index=9), DataError, "row is ignored"),
        (lambda x: nn.cross_entropy(x, np.eye(4)[IDS], ignore_index=1), ShapeError, "class ids"),
        (lambda x: nn.cross_entropy(x, IDS, from_logits=False), DataError, "leave out from_logits"),
        (lambda x: nn.nll(x, np.eye(4)[IDS]), ShapeError, "go with cross_entropy"),
        (lambda x: nn.nll(x, IDS.astype(float)), DtypeError, "expected integers"),
        (lambda x: nn.nll(x, IDS + 1), DataError, "class id 4 in row 0"),
        (lambda x: nn.multi_margin(x, IDS + 1), DataError, "class id 4 in row 0"),
        (lambda x: nn.multi_margin(x, IDS[:2]), ShapeError, "one for each row"),
        (lambda x: nn.multi_margin(x, IDS, power=3), OptionError, "power is 3; expected 1 or 2"),
        (lambda x: nn.hinge(x, 0 * x), DataError, r"holds 0\.0; .*2 \* target - 1"),
        (lambda x: nn.hinge(x, x, margin=0), OptionError, "margin is 0; expected a number above 0"),
        (lambda x: nn.huber(x, x, delta=-1.0), OptionError, "delta is -1.0; expected a number abo"),
        (lambda x: nn.kl_divergence(x, x), DataError, "no set of probabilities"),
        (lambda x: nn.kl_divergence(x[0, 0], x[0, 0]), ShapeError, "expected rows"),
        (lambda x: nn.entropy(x), DataError, "no set of probabilities"),
        (lambda x: nn.entropy(np.array([np.nan, 1.0])), DataError, "no set of probabilities"),
        (lambda x: nn.entropy(np.eye(2), base=1), OptionError, "base is 1; expected a number abo"),
        (lambda x: nn.self_information(1.5), DataError, "holds 1.5; expected numbers from 0 to 1"),
        (lambda x: nn.losses.by_name("huber(0.5)"), OptionError, "options by name, such as delta"),
        (lambda x: nn.losses.by_name("mse(reduction=sum)"), OptionError, "option of loss mse"),
        (lambda x: nn.losses.by_name("huber(detla=1)"), OptionError, "Did you mean 'delta'"),
        (lambda x: nn.losses.by_name("huber(delta=1"), OptionError, "cannot be read"),
    ],
)
def test_what_a_loss_refuses(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(numbers((5, 4)))
