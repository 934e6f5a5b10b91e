"""Schedules against PyTorch's, step by step, and by themselves."""

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule import optim, rng
from chainrule.errors import OptionError
from chainrule.optim import schedules

LR = 0.5
Make = Callable[[Any, Any], Any]

TWINS: dict[str, tuple[Any, Make]] = {
    "constant": (
        schedules.Constant(0.25, steps=7),
        lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=7),
    ),
    "step": (schedules.Step(4, gamma=0.3), lambda s, o: s.StepLR(o, 4, gamma=0.3)),
    "multi_step": (
        schedules.MultiStep((9, 3, 20)),
        lambda s, o: s.MultiStepLR(o, [9, 3, 20]),
    ),
    "exponential": (schedules.Exponential(0.93), lambda s, o: s.ExponentialLR(o, 0.93)),
    "polynomial": (
        schedules.Polynomial(30, power=1.7),
        lambda s, o: s.PolynomialLR(o, 30, power=1.7),
    ),
    "cosine": (
        schedules.Cosine(40, end=0.02),
        lambda s, o: s.CosineAnnealingLR(o, 40, eta_min=0.02 * LR),
    ),
    "cosine_restarts": (
        schedules.CosineRestarts(5, growth=2, end=0.1),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, T_mult=2, eta_min=0.1 * LR),
    ),
    "cosine_restarts, all of one length": (
        schedules.CosineRestarts(6),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 6),
    ),
    "one_cycle": (
        schedules.OneCycle(40),
        lambda s, o: s.OneCycleLR(o, LR, total_steps=40, cycle_momentum=False),
    ),
    "one_cycle, along lines": (
        schedules.OneCycle(40, share=0.4, div=10.0, final_div=100.0, shape="linear"),
        lambda s, o: s.OneCycleLR(
            *(o, LR),
            total_steps=40,
            pct_start=0.4,
            div_factor=10.0,
            final_div_factor=100.0,
            anneal_strategy="linear",
            cycle_momentum=False,
        ),
    ),
    "warmup": (
        schedules.Warmup(8, schedules.Cosine(32), first=0.25),
        lambda s, o: s.SequentialLR(
            o,
            [s.LinearLR(o, start_factor=0.25, total_iters=8), s.CosineAnnealingLR(o, 32)],
            milestones=[8],
        ),
    ),
}


@pytest.mark.parametrize("name", TWINS)
# PyTorch warns that no optimizer stepped, which is so.
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
def test_forty_steps_are_pytorchs(name: str, torch: Any, figures: Any) -> None:
    ours, make = TWINS[name]
    stepper = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    theirs = make(torch.optim.lr_scheduler, stepper)
    expected = []
    for _ in range(40):
        expected.append(stepper.param_groups[0]["lr"])
        stepper.step()
        theirs.step()
    rates = np.array([LR * ours(t) for t in range(40)])
    difference = np.abs(rates - expected) / np.maximum(np.abs(expected), 1e-6 * LR)
    assert figures.error("schedules", name.partition(",")[0], float(difference.max())) <= 1e-9


@pytest.mark.parametrize("name", TWINS)
def test_plain_data_makes_it_again(name: str) -> None:
    schedule, _ = TWINS[name]
    for whole in (schedule, schedules.ByEpoch(schedule)):
        assert optim.from_config(json.loads(json.dumps(optim.to_config(whole)))) == whole


@pytest.mark.parametrize("kind", ["relative", "absolute"])
@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
@pytest.mark.parametrize(("patience", "cooldown", "least"), [(0, 0, 0.0), (2, 3, 0.05)])
def test_plateau_is_pytorchs(
    kind: str, monitor: str, patience: int, cooldown: int, least: float, torch: Any, figures: Any
) -> None:
    settings = {"factor": 0.5, "patience": patience, "threshold": 0.1, "cooldown": cooldown}
    plateau = schedules.Plateau(monitor, threshold_kind=kind, least=least, **settings)
    stepper = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        stepper,
        mode="max" if "accuracy" in monitor else "min",
        threshold_mode=kind[:3],
        min_lr=least * LR,
        eps=0.0,
        **settings,
    )
    state = schedules.Waiting()
    figures_seen = np.exp(rng.normal(rng.key(3), (60,), np.float64))
    for figure in figures_seen.tolist():
        state = schedules.Waiting(*json.loads(json.dumps(plateau.after(state, figure))))
        theirs.step(figure)
        expected = stepper.param_groups[0]["lr"]
        assert figures.error("schedules", "plateau", abs(state.factor * LR / expected - 1)) < 1e-9
    assert state.factor < 0.1


def test_figures_that_are_no_number_are_no_improvement() -> None:
    plateau, state = schedules.Plateau(patience=1, factor=0.5), schedules.Waiting()
    for figure in (math.nan, math.nan):
        state = plateau.after(state, figure)
    assert state.factor == 0.5
    assert plateau.after(state, 1.0).best == 1.0


def test_lengths_that_are_left_open_are_those_of_the_run() -> None:
    assert schedules.Cosine().over(30, 10) == schedules.Cosine(30)
    assert schedules.Cosine(5).over(30, 10) == schedules.Cosine(5)
    assert schedules.Step(5).over(30, 10) == schedules.Step(5)
    warm = schedules.Warmup(10, schedules.Polynomial())
    assert warm.over(30, 10) == schedules.Warmup(10, schedules.Polynomial(20))
    by_epoch = schedules.ByEpoch(schedules.Cosine()).over(30, 10)
    assert by_epoch == schedules.ByEpoch(schedules.Cosine(3), per_epoch=10)
    factors = [by_epoch(t) for t in range(30)]
    assert [round(f, 3) for f, _ in itertools.groupby(factors)] == [1.0, 0.75, 0.25]
    warm_epochs = schedules.Warmup(10, schedules.ByEpoch(schedules.Step(1)))
    assert [warm_epochs.over(30, 10)(t) for t in (9, 10, 19, 20)] == pytest.approx(
        [0.901, 1.0, 1.0, 0.1]
    )


@pytest.mark.parametrize("name", schedules.names())
def test_every_name_makes_a_schedule(name: str) -> None:
    needed = {"step": "3", "multi_step": "[3, 5]", "cosine_restarts": "4"}.get(name, "")
    made = schedules.by_name(f"{name}({needed})")
    assert type(made).__name__.lower() == name.replace("_", "")
    if name != "plateau":
        options = f"{needed}, warmup=5, by=epoch" if needed else "warmup=5, by=epoch"
        assert schedules.by_name(f"{name}({options})") == schedules.Warmup(
            5, schedules.ByEpoch(made)
        )


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_of_a_few_steps(shape: str) -> None:
    for steps, share in itertools.product((1, 2, 3), (0.1, 0.5, 0.9)):
        schedule = schedules.OneCycle(steps, share=share, shape=shape)
        assert all(0 <= schedule(t) <= 1 for t in range(steps + 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.by_name("cosin"), "unknown schedule 'cosin'. Did you mean 'cosine'"),
        (lambda: schedules.by_name("cosine(stop=1)"), "unknown option of schedule cosine 'stop'"),
        (lambda: schedules.by_name("step"), "schedule 'step': missing .* 'every'. It takes every"),
        (lambda: schedules.by_name("step(2, by=day)"), "unknown unit of a schedule 'day'"),
        (lambda: schedules.by_name("cosine(warmup=-1)"), "warmup is -1; expected a number of step"),
        (lambda: schedules.by_name("step(2"), r"schedule 'step\(2' cannot be read; expected a nam"),
        (lambda: schedules.Step(0), "Step: every is 0; expected an integer of 1 or more"),
        (lambda: schedules.Step(1.5), "Step: every is 1.5; expected an integer of 1 or more"),
        (lambda: schedules.Step(2, gamma=0), "Step: gamma is 0; expected a number above 0 and 1 o"),
        (lambda: schedules.MultiStep((0,)), "MultiStep: a milestone is 0; expected an integer"),
        (lambda: schedules.MultiStep(3), r"milestones is 3; expected steps such as \(30, 80\)"),
        (lambda: schedules.Exponential(1.5), "Exponential: gamma is 1.5; expected a number above"),
        (lambda: schedules.Cosine(0), "Cosine: steps is 0; expected an integer of 1 or more"),
        (lambda: schedules.Cosine(end=2), "Cosine: end is 2; expected a number 0 or more and 1"),
        (lambda: schedules.Cosine()(0), "Cosine: steps is None, which means the whole run"),
        (lambda: schedules.Polynomial(power=0), "Polynomial: power is 0; expected a number above"),
        (lambda: schedules.CosineRestarts(2, growth=0), "growth is 0; expected an integer of 1"),
        (lambda: schedules.OneCycle(share=1.0), "share is 1.0; expected a number above 0 and belo"),
        (lambda: schedules.OneCycle(div=0.5), "OneCycle: div is 0.5; expected 1 or more"),
        (lambda: schedules.OneCycle(shape="sine"), "unknown shape of OneCycle 'sine'"),
        (lambda: schedules.Warmup(0), "Warmup: steps is 0; expected an integer of 1 or more"),
        (lambda: schedules.Warmup(1, "cosine"), "Warmup: then is 'cosine'; expected a schedule su"),
        (lambda: schedules.ByEpoch("cosine"), "ByEpoch: inner is 'cosine'; expected a schedule"),
        (lambda: schedules.ByEpoch(schedules.Step(1))(0), "ByEpoch: per_epoch is None, for a run"),
        (lambda: schedules.Plateau(patience=-1), "Plateau: patience is -1; expected an integer"),
        (lambda: schedules.Plateau(factor=1.0), "Plateau: factor is 1.0; expected a number 0 or"),
        (lambda: schedules.Plateau(threshold_kind="r"), "unknown kind of threshold 'r'"),
    ],
)
def test_bad_values_meet_words(call: Callable, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call()
