"""Predicting and evaluating: on data sets, arrays, lists and single samples."""

from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, DtypeError, ShapeError


@pytest.fixture
def run(fit: Callable) -> cr.Run:
    return fit()


def test_every_form_of_the_same_samples_gives_the_same(run: cr.Run, digits) -> None:
    _, test = digits
    expected = run.predict_proba(test)
    assert expected.shape == (100, 10)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, rtol=1e-5)
    scaled = np.asarray(test.x, np.float32) / 255
    for form in (test.x, np.asarray(test.x), test.x.tolist(), scaled, scaled.astype(np.float64)):
        np.testing.assert_allclose(run.predict_proba(form), expected, atol=1e-6)
    np.testing.assert_array_equal(run.predict(test), expected.argmax(axis=1))
    np.testing.assert_array_equal(run.outputs(test).argmax(axis=1), expected.argmax(axis=1))


def test_one_sample_is_a_batch_of_one(run: cr.Run, digits) -> None:
    _, test = digits
    assert run.predict(test.x[3]).tolist() == [run.predict(test)[3]]
    x, _ = test[3]
    assert run.predict(x).tolist() == [run.predict(test)[3]]


def test_predictions_agree_with_the_evaluation(run: cr.Run, digits) -> None:
    _, test = digits
    result = run.evaluate(test)
    assert result.accuracy == np.mean(run.predict(test) == test.y)
    shares = run.predict_proba(test)[np.arange(100), test.y]
    assert result.loss == pytest.approx(float(-np.log(shares).mean()), rel=1e-4)
    assert result.samples == 100
    assert result.classes == test.classes


def test_more_samples_than_fit_one_slice(run: cr.Run) -> None:
    _, test = cr.data.mnist()
    part = test[:2345]
    whole = run.outputs(part)
    np.testing.assert_allclose(whole[2000:], run.outputs(part[2000:]), atol=1e-5)
    loss = sum(run.evaluate(part[i : i + 469]).loss for i in range(0, 2345, 469)) / 5
    assert run.evaluate(part).loss == pytest.approx(loss, rel=1e-5)


def test_evaluating_changes_nothing(run: cr.Run, digits) -> None:
    _, test = digits
    before, modes = run.model.state_dict(), [m.training for _, m in run.model.named_modules()]
    run.evaluate(test)
    run.predict(test.x)
    assert [m.training for _, m in run.model.named_modules()] == modes
    for name, array in run.model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(parameter.grad is None for parameter in run.model.parameters())


def test_the_model_is_in_eval_mode_meanwhile(digits) -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(self.training)
            return x

    run = cr.fit(nn.Sequential(Spy(), nn.Linear(784, 10)), digits[0], epochs=1, show=False)
    assert all(seen)
    seen.clear()
    run.predict(digits[1])
    assert not any(seen)


def test_wrong_input_is_refused(run: cr.Run, digits) -> None:
    _, test = digits
    with pytest.raises(ShapeError, match=r"shape \(28, 28\); the model was trained on .*\(784,\)"):
        run.predict(np.zeros((5, 28, 28)))
    with pytest.raises(ShapeError, match=r"shape \(783,\)"):
        run.evaluate((np.zeros((5, 783)), np.zeros(5, int)))
    with pytest.raises(DtypeError, match="expected numbers"):
        run.predict(np.array([["a"] * 784]))
    with pytest.raises(DataError, match="got no samples"):
        run.predict(np.zeros((0, 784), np.uint8))
    with pytest.raises(DataError, match="another transform"):
        run.evaluate(test.with_transform(cr.data.Affine(1 / 256)))
    with pytest.raises(DataError, match="another transform"):
        run.predict(test.with_transform(cr.data.Affine(1 / 256)))
    renamed = cr.data.Dataset(test.x, test.y, "letters", tuple("abcdefghij"))
    with pytest.raises(DataError, match=r"'letters' has the classes \(a, b, c, .* \(0, 1, 2"):
        run.evaluate(renamed)


def test_a_regression_takes_whole_numbers_as_targets(fit: Callable) -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)[:, None]
    run = fit(model=nn.Linear(2, 1), data=(x, y))
    assert run.evaluate((x, np.arange(6)[:, None].astype(float))).loss == run.evaluate((x, y)).loss


def test_a_picture_file_becomes_a_sample(run: cr.Run, digits, tmp_path) -> None:
    image = pytest.importorskip("PIL.Image")
    train, _ = digits
    picture = np.asarray(train.x[0]).reshape(28, 28)
    image.fromarray(picture).resize((140, 140)).save(tmp_path / "digit.png")
    sample = run.read_picture(tmp_path / "digit.png")
    assert (sample.shape, sample.dtype) == ((784,), np.uint8)
    assert np.abs(sample.reshape(28, 28).astype(int) - picture).mean() < 12


def test_other_pictures_are_resized(fit: Callable, tmp_path) -> None:
    image = pytest.importorskip("PIL.Image")
    colours = np.zeros((6, 3, 8, 8), np.uint8)
    colours[::2, 0], colours[1::2, 2] = 200, 200
    data = cr.data.image_dataset(colours, np.arange(6) % 2, classes=("red", "blue"))
    run = fit(model=nn.Linear(192, 2), data=data, epochs=20)
    image.new("RGB", (50, 20), (200, 0, 0)).save(tmp_path / "red.png")
    image.new("RGBA", (9, 30), (0, 0, 200, 255)).save(tmp_path / "blue.png")
    found = [run.predict(run.read_picture(tmp_path / f"{name}.png"))[0] for name in ("red", "blue")]
    assert found == [0, 1]
    np.testing.assert_array_equal(run.read_picture(tmp_path / "red.png"), colours[0].ravel())


def test_pictures_for_a_net_of_numbers_are_refused(fit: Callable, tmp_path) -> None:
    run = fit(model=nn.Linear(2, 2), data=cr.data.gate("or"))
    with pytest.raises(cr.errors.OptionError, match=r"shape \(2,\) .*are no pictures"):
        run.read_picture(tmp_path / "any.png")


def test_a_model_that_uses_the_methods_of_tensors(digits) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(784, 16)
            self.outer = nn.Linear(16, 10)

        def forward(self, x):
            return self.outer(self.inner(x).relu().clip(0.0, 6.0))

    def loss(output, target):
        return -output.log_softmax(-1)[np.arange(len(target)), target].mean()

    train, test = digits
    run = cr.fit(Net(), train, loss=loss, validation=test, epochs=2, show=False)
    assert run.evaluate(test).loss == run.history[-1]["val_loss"]
    assert run.predict(test.x[0]).shape == (1,)
