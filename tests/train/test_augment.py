"""Training on pictures that are changed at random: in training alone, and the same on every way."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim
from chainrule.errors import DtypeError, OptionError, ShapeError
from tests.train.test_compiled import EXACT, apart, net
from tests.train.test_resume import BATCHES, InterruptAt

WARP = "shift=2, rotate=15, zoom=0.1, elastic"
OTHERS = "crop=2, noise=20, contrast=0.3, cutout=6, erasing, horizontal_flip"


class Seen(nn.Module):
    """A small net that keeps what it is given in training."""

    def __init__(self, inputs: int, classes: int):
        self.inner = nn.Linear(inputs, classes)
        self.batches: list[np.ndarray] = []

    def forward(self, x: Any) -> Any:
        if self.training:
            self.batches.append(np.array(getattr(x, "data", x)))
        return self.inner(x)


def levels(count: int = 60) -> data.Dataset:
    """Even pictures, whose brightness tells their class."""
    ids = np.arange(count) % 6
    x = np.broadcast_to((ids * 40 + 20).astype(np.uint8)[:, None], (count, 432)).copy()
    return data.Dataset(x, ids, image_shape=(3, 12, 12))


def copies(digits: data.Dataset, count: int) -> data.Dataset:
    """One picture of a data set, many times."""
    x = np.repeat(digits.x[:1], count, 0)
    return data.Dataset(x, np.arange(count) % 2, image_shape=digits.image_shape)


def test_labels_stay_with_their_pictures() -> None:
    met: list[tuple] = []

    def loss(outputs: Any, targets: Any) -> Any:
        met.append((model.batches[-1], np.asarray(targets)))
        return nn.losses.cross_entropy(outputs, targets)

    model = Seen(432, 6)
    cr.fit(
        model,
        levels(),
        loss=loss,
        epochs=3,
        batch_size=16,
        augment="crop=1, rotate=90, cutout=2, horizontal_flip",
        show=False,
    )
    seen = np.concatenate([x.max(1) for x, _ in met])
    assert np.array_equal(seen, np.concatenate([y for _, y in met]) * 40 + 20)
    assert any((x == 0).any() for x, _ in met)


def test_each_epoch_and_sample_has_its_own_draws(digits) -> None:
    model = Seen(784, 2)
    cr.fit(model, copies(digits[0], 64), epochs=3, batch_size=20, augment="shift=3", show=False)
    # The first batch is that which fit tries out.
    rows = np.concatenate(model.batches[1:])
    assert len(rows) == 3 * 64
    assert len(np.unique(rows, axis=0)) > 3 * 64 - 4


def test_only_in_training(fit, digits) -> None:
    run = fit(augment=WARP, validation=digits[1])
    x, y = digits[1].batch(np.arange(100))
    with cr.train.inference.evaluating(run.model):
        plain = np.asarray(run.model(x))
    assert np.array_equal(run.outputs(digits[1]), plain)
    assert np.array_equal(run.predict(digits[1]), plain.argmax(1))
    found = run.evaluate(digits[1])
    assert found.accuracy == (plain.argmax(1) == y).mean()
    assert run.history[-1]["val_loss"] == found.loss


def test_it_changes_what_is_learnt(fit, same_weights) -> None:
    plain, augmented, again = fit(), fit(augment=WARP), fit(augment=WARP)
    assert same_weights(augmented, again)
    assert not same_weights(plain, augmented)
    assert not same_weights(augmented, fit(augment=WARP, seed=6))


@pytest.mark.parametrize("augment", [WARP, pytest.param(OTHERS, marks=pytest.mark.slow)])
def test_compiled_as_eager(augment: str, pair) -> None:
    pytest.importorskip("llvmlite")
    make = net(lambda: nn.Dropout(0.2), inputs=784, outputs=10)
    eager, compiled = pair(make, augment=augment)
    assert apart(eager, compiled) < EXACT
    assert compiled.step == 3 * BATCHES


@pytest.mark.parametrize(
    "step", [5, BATCHES - 1, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, BATCHES, 19))]
)
def test_taken_up_as_if_uninterrupted(step: int, fit, digits, same_weights, tmp_path) -> None:
    options = {"augment": "shift=2, rotate=15, elastic(p=0.5)", "compile": False}
    whole = fit(**options)
    fit(**options, out=tmp_path / "run", callbacks=[InterruptAt(step)])
    kept = cr.load_run(tmp_path / "run")
    assert kept.settings.augment == data.as_augmentation(options["augment"])
    resumed = cr.resume(tmp_path / "run", digits[0], callbacks=[InterruptAt(-1)], show=False)
    assert same_weights(resumed, whole)


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_compiled_and_taken_up_with_any_threads(
    threads: int, fit, kernels, digits, same_weights, tmp_path
) -> None:
    pytest.importorskip("llvmlite")
    options: dict[str, Any] = {"augment": "rotate=15, noise=9, cutout=6"}
    options |= {"compile": True, "kernels": kernels, "epochs": 2}
    whole = fit(**options, threads=1)
    fit(**options, threads=1, out=tmp_path / "run", callbacks=[InterruptAt(11)])
    resumed = cr.resume(
        tmp_path / "run",
        digits[0],
        callbacks=[InterruptAt(-1)],
        threads=threads,
        kernels=kernels,
        show=False,
    )
    assert same_weights(resumed, whole)


def test_several_batches_an_update_have_draws_of_their_own(
    fit, digits, same_weights, tmp_path
) -> None:
    options = {"accumulate": 3, "mixup": 0.2, "augment": OTHERS}
    whole = fit(**options)
    fit(**options, out=tmp_path / "run", callbacks=[InterruptAt(4)])
    resumed = cr.resume(tmp_path / "run", digits[0], callbacks=[InterruptAt(-1)], show=False)
    assert same_weights(resumed, whole)
    model, one = Seen(784, 2), copies(digits[0], 60)
    cr.fit(model, one, epochs=1, batch_size=20, accumulate=3, augment="noise", show=False)
    assert len(np.unique(np.concatenate(model.batches[1:]), axis=0)) == 60


@pytest.mark.slow
def test_pictures_of_floats_before_their_transform(pair, digits) -> None:
    pytest.importorskip("llvmlite")
    x = (digits[0].x[:96].reshape(96, 1, 28, 28) / 255).astype(np.float32)
    floats = data.Dataset(x, digits[0].y[:96], transform=data.standardize(x, per_feature=False))
    make: Callable[[], nn.Module] = lambda: nn.Sequential(  # noqa: E731
        nn.Flatten(), nn.Linear(784, 10, dtype=np.float64)
    )
    eager, compiled = pair(make, data=floats, augment="rotate=15, crop=1", optimizer=optim.SGD())
    # The pictures themselves are float32 here.
    assert apart(eager, compiled) < 1e-5


def test_the_range_finder_augments(net: Callable, digits) -> None:
    options: dict[str, Any] = {"steps": 10, "rates": (1e-5, 1e-3)}
    plain = cr.train.find_lr(net(), digits[0], **options)
    augmented = cr.train.find_lr(net(), digits[0], augment="shift=6", **options)
    assert (plain.losses != augmented.losses).all()


class Own(data.Augmentation):
    """A class of the user's own."""

    def apply(self, x: Any, key: Any, whole: bool) -> Any:
        return x


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        ("rotat=10", OptionError, "unknown augmentation 'rotat'. Did you mean 'rotate'"),
        ("rotate=-1", OptionError, "rotate is -1"),
        (5, DtypeError, "got 5 as an augmentation"),
        ("cutout=40", OptionError, "size is 40, and the pictures are 28 x 28"),
        (data.RandomAffine(fill=-1), OptionError, "fill is -1, and the pictures are of bytes"),
        (Own(), OptionError, "a class of your own"),
    ],
)
def test_bad_values_are_met_at_the_door(
    augment: Any, error: type, message: str, fit, tmp_path
) -> None:
    with pytest.raises(error, match=message):
        fit(augment=augment, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_without_pictures_is_refused(fit, digits) -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(ShapeError, match=r"a sample has shape \(2,\)\. Give .*image_shape="):
        fit(model=model, data=data.moons(40), augment="rotate=5")
    with pytest.raises(ShapeError, match="a sample has shape"):
        cr.train.find_lr(model, data.moons(40), augment="rotate=5")
    wide = data.Dataset(digits[0].x.astype(np.int64), digits[0].y, image_shape=(1, 28, 28))
    with pytest.raises(DtypeError, match="got pictures of int64"):
        fit(data=wide, augment="rotate=5")


def test_a_run_keeps_its_augmentation(fit, digits, tmp_path) -> None:
    fit(augment=[data.RandomAffine(1, 2), data.RandomApply(data.Cutout(3))], out=tmp_path / "run")
    written = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    named = [part["name"] for part in written["settings"]["augment"]["options"]["augmentations"]]
    assert named == ["affine", "apply"]
    with pytest.raises(OptionError, match="augment of a run is fixed"):
        cr.resume(tmp_path / "run", digits[0], augment="rotate=3", show=False)
