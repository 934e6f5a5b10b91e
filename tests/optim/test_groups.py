"""Which optimizer moves which parameter of a model, and averages of the weights."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import OptionError, ShapeError

SHAPES = {
    "0.weight": (5, 4),
    "0.bias": (5,),
    "1.scale": (5,),
    "2.weight": (5, 5),
    "2.bias": (5,),
    "4.weight": (3, 5),
}


def settings(optimizer: optim.Optimizer, name: str, **options: Any) -> dict[str, Any]:
    return {path: getattr(p, name) for path, p in optimizer.assign(SHAPES, **options).items()}


def test_weight_decay_passes_over_biases_and_scales_unless_asked() -> None:
    whole = optim.AdamW(weight_decay=0.1)
    spared = {path: 0.1 if path.endswith("weight") else 0.0 for path in SHAPES}
    assert settings(whole, "weight_decay") == spared
    assert settings(whole, "weight_decay", spare=False) == dict.fromkeys(SHAPES, 0.1)
    asked = optim.Groups(whole, {"*.bias": {"weight_decay": 0.2}})
    biases = {path: 0.2 for path in SHAPES if path.endswith("bias")}
    assert settings(asked, "weight_decay") == spared | biases
    # Another setting is no such request.
    faster = optim.Groups(whole, {"*.bias": {"lr": 1.0}})
    assert settings(faster, "weight_decay") == spared
    assert settings(faster, "lr") == {p: 1.0 if "bias" in p else 1e-3 for p in SHAPES}


def test_the_first_pattern_that_fits_counts() -> None:
    groups = optim.Groups(optim.SGD(), {"0.*": {"lr": 0.5}, "*.weight": optim.Adam(lr=0.25)})
    parts = groups.assign(SHAPES)
    assert parts["0.weight"] == optim.SGD(lr=0.5)
    assert parts["4.weight"] == optim.Adam(lr=0.25)
    assert parts["2.bias"] == optim.SGD()
    assert optim.Groups(optim.SGD(), {"*.bias": {"lr": 0.5}}).assign({"bias": (1,)})["bias"].lr == (
        0.5
    )


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"*.bia": {"lr": 1.0}}, r"unknown parameter pattern '\*\.bia'.*Known: 0\.weight"),
        ({"*": {"rl": 1.0}}, "unknown setting of SGD 'rl'. Did you mean 'lr'"),
        ({"*": {"lr": -1.0}}, "SGD: lr is -1.0; expected a number above 0"),
        ({"*": 0.5}, r"Groups: '\*' has 0.5; expected a dict such as"),
        (["*"], "Groups: got .* expected a dict such as"),
    ],
)
def test_groups_that_make_no_sense(groups: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        optim.Groups(optim.SGD(), groups).assign(SHAPES)


def test_muon_takes_hidden_matrices_and_leaves_the_rest() -> None:
    others = optim.AdamW(lr=0.5)
    parts = optim.Muon(others=others).assign(SHAPES)
    assert [path for path, part in parts.items() if isinstance(part, optim.Muon)] == ["2.weight"]
    assert parts["0.weight"] == others
    assert parts["0.bias"] == optim.AdamW(lr=0.5, weight_decay=0.0)
    with pytest.raises(ShapeError, match=r"Muon: a parameter of shape \(5,\) is no matrix"):
        optim.Muon().update(np.ones(5), np.ones(5), {}, 1, 0.1)


def test_muon_takes_filters_as_matrices() -> None:
    muon, filters = optim.Muon(), rng.normal(rng.key(0), (4, 2, 3, 3), np.float64)
    flat = filters.reshape(4, -1)
    moved, _ = muon.update(filters, filters, muon.init(filters), 1, 0.1)
    expected, _ = muon.update(flat, flat, muon.init(flat), 1, 0.1)
    np.testing.assert_array_equal(moved.reshape(4, -1), expected)


def test_muons_steps_have_singular_values_near_one() -> None:
    muon, matrix = optim.Muon(), rng.normal(rng.key(0), (6, 20), np.float64)
    moved, _ = muon.update(np.zeros((6, 20)), matrix, muon.init(matrix), 1, 1.0)
    values = np.linalg.svd(moved, compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("kind", [optim.SGD, optim.AdaGrad, optim.RMSProp, optim.Lion])
def test_decay_is_in_the_gradient_or_beside_it(kind: Any, decoupled: bool) -> None:
    """By its definition, whatever the optimizer: PyTorch has the second for Adam's kin only."""
    p, g = rng.normal(rng.key(0), (3, 4), np.float64), rng.normal(rng.key(1), (3, 4), np.float64)
    plain = kind(lr=0.1)
    moved, _ = kind(lr=0.1, weight_decay=0.3, decoupled=decoupled).update(
        p, g, plain.init(p), 1, 0.1
    )
    start, gradient = (p * (1 - 0.1 * 0.3), g) if decoupled else (p, g + 0.3 * p)
    expected, _ = plain.update(start, gradient, plain.init(p), 1, 0.1)
    np.testing.assert_allclose(moved, expected, rtol=1e-14)


def _weights(optimizer: optim.Optimizer, name: str, count: int) -> tuple[list, list]:
    """The weights and what is kept of them, after each of some steps."""
    tree = rng.normal(rng.key(0), (4,), np.float64)
    state, weights, kept = optimizer.start(tree), [], []
    for step in range(count):
        tree, state = optimizer.step(tree, np.sin(tree * (step + 1)), state)
        weights.append(tree)
        kept.append(state["memory"][0][name])
    return weights, kept


def test_the_moving_average_is_pytorchs(torch: Any, figures: Any) -> None:
    weights, averages = _weights(optim.EMA(optim.Adam(lr=0.1), decay=0.9), "average", 30)
    module = torch.nn.Linear(4, 1, bias=False).double()
    swa = torch.optim.swa_utils
    theirs = swa.AveragedModel(module, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    for weight, average in zip(weights, averages, strict=True):
        module.weight.data = torch.tensor(weight[None])
        theirs.update_parameters(module)
        expected = theirs.module.weight.detach().numpy()[0]
        error = np.abs(average - expected).max() / np.abs(expected).max()
        assert figures.error("optimizers", "EMA", error) < 1e-14


@pytest.mark.parametrize(("first", "every"), [(1, 1), (4, 1), (5, 3)])
def test_the_mean_of_some_steps_is_their_mean(first: int, every: int) -> None:
    swa = optim.SWA(optim.Adam(lr=0.1), first=first, every=every)
    weights, averages = _weights(swa, "average", 30)
    for step, average in enumerate(averages, 1):
        chosen = range(first, step + 1, every)
        expected = (
            np.mean([weights[i - 1] for i in chosen], axis=0) if chosen else weights[step - 1]
        )
        np.testing.assert_allclose(average, expected, rtol=1e-13)


def test_a_stepper_and_a_run_move_each_parameter_by_its_own_part() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    x, y = rng.normal(rng.key(0), (6, 3)), rng.normal(rng.key(1), (6, 2))
    inside = optim.Groups(
        optim.AdamW(lr=0.1, weight_decay=0.5),
        {"0.weight": {"lr": 0.05}, "2.weight": optim.LAMB(lr=0.2, weight_decay=0.1)},
    )
    optimizer = optim.EMA(inside, decay=0.5)
    run = cr.fit(model, (x, y), optimizer=optimizer, epochs=1, batch_size=6, seed=4, show=False)
    other = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).initialize(4)
    before = other.state_dict()
    nn.mse(other(x), y).backward()
    gradients = {path: p.grad.numpy() for path, p in other.named_parameters()}
    optim.Stepper(other, optimizer).step()
    for path, part in optimizer.assign({path: a.shape for path, a in before.items()}).items():
        state = part.init(before[path])
        expected, _ = part.update(before[path], gradients[path], state, 1, part.lr)
        np.testing.assert_allclose(other.state_dict()[path], expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(run.model.state_dict()[path], expected, rtol=1e-5, atol=1e-7)
