"""Norms: running statistics as PyTorch's, small batches, shapes, traces of whole training steps."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, rng
from chainrule.errors import GradientError, ShapeError

SHAPES = [(6, 4), (5, 4, 3), (3, 4, 2, 2)]


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 2 * rng.normal(rng.key(seed), shape, np.float64) + 1


@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, None])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_statistics_are_those_of_pytorch(
    momentum: float | None, shape: tuple, torch: Any
) -> None:
    ours = nn.BatchNorm(4, momentum=momentum, dtype=np.float64)
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)]
    theirs = kind(4, momentum=momentum).double()
    for seed in range(4):
        # The last batch is smaller, as that of an epoch may be.
        batch = numbers((2 if seed == 3 else shape[0], *shape[1:]), seed)
        ours(batch), theirs(torch.from_numpy(batch))
    for path, array in ours.state_dict().items():
        np.testing.assert_allclose(array, theirs.state_dict()[path].numpy(), rtol=1e-13)
    assert ours.num_batches_tracked.dtype == np.int64
    x = numbers(shape, 9)
    expected = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).numpy(), expected, rtol=1e-12)


def test_evaluation_takes_any_batch_and_changes_nothing() -> None:
    layer = nn.BatchNorm(4)
    layer(numbers((8, 4)))
    before = layer.eval().state_dict()
    whole = layer(numbers((5, 4), 1)).numpy()
    for row, expected in zip(numbers((5, 4), 1), whole, strict=True):
        np.testing.assert_array_equal(layer(row[None]).numpy()[0], expected)
    for path, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_comes_out_has_mean_0_and_variance_1(shape: tuple) -> None:
    layer = nn.BatchNorm(4, eps=1e-12, dtype=np.float64)
    out = layer(numbers(shape)).numpy()
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(out.mean(axis=axes), 0, atol=1e-14)
    np.testing.assert_allclose(out.var(axis=axes), 1, rtol=1e-9)


def test_no_gradient_goes_through_the_running_statistics() -> None:
    layer = nn.BatchNorm(2, momentum=1.0)
    x = cr.tensor(numbers((4, 2)), requires_grad=True)
    layer(x)
    assert isinstance(layer.running_mean, nn.Buffer)
    assert not layer.running_mean.requires_grad
    layer.eval()(cr.tensor([[1.0, 2.0]])).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.BatchNorm(4), (1, 4), r"\(1, 4\) has 1 value\(s\).*batch_size.*model.eval\(\)"),
        (nn.BatchNorm(4), (1, 4, 1, 1), "has 1 value"),
        (nn.BatchNorm(4), (0, 4), "has 0 value"),
        (nn.BatchNorm(4), (3, 5), r"expected .*\(N, 4, ...\), got \(3, 5\). num_features=5 would"),
        (nn.BatchNorm(4), (4,), r"got \(4,\). Is the batch axis missing\?"),
        (nn.GroupNorm(4, 4), (3, 4), "has 1 value"),
        (nn.GroupNorm(2, 4), (3, 6), "num_channels=6 would fit"),
        (nn.InstanceNorm(4), (3, 4), r"\(N, 4, L, ...\), got \(3, 4\). Is the batch axis"),
        (nn.InstanceNorm(4), (3, 4, 1), "has 1 value"),
        (nn.LayerNorm(1), (3, 1), "has 1 value"),
        (nn.LayerNorm((3, 4)), (2, 4, 3), r"\(..., 3, 4\), got \(2, 4, 3\)"),
        (nn.LayerNorm((3, 4)), (4,), r"\(..., 3, 4\), got \(4,\)"),
        (nn.RMSNorm(3), (2, 4), r"\(..., 3\), got \(2, 4\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer: nn.Module, shape: tuple, message: str) -> None:
    before = layer.state_dict() if next(layer.parameters(), None) is None else None
    with pytest.raises(ShapeError, match=message):
        layer(np.ones(shape))
    if before is not None:
        for path, array in layer.state_dict().items():
            np.testing.assert_array_equal(array, before[path])


def test_one_sample_with_several_places_is_enough_to_train() -> None:
    layer = nn.BatchNorm(4)
    assert layer(numbers((1, 4, 3))).shape == (1, 4, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, bool])
def test_integers_are_not_squared_in_their_own_dtype(dtype: type) -> None:
    pixels = np.array([[255, 0, 200, 3], [1, 250, 100, 7]]).astype(dtype)
    for layer in (nn.BatchNorm(4), nn.LayerNorm(4), nn.RMSNorm(4), nn.GroupNorm(2, 4)):
        out = layer(pixels).numpy()
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, layer(pixels.astype(np.float32)).numpy())


def training_step(model: nn.Module, optimizer: optim.Optimizer) -> Any:
    """Loss, new parameters and new buffers from parameters, buffers, a batch and a key."""

    def step(leaves: dict, x: Any, y: Any, key: Any) -> dict:
        trained = {path: leaves[path] for path, _ in model.named_parameters()}
        kept = {path: leaves[path] for path, _ in model.named_buffers()}

        def loss_of(trained: dict) -> Any:
            with nn.swapped(model, {**trained, **kept}) as found, nn.keyed(model, key):
                loss = nn.cross_entropy(model(x), y)
                after = dict(zip(found.paths, found.read(), strict=True))
            return loss, {path: after[path] for path in kept}

        (loss, buffers), slopes = cr.value_and_grad(loss_of, has_aux=True)(trained)
        moved = {
            path: optimizer.update(value, slopes[path], {}, 1, 0.1)[0]
            for path, value in trained.items()
        }
        after = {**moved, **buffers}
        return {"loss": loss, "leaves": {path: after[path] for path in leaves}}

    return step


def test_a_traced_training_step_keeps_running_statistics_and_draws_new_masks() -> None:
    model = nn.Sequential(
        nn.Linear(3, 5), nn.BatchNorm(5, momentum=None), nn.GELU(), nn.Dropout(0.4), nn.Linear(5, 2)
    ).initialize(1)
    step = training_step(model, optim.SGD(lr=0.1))
    x, y = numbers((6, 3)).astype(np.float32), np.array([0, 1, 1, 0, 1, 0])
    graph = cr.trace(step)(model.state_dict(), x, y, rng.key(0))
    eager = traced = model.state_dict()
    losses = []
    for i in range(4):
        key = rng.fold_in(rng.key(0), i)
        one, other = step(eager, x, y, key), cr.interpret(graph, traced, x, y, key)
        eager, traced = one["leaves"], other["leaves"]
        assert one["loss"] == other["loss"]
        losses.append(float(one["loss"]))
        for path, array in eager.items():
            np.testing.assert_array_equal(array, traced[path])
    assert eager["1.num_batches_tracked"] == 4
    assert len(set(losses)) == 4
    # The model itself was only looked at.
    assert model.state_dict()["1.num_batches_tracked"] == 0


def test_what_a_norm_assigns_under_vmap_is_refused() -> None:
    layer = nn.BatchNorm(2).initialize()
    with pytest.raises(GradientError, match="a buffer was assigned a traced"):
        cr.vmap(layer)(numbers((2, 3, 2)))
