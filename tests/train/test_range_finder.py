"""The learning-rate range finder."""

import copy
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import DataError, OptionError
from chainrule.train import find_lr


def test_on_a_parabola_the_loss_runs_away_beyond_the_rate_that_theory_gives() -> None:
    """Of (w x)^2 with x^2 = 4 the slope is 8 w: steps with lr above 1/4 make |w| larger."""
    x, y = np.full((50, 1), 2.0, np.float32), np.zeros((50, 1), np.float32)
    model = nn.Linear(1, 1, bias=False)
    model.weight.assign([[1.0]])
    found = find_lr(
        model, (x, y), optimizer=optim.SGD(), rates=(1e-3, 10.0), smoothing=0.0, batch_size=50
    )
    after = found.losses[1:] / found.losses[:-1]
    rates = found.rates[:-1]
    np.testing.assert_allclose(after, (1 - 8 * rates) ** 2, rtol=1e-3, atol=1e-6)
    assert found.rates[-1] < 10.0
    assert found.suggestion < 0.25


def test_the_model_stays_as_it_is(net, digits) -> None:
    model = net().initialize(3).eval()
    before, mode = model.state_dict(), model.training
    find_lr(model, digits[0], batch_size=32, rates=(1e-6, 1e3))
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    assert model.training == mode
    fresh = net()
    find_lr(fresh, digits[0], batch_size=32, steps=5)
    assert not any(parameter.drawn for parameter in fresh.parameters())


def test_its_suggestion_trains_better_than_far_rates(net, digits) -> None:
    found = find_lr(net(), digits[0], optimizer="sgd", batch_size=32, rates=(1e-5, 10.0), steps=80)
    losses = {
        share: cr.fit(
            net(),
            digits[0],
            optimizer=optim.SGD(lr=found.suggestion * share),
            epochs=2,
            batch_size=32,
            show=False,
        ).history[-1]["loss"]
        for share in (1.0, 0.01)
    }
    assert losses[1.0] < losses[0.01]
    assert found.suggestion < found.lowest
    np.testing.assert_array_equal(
        found.losses,
        find_lr(
            net(), digits[0], optimizer="sgd", batch_size=32, rates=(1e-5, 10.0), steps=80
        ).losses,
    )


def test_the_plot_has_both_curves_and_both_rates(net, digits, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    found = find_lr(net(), digits[0], batch_size=32)
    figure = found.plot(tmp_path / "lr.svg")
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.get_lines()[:2]] == ["each batch", "smoothed"]
    np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), found.smoothed)
    words = [text.get_text() for text in axes.texts]
    assert words == [f"steepest {found.suggestion:.2g}", f"lowest {found.lowest:.2g}"]
    assert axes.get_xscale() == "log"
    assert (tmp_path / "lr.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rates": (1.0, 0.1)}, OptionError, r"rates is \(1.0, 0.1\); the first must be smaller"),
        ({"rates": (0.0, 1.0)}, OptionError, "find_lr: a rate is 0.0; expected a number above 0"),
        ({"steps": 1}, OptionError, "find_lr: steps is 1; expected an integer of 2 or more"),
        ({"smoothing": 1.0}, OptionError, "find_lr: smoothing is 1.0; expected a number 0 or mor"),
        ({"rates": (1e30, 1e35)}, DataError, "from the rate 1e\\+30 the loss is no longer"),
        ({"batch": 3}, OptionError, "unknown setting 'batch'"),
    ],
)
def test_bad_values_meet_words(options: Any, error: type, message: str, net, digits) -> None:
    with pytest.raises(error, match=message):
        find_lr(copy.deepcopy(net()), digits[0], **{"optimizer": "sgd", **options})
