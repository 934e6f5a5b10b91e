"""The times of a step's groups; timing leaves the run where it was."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError, RunError

pytest.importorskip("llvmlite")


def test_timing_changes_nothing(fit, kernels, same_weights) -> None:
    run = fit(epochs=1, kernels=kernels)
    before = run.model.state_dict()
    profile = run.profile(steps=3)
    assert (run.step, run.position) == (8, (1, 0))
    assert all(np.array_equal(run.model.state_dict()[n], a) for n, a in before.items())
    assert same_weights(run.resume(epochs=2), fit(epochs=2))
    assert {timing.entry.kind for timing in profile.groups} >= {"product", "rows"}
    assert all(timing.seconds > 0 and timing.share > 0 for timing in profile.groups)


def test_the_work_of_all_groups_is_that_of_the_step(fit, kernels) -> None:
    run = fit(epochs=0, kernels=kernels)
    flops = sum(timing.entry.flops for timing in run.profile(steps=3).groups)
    assert flops == sum(entry.flops for entry in run.compiled(threads=1).entries)
    # Forward and two backward, but for the gradient of the inputs.
    products = 2 * 32 * (2 * 784 * 12 + 3 * 12 * 10)
    assert products <= flops < 1.5 * products


def test_what_has_no_profile(fit, kernels, tmp_path) -> None:
    run = fit(epochs=0, kernels=kernels, accumulate=2, out=tmp_path / "run")
    with pytest.raises(OptionError, match="accumulate=2 is not compiled"):
        run.profile()
    with pytest.raises(RunError, match="no training data"):
        cr.load_run(tmp_path / "run").profile()
    model = nn.Linear(784, 10)
    assert "GFLOP/s" in str(fit(model=model, epochs=0, kernels=kernels).profile(steps=2))
