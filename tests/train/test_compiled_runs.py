"""Compiled runs that are interrupted, switched, shared among threads, forked: the same bits."""

import itertools
import multiprocessing
import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim
from chainrule.train import Callback
from chainrule.train.threads import free_processors
from tests.train.test_resume import BATCHES, InterruptAt

pytestmark = pytest.mark.slow

pytest.importorskip("llvmlite")


@pytest.fixture
def compiled(fit, kernels):
    """Trains the small net compiled, on one thread."""
    return lambda **options: fit(**({"compile": True, "kernels": kernels, "threads": 1} | options))


def noisy() -> nn.Module:
    return models.mlp(784, 10, hidden=(12, 8), activation="gelu", norm="batch", dropout=0.3)


RICH: dict[str, Any] = {"clip_norm": 1.0, "l2": 1e-3, "schedule": "cosine"}


def slow(*values: Any) -> list:
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("step", [5, *slow(0, BATCHES - 2, BATCHES - 1, BATCHES, 19)])
def test_interrupted_anywhere_and_taken_up(
    step: int, compiled, digits, same_weights, kernels, tmp_path
) -> None:
    whole = compiled(**RICH, validation=digits[1])
    options: dict[str, Any] = {"validation": digits[1], "callbacks": [InterruptAt(step)]}
    run = compiled(**RICH, **options, out=tmp_path / "run")
    assert run.interrupted
    assert run.position == divmod(step + 1, BATCHES)
    resumed = cr.resume(
        tmp_path / "run",
        digits[0],
        validation=digits[1],
        callbacks=[InterruptAt(-1)],
        show=False,
        threads=2,
        kernels=kernels,
    )
    assert same_weights(resumed, whole)


@pytest.mark.slow
def test_interrupted_and_gone_on_in_memory(compiled, same_weights) -> None:
    options: dict[str, Any] = {"optimizer": optim.EMA(optim.Adam(lr=0.01))}
    whole = compiled(model=noisy(), **options)
    run = compiled(model=noisy(), **options, callbacks=[InterruptAt(11)])
    assert run.interrupted
    assert same_weights(run.resume(), whole)


@pytest.mark.slow
def test_masks_and_statistics_go_on_where_they_were(
    compiled, digits, same_weights, kernels, tmp_path
) -> None:
    whole = compiled(model=noisy())
    compiled(model=noisy(), callbacks=[InterruptAt(11)], out=tmp_path / "run")
    stop = [InterruptAt(-1)]
    resumed = cr.resume(tmp_path / "run", digits[0], callbacks=stop, show=False, kernels=kernels)
    assert same_weights(resumed, whole)


class Count(Callback):
    """Is told of each step, so that steps are done one at a time."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_step(self, run: cr.Run) -> None:
        self.steps.append(run.step)


def test_how_many_steps_one_call_does_changes_no_bit(compiled, same_weights, tmp_path) -> None:
    counter = Count()
    assert same_weights(compiled(callbacks=[counter]), compiled())
    assert counter.steps == list(range(3 * BATCHES))
    # A checkpoint after each step.
    kept = compiled(out=tmp_path / "run", checkpoint_seconds=0.0)
    assert same_weights(kept, compiled())


@pytest.mark.parametrize("make", [noisy, *slow(None)])
def test_any_number_of_threads_gives_the_same_bits(make, compiled, same_weights) -> None:
    model = lambda: None if make is None else make()  # noqa: E731
    one = compiled(model=model(), batch_size=100, **RICH)
    for threads in (2, 3, 4):
        other = compiled(model=model(), batch_size=100, **RICH, threads=threads)
        assert same_weights(other, one)


def test_eager_and_compiled_may_take_turns(compiled, fit, digits, kernels, tmp_path) -> None:
    out = tmp_path / "run"
    fit(epochs=1, out=out, compile=False, optimizer=optim.Momentum(lr=0.02))
    forms = [form(out)]
    for epoch, choice in enumerate((True, False, True), 2):
        run = cr.resume(
            out, digits[0], epochs=epoch, compile=choice, kernels=kernels, show=False, threads=1
        )
        forms.append(form(out))
    assert all(form == forms[0] for form in forms)
    eager = fit(epochs=4, compile=False, optimizer=optim.Momentum(lr=0.02))
    assert [list(row) for row in run.history] == [list(row) for row in eager.history]
    for mine, yours in zip(run.history, eager.history, strict=True):
        assert mine["loss"] == pytest.approx(yours["loss"], rel=1e-5)
    for name, array in eager.model.state_dict().items():
        np.testing.assert_allclose(run.model.state_dict()[name], array, atol=1e-5)


def form(folder: Any) -> list[tuple]:
    """What a checkpoint has: names, shapes and dtypes."""
    with np.load(folder / "last.npz") as kept:
        # The state grows by a row of the history each epoch.
        return [(n, kept[n].dtype.kind, kept[n].shape) for n in kept.files if n != "state"]


@pytest.mark.slow
def test_a_run_saved_by_the_other_kind_in_the_middle_of_an_epoch(
    compiled, fit, digits, kernels, tmp_path
) -> None:
    eager = fit(compile=False)
    for first, number in itertools.product((True, False), (3, BATCHES + 4)):
        out = tmp_path / f"{first}-{number}"
        compiled(compile=first, out=out, callbacks=[InterruptAt(number)])
        run = cr.resume(
            out,
            digits[0],
            callbacks=[InterruptAt(-1)],
            compile=not first,
            kernels=kernels,
            show=False,
        )
        assert run.history[-1]["loss"] == pytest.approx(eager.history[-1]["loss"], rel=1e-4)


def test_ctrl_c_is_heard_while_steps_run(compiled, same_weights) -> None:
    """Nothing tells the run of it but the signal itself, in the middle of its long calls."""
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

    class Press(Callback):
        def on_epoch(self, run: cr.Run) -> None:
            if run.epoch == 2:
                timer.start()

    run = compiled(epochs=100_000, callbacks=[Press()])
    timer.join()
    assert run.interrupted
    assert 2 * BATCHES <= run.step < 100_000 * BATCHES
    # It stands where a run that is stopped at this very step does.
    again = compiled(epochs=100_000, callbacks=[InterruptAt(run.step - 1)])
    assert (again.position, again.totals["samples"]) == (run.position, run.totals["samples"])
    assert again.totals["loss"] == run.totals["loss"]
    assert same_weights(again, run)


def test_two_runs_at_once_in_two_threads(compiled, same_weights) -> None:
    alone = [compiled(seed=seed, epochs=20) for seed in (1, 2)]
    together: dict[int, cr.Run] = {}

    def work(seed: int) -> None:
        together[seed] = compiled(seed=seed, epochs=20, threads=2)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert same_weights(together[1], alone[0])
    assert same_weights(together[2], alone[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_trains_as_its_parent_did(compiled) -> None:
    parent = compiled(threads=2)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def train() -> None:
        run = compiled(threads=2)
        parent.resume(epochs=4)
        answers.put((run.model.state_dict(), parent.model.state_dict()))

    child = context.Process(target=train)
    child.start()
    mine, resumed = answers.get()
    child.join()
    assert child.exitcode == 0
    assert all(np.array_equal(mine[n], a) for n, a in parent.model.state_dict().items())
    parent.resume(epochs=4)
    assert all(np.array_equal(resumed[n], a) for n, a in parent.model.state_dict().items())


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "300000 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "what is this"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "200000"}, None),
        ({"cpu.max": "max 100000", "user/job/cpu.max": "200000 100000"}, 2),
        ({"user/cpu.max": "100000 100000", "user/job/cpu.max": "max 100000"}, 1),
        ({"other/cpu.max": "100000 100000"}, None),
    ],
)
def test_a_container_says_how_many_processors_it_has(files, share, tmp_path) -> None:
    own = tmp_path / "own"
    own.write_text("5:cpu,cpuacct:/\n0::/user/job\n")
    for name, text in files.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    many = 1 << 16
    assert free_processors(many, tmp_path / "fs", own) == (share or many)


def test_the_processors_of_this_process_are_counted() -> None:
    assert 1 <= free_processors() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity"):
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
        try:
            assert free_processors() == 1
        finally:
            os.sched_setaffinity(0, before)
