"""Architectures in runs: kept and loaded, and trained with heads on the way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, rng
from tests.models.order import orders


def pictures(shape: tuple[int, ...], count: int = 12, classes: int = 3) -> data.Dataset:
    """Noise, lighter or darker by its class."""
    y = np.arange(count) % classes
    x = 0.5 * rng.normal(rng.key(0), (count, *shape)) + y[:, None, None, None]
    return data.Dataset(x, y)


def test_a_run_of_an_architecture_is_kept_and_goes_on(tmp_path: Path) -> None:
    samples = pictures((1, 8, 8))
    options: dict[str, Any] = {"batch_size": 6, "optimizer": "sgd(lr=0.1)", "show": False}

    def fit(epochs: int, **more: Any) -> cr.Run:
        model = models.CifarResNet((1, 8, 8), 3, depth=8)
        return cr.fit(model, samples, epochs=epochs, **options, **more)

    whole, kept = fit(3), fit(1, out=tmp_path / "run")
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]
    loaded = cr.load_run(tmp_path / "run")
    assert isinstance(loaded.model, models.CifarResNet)
    np.testing.assert_array_equal(loaded.outputs(samples), kept.outputs(samples))
    resumed = cr.resume(tmp_path / "run", samples, epochs=3, show=False)
    np.testing.assert_array_equal(resumed.outputs(samples), whole.outputs(samples))


class TwoHeads(nn.Module):
    """A net of two layers with a head after each; in evaluation the last one speaks."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 3)
        self.early = nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        hidden = cr.tanh(self.first(x))
        last = self.second(hidden)
        return nn.Heads((last, self.early(hidden)), (1.0, 0.3)) if self.training else last


class SummedHeads(TwoHeads):
    """The same, with both heads as one array, for a loss that takes it apart by hand."""

    def forward(self, x: Any) -> Any:
        hidden = cr.tanh(self.first(x))
        return cr.concatenate([self.second(hidden), self.early(hidden)], axis=1)


def _by_hand(outputs: Any, targets: Any) -> Any:
    last, early = outputs[:, :3], outputs[:, 3:]
    return nn.cross_entropy(last, targets) + 0.3 * nn.cross_entropy(early, targets)


@pytest.mark.parametrize("loss", ["cross_entropy", nn.cross_entropy])
@pytest.mark.parametrize("compiled", [False, True])
def test_heads_are_trained_together_by_the_weighted_sum_of_their_losses(
    loss: Any, compiled: bool
) -> None:
    if compiled:
        pytest.importorskip("chainrule.compiler", reason="needs llvmlite")
    x = rng.normal(rng.key(1), (20, 4))
    y = np.arange(20) % 3
    run = cr.fit(
        TwoHeads(),
        data.Dataset(x, y),
        loss=loss,
        epochs=2,
        batch_size=5,
        compile=compiled,
        show=False,
        optimizer="sgd(lr=0.1)",
    )
    # The same steps by hand, in the run's own order of the batches.
    model = SummedHeads().initialize(0)
    losses = []
    for order in orders(len(x), epochs=2, size=5):
        total = 0.0
        for rows in order.reshape(-1, 5):
            model.zero_grad()
            value = _by_hand(model(x[rows]), y[rows])
            value.backward()
            total += float(value) * len(rows)
            for weight in model.parameters():
                weight.assign(weight.numpy() - np.float32(0.1) * weight.grad.numpy())
        losses.append(total / len(x))
    np.testing.assert_allclose([row["loss"] for row in run.history], losses, rtol=1e-5)
    for path, array in model.state_dict().items():
        np.testing.assert_allclose(run.model.state_dict()[path], array, rtol=1e-4, atol=1e-6)
    last = run.model.eval()(x).numpy()
    assert last.shape == (20, 3)
    assert run.evaluate(data.Dataset(x, y)).accuracy == np.mean(last.argmax(axis=1) == y)
