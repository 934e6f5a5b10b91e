"""What goes wrong in a compiled run is met as an eager run meets it, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ChainruleError, DataError, NonFiniteError
from chainrule.train import Callback

pytest.importorskip("llvmlite")


class Watch(Callback):
    """Keeps the run, which `fit` does not give where it fails."""

    def on_start(self, run: cr.Run) -> None:
        self.run = run


def failure(fit: Callable, **options: Any) -> tuple[ChainruleError, cr.Run]:
    """The error in which a run ends, and the run as it was left."""
    watch = Watch()
    with pytest.raises(ChainruleError) as caught:
        fit(callbacks=[watch], **options)
    return caught.value, watch.run


def both(fit: Callable, make: Callable, **options: Any) -> list[tuple[ChainruleError, cr.Run]]:
    return [failure(fit, model=make(), compile=kind, **options) for kind in (False, True)]


def check_alike(failures: list[tuple[ChainruleError, cr.Run]], tolerance: float) -> None:
    """The same error at the same step, and the weights from before it."""
    (error, eager), (other, compiled) = failures
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert (compiled.position, compiled.step) == (eager.position, eager.step)
    assert compiled.totals["samples"] == eager.totals["samples"]
    mine, yours = eager.stepper.arrays(), compiled.stepper.arrays()
    assert list(mine) == list(yours)
    for name, array in mine.items():
        assert np.isfinite(yours[name]).all()
        size = np.abs(array).max(initial=0.0)
        assert np.abs(yours[name] - array).max(initial=0.0) <= tolerance * size, name


def straight() -> nn.Module:
    """Without anything that saturates: an error grows by the same factor in each step."""
    return nn.Sequential(nn.Linear(784, 10), nn.Linear(10, 10))


def steep(outputs: Any, targets: Any) -> Any:
    return 1e3 * nn.cross_entropy(outputs, targets)


EXPLODING: dict[str, tuple[dict[str, Any], str]] = {
    "at once": ({"optimizer": optim.SGD(lr=1e30)}, "forward, in the op 'linear' of layer '1'"),
    "after some steps": ({"optimizer": optim.SGD(lr=1.0), "loss": "mse"}, "loss became NaN"),
    "in the update": ({"optimizer": optim.SGD(lr=3e38), "loss": steep}, "gradient is finite, and"),
}


@pytest.mark.parametrize("name", EXPLODING)
def test_a_learning_rate_that_explodes(name: str, fit, kernels) -> None:
    options, words = EXPLODING[name]
    failures = both(fit, straight, kernels=kernels, **options)
    assert isinstance(failures[0][0], NonFiniteError)
    assert words in str(failures[0][0])
    assert (failures[0][1].step > 2) == (name == "after some steps")
    check_alike(failures, 1e-3)


@pytest.mark.parametrize("where", ["x", "y"])
@pytest.mark.parametrize("sample", [0, 77, 249])
def test_nan_in_the_data_is_found_in_the_batch_that_has_it(
    where: str, sample: int, fit, kernels
) -> None:
    # The door refuses it: it comes in later, as when a file that is mapped is written to.
    x, y = np.ones((250, 3), np.float32), np.zeros((250, 1), np.float32)
    x += np.arange(250)[:, None] / 250
    data = cr.data.Dataset(x, y)
    held = {"x": data.x, "y": data.y}[where]
    held.flags.writeable = True
    held[sample] = np.nan
    make = lambda: nn.Sequential(nn.Linear(3, 1))  # noqa: E731
    failures = both(fit, make, data=data, optimizer=optim.SGD(lr=0.01), kernels=kernels)
    assert isinstance(failures[0][0], NonFiniteError)
    if where == "x":
        assert "The inputs of the batch hold NaN" in str(failures[1][0])
    check_alike(failures, 1e-5)


def test_a_gradient_that_is_not_finite_where_the_update_would_hide_it(fit, kernels) -> None:
    """The square root of 0 has an infinite slope, which clipping would make finite."""

    class Root(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(2, 2, weight_init="zeros", bias_init="zeros")

        def forward(self, x):
            return cr.sqrt(cr.abs(self.inner(x)))

    options = {"data": cr.data.moons(90), "batch_size": 20, "kernels": kernels}
    failures = both(fit, Root, clip_value=0.1, optimizer="sgd", **options)
    assert str(failures[0][0]).startswith("the gradient became NaN or infinite at step 1")
    check_alike(failures, 0.0)


def test_class_ids_out_of_range(fit, net, kernels) -> None:
    def loss(outputs, targets):
        return nn.cross_entropy(outputs, cr.where(targets == 9, 10, targets))

    failures = both(fit, net, loss=loss, kernels=kernels)
    assert isinstance(failures[0][0], DataError)
    assert "class id 10 in row" in str(failures[1][0])
    check_alike(failures, 1e-5)


def test_a_shape_that_does_not_fit_is_told_in_the_same_words(fit, kernels) -> None:
    """The first batch has two samples where it is tried out; the model minds that there are 32."""

    class Picky(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(784, 10)

        def forward(self, x):
            wrong = np.ones((3, 10), np.float32)
            return self.inner(x) + (wrong if x.shape[0] == 32 else 0.0)

    failures = both(fit, Picky, kernels=kernels)
    assert "(32, 10)" in str(failures[0][0])
    assert type(failures[1][0]) is type(failures[0][0])
    assert str(failures[1][0]) == str(failures[0][0])


def test_the_last_checkpoint_is_good(fit, net, kernels, tmp_path) -> None:
    class TooFast(Callback):
        def on_epoch(self, run: cr.Run) -> None:
            run.lr_factor = 1e38

    options = {"optimizer": optim.SGD(lr=1.0), "kernels": kernels, "out": tmp_path / "run"}
    with pytest.raises(NonFiniteError, match=r"The last checkpoint in .*run is good"):
        fit(model=net(), compile=True, callbacks=[TooFast()], **options)
    kept = cr.load_run(tmp_path / "run")
    assert kept.position == (1, 0)
    assert all(np.isfinite(array).all() for array in kept.model.state_dict().values())
